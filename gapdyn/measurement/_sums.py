"""Sums over prompts, by checkpoint and block: all that is kept of the samples."""

from __future__ import annotations

import numpy as np

from ._batches import Batch
from ._blocks import Blocks


class Sums:
    """Sums of `width` numbers of each group, by checkpoint and block of prompts."""

    def __init__(self, width: int):
        self.width = width
        self._sums: dict[int, np.ndarray] = {}

    def add(self, batch: Batch, values: np.ndarray) -> None:
        """Add (width, groups), finite."""
        for checkpoint, groups, _ in batch.spans:
            block = batch.block[groups]
            sums = self._sums.setdefault(checkpoint, np.zeros((Blocks.MOST, self.width)))
            for i, row in enumerate(values):
                sums[:, i] += np.bincount(block, row[groups], Blocks.MOST)

    def of(self, checkpoints: list[int]) -> np.ndarray:
        """(checkpoints, BLOCKS, width); 0 where nothing was added."""
        nothing = np.zeros((Blocks.MOST, self.width))
        return np.stack([self._sums.get(c, nothing) for c in checkpoints])


class Moments:
    """Means and co-moments of K numbers over the prompts of each checkpoint, merged batch by batch (Chan et al. 1983).

    NaN is left out: each pair of numbers has its own count. Sums of squares would cancel; this does not.
    """

    def __init__(self, width: int):
        self.width = width
        self._parts: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def add(self, batch: Batch, values: np.ndarray) -> None:
        """Add (K, groups), NaN where not measured."""
        for checkpoint, groups, _ in batch.spans:
            new = _moments(values[:, groups].T)
            old = self._parts.get(checkpoint)
            self._parts[checkpoint] = new if old is None else _merged(old, new)

    def covariance(self, checkpoint: int) -> np.ndarray:
        """(K, K) covariance of the means over prompts: the sample covariance by the number of prompts."""
        count, _, m2 = self._parts[checkpoint]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(count > 1, m2 / (count - 1) / count, np.nan)


def _moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count (K, K), mean (K, K) of the row's number where the column's is known too, co-moments (K, K)."""
    known = np.isfinite(x)
    f = known.astype(float)
    filled = np.where(known, x, 0.0)
    count = f.T @ f
    safe = np.maximum(count, 1)
    # about a near centre, lest the products cancel
    centre = filled.sum(0) / np.maximum(f.sum(0), 1)
    d = np.where(known, x - centre, 0.0)
    first = (d.T @ f) / safe
    return count, centre[:, None] + first, d.T @ d - count * first * first.T


def _merged(a: tuple, b: tuple) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    (na, ma, ca), (nb, mb, cb) = a, b
    n = na + nb
    safe = np.maximum(n, 1)
    d = mb - ma
    mean = np.where(na == 0, mb, np.where(nb == 0, ma, ma + d * nb / safe))
    return n, mean, ca + cb + np.where((na == 0) | (nb == 0), 0.0, d * d.T * na * nb / safe)
