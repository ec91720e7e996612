"""pass@k: the chance that any of k responses to a prompt is right (the unbiased estimator of Chen et al. 2021)."""

from __future__ import annotations

import numpy as np

from ._batches import Batch
from ._bootstrap import Bootstrap, Estimate
from ._schema import CORRECT
from ._sums import Sums

KS = tuple(2**i for i in range(11))


def pass_at_k(n: np.ndarray | int, c: np.ndarray | int, k: int) -> np.ndarray:
    """1 - C(n-c, k) / C(n, k): of n samples c are right. NaN where n < k.

    Parameters
    ----------
    n, c : samples of a prompt, and how many of them are right; broadcast against each other.
    k : at least 1.

    Examples
    --------
    >>> pass_at_k(4, 1, 2)
    array(0.5)
    """
    n, c = np.broadcast_arrays(np.asarray(n, float), np.asarray(c, float))
    missed = np.ones(n.shape)
    for i in range(min(k, int(n.max(initial=0)))):
        missed = missed * np.clip(n - c - i, 0, None) / np.maximum(n - i, 1)
    return np.where(n >= k, 1 - missed, np.nan)


class PassK:
    """Sums over prompts of pass@k for each k of `KS`, over prompts with at least k graded samples."""

    def __init__(self) -> None:
        self.sums = Sums(2 * len(KS))

    def add(self, batch: Batch) -> None:
        """Take in a batch."""
        correct = batch.columns[CORRECT.name]
        known = np.isfinite(correct)
        n = batch.add(known.astype(float))
        c = batch.add(np.where(known, correct, 0.0))
        pairs, which = np.unique(n * (n.max() + 1) + c, return_inverse=True)
        n, c = np.divmod(pairs, n.max() + 1)
        table = np.column_stack([pass_at_k(n, c, k) for k in KS])
        known = np.isfinite(table)
        self.sums.add(batch, np.hstack([np.where(known, table, 0.0), known]).T[:, which])

    def result(self, checkpoints: list[int], bootstrap: Bootstrap) -> tuple[tuple[int, ...], Estimate]:
        """The k that any prompt has samples for, and pass@k, an `Estimate` of (checkpoints, ks)."""
        sums = self.sums.of(checkpoints)
        known = [i for i in range(len(KS)) if sums[..., len(KS) + i].any()]
        every = bootstrap.estimate(sums, lambda s: s[..., : len(KS)] / s[..., len(KS) :])
        return tuple(KS[i] for i in known), every.part(known)
