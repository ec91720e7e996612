"""Standard units: a run in numbers of order one, whatever it is measured in.

Everything inside inference happens in these units, so that priors are the same for every run, compiled programs are
shared between runs, and float32 suffices where the level is large and the gap is small.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ._sites import Dimension, dimension
from ._table import Table, first_median, spread


@dataclasses.dataclass(frozen=True)
class Scale:
    """u = origin + size * (standard u), t = t0 + span * (standard t); arrays (runs,) for many runs at once.

    Attributes
    ----------
    origin : median of u_s (of u_v where u_s is not measured) over the first 3 checkpoints.
    size : largest of the ranges of u_s and u_v and the median gap's size over the first 3 checkpoints.
    t0, span : first checkpoint's time and the time between first and last.
    """

    origin: Any
    size: Any
    t0: Any
    span: Any

    @classmethod
    def of(cls, runs: Table) -> Scale:
        """The scale of each run; one that does not move at all gets size 0, which `fit` refuses."""
        start_s, start_v = first_median(runs.u_s), first_median(runs.u_v)
        gap = np.nan_to_num(np.abs(first_median(runs.u_s - runs.u_v)))
        size = np.maximum.reduce([spread(runs.u_s), spread(runs.u_v), gap])
        return cls(np.where(np.isfinite(start_s), start_s, start_v), size, runs.t[:, 0], runs.span)

    def __getitem__(self, run: int) -> Scale:
        """That of one of many runs."""
        return Scale(*(float(x[run]) for x in dataclasses.astuple(self)))

    def rows(self, which: np.ndarray) -> Scale:
        """Those of some of many runs."""
        return Scale(*(x[which] for x in dataclasses.astuple(self)))

    @property
    def one(self) -> Scale:
        """That of a single run as arrays (1,)."""
        return Scale(*(np.asarray([x], np.float64) for x in dataclasses.astuple(self)))

    @property
    def column(self) -> Scale:
        """That of many runs for arrays with the runs along the first of two axes."""
        return Scale(*(x[:, None] for x in dataclasses.astuple(self)))

    def factors(self, name: str) -> tuple[float, float]:
        """(loc, scale) of `name`: value = loc + scale * standard value."""
        match dimension(name):
            case Dimension.LEVEL:
                return self.origin, self.size
            case Dimension.DIFFERENCE:
                return 0.0, self.size
            case Dimension.RATE:
                return 0.0, 1 / self.span
            case Dimension.TIME:
                return 0.0, self.span
            case Dimension.POINT:
                return self.t0, self.span
            case Dimension.SLOPE:
                return 0.0, self.size / self.span
            case Dimension.WANDER:
                return 0.0, self.size / self.span**0.5
            case Dimension.TURN:
                return 0.0, self.size / self.span**1.5
            case Dimension.PURE:
                return 0.0, 1.0

    def to_standard(self, name: str, value: Any) -> Any:
        """`value` of parameter `name` in standard units (NumPy, float64)."""
        loc, scale = self.factors(name)
        return (np.asarray(value, np.float64) - loc) / scale

    def from_standard(self, name: str, value: Any) -> Any:
        """`value` of parameter `name` in the run's units (NumPy, float64)."""
        loc, scale = self.factors(name)
        return loc + scale * np.asarray(value, np.float64)

    def times(self, ts: Any) -> np.ndarray:
        """Times of the run's clock in standard units."""
        return (np.asarray(ts, np.float64) - self.t0) / self.span
