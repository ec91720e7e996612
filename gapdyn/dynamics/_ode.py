"""The general route: Diffrax, adaptive, in displacements from the start."""

from __future__ import annotations

import diffrax
import jax
import jax.numpy as jnp

from .._typing import Array, Bool, Times
from ._law import GapLaw

LEAST_STEPS = 50


def integrate(
    law: GapLaw, ts: Times, rtol: float, max_steps: int, adjoint: diffrax.AbstractAdjoint | None
) -> tuple[Array, Array, Bool[Array, ""], Array]:
    """(u_s, u_v) at ts >= t0, whether the solve succeeded, and the number of steps.

    The state is the displacement from (u_s0, u_v0): levels carry no information about the dynamics, and a tolerance
    relative to a large level would be blind to a small gap. The absolute tolerance is `rtol` times the distance of the
    starting gap from rest, so that a change of units changes nothing.
    """
    delta = law.u_s0 - law.u_v0 - law.potential.rest
    # accuracy is a choice of ours, not a function of the law: no gradient; at rest nothing moves and any scale will do
    scale = jax.lax.stop_gradient(jnp.where(delta == 0, 1.0, jnp.abs(delta)))

    def field(t, y, law):
        return law.vector_field(t, (law.u_s0 + y[0], law.u_v0 + y[1]))

    # near rest the state hardly moves and steps would grow without bound, while the gradient, which follows the same
    # steps, still has to resolve how a perturbation decays
    end = jnp.maximum(ts[-1], law.t0)
    longest = jax.lax.stop_gradient(jnp.where(end > law.t0, (end - law.t0) / LEAST_STEPS, 1.0))
    zero = jnp.zeros_like(delta)
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(field),
        diffrax.Tsit5(),
        t0=law.t0,
        t1=end,
        dt0=None,
        y0=(zero, zero),
        args=law,
        saveat=diffrax.SaveAt(ts=ts),
        stepsize_controller=diffrax.PIDController(rtol=rtol, atol=rtol * scale, dtmax=longest),
        adjoint=diffrax.RecursiveCheckpointAdjoint() if adjoint is None else adjoint,
        max_steps=max_steps,
        throw=False,
    )
    d_s, d_v = solution.ys  # pyright: ignore[reportGeneralTypeIssues]
    finished = solution.result == diffrax.RESULTS.successful
    return law.u_s0 + d_s, law.u_v0 + d_v, finished, solution.stats["num_steps"]
