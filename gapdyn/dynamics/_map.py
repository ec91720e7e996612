"""Discrete rounds: the law's numbers on a map, U_{n+1} = U_n + round_length dU/dt."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from .._typing import Array, Times
from ._forcing import AbstractForcing
from ._law import GapLaw


def iterate(law: GapLaw, ts: Times, rounds: int) -> tuple[Array, Array]:
    """(u_s, u_v) at ts, any order, none before t0: `rounds` rounds, linear between their ends.

    External data of a round act at its start, an impulse that falls into it too: U_v <- U_v/(1 + gamma eta) or
    U_v - gamma eta, then the solver and the verifier answer to the new gap.
    """
    length = law.round_length
    assert length is not None
    unforced = law if law.forcing is None else _without_forcing(law)
    dtype = jnp.result_type(law.u_s0, law.u_v0, ts)

    def one(d: tuple[Any, Any], n: Any) -> Any:
        t = law.t0 + n * length
        u_s, u_v = law.u_s0 + d[0], law.u_v0 + d[1]
        if law.forcing is not None:
            u_v = law.forcing.kick(u_v, law.forcing.total(t, t + length))
        down_s, down_v = unforced.vector_field(t, (u_s, u_v))
        after = (d[0] + length * down_s, u_v - law.u_v0 + length * down_v)
        return after, after

    zero = jnp.zeros((), dtype)
    _, ds = jax.lax.scan(one, (zero, zero), jnp.arange(rounds))
    knots = law.t0 + length * jnp.arange(rounds + 1)
    u_s, u_v = (jnp.interp(ts, knots, jnp.append(jnp.zeros(1, dtype), d)) for d in ds)
    return law.u_s0 + u_s, law.u_v0 + u_v


def _without_forcing(law: GapLaw) -> GapLaw:
    import equinox as eqx

    def forcing(law: GapLaw) -> AbstractForcing | None:
        return law.forcing

    return eqx.tree_at(forcing, law, None)
