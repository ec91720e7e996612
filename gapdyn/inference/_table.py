"""Runs side by side: the columns that inference takes from them, padded to one length; a single run is a table of one.

What standard units and default priors take from a run is stated here once, for one run and for thousands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..data import Run
from ._padding import padded_length

FIRST = 3  # "the first checkpoints": enough for a median, few enough to be a start


class Table(NamedTuple):
    """Columns (runs, times), NaN where not measured; at a run's end its last time is repeated, with nothing measured.

    `real` is True at checkpoints.
    """

    real: np.ndarray
    t: np.ndarray
    u_s: np.ndarray
    u_v: np.ndarray
    se_s: np.ndarray
    se_v: np.ndarray
    corr: np.ndarray

    @classmethod
    def of(cls, runs: Sequence[Run], length: int = 0) -> Table:
        """The runs' columns, padded to one of few lengths, that of `length` checkpoints at least."""
        counts = np.asarray([len(run) for run in runs])
        width = padded_length(max(int(counts.max()), length))
        real = np.arange(width) < counts[:, None]
        columns = {"real": real}
        places = np.flatnonzero(real)
        # most logs state no errors: columns of nothing are not gathered run by run
        stated = {name for run in runs for name in run.stated}
        for name in cls._fields[1:]:
            columns[name] = np.full(real.shape, np.nan)
            if name not in ("se_s", "se_v") or name in stated:
                columns[name].put(places, np.concatenate([getattr(run, name) for run in runs]))
        last = columns["t"][np.arange(len(runs)), counts - 1]
        columns["t"] = np.where(real, columns["t"], last[:, None])
        return cls(**columns)

    @property
    def span(self) -> np.ndarray:
        """Time between the first and the last checkpoint, (runs,)."""
        return self.t[:, -1] - self.t[:, 0]


def first_median(u: np.ndarray) -> np.ndarray:
    """Median of the first 3 numbers in each row of (runs, times), (runs,); NaN where there is none."""
    first = np.array(u[:, :FIRST])
    late = np.flatnonzero(~np.isfinite(first).all(1))
    places = np.argsort(~np.isfinite(u[late]), axis=1, kind="stable")[:, :FIRST]
    first[late] = np.take_along_axis(u[late], places, 1)
    x = np.sort(first, 1)  # NaN last
    count = np.isfinite(x).sum(1)
    low, high = (np.take_along_axis(x, np.maximum(i, 0)[:, None], 1)[:, 0] for i in ((count - 1) // 2, count // 2))
    return np.where(count > 0, np.where(count % 2 == 1, low, (low + np.where(count > 1, high, low)) / 2), np.nan)


def spread(u: np.ndarray) -> np.ndarray:
    """Largest less least number in each row of (runs, times), (runs,); 0 where there is none."""
    known = np.isfinite(u)
    most, least = np.where(known, u, -np.inf).max(1), np.where(known, u, np.inf).min(1)
    return np.where(known.any(1), most - np.where(np.isfinite(least), least, 0), 0.0)


def common_course(t: np.ndarray, se: np.ndarray) -> np.ndarray:
    """The smooth course of standard errors (..., times): the log-linear trend of those that are known, 0 without any.

    What all checkpoints have in common scales with it. The single stated values would not do: a few hard prompts move
    a checkpoint's mean and its standard error together (in the bundled run near_ceiling their changes correlate at .93
    for u_s, .97 for u_v), so that they would enter the curve as a regressor that explains its noise.
    """
    known = np.isfinite(se) & (se > 0)
    if not known.any():
        return np.zeros(se.shape)
    count = known.sum(-1, keepdims=True)
    log = np.log(np.where(known, se, 1.0))
    low = np.where(known, t, np.inf).min(-1, keepdims=True)
    high = np.where(known, t, -np.inf).max(-1, keepdims=True)
    share = known / np.maximum(count, 1)
    mean_t, mean = np.sum(share * t, -1, keepdims=True), np.sum(share * log, -1, keepdims=True)
    apart = np.where(known, t - mean_t, 0.0)
    slope = np.sum(apart * log, -1, keepdims=True) / np.where(count > 2, np.sum(apart**2, -1, keepdims=True), np.inf)
    inside = np.clip(t, np.minimum(low, high), high)  # no extrapolation
    return np.where(count > 0, np.exp(mean + slope * (np.where(count > 0, inside, 0.0) - mean_t)), 0.0)
