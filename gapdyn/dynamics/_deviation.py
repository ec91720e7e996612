"""Process noise: how a deviation from the mean course is carried on, and how much noise joins it.

A linear law with noise is its mean course (what `solve` gives) plus a deviation e of mean 0, de = A(t) e dt + noise,
which multiplicative external data change and additive external data do not. A filter needs only
its transitions between times: e' = phi e + N(0, q).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._check import InputError
from .._typing import Array, Times
from ._curve import AbstractCurve
from ._exact import exact_flow
from ._fixed import integrate_fixed
from ._forcing import StepForcing
from ._law import GapLaw
from ._pieces import all_events
from ._potential import LinearPotential
from ._response import ConstantResponse
from ._shapes import Curve, Line
from ._smooth import saturation

STEPS = 8  # for the pieces without a closed form
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)


class Deviation(NamedTuple):
    """Transitions to each time from the one before it (to the first from the law's start).

    The first two of the n entries of the deviation are those of u_s and of u_v.
    """

    phi: Array  # (times, n, n)
    q: Array  # (times, n, n)


def wanders(law: GapLaw | AbstractCurve) -> bool:
    """Whether a law or a curve has process noise."""
    if isinstance(law, GapLaw):
        return law.diffusion is not None
    return isinstance(law, Curve) and isinstance(law.shape_s, Line)


def deviation(law: GapLaw | AbstractCurve, ts: Times) -> Deviation:
    """Transitions of the deviation of a law with process noise, for increasing times from its start on.

    Raises
    ------
    InputError
        A law with process noise that is not linear: its deviations are not Gaussian.
    """
    if isinstance(law, Curve):
        return _of_lines(law, ts)
    assert isinstance(law, GapLaw)
    assert law.diffusion is not None
    linear = type(law.potential) is LinearPotential and type(law.response) is ConstantResponse
    if not linear or law.round_length is not None:
        raise InputError("process noise is for laws with a linear potential and a constant response, not in rounds.")
    return _of_law(law, law.diffusion, ts)


def _of_lines(curve: Curve, ts: Times) -> Deviation:
    """Levels and slopes that walk at random: of u_s, of u_v, of the slope of u_s, of that of u_v."""
    dt = jnp.diff(ts, prepend=curve.t0)
    lines = [line for line in (curve.shape_s, curve.shape_v) if isinstance(line, Line)]
    pad = 2 - len(lines)  # a series that is not described does not move
    wander, turn = (jnp.pad(jnp.stack([getattr(line, n) for line in lines]), (0, pad)) for n in ("wander", "turn"))
    eye, one = jnp.eye(2), jnp.ones_like(dt)[:, None, None]
    d = dt[:, None, None]
    phi = jnp.block([[eye * one, eye * d], [0 * eye * one, eye * one]])
    w2, t2 = jnp.diag(wander**2), jnp.diag(turn**2)
    q = jnp.block([[w2 * d + t2 * d**3 / 3, t2 * d**2 / 2], [t2 * d**2 / 2, t2 * d]])
    return Deviation(phi, q)


def _of_plain_law(law: GapLaw, diffusion: Any, ts: Times) -> Deviation:
    """Of the shared-rate law: M = k ((-alpha, alpha), (-beta, beta)) has M^2 = -lambda M, so exp(M t) = 1 + s(t) M with
    s(t) = (1 - exp(-lambda t))/lambda, and noise that came in is carried on by two integrals of s.
    """
    assert isinstance(law.potential, LinearPotential)
    assert isinstance(law.response, ConstantResponse)
    a, b = law.potential.k * law.response.a, law.potential.k * law.response.b
    m = jnp.stack([-a, a, -b, b]).reshape(2, 2)
    dt = jnp.diff(ts, prepend=law.t0)[:, None]
    v, w = jnp.asarray((1 + _NODES) / 2, dt.dtype), jnp.asarray(_WEIGHTS / 2, dt.dtype)
    carried = saturation(a - b, dt * v**2)  # dense where it came in last
    once, twice = (jnp.sum(2 * dt * v * w * x, 1)[:, None, None] for x in (carried, carried**2))
    eye, long = jnp.eye(2, dtype=dt.dtype), dt[:, :, None]
    phi = eye + saturation(a - b, long) * m
    return Deviation(phi, diffusion**2 * (long * eye + once * (m + m.T) + twice * m @ m.T))


def _of_law(law: GapLaw, diffusion: Any, ts: Times) -> Deviation:
    if law.forcing is not None and not law.forcing.multiplicative:
        law = eqx.tree_at(lambda x: x.forcing, law, None)  # additive data move the mean alone
    if law.forcing is None and law.relaxation is None:
        return _of_plain_law(law, diffusion, ts)
    flow = exact_flow(law)

    def carried(t0: Any, t1: Any, density: Any) -> Array:
        """d(state at t1)/d(state at t0), (2, 2), within a piece without events."""

        def end(y: Array) -> Array:
            if flow is not None:
                return jnp.stack(flow(law, (y[0], y[1]), t0, t1 - t0, density))
            moved = eqx.tree_at(lambda x: (x.t0, x.u_s0, x.u_v0), law, (t0, y[0], y[1]))
            u_s, u_v, _ = integrate_fixed(moved, t1[None], STEPS)
            return jnp.stack([u_s[0], u_v[0]])

        return jax.jacfwd(end)(jnp.stack([law.u_s0, law.u_v0]))

    # checkpoints and events on one grid; at equal times the checkpoint comes first, it does not show the event yet
    events = all_events(law)
    times = jnp.concatenate([ts, events.times])
    order = jnp.argsort(times, stable=True)
    grid, seen = times[order], order < ts.shape[0]
    before = jnp.concatenate([law.t0[None], grid[:-1]])
    passed = jnp.cumsum(~seen) - ~seen  # events before the piece that ends here
    density = law.forcing.levels[passed] if isinstance(law.forcing, StepForcing) else jnp.zeros_like(grid)
    amounts = jnp.concatenate([jnp.zeros_like(ts), events.amounts])[order]

    # noise that came in at t1 - dt v^2, so that nodes are dense where it has not been carried far
    v, w = jnp.asarray((1 + _NODES) / 2), jnp.asarray(_WEIGHTS / 2)

    def piece(t0: Any, t1: Any, eta: Any) -> tuple[Array, Array]:
        dt = t1 - t0
        parts = jax.vmap(lambda x: carried(t1 - dt * x**2, t1, eta))(v)
        q = jnp.einsum("n,nij,nkj->ik", 2 * dt * v * w, parts, parts) * diffusion**2
        return carried(t0, t1, eta), q

    phi, q = jax.vmap(piece)(before, grid, density)
    if law.forcing is not None:
        kicked = jax.vmap(jax.grad(law.forcing.kick))(jnp.full_like(amounts, law.u_v0), amounts)
        k = jnp.stack([jnp.ones_like(kicked), jnp.where(seen, 1.0, kicked)], -1)
        phi, q = k[:, :, None] * phi, k[:, :, None] * q * k[:, None, :]

    def chain(carry: Deviation, x: Any) -> tuple[Deviation, Deviation]:
        own_phi, own_q, stop = x
        now = Deviation(own_phi @ carry.phi, own_phi @ carry.q @ own_phi.T + own_q)
        eye = jnp.eye(2, dtype=now.phi.dtype)
        return Deviation(jnp.where(stop, eye, now.phi), jnp.where(stop, 0.0, now.q)), now

    begin = Deviation(jnp.eye(2, dtype=phi.dtype), jnp.zeros((2, 2), q.dtype))
    if not len(events):
        return Deviation(phi, q)
    _, all_times = jax.lax.scan(chain, begin, (phi, q, seen))
    places = jnp.argsort(order, stable=True)[: ts.shape[0]]
    return Deviation(all_times.phi[places], all_times.q[places])
