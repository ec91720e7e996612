"""Standard units: a run in numbers of order one, whatever it is measured in.

Everything inside inference happens in these units, so that priors are the same for every run, compiled programs are
shared between runs, and float32 suffices where the level is large and the gap is small.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..data import Run
from ._sites import Dimension, dimension

FIRST = 3  # "the first checkpoints": enough for a median, few enough to be a start


@dataclasses.dataclass(frozen=True)
class Scale:
    """u = origin + size * (standard u), t = t0 + span * (standard t).

    Attributes
    ----------
    origin : median of u_s (of u_v where u_s is not measured) over the first 3 checkpoints.
    size : largest of the ranges of u_s and u_v and the median gap's size over the first 3 checkpoints.
    t0, span : first checkpoint's time and the time between first and last.
    """

    origin: float
    size: float
    t0: float
    span: float

    @classmethod
    def of(cls, run: Run) -> Scale:
        """The scale of a run; a run that does not move at all gets size 0, which `fit` refuses."""
        series = [u[np.isfinite(u)] for u in (run.u_s, run.u_v)]
        sizes = [float(np.ptp(u)) for u in series if u.size]
        gap = run.gap[np.isfinite(run.gap)]
        if gap.size:
            sizes.append(abs(float(np.median(gap[:FIRST]))))
        start = series[0] if series[0].size else series[1]
        return cls(float(np.median(start[:FIRST])), max(sizes), float(run.t[0]), float(run.t[-1] - run.t[0]))

    def factors(self, name: str) -> tuple[float, float]:
        """(loc, scale) of `name`: value = loc + scale * standard value."""
        return {
            Dimension.LEVEL: (self.origin, self.size),
            Dimension.DIFFERENCE: (0.0, self.size),
            Dimension.RATE: (0.0, 1 / self.span),
            Dimension.TIME: (0.0, self.span),
            Dimension.POINT: (self.t0, self.span),
            Dimension.SLOPE: (0.0, self.size / self.span),
            Dimension.WANDER: (0.0, self.size / self.span**0.5),
            Dimension.TURN: (0.0, self.size / self.span**1.5),
            Dimension.PURE: (0.0, 1.0),
        }[dimension(name)]

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
