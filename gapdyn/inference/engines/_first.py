"""Where a search begins: the best of random points, the modes uphill of them, and a mixture about these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ._mixture import Mixture, factor_of
from ._newton import Modes, climb

STARTS = 8  # of Newton's method
TRIES = 128  # random points from which each start is the densest
WIDER = 1.5  # than the curvature at a mode says

Values = Callable[[Any], Any]  # (n, size) -> (n,)


def best_starts(values: Values, size: int, count: int, random: np.random.Generator) -> Any:
    """(count, size): each the densest of `TRIES` random points."""
    tries = random.uniform(-2, 2, (count, TRIES, size))
    scores = np.nan_to_num(values(tries.reshape(-1, size)), nan=-np.inf).reshape(count, TRIES)
    return tries[np.arange(count), np.argmax(scores, 1)]


def modes_of(values: Values, size: int, random: np.random.Generator) -> Modes:
    """The modes uphill of the best of random points."""
    return climb(values, best_starts(values, size, STARTS, random))


def about(modes: Modes) -> Mixture:
    """A mixture about the modes, each once, by what each is worth."""
    cov = modes.covariance
    order = np.argsort(-np.nan_to_num(modes.log_evidence, nan=-np.inf, posinf=-np.inf))
    kept: list[int] = []
    for i in order:
        apart = modes.x[i] - modes.x[kept] if kept else np.zeros((0, modes.x.shape[1]))
        near = [d @ np.linalg.solve(cov[j], d) < 1 for j, d in zip(kept, apart, strict=True)]
        if not any(near) and (not kept or np.isfinite(modes.log_density[i])):
            kept.append(int(i))
    worth = modes.log_evidence[kept]
    # a lesser mode keeps a little, for it may be a tail's outpost
    worth = np.maximum(worth - worth.max(), np.log(1e-2)) if np.isfinite(worth).all() else np.zeros(len(kept))
    return Mixture(worth - np.logaddexp.reduce(worth), modes.x[kept], factor_of(WIDER * cov[kept]))
