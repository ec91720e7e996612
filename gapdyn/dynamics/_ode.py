"""The general route: Diffrax, adaptive, in displacements from the start, piece by piece between arrivals."""

from __future__ import annotations

from typing import Any

import diffrax
import jax
import jax.numpy as jnp

from .._typing import Array, Bool, Times
from ._law import GapLaw
from ._pieces import all_events, displacement_scale, kick, not_before

LEAST_STEPS = 50


def _field(t: Any, y: tuple[Any, Any], args: tuple[GapLaw, Any]) -> tuple[Any, Any]:
    law, within = args
    return law.vector_field(t, (law.u_s0 + y[0], law.u_v0 + y[1]), within)


def integrate(
    law: GapLaw, ts: Times, rtol: Any, max_steps: int, adjoint: diffrax.AbstractAdjoint | None
) -> tuple[Array, Array, Bool[Array, ""], Array]:
    """(u_s, u_v) at ts >= t0, whether the solve succeeded, and the number of steps.

    The state is the displacement from (u_s0, u_v0), see `displacement_scale`.
    """
    scale = displacement_scale(law)
    dtype = jnp.result_type(law.u_s0, law.u_v0, ts)
    zero = jnp.zeros((), dtype)
    end = not_before(ts[-1], law.t0)
    # near rest the state hardly moves and steps would grow without bound, while the gradient, which follows the same
    # steps, still has to resolve how a perturbation decays
    longest = jax.lax.stop_gradient(jnp.where(end > law.t0, (end - law.t0) / LEAST_STEPS, 1.0))
    controller: Any = diffrax.PIDController(rtol=rtol, atol=rtol * scale, dtmax=longest)
    events = all_events(law)

    def solve_piece(t0: Any, t1: Any, y: Any, times: Any, within: Any) -> Any:
        return diffrax.diffeqsolve(
            diffrax.ODETerm(_field),  # pyright: ignore[reportArgumentType]
            diffrax.Tsit5(),
            t0=t0,
            t1=t1,
            dt0=None,
            y0=y,
            args=(law, within),
            saveat=diffrax.SaveAt(subs=(diffrax.SubSaveAt(ts=times), diffrax.SubSaveAt(t1=True))),
            stepsize_controller=controller,
            adjoint=diffrax.RecursiveCheckpointAdjoint() if adjoint is None else adjoint,
            max_steps=max_steps,
            throw=False,
        )

    if not len(events):
        solution = solve_piece(law.t0, end, (zero, zero), ts, None)
        (d_s, d_v), _ = solution.ys
        finished = solution.result == diffrax.RESULTS.successful
        return law.u_s0 + d_s, law.u_v0 + d_v, finished, solution.stats["num_steps"]

    # an arrival is a new initial value problem: one solve for each piece between arrivals, compiled once. So
    # derivatives by the times of arrivals are right too, which they are not where an integrator is told of jumps
    passed = events.times < end
    stops = jnp.append(jnp.where(passed, events.times, end), end)
    amounts = jnp.append(jnp.where(passed, events.amounts, 0.0), 0.0)
    before = jnp.searchsorted(events.times, ts, side="left")

    def piece(carry: Any, x: Any) -> Any:
        t, y = carry
        i, t_next, amount = x
        inside = jnp.where(ts <= t, t, jnp.where(ts > t_next, t_next, ts))  # `clip` halves derivatives at its ends
        solution = solve_piece(t, t_next, y, inside, t + 0.5 * (t_next - t))
        there, last = solution.ys
        y = tuple(a[0] for a in last)
        after = kick(law, (law.u_s0 + y[0], law.u_v0 + y[1]), amount)
        shown = jax.tree.map(lambda a: jnp.where(before == i, a, 0.0), there)
        good = (solution.result == diffrax.RESULTS.successful) | (t == t_next)
        y = (y[0], y[1] + (after[1] - (law.u_v0 + y[1])))
        return (t_next, y), (shown, good, solution.stats["num_steps"])

    start = (jnp.asarray(law.t0, dtype), (zero, zero))
    _, (shown, good, count) = jax.lax.scan(piece, start, (jnp.arange(len(stops)), stops, amounts))
    d_s, d_v = (jnp.sum(a, 0) for a in shown)
    return law.u_s0 + d_s, law.u_v0 + d_v, jnp.all(good), jnp.sum(count)
