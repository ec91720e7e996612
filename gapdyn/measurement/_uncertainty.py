"""U_s and U_v of each prompt at each checkpoint (theory: Sun et al., arXiv:2507.00075), and what is counted with them.

The best-of-N response is the one with the smallest uncertainty per token among those with a score of at least sigma;
where none has, the highest-scoring one, of equal scores the one with the smallest uncertainty per token. Without
log-probabilities nothing says which is the surest: each of these counts as likely as another.
"""

from __future__ import annotations

import numpy as np

from ._batches import Batch
from ._schema import CORRECT, N_TOKENS, NLL
from ._sums import Moments, Sums

# of one prompt at one checkpoint; the order of the columns of the sums
NAMES = (
    "u_s", "u_v", "u_s_token", "u_v_token", "len_s", "len_v", "acc_s", "acc_v", "fallback", "pass_n", "n_samples",
)  # fmt: skip
PAIRS = NAMES[:4]  # whose standard errors go into a run


class Uncertainty:
    """Sums and co-moments over prompts of what `NAMES` says."""

    def __init__(self, sigma: float, solver: str, verifier: str | None):
        self.sigma, self.solver, self.verifier = sigma, solver, verifier
        self.sums = Sums(2 * len(NAMES) + 1)
        self.moments = Moments(len(PAIRS))

    def add(self, batch: Batch) -> None:
        """Take in a batch."""
        values = self._values(batch)
        known = np.isfinite(values)
        graded = np.isfinite(batch.columns[CORRECT.name])
        graded = graded[batch.first].astype(float) if self.solver == "first" else batch.add(graded.astype(float))
        self.sums.add(batch, np.vstack([np.where(known, values, 0.0), known, graded]))
        self.moments.add(batch, values[: len(PAIRS)])

    def _values(self, batch: Batch) -> np.ndarray:
        """(NAMES, groups), NaN where not measured."""
        nll, length, correct = (batch.columns[name] for name in (NLL.name, N_TOKENS.name, CORRECT.name))
        rows = [nll, batch.per_token, length, correct]
        groups = len(batch.starts)
        solver = [x[batch.first] if self.solver == "first" else mean(batch, x) for x in rows]
        best = [np.full(groups, np.nan) for _ in rows]
        fallback = np.full(groups, np.nan)
        if self.verifier is not None:
            score = batch.columns[self.verifier]
            row, failed = pick(batch, score, self.sigma)
            scored = row >= 0
            best = [np.where(scored, x[row], np.nan) for x in rows]
            blind = batch.add((~np.isnan(nll)).astype(float)) == 0
            if blind.any():
                likely, unpassed = likely_picks(batch, score, self.sigma)
                drawn = [mean(batch, np.where(likely, x, np.nan)) for x in rows]
                best = [np.where(blind, d, b) for d, b in zip(drawn, best, strict=True)]
                scored |= blind & (batch.add(likely.astype(float)) > 0)
                failed = np.where(blind, unpassed, failed)
            fallback = np.where(scored, failed, np.nan)
        passed = np.maximum.reduceat(np.where(np.isnan(correct), -1.0, correct), batch.starts)
        passed = np.where(passed < 0, np.nan, passed)
        every = [x for pair in zip(solver, best, strict=True) for x in pair]
        return np.stack([*every, fallback, passed, batch.sizes])


def mean(batch: Batch, rows: np.ndarray) -> np.ndarray:
    """Mean over each group, NaN left out: (rows,) -> (groups,)."""
    missing = np.isnan(rows)
    if not missing.any():
        return batch.add(rows) / batch.sizes
    count = batch.add((~missing).astype(float))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, batch.add(np.where(missing, 0.0, rows)) / count, np.nan)


def pick(batch: Batch, score: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Row of the best response of each group, (groups,), -1 where none has a score; and whether none passed sigma."""
    per_token = batch.per_token
    filled = np.where(np.isnan(score), -1.0, score)
    cost = np.where(filled >= sigma, per_token, np.inf)
    least = np.minimum.reduceat(cost, batch.starts)
    failed = np.isinf(least)
    if failed.any():
        top = np.maximum.reduceat(filled, batch.starts)
        unpassed = failed[batch.group] & (filled == top[batch.group]) & (filled >= 0)
        cost = np.where(unpassed, per_token, cost)
        least = np.minimum.reduceat(cost, batch.starts)
    rows = np.flatnonzero((cost == least[batch.group]) & np.isfinite(cost))
    group = batch.group[rows]
    best = np.full(len(batch.starts), -1)
    best[group[::-1]] = rows[::-1]  # of equals the first one
    return best, failed


def likely_picks(batch: Batch, score: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Whether each response may be the best of its group as far as scores tell, (rows,); and whether none passed."""
    filled = np.where(np.isnan(score), -1.0, score)
    top = np.maximum.reduceat(filled, batch.starts)
    failed = top < sigma
    best = (filled == top[batch.group]) & (filled >= 0)
    return np.where(failed[batch.group], best, filled >= sigma), failed
