"""Gap potentials E(G): what drives the solver and the verifier (Sun et al. 2025, arXiv:2507.00075, section 3)."""

from __future__ import annotations

import abc

import equinox as eqx

from .._typing import Scalar
from ._number import number


class AbstractPotential(eqx.Module):
    """A gap potential: increasing in the gap, zero at `rest`.

    Subclass it, make the class final, and give `__call__` and `rest`; every law takes it from there.
    """

    @abc.abstractmethod
    def __call__(self, gap: Scalar) -> Scalar:
        """E(G), shape as `gap`."""

    @property
    @abc.abstractmethod
    def rest(self) -> Scalar:
        """The gap at which the potential vanishes: the gap's limit when nothing else acts."""


class LinearPotential(AbstractPotential):
    """E(G) = k G - b, the potential of Sun et al.

    Parameters
    ----------
    k
        Slope, dimensionless. It is a gauge: (k, alpha, beta, b) and (c k, alpha/c, beta/c, c b) are the same law.
    b
        Offset, in the unit of the gap times k; the gap rests at b/k.
    """

    k: Scalar = eqx.field(converter=number)
    b: Scalar = eqx.field(converter=number)

    def __call__(self, gap: Scalar) -> Scalar:
        return self.k * gap - self.b

    @property
    def rest(self) -> Scalar:
        return self.b / self.k
