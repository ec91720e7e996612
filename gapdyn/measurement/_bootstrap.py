"""Standard errors and intervals of anything that is made of sums over prompts, by resampling prompts.

A prompt is drawn with all of its samples: they are nested in it. Drawing samples within prompts again would count
their scatter twice (a prompt's mean already has it), and a best of N drawn with replacement is not a best of N. One set
of weights serves all checkpoints of a run, since their prompts are the same: differences between them are right too.

Draws of n prompts scatter too little, by (n - 1) / n in variance, and their quantiles know nothing of the error of that
scatter. Intervals take wider quantiles, at which those of a mean's draws would be Student's interval (the expanded
percentile interval of Hesterberg, The American Statistician 69, 2015).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import ndtr, stdtrit


@dataclasses.dataclass(frozen=True, eq=False)
class Estimate:
    """A measured quantity at each checkpoint, with its interval over prompts.

    Attributes
    ----------
    value, se, low, high : (checkpoints, ...), NaN where not measured. `se` is the bootstrap's standard deviation.
    """

    value: np.ndarray
    se: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def to_dict(self) -> dict[str, list[Any]]:
        """Plain lists, for JSON."""
        return {f.name: getattr(self, f.name).tolist() for f in dataclasses.fields(self)}

    def part(self, i: Any) -> Estimate:
        """The same of some entries of the last axis."""
        return Estimate(*(getattr(self, f.name)[..., i] for f in dataclasses.fields(self)))


@dataclasses.dataclass(frozen=True, eq=False)
class Bootstrap:
    """Weights of the blocks of prompts of one run.

    Attributes
    ----------
    weights : (draws, used), how often each block was drawn.
    used : (used,), indices of the blocks that have prompts.
    level : of the intervals.
    """

    weights: np.ndarray
    used: np.ndarray
    level: float

    @classmethod
    def of(cls, counts: np.ndarray, draws: int, level: float, generator: np.random.Generator) -> Bootstrap:
        """For blocks with `counts` prompts, (checkpoints, blocks)."""
        used = np.flatnonzero(counts.sum(0) > 0) if counts.any() else np.zeros(1, int)
        weights = generator.multinomial(len(used), np.full(len(used), 1 / len(used)), draws)
        return cls(weights.astype(np.float32), used, level)

    def estimate(self, sums: np.ndarray, of: Callable[[np.ndarray], np.ndarray]) -> Estimate:
        """The estimate of `of`, a function of sums over prompts (..., width) -> (..., K), from (checkpoints,
        blocks, width).
        """
        short = int(self.used[-1]) + 1 - sums.shape[1]
        if short > 0:  # prompts of which this was never measured
            sums = np.pad(sums, ((0, 0), (0, short), (0, 0)))
        tail = expanded_tail((1 - self.level) / 2, len(self.used))
        rows = []
        with np.errstate(invalid="ignore", divide="ignore"):
            for blocks in sums[:, self.used]:
                value = np.asarray(of(blocks.sum(0)))
                # single precision: seven digits are more than the spread of draws needs, in half the time
                draws = of(self.weights @ blocks.astype(np.float32))
                draws = np.where(np.isfinite(draws), draws, np.nan)
                rows.append((value, *_spread(draws, tail, np.isfinite(value))))
        return Estimate(*(np.stack(x) for x in zip(*rows, strict=True)))


def expanded_tail(tail: float, n: int) -> float:
    """The share of draws to leave out at either end of an interval over n prompts, for a share `tail` of errors."""
    return float(ndtr(np.sqrt(n / (n - 1)) * stdtrit(n - 1, tail))) if n > 1 else tail


def _spread(draws: np.ndarray, tail: float, known: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Standard deviation and both ends of the interval over axis 0; NaN where the value is not known."""
    some = known & np.isfinite(draws).any(0)
    low, high, se = (np.full(known.shape, np.nan) for _ in range(3))
    whole = some & np.isfinite(draws).all(0)
    low[whole], high[whole] = np.quantile(draws[:, whole], [tail, 1 - tail], axis=0, method="weibull")
    se[whole] = draws[:, whole].std(0, ddof=1)
    for i in zip(*np.nonzero(some & ~whole), strict=True):  # some draws left the quantity without a value
        drawn = draws[(slice(None), *i)]
        drawn = drawn[np.isfinite(drawn)]
        low[i], high[i] = np.quantile(drawn, [tail, 1 - tail], method="weibull")
        se[i] = drawn.std(ddof=1) if len(drawn) > 1 else np.nan
    return se, low, high
