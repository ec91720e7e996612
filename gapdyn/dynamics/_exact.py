"""Closed forms, chosen by the exact types of a law's parts; what is not in the table is integrated.

A form carries a state over a piece of time in which the law's numbers are constant; `piecewise` chains the pieces
between impulses and steps. The forms are written in displacements and with functions that stay smooth where the
textbook ones divide by zero (see `_smooth`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._typing import Array, Times
from ._forcing import ImpulseForcing, StepForcing
from ._law import GapLaw
from ._pieces import kick, kicks
from ._potential import LinearPotential, PowerPotential, SaturatingPotential, powered
from ._relaxation import RelaxingVerifier
from ._response import ClockedResponse, ConstantResponse, DriftingResponse
from ._smooth import algebraic_saturation, saturation, two_modes

# (law, (u_s, u_v), their time, elapsed time on the law's clock, amount of external data per time) -> (u_s, u_v)
Flow = Callable[[GapLaw, tuple[Any, Any], Any, Any, Any], tuple[Any, Any]]

KNOTS = 12
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(6)


def _responses(law: GapLaw) -> tuple[Any, Any]:
    assert isinstance(law.response, ConstantResponse | ClockedResponse)
    return law.response.a, law.response.b


def _linear(law: GapLaw, y: tuple[Any, Any], t: Any, dt: Any, density: Any) -> tuple[Any, Any]:
    """U(t) = U(0) - (alpha, beta) E(G_0) (1 - e^(-lambda t))/lambda, lambda = k (alpha - beta)  (Sun et al., eq. 6)."""
    assert isinstance(law.potential, LinearPotential)
    alpha, beta = _responses(law)
    drive = law.potential(y[0] - y[1]) * saturation(law.potential.k * (alpha - beta), dt)
    return y[0] - alpha * drive, y[1] - beta * drive


def _affine(law: GapLaw, y: tuple[Any, Any], t: Any, dt: Any, density: Any) -> tuple[Any, Any]:
    """The 2x2 linear system of a linear potential with relaxation, or with data that arrive at a constant rate."""
    assert isinstance(law.potential, LinearPotential)
    alpha, beta = _responses(law)
    a, b = law.potential.k * alpha, law.potential.k * beta
    drive = law.potential(y[0] - y[1])
    pull, kappa = jnp.zeros_like(drive), jnp.zeros_like(a)
    if law.relaxation is not None:
        assert isinstance(law.relaxation, RelaxingVerifier)
        pull, kappa = law.relaxation.pull(y[1]), law.relaxation.kappa
    if law.forcing is not None:
        push = law.forcing.strength * density
        if law.forcing.multiplicative:
            pull, kappa = pull - push * (y[1] - law.forcing.zero), kappa + push
        else:
            pull = pull - push
    v_s, v_v = -alpha * drive, -beta * drive + pull
    s, j = two_modes(a - b + kappa, a * kappa, dt)
    # M = [[-a, a], [-b, b - kappa]], so M + trace = [[kappa - b, a], [-b, a]]
    return (
        y[0] + s * v_s + j * ((kappa - b) * v_s + a * v_v),
        y[1] + s * v_v + j * (a * v_v - b * v_s),
    )


def _power(law: GapLaw, y: tuple[Any, Any], t: Any, dt: Any, density: Any) -> tuple[Any, Any]:
    """x = x_0 (1 + (m - 1) lambda_0 t)^(-1/(m - 1)), x = G - G_inf, lambda_0 = (alpha - beta) E(G_0)/x_0."""
    potential = law.potential
    assert isinstance(potential, PowerPotential)
    alpha, beta = _responses(law)
    gap = y[0] - y[1]
    slope = potential.k * powered((gap - potential.rest) / potential.scale, potential.m - 1)
    drive = potential(gap) * dt * algebraic_saturation(potential.m - 1, (alpha - beta) * slope * dt)
    return y[0] - alpha * drive, y[1] - beta * drive


def _saturating(law: GapLaw, y: tuple[Any, Any], t: Any, dt: Any, density: Any) -> tuple[Any, Any]:
    """sinh(x/s) = sinh(x_0/s) e^(-lambda t), x = G - G_inf, lambda = k (alpha - beta)."""
    potential = law.potential
    assert isinstance(potential, SaturatingPotential)
    alpha, beta = _responses(law)
    s, rate = potential.s, potential.k * (alpha - beta)
    z = (y[0] - y[1] - potential.rest) / s
    # asinh(e^(-lambda t) sinh z), written through logarithms where sinh or exp would overflow
    plain = (jnp.abs(z) < 10) & (rate * dt > -100)
    direct = jnp.arcsinh(jnp.exp(-jnp.where(plain, rate * dt, 0.0)) * jnp.sinh(jnp.where(plain, z, 0.0)))
    size = jnp.where(plain, 1.0, jnp.abs(z))
    log_sinh = size + jnp.log(-jnp.expm1(-2 * size)) - jnp.log(2.0) - rate * dt
    big = log_sinh > 20
    later = jnp.where(big, log_sinh + jnp.log(2.0), jnp.arcsinh(jnp.exp(jnp.where(big, 0.0, log_sinh))))
    fallen = s * (z - jnp.where(plain, direct, jnp.sign(z) * later))  # x_0 - x(t)
    small = jnp.abs(rate * dt) < 1e-4
    tanh = jnp.tanh(z)
    flat = 1 - tanh**2
    x = rate * dt
    early = potential.k * s * tanh * dt * (1 - x * flat / 2 + x**2 * flat * (flat - 2 * tanh**2) / 6)
    drive = jnp.where(small, early, potential.k * fallen / jnp.where(small, 1.0, rate))
    return y[0] - alpha * drive, y[1] - beta * drive


def _drifting(law: GapLaw, y: tuple[Any, Any], t: Any, dt: Any, density: Any) -> tuple[Any, Any]:
    """x = x_0 exp(-k alpha (t - integral of rho)), x = G - G_inf; U_s falls by k alpha times the integral of x.

    That has no formula; Gauss's rule between the times, and between knots of our own that are dense at the start, has
    it to 8 digits and more.
    """
    if jnp.ndim(t):  # every time has a start of its own
        return jax.vmap(lambda y, t, dt: _drifting(law, y, t, dt, density))(y, t, dt)
    response = law.response
    assert isinstance(law.potential, LinearPotential)
    assert isinstance(response, DriftingResponse)
    rate, x = law.potential.k * response.a, y[0] - y[1] - law.potential.rest

    def left(wait: Any) -> Any:
        return jnp.exp(rate * (response.share(t, t + wait) - wait))

    waits = jnp.ravel(jnp.asarray(dt))
    longest = jnp.max(waits)
    # where the knots are is a choice of ours, and one of them is the corner at which the ratio reaches 1: no gradient
    speed = jnp.abs(rate - law.potential.k * response.beta(t)) + 1 / (response.tau + t - response.t0)
    stretch = jax.lax.stop_gradient(jnp.log1p(speed * longest) + 1e-3)
    own = longest * jnp.expm1(stretch * jnp.arange(1, KNOTS) / KNOTS) / jnp.expm1(stretch)
    corner = jax.lax.stop_gradient(jnp.clip(response.level - t, 0.0, longest))
    ends = jnp.concatenate([waits, own, corner[None]])
    order = jnp.argsort(ends)
    ends = ends[order]
    starts = jnp.concatenate([jnp.zeros_like(ends[:1]), ends[:-1]])
    v, w = jnp.asarray((1 + _NODES) / 2, ends.dtype), jnp.asarray(_WEIGHTS / 2, ends.dtype)
    pieces = (ends - starts) * jnp.sum(w * left(starts[:, None] + (ends - starts)[:, None] * v), -1)
    passed = jnp.zeros_like(ends).at[order].set(jnp.cumsum(pieces))[: waits.shape[0]].reshape(jnp.shape(dt))
    u_s = y[0] - rate * x * passed
    return u_s, u_s - law.potential.rest - x * left(jnp.asarray(dt))


_CONSTANT, _CLOCKED = ConstantResponse, ClockedResponse
_AT_ONCE: tuple[type, ...] = (type(None), ImpulseForcing)

# (potential, response, relaxation, forcing). Where data arrive at a rate, only a law whose own clock is the run's stays
# closed.
EXACT: dict[tuple[type, type, type, type], Flow] = {
    **{
        (potential, response, type(None), forcing): flow
        for (potential, flow), response, forcing in itertools.product(
            ((LinearPotential, _linear), (PowerPotential, _power), (SaturatingPotential, _saturating)),
            (_CONSTANT, _CLOCKED),
            _AT_ONCE,
        )
    },
    **{
        (LinearPotential, response, RelaxingVerifier, forcing): _affine
        for response, forcing in itertools.product((_CONSTANT, _CLOCKED), _AT_ONCE)
    },
    **{(LinearPotential, DriftingResponse, type(None), forcing): _drifting for forcing in _AT_ONCE},
    (LinearPotential, _CONSTANT, type(None), StepForcing): _affine,
    (LinearPotential, _CONSTANT, RelaxingVerifier, StepForcing): _affine,
}


def exact_flow(law: GapLaw) -> Flow | None:
    """The closed form of this law, or None. Subclasses do not inherit a closed form; a map has none."""
    if law.round_length is not None:
        return None
    return EXACT.get((type(law.potential), type(law.response), type(law.relaxation), type(law.forcing)))


def elapsed(law: GapLaw, t0: Any, t1: Any) -> Any:
    """Time from t0 to t1 on the law's own clock."""
    return law.response.clock.elapsed(t0, t1) if isinstance(law.response, ClockedResponse) else t1 - t0


def piecewise(law: GapLaw, ts: Times) -> tuple[Array, Array]:
    """(u_s, u_v) at ts, in any order: a closed form between impulses and steps."""
    flow = exact_flow(law)
    assert flow is not None
    events = kicks(law)
    start = (law.u_s0, law.u_v0)
    if not len(events):
        return flow(law, start, law.t0, elapsed(law, law.t0, ts), jnp.zeros(()))
    step = isinstance(law.forcing, StepForcing)
    densities = law.forcing.levels if step else jnp.zeros(len(events) + 1)  # pyright: ignore

    def pass_one(carry: Any, x: Any) -> Any:
        t, y = carry
        t_next, amount, density = x
        y = kick(law, flow(law, y, t, elapsed(law, t, t_next), density), amount)
        return (t_next, y), (t_next, y)

    dtype = jnp.result_type(law.u_s0, law.u_v0, ts)
    begin = jax.tree.map(lambda x: jnp.asarray(x, dtype), (law.t0, start))
    _, (times, after) = jax.lax.scan(pass_one, begin, (events.times, events.amounts, densities[:-1]))
    knots = jnp.append(begin[0], times)
    states = jax.tree.map(jnp.append, begin[1], after)
    piece = jnp.searchsorted(events.times, ts, side="left")  # an impulse shows after its time, not at it
    y = jax.tree.map(lambda x: x[piece], states)
    return flow(law, y, knots[piece], elapsed(law, knots[piece], ts), densities[piece])
