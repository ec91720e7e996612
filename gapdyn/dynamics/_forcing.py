"""Forcing: what external data does to the verifier (Sun et al. 2025, section 4)."""

from __future__ import annotations

import abc

import equinox as eqx
import jax.numpy as jnp

from .._typing import Array, Float, Scalar, ScalarLike
from ._number import number


class AbstractForcing(eqx.Module):
    """External data arriving in amounts over time, and what an amount does to U_v.

    Attributes
    ----------
    times, amounts : (arrivals,), when and how much; times increase.
    strength : gamma, per unit of amount: a factor (multiplicative) or a fall in the unit of u (additive).
    zero : the level that counts as no uncertainty; multiplicative forcing shrinks U_v towards it.
    multiplicative : U_v <- U_v/(1 + gamma eta), or dU_v/dt += -gamma eta U_v, instead of U_v - gamma eta (static).
    """

    times: eqx.AbstractVar[Float[Array, " arrivals"]]
    amounts: eqx.AbstractVar[Float[Array, " arrivals"]]
    strength: eqx.AbstractVar[Scalar]
    zero: eqx.AbstractVar[Scalar]
    multiplicative: eqx.AbstractVar[bool]

    @property
    @abc.abstractmethod
    def breaks(self) -> Float[Array, " breaks"]:
        """Times at which something jumps or bends."""

    @abc.abstractmethod
    def density(self, t: ScalarLike, within: ScalarLike) -> Scalar:
        """Amount per time at t; `within` is any time inside the smooth piece that is meant at a jump."""

    @abc.abstractmethod
    def arrived(self, t: ScalarLike) -> Scalar:
        """Amount that has arrived before t: an exact integral."""

    def total(self, t0: ScalarLike, t1: ScalarLike) -> Scalar:
        """Amount that arrives in [t0, t1)."""
        return self.arrived(t1) - self.arrived(t0)

    def rate(self, t: ScalarLike, u_v: Scalar, within: ScalarLike) -> Scalar:
        """Contribution to dU_v/dt."""
        push = self.strength * self.density(t, within)
        return -push * (u_v - self.zero) if self.multiplicative else -push

    def kick(self, u_v: Scalar, amount: ScalarLike) -> Scalar:
        """U_v after an amount that arrives all at once."""
        push = self.strength * amount
        return self.zero + (u_v - self.zero) / (1 + push) if self.multiplicative else u_v - push


class ImpulseForcing(AbstractForcing):
    """Amounts that arrive at once. At its own time an impulse has not acted yet: it shows at later times."""

    times: Float[Array, " arrivals"] = eqx.field(converter=number)
    amounts: Float[Array, " arrivals"] = eqx.field(converter=number)
    strength: Scalar = eqx.field(converter=number)
    zero: Scalar = eqx.field(converter=number, default=0.0)
    multiplicative: bool = eqx.field(static=True, default=True)

    @property
    def breaks(self) -> Float[Array, " breaks"]:
        return self.times

    def density(self, t: ScalarLike, within: ScalarLike) -> Scalar:
        return jnp.zeros_like(jnp.asarray(t, float))

    def arrived(self, t: ScalarLike) -> Scalar:
        return jnp.sum(jnp.where(self.times < jnp.asarray(t)[..., None], self.amounts, 0.0), -1)


class StepForcing(AbstractForcing):
    """Amounts that arrive evenly until the next begins (the last until `end`): a piecewise constant rate."""

    times: Float[Array, " arrivals"] = eqx.field(converter=number)
    amounts: Float[Array, " arrivals"] = eqx.field(converter=number)
    end: Scalar = eqx.field(converter=number, kw_only=True)
    strength: Scalar = eqx.field(converter=number)
    zero: Scalar = eqx.field(converter=number, default=0.0)
    multiplicative: bool = eqx.field(static=True, default=True)

    @property
    def breaks(self) -> Float[Array, " breaks"]:
        return jnp.append(self.times, self.end)

    @property
    def levels(self) -> Float[Array, " pieces"]:
        """Amount per time before the first arrival (0), in each piece, and after the end (0)."""
        return jnp.pad(self.amounts / jnp.diff(self.breaks), 1)

    def density(self, t: ScalarLike, within: ScalarLike) -> Scalar:
        return self.levels[jnp.searchsorted(self.breaks, within, side="right")]

    def arrived(self, t: ScalarLike) -> Scalar:
        return jnp.interp(t, self.breaks, jnp.append(jnp.zeros(1), jnp.cumsum(self.amounts)))


class RampForcing(AbstractForcing):
    """A rate that is linear between the times, zero outside; each amount is the trapezoid rule's share of its knot."""

    times: Float[Array, " arrivals"] = eqx.field(converter=number)
    amounts: Float[Array, " arrivals"] = eqx.field(converter=number)
    strength: Scalar = eqx.field(converter=number)
    zero: Scalar = eqx.field(converter=number, default=0.0)
    multiplicative: bool = eqx.field(static=True, default=True)

    @property
    def breaks(self) -> Float[Array, " breaks"]:
        return self.times

    @property
    def _densities(self) -> Float[Array, " arrivals"]:
        half = jnp.diff(self.times) / 2
        return self.amounts / (jnp.pad(half, (1, 0)) + jnp.pad(half, (0, 1)))

    def density(self, t: ScalarLike, within: ScalarLike) -> Scalar:
        inside = (within >= self.times[0]) & (within <= self.times[-1])
        return jnp.where(inside, jnp.interp(t, self.times, self._densities), 0.0)

    def arrived(self, t: ScalarLike) -> Scalar:
        x, y = self.times, self._densities
        t = jnp.clip(t, x[0], x[-1])
        whole = jnp.concatenate([jnp.zeros(1, y.dtype), jnp.cumsum(0.5 * (y[1:] + y[:-1]) * jnp.diff(x))])
        i = jnp.clip(jnp.searchsorted(x, t, side="right") - 1, 0, x.shape[0] - 1)
        return whole[i] + 0.5 * (y[i] + jnp.interp(t, x, y)) * (t - x[i])
