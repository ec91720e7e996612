"""The rest of the way of a law whose ratio drifts, which has no formula: a quadrature with its error."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from ._potential import AbstractPotential, LinearPotential
from ._response import DriftingResponse, PowerClock

# exp-sinh quadrature on the half line: t = exp(pi/2 sinh(v)), a trapezoid rule in v that converges exponentially for
# integrands that decay on any scale
_V = np.arange(-4.2, 3.3, 0.05)
_NODES = np.exp(np.pi / 2 * np.sinh(_V))
_WEIGHTS = 0.05 * np.pi / 2 * np.cosh(_V) * _NODES


def drifting_tail(potential: AbstractPotential, response: DriftingResponse, gap: Any, at: Any) -> tuple[Any, Any, Any]:
    """Fall of U_s from time `at` to infinity, the error of that number, and whether there is a limit.

    With a linear potential x' = -k alpha (1 - rho(t)) x, x = G - rest, so the fall is k alpha x(at) times the integral
    of exp(-k alpha (elapsed - integral of rho)). It exists for q < 0, when the ratio goes to 0, for q = 0, rho < 1,
    and for rho = 0. The error is the difference to the rule with every other node.
    """
    if not isinstance(potential, LinearPotential):
        nothing = jnp.full_like(gap, jnp.nan)
        return nothing, nothing, jnp.zeros_like(gap, bool)
    a = potential.k * response.a
    exists = (response.q < 0) | ((response.q == 0) & (response.rho < 1)) | (response.rho == 0)
    q = jnp.where(exists, response.q, -1.0)
    drift = PowerClock(response.tau, -q, response.t0)  # its speed is rho(t)/rho_0
    waits = jnp.asarray(_NODES, float) / jnp.where(a > 0, a, 1.0)
    weights = jnp.asarray(_WEIGHTS, float) / jnp.where(a > 0, a, 1.0)
    decay = jnp.exp(-a * (waits - response.rho * drift.elapsed(at, at + waits)))
    whole, half = jnp.sum(weights * decay), 2 * jnp.sum((weights * decay)[::2])
    x = gap - potential.rest
    return a * x * whole, jnp.abs(a * x * (whole - half)), exists & (a > 0)
