"""Figures of a column that comes in pieces: count, mean, sd, least and largest."""

from __future__ import annotations

import dataclasses
import math

import numpy as np


@dataclasses.dataclass
class Moments:
    """Of the finite numbers seen so far."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0  # sum of squared distances from the mean
    low: float = math.inf
    high: float = -math.inf

    def add(self, x: np.ndarray) -> None:
        """Take in more numbers (Chan, Golub and LeVeque's update)."""
        x = np.asarray(x).ravel()
        good = np.isfinite(x)
        x = x if good.all() else x[good]
        if not x.size:
            return
        total = self.count + x.size
        with np.errstate(over="ignore"):  # numbers whose squares leave the range have no sd
            mean = x.mean(dtype=np.float64)
            shift = mean - self.mean
            squares = np.square(x - mean, dtype=np.float64).sum() + np.square(shift) * self.count * x.size / total
        self.squares += float(squares)
        self.mean += float(shift) * x.size / total
        self.low, self.high = min(self.low, float(x.min())), max(self.high, float(x.max()))
        self.count = total

    def to_dict(self) -> dict[str, float]:
        """count, mean, sd (of the numbers themselves), min, max; NaN where there is none."""
        if not self.count:
            return {"count": 0, "mean": math.nan, "sd": math.nan, "min": math.nan, "max": math.nan}
        sd = math.sqrt(self.squares / self.count)
        return {"count": self.count, "mean": self.mean, "sd": sd, "min": self.low, "max": self.high}
