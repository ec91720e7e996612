"""Responses: how strongly the solver (alpha) and the verifier (beta) answer to the potential, in time."""

from __future__ import annotations

import abc

import equinox as eqx
import jax
import jax.numpy as jnp

from .._typing import Array, Float, Scalar, ScalarLike
from ._number import number


class AbstractResponse(eqx.Module):
    """alpha(t) and beta(t) of dU_s/dt = -alpha E(G), dU_v/dt = -beta E(G), in 1/time.

    `speed(t)` multiplies whatever else has a rate (a relaxation), `breaks` are the times at which something is not
    smooth.
    """

    @abc.abstractmethod
    def alpha(self, t: ScalarLike) -> Scalar:
        """The solver's response at time t."""

    @abc.abstractmethod
    def beta(self, t: ScalarLike) -> Scalar:
        """The verifier's response at time t."""

    def speed(self, t: ScalarLike) -> Scalar:
        """How fast the law's clock runs at time t; 1 unless a schedule scales all rates alike."""
        return jnp.ones_like(jnp.asarray(t, float))

    @property
    def breaks(self) -> Float[Array, " breaks"]:
        """Times at which alpha or beta bend."""
        return jnp.zeros(0)


class ConstantResponse(AbstractResponse):
    """Constant alpha and beta, in 1/time. A ceiling exists when alpha k > beta k (Sun et al.: alpha > beta >= 0)."""

    a: Scalar = eqx.field(converter=number)
    b: Scalar = eqx.field(converter=number)

    def __init__(self, alpha: ScalarLike, beta: ScalarLike):
        self.a = number(alpha)
        self.b = number(beta)

    def alpha(self, t: ScalarLike) -> Scalar:
        return self.a

    def beta(self, t: ScalarLike) -> Scalar:
        return self.b


class DriftingResponse(AbstractResponse):
    """Constant alpha, and beta = alpha rho (1 + (t - t0)/tau)^q, at most alpha: the verifier's share drifts.

    With q < 0 the verifier falls behind and every run has a ceiling. With q > 0 it catches up until it falls as fast as
    the solver; the gap then stays what it is, and both fall on.
    """

    a: Scalar = eqx.field(converter=number)
    rho: Scalar = eqx.field(converter=number)
    tau: Scalar = eqx.field(converter=number)
    q: Scalar = eqx.field(converter=number)
    t0: Scalar = eqx.field(converter=number, default=0.0)

    def alpha(self, t: ScalarLike) -> Scalar:
        return self.a

    def beta(self, t: ScalarLike) -> Scalar:
        return self.a * jnp.minimum(self.rho * jnp.exp(self.q * jnp.log1p((t - self.t0) / self.tau)), 1.0)

    @property
    def breaks(self) -> Float[Array, " breaks"]:
        """The corner at which the share reaches 1."""
        level = jax.lax.stop_gradient(self.level)
        return jnp.where(jnp.isfinite(level), level, self.t0)[None]

    @property
    def level(self) -> Scalar:
        """The time at which the share reaches 1; infinite where it does not."""
        rises = (self.q > 0) & (self.rho > 0)
        power = -jnp.log(jnp.where(rises, self.rho, 1.0)) / jnp.where(rises, self.q, 1.0)
        return jnp.where(rises, self.t0 + self.tau * jnp.expm1(jnp.minimum(power, 300.0)), jnp.inf)

    def share(self, t0: ScalarLike, t1: ScalarLike) -> Scalar:
        """Integral of beta/alpha from t0 to t1."""
        # where the share is 1 the integral does not depend on when it got there, to first order: no gradient
        level = jax.lax.stop_gradient(self.level)
        ends = jnp.minimum(t0, level), jnp.minimum(t1, level)
        drift = PowerClock(self.tau, -self.q, self.t0)  # its speed is the share over that of the start
        return self.rho * drift.elapsed(*ends) + (t1 - ends[1]) - (t0 - ends[0])


class AbstractClock(eqx.Module):
    """A clock that scales all rates alike: the law holds in s(t) = integral of speed, whatever its form."""

    @abc.abstractmethod
    def speed(self, t: ScalarLike) -> Scalar:
        """ds/dt at t, dimensionless."""

    @abc.abstractmethod
    def elapsed(self, t0: ScalarLike, t1: ScalarLike) -> Scalar:
        """Exact integral of the speed from t0 to t1, in the run's clock."""

    @property
    @abc.abstractmethod
    def breaks(self) -> Float[Array, " breaks"]:
        """Times at which the speed bends."""


class PowerClock(AbstractClock):
    """speed = (1 + (t - t0)/tau)^(-p), p >= 0: rates that decay, as with a step size that is turned down."""

    tau: Scalar = eqx.field(converter=number)
    p: Scalar = eqx.field(converter=number)
    t0: Scalar = eqx.field(converter=number, default=0.0)

    def speed(self, t: ScalarLike) -> Scalar:
        return jnp.exp(-self.p * jnp.log1p((t - self.t0) / self.tau))

    def _from_start(self, t: ScalarLike) -> Scalar:
        # tau ((1 + x)^(1-p) - 1)/(1-p) with x = (t - t0)/tau, and its limit tau log(1 + x) at p = 1
        log = jnp.log1p((t - self.t0) / self.tau)
        y = (1 - self.p) * log
        small = jnp.abs(y) < 1e-4
        series = log * (1 + y / 2 * (1 + y / 3 * (1 + y / 4)))
        ratio = jnp.where(small, series, jnp.expm1(jnp.where(small, 1.0, y)) / jnp.where(small, 1.0, 1 - self.p))
        return self.tau * ratio

    def elapsed(self, t0: ScalarLike, t1: ScalarLike) -> Scalar:
        return self._from_start(t1) - self._from_start(t0)

    @property
    def breaks(self) -> Float[Array, " breaks"]:
        return jnp.zeros(0)


class ScheduleClock(AbstractClock):
    """speed = the learning rate over its mean, linear between the knots, constant beyond them.

    Parameters
    ----------
    times : (knots,), increasing.
    speeds : (knots,), >= 0; only their proportions matter to a law whose rates are free.
    """

    times: Float[Array, " knots"] = eqx.field(converter=number)
    speeds: Float[Array, " knots"] = eqx.field(converter=number)

    def speed(self, t: ScalarLike) -> Scalar:
        return jnp.interp(t, self.times, self.speeds)

    def _from_first(self, t: ScalarLike) -> Scalar:
        x, y = self.times, self.speeds
        whole = jnp.concatenate([jnp.zeros(1, y.dtype), jnp.cumsum(0.5 * (y[1:] + y[:-1]) * jnp.diff(x))])
        i = jnp.clip(jnp.searchsorted(x, t, side="right") - 1, 0, x.shape[0] - 1)
        return whole[i] + 0.5 * (y[i] + self.speed(t)) * (t - x[i])

    def elapsed(self, t0: ScalarLike, t1: ScalarLike) -> Scalar:
        return self._from_first(t1) - self._from_first(t0)

    @property
    def breaks(self) -> Float[Array, " breaks"]:
        return self.times


class ClockedResponse(AbstractResponse):
    """alpha and beta times the speed of a clock: the constant response in the clock's own time."""

    a: Scalar = eqx.field(converter=number)
    b: Scalar = eqx.field(converter=number)
    clock: AbstractClock

    def alpha(self, t: ScalarLike) -> Scalar:
        return self.a * self.clock.speed(t)

    def beta(self, t: ScalarLike) -> Scalar:
        return self.b * self.clock.speed(t)

    def speed(self, t: ScalarLike) -> Scalar:
        return self.clock.speed(t)

    @property
    def breaks(self) -> Float[Array, " breaks"]:
        return self.clock.breaks
