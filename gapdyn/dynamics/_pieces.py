"""What happens to a law at given times: impulses that kick the verifier, and times at which its numbers change."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .._typing import Array
from ._forcing import ImpulseForcing, StepForcing
from ._law import GapLaw


class Events(NamedTuple):
    """Times in increasing order, none before the law's start, and the amount that arrives at once at each."""

    times: Array  # (events,)
    amounts: Array  # (events,)

    def __len__(self) -> int:
        return self.times.shape[0]


def not_before(times: Array, t0: Any) -> Array:
    """Times, those before the start moved to it. (`maximum` would halve the derivative of one that is at the start.)"""
    return jnp.where(times < t0, t0, times)


def kicks(law: GapLaw) -> Events:
    """Impulses and steps of the forcing. Those before the start change nothing: the start has them."""
    forcing = law.forcing
    if isinstance(forcing, ImpulseForcing):
        after = forcing.times >= law.t0
        return Events(not_before(forcing.times, law.t0), jnp.where(after, forcing.amounts, 0.0))
    if isinstance(forcing, StepForcing):
        return Events(not_before(forcing.breaks, law.t0), jnp.zeros_like(forcing.breaks))
    return Events(jnp.zeros(0), jnp.zeros(0))


def all_events(law: GapLaw) -> Events:
    """All times at which the law kicks, jumps or bends, in order."""
    times, amounts = [jnp.zeros(0)], [jnp.zeros(0)]
    if law.forcing is not None:
        own = kicks(law) if isinstance(law.forcing, ImpulseForcing) else None
        breaks = law.forcing.breaks
        times.append(own.times if own else not_before(breaks, law.t0))
        amounts.append(own.amounts if own else jnp.zeros_like(breaks))
    bends = not_before(law.response.breaks, law.t0)
    joined, sizes = jnp.concatenate([*times, bends]), jnp.concatenate([*amounts, jnp.zeros_like(bends)])
    order = jnp.argsort(joined, stable=True)
    return Events(joined[order], sizes[order])


def kick(law: GapLaw, y: tuple[Any, Any], amount: Any) -> tuple[Any, Any]:
    """The state after an amount of external data at once."""
    return y if law.forcing is None else (y[0], law.forcing.kick(y[1], amount))


def displacement_scale(law: GapLaw) -> Array:
    """The distance that tolerances are relative to: the starting gap's from rest, and the verifier's from its target.

    Levels carry no information about the dynamics, and a tolerance relative to a large level would be blind to a small
    gap; so a change of units changes nothing. Accuracy is a choice of ours, not a function of the law: no gradient.
    """
    size = jnp.abs(law.u_s0 - law.u_v0 - law.potential.rest)
    if law.relaxation is not None:
        size = jnp.maximum(size, jnp.abs(law.u_v0 - getattr(law.relaxation, "target", law.u_v0)))
    if law.forcing is not None:
        whole = law.forcing.kick(law.u_v0, jnp.sum(law.forcing.amounts))
        size = jnp.maximum(size, jnp.abs(law.u_v0 - whole))
    return jax.lax.stop_gradient(jnp.where(size == 0, 1.0, size))
