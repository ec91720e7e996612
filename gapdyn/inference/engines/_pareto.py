"""Pareto-smoothed importance sampling (Vehtari, Simpson, Gelman, Yao, Gabry 2024), as in ArviZ.

In NumPy and a page long, because importing ArviZ takes longer than the whole sampling; a test holds it to ArviZ.
"""

from __future__ import annotations

import numpy as np


def smooth(log_weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Normalised weights (draws,) with the largest of them smoothed, and k-hat, the shape of their tail.

    k-hat is infinite where there is no tail to look at (all weight on a handful of draws).
    """
    log = np.asarray(log_weights, np.float64)
    log = np.where(np.isfinite(log), log, -np.inf)
    n = log.size
    if not np.isfinite(np.max(log)):
        return np.full(n, 1 / n), np.inf
    log = log - np.max(log)
    tail = int(min(0.2 * n, 3 * np.sqrt(n)))
    order = np.argsort(log)
    cutoff = max(log[order[-tail - 1]], np.log(np.finfo(np.float64).tiny))
    largest = order[-tail:][log[order[-tail:]] > cutoff]
    k = np.inf
    if largest.size > 4:
        k, scale = _fit_pareto(np.exp(log[largest]) - np.exp(cutoff))
        if np.isfinite(k):
            rank = (np.arange(largest.size) + 0.5) / largest.size
            excess = scale * (np.expm1(-k * np.log1p(-rank)) / k if abs(k) > 1e-12 else -np.log1p(-rank))
            log[largest] = np.minimum(np.log(excess + np.exp(cutoff)), 0.0)
    weights = np.exp(log - np.max(log))
    return weights / np.sum(weights), float(k)


def _fit_pareto(x: np.ndarray) -> tuple[float, float]:
    """Shape and scale of a generalised Pareto distribution (Zhang and Stephens 2009), shrunk towards 0.5 as in PSIS."""
    n = x.size
    candidates = 30 + int(np.sqrt(n))
    b = 1 - np.sqrt(candidates / (np.arange(candidates) + 0.5))
    b = b / (3 * x[int(n / 4 + 0.5) - 1]) + 1 / x[-1]
    k = np.mean(np.log1p(-b[:, None] * x), axis=1)
    likelihood = n * (np.log(-b / k) - k - 1)
    with np.errstate(over="ignore"):  # a hopeless candidate's weight is 0
        weight = 1 / np.sum(np.exp(likelihood - likelihood[:, None]), axis=1)
    kept = weight >= 10 * np.finfo(np.float64).eps
    mean_b = np.sum(b[kept] * weight[kept]) / np.sum(weight[kept])
    shape = float(np.mean(np.log1p(-mean_b * x)))
    return (n * shape + 5) / (n + 10), -shape / mean_b
