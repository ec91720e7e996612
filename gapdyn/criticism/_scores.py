"""How good a forecast was, by draws of it and by what was measured. NumPy only."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

LEVEL = 0.9  # of the intervals whose coverage and width are scored


@dataclasses.dataclass(frozen=True, eq=False)
class Scores:
    """Scores of a forecast at times, (times,) each; a time at which nothing was measured has NaN.

    Attributes
    ----------
    elpd : log predictive density of what was measured (of u_s and u_v jointly; the larger the better).
    crps : continuous ranked probability score, in units of the training range, averaged over the series.
    square : squared error of the median, in units of the training range, averaged over the series.
    inside : share of the measured values inside the central 90% interval.
    width : width of that interval, in units of the training range, averaged over the series.
    """

    elpd: np.ndarray
    crps: np.ndarray
    square: np.ndarray
    inside: np.ndarray
    width: np.ndarray

    def summary(self) -> dict[str, float]:
        """Over all times: "elpd" (sum), "crps" (mean), "rmse", "coverage", "width" (mean)."""
        if np.isnan(self.square).all():
            return dict.fromkeys(("elpd", "crps", "rmse", "coverage", "width"), np.nan)
        return {
            "elpd": float(np.nansum(self.elpd)),
            "crps": float(np.nanmean(self.crps)),
            "rmse": float(np.sqrt(np.nanmean(self.square))),
            "coverage": float(np.nanmean(self.inside)),
            "width": float(np.nanmean(self.width)),
        }


def score(rep: np.ndarray, log_score: np.ndarray, y: np.ndarray, unit: np.ndarray) -> Scores:
    """Scores of draws `rep` (draw, times, series) with log predictive densities `log_score` (times,).

    `y` (times, series) was measured, NaN where not; `unit` (series,) is what errors are counted in.
    """
    median, low, high = np.quantile(rep, [0.5, (1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    seen = np.isfinite(y)
    any_seen = seen.any(1)

    def mean(x: np.ndarray) -> np.ndarray:
        total = np.sum(np.where(seen, x, 0.0), 1)
        return np.where(any_seen, total / np.maximum(seen.sum(1), 1), np.nan)

    return Scores(
        elpd=np.where(any_seen, log_score, np.nan),
        crps=mean(crps(rep, y) / unit),
        square=mean(((median - y) / unit) ** 2),
        inside=mean((y >= low) & (y <= high)),
        width=mean((high - low) / unit),
    )


def crps(draws: np.ndarray, y: np.ndarray) -> np.ndarray:
    """E|x - y| - E|x - x'|/2 of draws (draw, ...) at y (...)."""
    n = len(draws)
    rank = (2 * np.arange(1, n + 1) - n - 1).reshape(-1, *[1] * y.ndim)
    spread = np.sum(rank * np.sort(draws, 0), 0) / n**2
    return np.mean(np.abs(draws - y), 0) - spread


def log_mean_exp(x: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """log of the (weighted) mean of exp(x) over the first axis."""
    top = np.max(x, 0, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        share = np.full(len(x), 1 / len(x)) if weight is None else weight / np.sum(weight)
        return np.log(np.tensordot(share, np.exp(x - top), 1)) + top


def quantiles(draws: np.ndarray, q: Sequence[float], weight: np.ndarray | None = None) -> np.ndarray:
    """Quantiles (len(q), ...) of (weighted) draws (draw, ...)."""
    if weight is None:
        return np.quantile(draws, q, axis=0)
    order = np.argsort(draws, 0)
    below = np.cumsum(weight[order], 0)
    places = [np.argmax(below >= p * below[-1], 0)[None] for p in q]
    return np.concatenate([np.take_along_axis(draws, np.take_along_axis(order, at, 0), 0) for at in places])


def bands(rep: np.ndarray) -> dict[str, Any]:
    """Mean and quantiles of draws (draw, times) -> name -> list over times."""
    q05, q50, q95 = np.quantile(rep, [0.05, 0.5, 0.95], axis=0)
    return {"mean": np.mean(rep, 0).tolist(), "q05": q05.tolist(), "q50": q50.tolist(), "q95": q95.tolist()}
