"""Closed forms, chosen by the exact types of a law's parts; what is not in the table is integrated.

The forms are written in displacements from the start and with functions that stay smooth where the textbook ones
divide by zero (equal rates, no gap), so that values and gradients are right there too.
"""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp

from .._typing import Array, Times
from ._law import GapLaw
from ._potential import LinearPotential
from ._response import ConstantResponse

ExactSolution = Callable[[GapLaw, Times], tuple[Array, Array]]


def saturation(rate: Array, t: Array) -> Array:
    """(1 - exp(-rate t)) / rate, equal to t at rate = 0; smooth in both arguments, any sign."""
    x = rate * t
    small = jnp.abs(x) < 1e-4
    # the double `where` keeps the untaken branch finite, else its NaN would reach the gradient
    safe_rate = jnp.where(small, 1.0, rate)
    series = t * (1 - x / 2 * (1 - x / 3 * (1 - x / 4)))
    return jnp.where(small, series, -jnp.expm1(-jnp.where(small, 1.0, x)) / safe_rate)


def _linear_constant(law: GapLaw, ts: Times) -> tuple[Array, Array]:
    """U(t) = U(0) - (alpha, beta) E(G_0) (1 - e^(-lambda t))/lambda, lambda = k (alpha - beta)  (Sun et al., eq. 6)."""
    alpha, beta = law.response.alpha(law.t0), law.response.beta(law.t0)
    assert isinstance(law.potential, LinearPotential)
    rate = law.potential.k * (alpha - beta)
    drive = law.potential(law.u_s0 - law.u_v0) * saturation(rate, ts - law.t0)
    return law.u_s0 - alpha * drive, law.u_v0 - beta * drive


EXACT: dict[tuple[type, type], ExactSolution] = {
    (LinearPotential, ConstantResponse): _linear_constant,
}


def exact_solution(law: GapLaw) -> ExactSolution | None:
    """The closed form of this law, or None. Subclasses do not inherit a closed form."""
    return EXACT.get((type(law.potential), type(law.response)))
