"""Sums over prompts, by checkpoint and block: all that is kept of the samples."""

from __future__ import annotations

import numpy as np

from ._batches import Batch


class Sums:
    """Sums of `width` numbers of each group, by checkpoint and block of prompts."""

    def __init__(self, width: int):
        self.width = width
        self._sums: dict[int, np.ndarray] = {}

    def add(self, batch: Batch, values: np.ndarray) -> None:
        """Add (width, groups), finite."""
        for checkpoint, groups, _ in batch.spans:
            block = batch.block[groups]
            sums = high_enough(self._sums, checkpoint, block, self.width)
            for i, row in enumerate(values):
                sums[:, i] += np.bincount(block, row[groups], len(sums))

    def of(self, checkpoints: list[int]) -> np.ndarray:
        """(checkpoints, blocks, width); 0 where nothing was added."""
        return stacked(self._sums, checkpoints, self.width)


def high_enough(sums: dict[int, np.ndarray], checkpoint: int, block: np.ndarray, width: int) -> np.ndarray:
    """The sums of a checkpoint, (blocks, width), grown to hold every block here: few prompts take little memory."""
    old = sums.get(checkpoint, np.zeros((0, width)))
    height = int(block.max(initial=-1)) + 1
    if height > len(old):
        sums[checkpoint] = np.vstack([old, np.zeros((height - len(old), width))])
    return sums.setdefault(checkpoint, old)


def stacked(sums: dict[int, np.ndarray], checkpoints: list[int], width: int) -> np.ndarray:
    """(checkpoints, blocks, width), 0 where nothing was added."""
    found = [sums.get(c, np.zeros((0, width))) for c in checkpoints]
    whole = np.zeros((len(found), max(1, *map(len, found)), width))
    for row, part in zip(whole, found, strict=True):
        row[: len(part)] = part
    return whole


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
