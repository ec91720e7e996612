"""The fast route for laws without a closed form: a fixed number of high-order steps between the times that matter.

Gap dynamics are smooth between impulses and steps and seldom stiff, so that a method of order 5 needs a few steps from
checkpoint to checkpoint. (One of order 8 needs fewer, but compiles twice as long and gains nothing at 1e-6.) A fixed
number of steps compiles in a fraction of an adaptive solver's time and runs many times faster under `vmap` and reverse
mode. What is lost, the choice of the step, is checked: the embedded error estimate says when the steps were too coarse.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._typing import Array, Times
from ._law import GapLaw
from ._pieces import Events, all_events, kick, not_before


@functools.cache
def _tableau() -> tuple[Any, ...]:
    """Dormand and Prince's method of order 5(4), as SciPy has it: stages (A, B, C) and error weights E."""
    from scipy.integrate import RK45

    return tuple(np.asarray(x, float) for x in (RK45.A, RK45.B, RK45.C, RK45.E))


def integrate_fixed(law: GapLaw, ts: Times, steps: int) -> tuple[Array, Array, Array]:
    """(u_s, u_v) at ts, any order, none before t0, and an estimate of the largest error of either, unit of u.

    `steps` equal steps are taken between each two neighbours among the times and the law's kicks, jumps and bends.
    """
    events = all_events(law)
    n = ts.shape[0]
    # what comes after the last time does not matter, and shall not cost accuracy
    late = events.times > jnp.max(ts)
    events = Events(jnp.where(late, jnp.max(ts), events.times), jnp.where(late, 0.0, events.amounts))
    joined = jnp.concatenate([not_before(ts, law.t0), events.times])
    # at equal times what bends the law comes first, an impulse last: it shows later
    rank = jnp.concatenate([jnp.ones(n), jnp.where(events.amounts != 0, 2.0, 0.0)])
    order = jnp.lexsort((rank, joined))
    amounts = jnp.concatenate([jnp.zeros(n), events.amounts])[order]
    knots = joined[order]
    dtype = jnp.result_type(law.u_s0, law.u_v0, ts)
    zero = jnp.zeros((), dtype)

    def piece(carry: Any, x: Any) -> Any:
        t, d, error = carry
        t_next, amount = x
        h = (t_next - t) / steps
        within = t + 0.5 * (t_next - t)

        def one(i: Any, state: Any) -> Any:
            d, error = state
            d, e = jax.checkpoint(_step)(law, t + i * h, d, h, within)  # stages are cheaper again than kept
            return d, error + e

        if steps == 1:
            d, error = one(0, (d, error))
        else:
            (d, error), _ = jax.lax.scan(lambda s, i: (one(i, s), None), (d, error), jnp.arange(steps))
        y = kick(law, (law.u_s0 + d[0], law.u_v0 + d[1]), amount) if len(events) else None
        after = d if y is None else (d[0], d[1] + (y[1] - (law.u_v0 + d[1])))
        return (t_next, after, error), d

    start = (jnp.asarray(law.t0, dtype), (zero, zero), zero)
    (_, _, error), (d_s, d_v) = jax.lax.scan(piece, start, (knots, amounts))
    place = jnp.zeros(joined.shape, int).at[order].set(jnp.arange(joined.shape[0]))[:n]
    return law.u_s0 + d_s[place], law.u_v0 + d_v[place], error


def _step(law: GapLaw, t: Any, d: tuple[Any, Any], h: Any, within: Any) -> tuple[tuple[Any, Any], Any]:
    """One step in displacements from the start, and its error estimate, that of the embedded method of order 4."""
    a, b, c, e = _tableau()

    def field(t: Any, d: tuple[Any, Any]) -> tuple[Any, Any]:
        return law.vector_field(t, (law.u_s0 + d[0], law.u_v0 + d[1]), within)

    def combine(weights: Any, slopes: list[Any], j: int) -> Any:
        terms = [float(w) * k[j] for w, k in zip(weights, slopes, strict=False) if w != 0]
        return sum(terms[1:], terms[0])

    slopes = [field(t, d)]
    for i in range(1, len(c)):
        slopes.append(field(t + c[i] * h, tuple(d[j] + h * combine(a[i], slopes, j) for j in (0, 1))))
    new = tuple(d[j] + h * combine(b, slopes, j) for j in (0, 1))
    last = [*slopes, field(t + h, new)]
    error = jnp.max(jnp.abs(h * jnp.stack([combine(e, last, j) for j in (0, 1)])))
    return new, jax.lax.stop_gradient(error)
