"""Check statistics: what a law that is wrong gets wrong. Each takes batches, (draw, times), with NaN = not measured."""

from __future__ import annotations

import numpy as np

LAST = 3


def final_gap(gap: np.ndarray) -> np.ndarray:
    """Mean gap of the last 3 checkpoints."""
    return np.nanmean(gap[:, -LAST:], axis=1)


def early_slope(t: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Least-squares slope over the first third of the checkpoints (at least 3)."""
    k = max(3, len(t) // 3)
    x = t[:k] - t[:k].mean()
    return u[:, :k] @ x / (x @ x)


def falling_share(u: np.ndarray) -> np.ndarray:
    """Share of steps between checkpoints that fall: 1 for a monotone fall."""
    return np.mean(np.diff(u, axis=1) < 0, axis=1)


def autocorrelation(r: np.ndarray) -> np.ndarray:
    """Lag-1 autocorrelation of residuals about 0 (not about their mean: a common shift is structure too)."""
    return np.sum(r[:, 1:] * r[:, :-1], axis=1) / np.sum(r**2, axis=1)


def largest(r: np.ndarray) -> np.ndarray:
    """Largest absolute residual."""
    return np.max(np.abs(r), axis=1)


def spike(u: np.ndarray) -> np.ndarray:
    """Largest second difference in units of the median one.

    It sees one checkpoint that is off without asking the fitted curve, which such a checkpoint drags along, nor the
    fitted noise, which it inflates.
    """
    bend = np.abs(np.diff(u, n=2, axis=1))
    return np.max(bend, axis=1) / np.maximum(np.median(bend, axis=1), np.finfo(float).tiny)
