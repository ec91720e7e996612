"""Gap potentials E(G): what drives the solver and the verifier (Sun et al. 2025, arXiv:2507.00075, section 3)."""

from __future__ import annotations

import abc

import equinox as eqx
import jax.numpy as jnp

from .._typing import Array, Float, Scalar
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


def powered(x: Scalar, exponent: Scalar) -> Scalar:
    """|x|^exponent with 0 at x = 0 for positive exponents and 1 for exponent 0; gradients stay finite."""
    away = x != 0
    safe = jnp.where(away, jnp.abs(x), 1.0)
    return jnp.where(away, jnp.exp(exponent * jnp.log(safe)), jnp.where(exponent == 0, 1.0, 0.0))


class PowerPotential(AbstractPotential):
    """E(G) = k x |x/scale|^(m - 1), x = G - rest: for m > 1 the gap closes with an algebraic tail, t^(-1/(m-1)).

    Parameters
    ----------
    k : slope of the chord to x = scale; with m = 1 the linear potential.
    gap_inf : the gap at which it vanishes, unit of u.
    m : exponent, >= 1.
    scale : > 0, unit of u. A reference, not a parameter of its own: (k, scale) and (k c^(m-1), c scale) are the same.
    one_sided : E = 0 below rest: a gap that has closed too far stays (static).
    """

    k: Scalar = eqx.field(converter=number)
    gap_inf: Scalar = eqx.field(converter=number)
    m: Scalar = eqx.field(converter=number)
    scale: Scalar = eqx.field(converter=number, default=1.0)
    one_sided: bool = eqx.field(static=True, default=False)

    def __call__(self, gap: Scalar) -> Scalar:
        x = gap - self.rest
        drive = self.k * x * powered(x / self.scale, self.m - 1)
        return jnp.where(x > 0, drive, 0.0) if self.one_sided else drive

    @property
    def rest(self) -> Scalar:
        return self.gap_inf


class SaturatingPotential(AbstractPotential):
    """E(G) = k s tanh((G - rest)/s): a wide gap drives no more than k s; linear for s -> infinity.

    Parameters
    ----------
    k : slope at rest.
    gap_inf : the gap at which it vanishes, unit of u.
    s : > 0, the gap beyond rest at which it saturates, unit of u.
    """

    k: Scalar = eqx.field(converter=number)
    gap_inf: Scalar = eqx.field(converter=number)
    s: Scalar = eqx.field(converter=number)

    def __call__(self, gap: Scalar) -> Scalar:
        return self.k * self.s * jnp.tanh((gap - self.rest) / self.s)

    @property
    def rest(self) -> Scalar:
        return self.gap_inf


class NeuralPotential(AbstractPotential):
    """A monotone network: E(G) = k scale (N(x/scale) - N(0)) / (N(1) - N(0)), x = G - rest.

    N(z) = z + sum_j w_j tanh(v_j (z - c_j)) with w_j, v_j > 0, so that E increases. k is the slope of the chord from
    rest to x = scale, whatever the weights: they bend the potential and nothing else. For model criticism: a law whose
    bends leave zero was not linear.

    Parameters
    ----------
    k, gap_inf, scale : as in `PowerPotential`.
    log_weights, log_slopes, centres : (width,) each; w = exp(log_weights), v = exp(log_slopes).
    """

    k: Scalar = eqx.field(converter=number)
    gap_inf: Scalar = eqx.field(converter=number)
    scale: Scalar = eqx.field(converter=number)
    log_weights: Float[Array, ...]
    log_slopes: Float[Array, ...]
    centres: Float[Array, ...]

    def network(self, z: Scalar) -> Scalar:
        """N(z), shape as `z`."""
        inner = jnp.exp(self.log_slopes) * (jnp.asarray(z)[..., None] - self.centres)
        return z + jnp.sum(jnp.exp(self.log_weights) * jnp.tanh(inner), -1)

    def __call__(self, gap: Scalar) -> Scalar:
        zero, one = jnp.zeros_like(self.k), jnp.ones_like(self.k)
        low = self.network(zero)
        chord = self.network(one) - low
        return self.k * self.scale * (self.network((gap - self.rest) / self.scale) - low) / chord

    @property
    def rest(self) -> Scalar:
        return self.gap_inf
