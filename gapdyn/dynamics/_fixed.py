"""The fast route for laws without a closed form: a fixed number of high-order steps between the times that matter.

Gap dynamics are smooth between impulses and steps and seldom stiff, so that an eighth-order method needs one or a few
steps from checkpoint to checkpoint. A fixed number of them compiles in a fraction of an adaptive solver's time and runs
many times faster under `vmap` and reverse mode. What is lost, the choice of the step, is checked: the embedded error
estimate says when the steps were too coarse.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._typing import Array, Times
from ._law import GapLaw
from ._pieces import all_events, kick


@functools.cache
def _tableau() -> tuple[Any, ...]:
    """Dormand and Prince's method of order 8(5,3), as SciPy has it: stages (A, B, C) and error weights E5, E3."""
    from scipy.integrate import DOP853

    return tuple(np.asarray(x, float) for x in (DOP853.A, DOP853.B, DOP853.C, DOP853.E5, DOP853.E3))


def integrate_fixed(law: GapLaw, ts: Times, steps: int) -> tuple[Array, Array, Array]:
    """(u_s, u_v) at ts, any order, none before t0, and an estimate of the largest error of either, unit of u.

    `steps` equal steps are taken between each two neighbours among the times and the law's kicks, jumps and bends.
    """
    events = all_events(law)
    n = ts.shape[0]
    joined = jnp.concatenate([jnp.maximum(ts, law.t0), events.times])
    order = jnp.argsort(joined, stable=True)  # a time before the event at the same time: it shows later
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
            d, e = _step(law, t + i * h, d, h, within)
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
    """One step in displacements from the start, and its error estimate (Hairer, Norsett, Wanner, section II.10)."""
    a, b, c, e5, e3 = _tableau()

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
    five, three = (jnp.stack([combine(e, last, j) for j in (0, 1)]) for e in (e5, e3))
    f, g = jnp.max(jnp.abs(five)), jnp.max(jnp.abs(three))
    size = jnp.where(f > 0, f**2 / jnp.sqrt(jnp.where(f > 0, f**2 + 0.01 * g**2, 1.0)), 0.0)
    return new, jax.lax.stop_gradient(jnp.abs(h) * size)
