"""The generation-verification gap of Song et al. (arXiv:2412.02674) at a sweep of thresholds.

f[w] keeps the responses with a score of at least tau. gap_x = E_{f[w]} u - E_f u of a prompt, u whether a response is
right; 0 where none is kept (f is left as it is). The relative gap divides by 1 - J_x, prompt by prompt; where J_x = 1
nothing is left to gain and it counts as 0.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ._batches import Batch
from ._bootstrap import Bootstrap, Estimate
from ._schema import CORRECT
from ._sums import Sums

TAUS = np.arange(20) / 20
FOLDS = 5


class Sweep:
    """Sums over prompts of the gap at every threshold of `TAUS`, and at sigma."""

    def __init__(self, verifier: str, sigma: float):
        self.verifier = verifier
        self.taus = np.union1d(TAUS, [sigma])
        self.sums = Sums(2 + 3 * len(self.taus))

    def add(self, batch: Batch) -> None:
        """Take in a batch."""
        score, correct = batch.columns[self.verifier], batch.columns[CORRECT.name]
        known = np.isfinite(score) & np.isfinite(correct)
        n, groups = len(self.taus), len(batch.starts)
        place = (n - 1 - self._reached(score)) * groups + batch.group  # from the highest threshold down
        if not known.all():
            place, correct = place[known], correct[known]
        kept = np.bincount(place, minlength=groups * n).reshape(n, groups)
        right = np.bincount(place, correct, groups * n).reshape(n, groups)
        for i in range(1, n):
            kept[i] += kept[i - 1]
            right[i] += right[i - 1]
        j = right[-1] / np.maximum(kept[-1], 1)
        left = np.where(j < 1, 1 - j, np.inf)
        values = np.empty((self.sums.width, groups))
        values[0], values[1] = kept[-1] > 0, j
        for i in range(n):  # thresholds from the lowest up again
            count = kept[n - 1 - i]
            covered = count > 0
            gap = (right[n - 1 - i] / np.maximum(count, 1) - j) * covered
            values[2 + i], values[2 + n + i], values[2 + 2 * n + i] = gap, gap / left, covered
        self.sums.add(batch, values)

    def _reached(self, score: np.ndarray) -> np.ndarray:
        """The highest threshold that each score reaches (0 is reached by all, a missing score among them)."""
        step = len(TAUS)
        if len(self.taus) > step:
            return np.maximum(np.searchsorted(self.taus, np.nan_to_num(score), "right") - 1, 0)
        place = np.minimum((np.nan_to_num(score) * step).astype(np.int64), step - 1)
        place -= TAUS[place] > score  # where the product was rounded up
        return place

    def result(self, checkpoints: list[int], bootstrap: Bootstrap) -> GapSweep:
        """The gap at each threshold, and what the best threshold is worth on other prompts."""
        sums = self.sums.of(checkpoints)
        n = len(self.taus)
        prompts = sums[..., 0].sum(1)
        every = bootstrap.estimate(sums[..., : 2 + 2 * n], _kinds)
        with np.errstate(invalid="ignore", divide="ignore"):
            covered = sums[..., -n:].sum(1) / prompts[:, None]
        choose = [_best(checkpoint, self.taus) for checkpoint in sums]
        absolute, relative, ratio_of_means = (every.part(slice(i * n, (i + 1) * n)) for i in range(3))
        return GapSweep(
            self.taus,
            absolute,
            relative,
            ratio_of_means,
            covered,
            np.array([tau for tau, _ in choose]),
            np.array([gap for _, gap in choose]),
        )


@dataclasses.dataclass(frozen=True, eq=False)
class GapSweep:
    """The generation-verification gap against the threshold.

    Attributes
    ----------
    taus : (thresholds,).
    absolute : E_x gap_x, an `Estimate` of (checkpoints, thresholds).
    relative : E_x [gap_x / (1 - J_x)], 0 where J_x = 1.
    ratio_of_means : E_x gap_x / (1 - E_x J_x), which is not the relative gap.
    covered : (checkpoints, thresholds), share of prompts of which any response is kept.
    best : (checkpoints,), the threshold with the largest absolute gap, over all prompts.
    best_gap : (checkpoints,), the absolute gap of thresholds chosen on four fifths of the prompts, on the last fifth,
        over all fifths: what choosing is worth.
    """

    taus: np.ndarray
    absolute: Estimate
    relative: Estimate
    ratio_of_means: Estimate
    covered: np.ndarray
    best: np.ndarray
    best_gap: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, for JSON."""
        own = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {k: v.to_dict() if isinstance(v, Estimate) else v.tolist() for k, v in own.items()}


def _kinds(s: np.ndarray) -> np.ndarray:
    """Absolute gaps, relative gaps, ratios of means."""
    prompts, right, gaps = s[..., :1], s[..., 1:2], s[..., 2:]
    absolute = gaps[..., : gaps.shape[-1] // 2]
    return np.concatenate([gaps / prompts, absolute / (prompts - right)], -1)


def _best(blocks: np.ndarray, taus: np.ndarray) -> tuple[float, float]:
    """(best threshold, cross-validated gap) from (blocks, width)."""
    gaps, prompts = blocks[:, 2 : 2 + len(taus)], blocks[:, 0]
    if not prompts.sum():
        return np.nan, np.nan
    fold = np.arange(len(blocks)) % FOLDS
    total = 0.0
    for f in range(FOLDS):
        mine = fold == f
        total += gaps[mine].sum(0)[int(np.argmax(gaps[~mine].sum(0)))]
    return float(taus[int(np.argmax(gaps.sum(0)))]), float(total / prompts.sum())
