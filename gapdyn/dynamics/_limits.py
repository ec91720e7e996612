"""Where a law goes: its limits, how fast, and what is left at a time (Sun et al. 2025, section 3.2)."""

from __future__ import annotations

from typing import Any, TypeGuard

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._check import choose
from .._typing import Array
from ._curve import AbstractCurve
from ._exact import exact_flow, piecewise
from ._fixed import integrate_fixed
from ._forcing import AbstractForcing, ImpulseForcing
from ._law import GapLaw
from ._pieces import displacement_scale
from ._potential import LinearPotential
from ._response import ClockedResponse, ConstantResponse, DriftingResponse, PowerClock, ScheduleClock
from ._solve import MOST_ODE_STEPS, Route, along, ode_tolerance
from ._spec import LawSpec
from ._tail import drifting_tail

SERIES = ("u_s", "u_v", "gap")
MANY = 256  # fixed steps for the way until a clock stops
ERROR_PER_TOLERANCE = 1e3  # a global error is a few hundred local ones at most
GRID = 512  # times of a search for the moment at which a tolerance is met
DECADES = (-4.0, 4.0)  # of that search, about the law's own time scale
STRETCH = 20.0  # of that search in fixed steps: they must stay short beside the time scale


class Limits(eqx.Module):
    """A law's long-run values.

    Attributes
    ----------
    u_s_inf, u_v_inf, gap_inf
        Limits of solver uncertainty, verifier uncertainty and gap, in the unit of the law's start. NaN where the law
        has none: the gap does not shrink when k alpha <= k beta.
    time_constant
        In the law's own clock: the time in which, near the limit, the distance to it falls by the factor e. Inf where
        it does not fall so (rate 0; algebraic tails).
    error
        Numerical error of u_s_inf and u_v_inf, estimated; 0 where they are formulas.
    """

    u_s_inf: Array
    u_v_inf: Array
    gap_inf: Array
    time_constant: Array
    error: Array


def limits(law: GapLaw | AbstractCurve | LawSpec) -> Limits:
    """The limits of a law, forced or not; for a batch of laws those of each.

    Without relaxation beta U_s - alpha U_v is conserved between arrivals of external data, so that the law goes from
    its state after the last one to U_s,inf = U_s - alpha (G - G_inf)/(alpha - beta), U_v,inf = U_s,inf - G_inf, for any
    potential. A relaxing verifier ends at its target, wherever it started and whatever was given to it: U_v,inf = U_v*,
    U_s,inf = U_v* + G_inf. A clock that stops (rates that decay faster than 1/t) stops the law on its way. A law that
    starts at rest stays there, whatever its rates.
    """
    if isinstance(law, LawSpec):
        law = law.law()
    if isinstance(law, AbstractCurve):
        return _of_curve(law)
    return _batched(_limits)(law) if jnp.ndim(law.u_s0) else _limits(law)


def _batched(one: Any) -> Any:
    """`one` over the leading axis of a batch of laws; numbers without one are shared."""

    def many(law: GapLaw | AbstractCurve, *rest: Any) -> Any:
        axes = jax.tree.map(lambda x: 0 if jnp.ndim(x) else None, law)
        return jax.vmap(lambda one_law: one(one_law, *rest), (axes,))(law)

    return many


def _of_curve(curve: AbstractCurve) -> Limits:
    u_s, u_v = curve.limit
    zero = jnp.zeros_like(u_s)
    return Limits(u_s, u_v, u_s - u_v, jnp.full_like(u_s, jnp.nan), zero)


@eqx.filter_jit
def _limits(law: GapLaw) -> Limits:
    (u_s, u_v), at, error = _after_data(law)
    rest = law.potential.rest * jnp.ones_like(u_s)
    slope = jax.grad(lambda g: jnp.sum(law.potential(g)))(rest)
    response = law.response
    if isinstance(response, DriftingResponse):
        alpha, beta = response.alpha(at), jnp.where(response.q == 0, response.beta(at), 0.0)
        fallen, off, exists = drifting_tail(law.potential, response, u_s - u_v, at)
        error = error + off
    else:
        alpha, beta = _constants(response, at)
        exists = alpha > beta  # and the potential increases
        if isinstance(law.potential, LinearPotential):
            exists = law.potential.k * (alpha - beta) > 0
        fallen = alpha * (u_s - u_v - rest) / jnp.where(exists, alpha - beta, 1.0)
    if getattr(law.potential, "one_sided", False):
        rest = jnp.minimum(rest, u_s - u_v)
        fallen = jnp.where(u_s - u_v < law.potential.rest, 0.0, fallen)
    if law.round_length is not None:
        exists = exists & (slope * (alpha - beta) * law.round_length < 2)
    end_s, end_v = u_s - fallen, u_s - fallen - rest
    rate = slope * (alpha - beta)
    still = u_s - u_v == law.potential.rest
    if law.relaxation is not None:
        kappa, target = law.relaxation.kappa, law.relaxation.target  # pyright: ignore[reportAttributeAccessIssue]
        pulls = kappa > 0
        total, product = rate + kappa, slope * alpha * kappa
        end_v, end_s = jnp.where(pulls, target, end_v), jnp.where(pulls, target + rest, end_s)
        exists = jnp.where(pulls, (total > 0) & (product > 0), exists)
        rate = jnp.where(pulls, _slowest(total, product), rate)
        still = still & (~pulls | (u_v == target))
    exists = exists | still
    end_s, end_v = jnp.where(still, u_s, end_s), jnp.where(still, u_v, end_v)
    if isinstance(response, ClockedResponse):
        stop = _time_left(response, at)
        stops = jnp.isfinite(stop)
        frozen, off = _moved(law, (u_s, u_v), jnp.where(stops, stop, 0.0))
        end_s, end_v = jnp.where(stops, frozen[0], end_s), jnp.where(stops, frozen[1], end_v)
        error = error + jnp.where(stops, off, 0.0)
        exists = exists | stops
    settles = rate > 0

    def where_it_exists(value: Array) -> Array:
        return jnp.where(exists, value, jnp.nan)

    return Limits(
        u_s_inf=where_it_exists(end_s),
        u_v_inf=where_it_exists(end_v),
        gap_inf=where_it_exists(end_s - end_v),
        time_constant=jnp.where(settles, 1 / jnp.where(settles, rate, 1.0), jnp.inf),
        error=where_it_exists(error),
    )


def _constants(response: Any, at: Any) -> tuple[Any, Any]:
    if isinstance(response, ConstantResponse | ClockedResponse):
        return response.a, response.b
    return response.alpha(at), response.beta(at)


def _slowest(total: Any, product: Any) -> Any:
    """Smaller real part of the roots of p^2 - total p + product."""
    square = total**2 / 4 - product
    real = square > 0
    larger = total / 2 + jnp.sqrt(jnp.where(real, square, 0.0))
    return jnp.where(real, product / jnp.where(larger == 0, 1.0, larger), total / 2)


def _time_left(response: ClockedResponse, at: Any) -> Any:
    """How much the law's clock will still advance after `at`."""
    clock = response.clock
    if isinstance(clock, PowerClock):
        stops = clock.p > 1
        p = jnp.where(stops, clock.p, 2.0)
        return jnp.where(
            stops, clock.tau / (p - 1) * jnp.exp((1 - p) * jnp.log1p((at - clock.t0) / clock.tau)), jnp.inf
        )
    if isinstance(clock, ScheduleClock):
        return jnp.where(clock.speeds[-1] > 0, jnp.inf, clock.elapsed(at, jnp.maximum(at, clock.times[-1])))
    return jnp.asarray(jnp.inf)


def _unforced(law: GapLaw) -> GapLaw:
    def forcing(law: GapLaw) -> AbstractForcing | None:
        return law.forcing

    return law if law.forcing is None else eqx.tree_at(forcing, law, None)


def _moved(law: GapLaw, y: tuple[Any, Any], elapsed: Any) -> tuple[tuple[Any, Any], Any]:
    """The state after a time on the law's own clock without external data, and its numerical error."""
    flow = exact_flow(_unforced(law))
    if flow is not None:
        return flow(_unforced(law), y, law.t0, elapsed, jnp.zeros(())), jnp.zeros(())
    own = GapLaw(law.potential, ConstantResponse(*_constants(law.response, 0.0)), *y, relaxation=law.relaxation)
    u_s, u_v, error = integrate_fixed(own, elapsed[None], MANY)
    return (u_s[0], u_v[0]), error


def _after_data(law: GapLaw) -> tuple[tuple[Any, Any], Any, Any]:
    """The state after the last external data, its time, and the numerical error of getting there."""
    zero = jnp.zeros_like(law.u_s0)
    if law.forcing is None:
        return (law.u_s0, law.u_v0), law.t0, zero
    at = jnp.maximum(law.forcing.breaks[-1], law.t0)
    last, error = at[None], zero
    if law.round_length is not None:
        return *_after_rounds(law, at), zero
    if exact_flow(law) is not None:
        y = piecewise(law, last)
    else:
        from ._ode import integrate  # Diffrax takes a second to import

        # data may come late, after many of the law's times: no fixed number of steps would do
        rtol = ode_tolerance(last)
        *y, finished, _ = integrate(law, last, rtol, MOST_ODE_STEPS, None)
        error = jnp.where(finished, ERROR_PER_TOLERANCE * rtol * displacement_scale(law), jnp.inf)
    u_s, u_v = (x[0] for x in y)
    if isinstance(law.forcing, ImpulseForcing):
        amount = jnp.where(law.forcing.times[-1] >= law.t0, law.forcing.amounts[-1], 0.0)
        u_v = law.forcing.kick(u_v, amount)
    return (u_s, u_v), at, error


def _after_rounds(law: GapLaw, at: Any) -> tuple[tuple[Any, Any], Any]:
    assert law.round_length is not None
    assert law.forcing is not None
    unforced, forcing, length = _unforced(law), law.forcing, law.round_length
    count = jnp.floor((at - law.t0) / length + 1e-9).astype(int) + 1

    def one(n: Any, y: tuple[Any, Any]) -> tuple[Any, Any]:
        t = law.t0 + n * length
        u_v = forcing.kick(y[1], forcing.total(t, t + length))
        down_s, down_v = unforced.vector_field(t, (y[0], u_v))
        return y[0] + length * down_s, u_v + length * down_v

    y = jax.lax.fori_loop(0, count, one, (law.u_s0, law.u_v0))
    return y, law.t0 + count * length


def remaining(law: GapLaw | AbstractCurve | LawSpec, ts: Any, of: str = "u_s") -> Array:
    """What is left at the times `ts` (times,): value minus limit of "u_s", "u_v" or "gap", in the law's unit.

    Positive while the quantity still has to fall; NaN where the law has no limit.
    """
    from ._solve import solve

    choose(of, SERIES, "quantity")
    if isinstance(law, LawSpec):
        law = law.law()
    return getattr(solve(law, ts), of) - getattr(limits(law), f"{of}_inf")


def time_to(law: GapLaw | AbstractCurve | LawSpec, tolerance: Any, of: str = "gap") -> Array:
    """Time from the start after which "gap", "u_s" or "u_v" stays within `tolerance` (> 0, unit of u) of its limit.

    For the gap of the shared-rate law ln(|delta| / tolerance) / rate (Sun et al., section 3.2); for other laws searched
    on a fine grid of times, to about 0.1%. 0 if it is there from the start, inf if the law has no limit.
    """
    choose(of, SERIES, "quantity")
    if isinstance(law, LawSpec):
        law = law.law()
    batch = bool(jnp.ndim(law.u_s0))
    if is_shared_rate(law):
        return _shared_rate_time(law, tolerance, of)
    return _batched(_search)(law, tolerance, of) if batch else _search(law, tolerance, of)


def is_shared_rate(law: Any) -> TypeGuard[GapLaw]:
    """Whether a law is the paper's, plain: linear, constant, unforced."""
    plain = isinstance(law, GapLaw) and law.relaxation is None and law.forcing is None and law.round_length is None
    return plain and type(law.potential) is LinearPotential and type(law.response) is ConstantResponse


def _shared_rate_time(law: GapLaw, tolerance: Any, of: str) -> Array:
    ends = limits(law)
    start = {"u_s": law.u_s0, "u_v": law.u_v0, "gap": law.u_s0 - law.u_v0}[of]
    ratio = jnp.abs(start - getattr(ends, f"{of}_inf")) / tolerance
    inside = ratio <= 1
    wait = jnp.log(jnp.where(inside | jnp.isnan(ratio), 1.0, ratio)) * jnp.where(inside, 0.0, ends.time_constant)
    return jnp.where(jnp.isnan(ratio), jnp.inf, jnp.where(inside, 0.0, wait))


@eqx.filter_jit
def _search(law: GapLaw | AbstractCurve, tolerance: Any, of: str) -> Array:
    """The last crossing of the tolerance on a geometric grid, interpolated in the logarithm of what is left."""
    waits = jnp.asarray(np.concatenate([[0.0], np.logspace(*DECADES, GRID - 1)]), float) * _scale_of(law)
    ends = limits(law)
    if isinstance(law, AbstractCurve) or exact_flow(law) is not None:
        route = Route("exact")
    elif law.round_length is not None:
        route = Route("map", GRID - 1)
        waits = law.round_length * jnp.arange(GRID)
    else:
        route = Route("fixed", 1)
        waits = STRETCH * _scale_of(law) * jnp.arange(GRID) / GRID
    trajectory = along(law, law.t0 + waits, route, jnp.asarray(jnp.inf))
    value = getattr(trajectory, of)
    rest = jnp.abs(value - getattr(ends, f"{of}_inf"))
    outside = ~(rest <= tolerance)  # no limit: never inside
    last = jnp.max(jnp.where(outside, jnp.arange(GRID), -1))
    i = jnp.clip(last, 0, GRID - 2)
    tiny = jnp.finfo(rest.dtype).tiny
    high, low = jnp.log(jnp.maximum(rest[i], tiny)), jnp.log(jnp.maximum(rest[i + 1], tiny))
    share = jnp.clip((high - jnp.log(tolerance)) / jnp.where(high > low, high - low, 1.0), 0.0, 1.0)
    found = waits[i] + share * (waits[i + 1] - waits[i])
    # beyond the grid what is left falls by its time constant
    beyond = waits[-1] + ends.time_constant * jnp.maximum(jnp.log(jnp.maximum(rest[-1], tiny) / tolerance), 0.0)
    found = jnp.where(last == GRID - 1, jnp.where(jnp.isfinite(rest[-1]), beyond, jnp.inf), found)
    return jnp.where(last < 0, 0.0, jnp.where(trajectory.ok, found, jnp.inf))


def _scale_of(law: GapLaw | AbstractCurve) -> Any:
    """A time on which the law moves: the larger of the initial gap's and the span of its external data."""
    if isinstance(law, AbstractCurve):
        return law.time_scale
    down_s, down_v = _unforced(law).vector_field(law.t0, (law.u_s0, law.u_v0))
    speed = jnp.maximum(jnp.abs(down_s), jnp.abs(down_v))
    size = jnp.abs(law.u_s0 - law.u_v0 - law.potential.rest)
    time = size / jnp.where(speed > 0, speed, 1.0)
    time = jnp.where((speed > 0) & (size > 0), time, 1.0)
    if law.relaxation is not None:
        kappa = jnp.maximum(law.relaxation.kappa, 1e-3 / time)  # pyright: ignore[reportAttributeAccessIssue]
        time = jnp.maximum(time, 1 / kappa)
    if law.forcing is not None:
        time = jnp.maximum(time, law.forcing.breaks[-1] - law.t0)
    return time
