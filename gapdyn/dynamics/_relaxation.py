"""Relaxation: what pulls the verifier besides the gap."""

from __future__ import annotations

import abc

import equinox as eqx

from .._typing import Scalar
from ._number import number


class AbstractRelaxation(eqx.Module):
    """A drift of the verifier of its own: dU_v/dt = -beta E(G) + pull(U_v)."""

    @abc.abstractmethod
    def pull(self, u_v: Scalar) -> Scalar:
        """The drift at u_v, unit of u per time."""


class RelaxingVerifier(AbstractRelaxation):
    """pull = -kappa (U_v - target): the verifier settles by itself, the solver follows it.

    The law's limit is then U_v = target, G = rest, wherever it started. kappa = 0 is the law of Sun et al.; beta = 0 is
    the chasing solver.

    Parameters
    ----------
    kappa : >= 0, 1/time.
    target : U_v*, unit of u.
    """

    kappa: Scalar = eqx.field(converter=number)
    target: Scalar = eqx.field(converter=number)

    def pull(self, u_v: Scalar) -> Scalar:
        return -self.kappa * (u_v - self.target)
