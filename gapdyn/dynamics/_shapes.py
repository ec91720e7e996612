"""Shapes of one series in time since its start: the formulas of the reference curves."""

from __future__ import annotations

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp

from .._typing import Array, Scalar, Times
from ._curve import AbstractCurve
from ._number import number


def _nothing(like: Any) -> Any:
    return jnp.full_like(jnp.asarray(like), jnp.nan)


class AbstractShape(eqx.Module):
    """One series, rising or falling: `shape(elapsed)`, its value at 0 and its limit (NaN where there is none)."""

    start: eqx.AbstractVar[Scalar]

    @abc.abstractmethod
    def __call__(self, elapsed: Times) -> Array:
        """Values at times since the start, >= 0."""

    @property
    @abc.abstractmethod
    def limit(self) -> Scalar:
        """The long-run value."""

    @property
    @abc.abstractmethod
    def time_scale(self) -> Scalar:
        """A time on which it bends."""


class _Settling(AbstractShape):
    """start -> end along a share that falls from 1 to 0."""

    start: Scalar = eqx.field(converter=number)
    end: Scalar = eqx.field(converter=number)

    @abc.abstractmethod
    def left(self, elapsed: Times) -> Array:
        """Share of the way that is still to go."""

    def __call__(self, elapsed: Times) -> Array:
        return self.end + (self.start - self.end) * self.left(elapsed)

    @property
    def limit(self) -> Scalar:
        return self.end


class Exponential(_Settling):
    """exp(-rate t)."""

    rate: Scalar = eqx.field(converter=number)

    def left(self, elapsed: Times) -> Array:
        return jnp.exp(-self.rate * elapsed)

    @property
    def time_scale(self) -> Scalar:
        return 1 / self.rate


class PowerLaw(_Settling):
    """(1 + t/tau)^-p."""

    tau: Scalar = eqx.field(converter=number)
    p: Scalar = eqx.field(converter=number)

    def left(self, elapsed: Times) -> Array:
        return jnp.exp(-self.p * jnp.log1p(elapsed / self.tau))

    @property
    def time_scale(self) -> Scalar:
        return self.tau / self.p


class TwoExponentials(_Settling):
    """(1 - share) exp(-fast t) + share exp(-slow t); a share outside [0, 1] overshoots."""

    fast: Scalar = eqx.field(converter=number)
    slow: Scalar = eqx.field(converter=number)
    share: Scalar = eqx.field(converter=number)

    def left(self, elapsed: Times) -> Array:
        return (1 - self.share) * jnp.exp(-self.fast * elapsed) + self.share * jnp.exp(-self.slow * elapsed)

    @property
    def time_scale(self) -> Scalar:
        return 1 / self.slow


class Sigmoid(_Settling):
    """1/(1 + (t/mid)^steepness): a sigmoid in log t."""

    mid: Scalar = eqx.field(converter=number)
    steepness: Scalar = eqx.field(converter=number)

    def left(self, elapsed: Times) -> Array:
        begun = elapsed > 0  # log(0) has no gradient
        log = jnp.log(jnp.where(begun, elapsed, 1.0) / self.mid)
        return jnp.where(begun, 1 / (1 + jnp.exp(self.steepness * log)), 1.0)

    @property
    def time_scale(self) -> Scalar:
        return self.mid


class Correction(_Settling):
    """factor^(t/length): every round leaves that share of the way."""

    factor: Scalar = eqx.field(converter=number)
    length: Scalar = eqx.field(converter=number)

    def left(self, elapsed: Times) -> Array:
        return jnp.exp(jnp.log(self.factor) * elapsed / self.length)

    @property
    def time_scale(self) -> Scalar:
        return -self.length / jnp.log(self.factor)


class TwoPhases(AbstractShape):
    """Two straight lines that meet at a change point."""

    start: Scalar = eqx.field(converter=number)
    slope: Scalar = eqx.field(converter=number)
    later_slope: Scalar = eqx.field(converter=number)
    change: Scalar = eqx.field(converter=number)

    def __call__(self, elapsed: Times) -> Array:
        first = jnp.minimum(elapsed, self.change)
        return self.start + self.slope * first + self.later_slope * (elapsed - first)

    @property
    def limit(self) -> Scalar:
        return _nothing(self.start)

    @property
    def time_scale(self) -> Scalar:
        return self.change


class Line(AbstractShape):
    """A straight line; with process noise on level and slope the local linear trend, without slope persistence.

    Parameters
    ----------
    wander : sd of the level's process noise, unit of u per square root of time.
    slope : of the line at its start.
    turn : sd of the slope's process noise, unit of u per time^(3/2).
    jump : by which the level moves at once, after the time `change`.
    """

    start: Scalar = eqx.field(converter=number)
    wander: Scalar = eqx.field(converter=number)
    slope: Scalar = eqx.field(converter=number, default=0.0)
    turn: Scalar = eqx.field(converter=number, default=0.0)
    jump: Scalar = eqx.field(converter=number, default=0.0)
    change: Scalar = eqx.field(converter=number, default=0.0)

    def __call__(self, elapsed: Times) -> Array:
        return self.start + self.slope * elapsed + jnp.where(elapsed > self.change, self.jump, 0.0)

    @property
    def limit(self) -> Scalar:
        return _nothing(self.start)

    @property
    def time_scale(self) -> Scalar:
        return jnp.ones_like(jnp.asarray(self.start))


class Curve(AbstractCurve):
    """A shape for u_s and one for u_v; None for a series that is not described (its values are 0, and unused)."""

    t0: Scalar = eqx.field(converter=number)
    shape_s: AbstractShape
    shape_v: AbstractShape | None

    def __call__(self, ts: Times) -> tuple[Array, Array]:
        elapsed = ts - self.t0
        u_s = self.shape_s(elapsed)
        return u_s, jnp.zeros_like(u_s) if self.shape_v is None else self.shape_v(elapsed)

    @property
    def start(self) -> tuple[Any, Any]:
        first = self.shape_s.start
        return first, jnp.zeros_like(first) if self.shape_v is None else self.shape_v.start

    @property
    def limit(self) -> tuple[Any, Any]:
        last = self.shape_s.limit
        return last, _nothing(last) if self.shape_v is None else self.shape_v.limit

    @property
    def time_scale(self) -> Any:
        one = self.shape_s.time_scale
        return one if self.shape_v is None else jnp.maximum(one, self.shape_v.time_scale)
