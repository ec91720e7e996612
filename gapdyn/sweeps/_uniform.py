"""The shared-rate law at evenly spaced times: a multiplication and an addition a number, instead of an exponential."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from .._typing import Array
from ..dynamics import GapLaw, LinearPotential
from ..dynamics._limits import is_shared_rate
from ..dynamics._smooth import saturation

EVEN = 1e-12  # relative departure of a spacing that is rounding
LEAST = 8  # rows and times in a row


def rows(ts: np.ndarray) -> int:
    """In how many rows of equal length evenly spaced times are written; 0 where they are not, or not worth it."""
    spacing, count = np.diff(ts), len(ts)
    if count < 2 * LEAST or np.ptp(spacing) > EVEN * np.abs(ts).max():
        return 0
    return next((n for n in range(int(count**0.5), LEAST - 1, -1) if count % n == 0), 0)


def solved_evenly(law: Any, ts: np.ndarray) -> tuple[Array, Array] | None:
    """(u_s, u_v) at evenly spaced times, in rows (rows, times/rows); None for other laws and times.

    With S(t) = (1 - exp(-rate t))/rate the solution is U(0) - (alpha, beta) E(G_0) S(t), and S(a + b) = S(a) +
    exp(-rate a) S(b): so S at m + n times gives it at m n, without a loss of digits. In rows, because XLA on a
    processor writes them several times as fast as one long row that is made of them.
    """
    outer = rows(ts)
    if not (outer and is_shared_rate(law)):
        return None
    assert isinstance(law, GapLaw)
    assert isinstance(law.potential, LinearPotential)
    inner, spacing = len(ts) // outer, (ts[-1] - ts[0]) / (len(ts) - 1)
    coarse = jnp.asarray(ts[0] + spacing * inner * np.arange(outer), float) - law.t0
    alpha, beta = law.response.alpha(law.t0), law.response.beta(law.t0)
    rate = law.potential.k * (alpha - beta)
    drive = law.potential(law.u_s0 - law.u_v0)
    first = drive * saturation(rate, coarse)
    left = drive * jnp.exp(-rate * coarse)
    fine = saturation(rate, jnp.asarray(spacing * np.arange(inner), float))

    def written(start: Any, pull: Any) -> Array:
        return (start - pull * first)[:, None] - (pull * left)[:, None] * fine

    return written(law.u_s0, alpha), written(law.u_v0, beta)
