"""How well a verifier tells right from wrong: TPR, FPR, Youden's J, AUC, Brier score, reliability.

All come from counts. The AUC is of scores in bins, which are made of a checkpoint's first responses: of at most `FINE`
scores each has a bin of its own, which makes it exact; of more they are quantiles. Equal scores, and those of one bin,
count one half. The interval of the AUC comes from `COARSE` bins of about equal counts.
"""

from __future__ import annotations

import numpy as np

from ._batches import Batch
from ._bootstrap import Bootstrap, Estimate
from ._schema import CORRECT
from ._sums import high_enough, stacked

FINE, COARSE = 2**13, 32
BINS = 10  # of the reliability curve
RATES = ("tpr", "fpr", "youden", "brier")


class Verifier:
    """Counts of one verifier's scores, of right and of wrong responses."""

    def __init__(self, verifier: str, sigma: float):
        self.verifier, self.sigma = verifier, sigma
        self._bins: dict[int, _Bins] = {}
        self._blocks: dict[int, np.ndarray] = {}
        self._scores: dict[int, np.ndarray] = {}  # sums of them in each of the ten bins
        self._waiting: dict[int, list[tuple[np.ndarray, ...]]] = {}
        # of a block: failed and wrong, failed and right, passed and wrong, passed and right, squared errors; then wrong
        # and right responses of each bin
        self.width = 5 + 2 * BINS + 2 * COARSE

    def add(self, batch: Batch) -> None:
        """Take in a batch."""
        for checkpoint, _, rows in batch.spans:
            score, correct = batch.columns[self.verifier][rows], batch.columns[CORRECT.name][rows]
            known = np.isfinite(score) & np.isfinite(correct)
            new = (score, correct, batch.block[batch.group[rows]])
            new = new if known.all() else tuple(x[known] for x in new)
            if checkpoint not in self._bins:
                waiting = self._waiting.setdefault(checkpoint, [])
                waiting.append(new)
                if sum(len(x[0]) for x in waiting) < FINE:
                    continue
                new = self._open(checkpoint)
            self._count(checkpoint, *new)

    def _open(self, checkpoint: int) -> tuple[np.ndarray, ...]:
        """Make the bins of a checkpoint from what waited for them, which is returned."""
        new = tuple(np.concatenate(x) for x in zip(*self._waiting.pop(checkpoint), strict=True))
        self._bins[checkpoint] = _Bins(new[0])
        self._scores[checkpoint] = np.zeros(BINS)
        return new

    def _count(self, checkpoint: int, score: np.ndarray, correct: np.ndarray, block: np.ndarray) -> None:
        sums = high_enough(self._blocks, checkpoint, block, self.width)
        height, right = len(sums), correct.astype(np.int64)
        passed = (score >= self.sigma).astype(np.int64)
        sums[:, :4] += _counts(block, 2 * passed + right, height, 4)
        sums[:, 4] += np.bincount(block, (score - correct) ** 2, height)
        tenth = np.minimum((score * BINS).astype(np.int64), BINS - 1)
        sums[:, 5 : 5 + 2 * BINS] += _counts(block, BINS * right + tenth, height, 2 * BINS)
        coarse = COARSE * right + self._bins[checkpoint].add(score, right)
        sums[:, -2 * COARSE :] += _counts(block, coarse, height, 2 * COARSE)
        self._scores[checkpoint] += np.bincount(tenth, score, BINS)

    def rates(self, checkpoints: list[int], bootstrap: Bootstrap) -> dict[str, Estimate]:
        """`RATES` at the threshold sigma, and `auc`."""
        sums = self._of(checkpoints)
        every = bootstrap.estimate(sums[..., :5], _rates)
        found = {name: every.part(i) for i, name in enumerate(RATES)}
        coarse = bootstrap.estimate(sums[..., -2 * COARSE :], _coarse_auc).part(0)
        fine = np.array([auc(self._bins[c].counts[1], self._bins[c].counts[0]) for c in checkpoints])
        shift = fine - coarse.value
        found["auc"] = Estimate(fine, coarse.se, coarse.low + shift, coarse.high + shift)
        return found

    def reliability(self, checkpoints: list[int], bootstrap: Bootstrap) -> Reliability:
        """The reliability curve."""
        sums = self._of(checkpoints)[..., 5 : 5 + 2 * BINS]
        total = sums.sum(1)
        count = total[:, :BINS] + total[:, BINS:]
        with np.errstate(invalid="ignore", divide="ignore"):
            mean_score = np.stack([self._scores[c] for c in checkpoints]) / count
        return Reliability(count, mean_score, bootstrap.estimate(sums, _right_by_bin))

    def _of(self, checkpoints: list[int]) -> np.ndarray:
        for checkpoint in self._waiting.keys() & set(checkpoints):
            self._count(checkpoint, *self._open(checkpoint))
        return stacked(self._blocks, checkpoints, self.width)


class Reliability:
    """Share of right responses by score, in ten equal bins: a calibrated score lies on the diagonal.

    Attributes
    ----------
    count, mean_score : (checkpoints, BINS), responses of a bin and their mean score.
    right : share of them that is right, an `Estimate` of (checkpoints, BINS).
    """

    def __init__(self, count: np.ndarray, mean_score: np.ndarray, right: Estimate):
        self.count, self.mean_score, self.right = count, mean_score, right

    def to_dict(self) -> dict[str, object]:
        """Plain lists, for JSON."""
        return {"count": self.count.tolist(), "mean_score": self.mean_score.tolist(), "right": self.right.to_dict()}


def auc(right: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """P(score of a right response > that of a wrong one), ties one half, from counts by bin (..., bins)."""
    below = np.cumsum(wrong, axis=-1) - wrong
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sum(right * (below + wrong / 2), -1) / (right.sum(-1) * wrong.sum(-1))


class _Bins:
    """Counts (2, bins) of wrong and right responses by score, at one checkpoint; bins are those of its first scores."""

    def __init__(self, score: np.ndarray):
        ranked = np.sort(score)
        self.edges = np.unique(ranked)
        if len(self.edges) > FINE:
            self.edges = np.unique(ranked[np.linspace(0, len(ranked) - 1, FINE).astype(int)])
        self.size = len(self.edges) + 1
        rank = np.append(0, np.searchsorted(ranked, self.edges, "left")) / max(len(ranked), 1)
        self.coarse = np.minimum((rank * COARSE).astype(np.int64), COARSE - 1)
        self.counts = np.zeros((2, self.size))

    def add(self, score: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Count scores; returns the coarse bin of each."""
        place = np.searchsorted(self.edges, score, "right")
        self.counts += np.bincount(right * self.size + place, minlength=2 * self.size).reshape(2, self.size)
        return self.coarse[place]


def _counts(block: np.ndarray, place: np.ndarray, blocks: int, bins: int) -> np.ndarray:
    """(blocks, bins)."""
    return np.bincount(block * bins + place, minlength=blocks * bins).reshape(blocks, bins)


def _rates(s: np.ndarray) -> np.ndarray:
    missed_wrong, missed_right, false, true, squares = (s[..., i] for i in range(5))
    right, wrong = missed_right + true, missed_wrong + false
    tpr, fpr = true / right, false / wrong
    return np.stack([tpr, fpr, tpr - fpr, squares / (right + wrong)], -1)


def _coarse_auc(s: np.ndarray) -> np.ndarray:
    return auc(s[..., COARSE:], s[..., :COARSE])[..., None]


def _right_by_bin(s: np.ndarray) -> np.ndarray:
    return s[..., BINS:] / (s[..., :BINS] + s[..., BINS:])
