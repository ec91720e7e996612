"""Where a law goes: its limits, how fast, and what is left at a time (Sun et al. 2025, section 3.2)."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp

from .._check import choose
from .._typing import Array
from ._law import GapLaw
from ._solve import solve
from ._spec import LawSpec

SERIES = ("u_s", "u_v", "gap")


class Limits(eqx.Module):
    """A law's long-run values.

    Attributes
    ----------
    u_s_inf, u_v_inf, gap_inf
        Limits of solver uncertainty, verifier uncertainty and gap, in the unit of the law's start. NaN where the law
        has none: the gap does not shrink when k alpha <= k beta.
    time_constant
        1/rate, in the law's clock: the time in which the distance to the limit falls by the factor e. Inf at rate 0.
    """

    u_s_inf: Array
    u_v_inf: Array
    gap_inf: Array
    time_constant: Array


def limits(law: GapLaw | LawSpec) -> Limits:
    """The limits of a law, elementwise for a batch of laws.

    With rho = beta/alpha, delta = G_0 - G_inf: U_s,inf = U_s0 - delta/(1 - rho), U_v,inf = U_s,inf - G_inf.
    A law that starts at rest stays there, whatever its rates.
    """
    if isinstance(law, LawSpec):
        law = law.law()
    alpha, beta = law.response.alpha(law.t0), law.response.beta(law.t0)
    rest = law.potential.rest
    delta = law.u_s0 - law.u_v0 - rest
    rate = (alpha - beta) * law.potential.k  # pyright: ignore[reportAttributeAccessIssue]
    at_rest, settles = delta == 0, rate > 0
    fall = jnp.where(at_rest, 0.0, delta * alpha / jnp.where(settles, alpha - beta, 1.0))
    exists = at_rest | settles

    def where_it_exists(value: Array) -> Array:
        return jnp.where(exists, value, jnp.nan)

    return Limits(
        u_s_inf=where_it_exists(law.u_s0 - fall),
        u_v_inf=where_it_exists(law.u_s0 - fall - rest),
        gap_inf=where_it_exists(rest * jnp.ones_like(fall)),
        time_constant=jnp.where(settles, 1 / jnp.where(settles, rate, 1.0), jnp.inf),
    )


def remaining(law: GapLaw | LawSpec, ts: Any, of: str = "u_s") -> Array:
    """What is left at the times `ts` (times,): value minus limit of "u_s", "u_v" or "gap", in the law's unit.

    Positive while the quantity still has to fall; NaN where the law has no limit.
    """
    choose(of, SERIES, "quantity")
    if isinstance(law, LawSpec):
        law = law.law()
    return getattr(solve(law, ts), of) - getattr(limits(law), f"{of}_inf")


def time_to(law: GapLaw | LawSpec, tolerance: Any, of: str = "gap") -> Array:
    """Time from the start until "gap", "u_s" or "u_v" is within `tolerance` (> 0, unit of u) of its limit.

    For the gap ln(|delta| / tolerance) / rate (Sun et al., section 3.2). 0 if it is there from the start, inf if the
    law has no limit.
    """
    choose(of, SERIES, "quantity")
    if isinstance(law, LawSpec):
        law = law.law()
    ends = limits(law)
    start = {"u_s": law.u_s0, "u_v": law.u_v0, "gap": law.u_s0 - law.u_v0}[of]
    ratio = jnp.abs(start - getattr(ends, f"{of}_inf")) / tolerance
    inside = ratio <= 1
    wait = jnp.log(jnp.where(inside | jnp.isnan(ratio), 1.0, ratio)) * jnp.where(inside, 0.0, ends.time_constant)
    return jnp.where(jnp.isnan(ratio), jnp.inf, jnp.where(inside, 0.0, wait))
