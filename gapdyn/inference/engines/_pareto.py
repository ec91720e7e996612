"""Pareto-smoothed importance sampling (Vehtari, Simpson, Gelman, Yao, Gabry 2024), as in ArviZ.

In NumPy and a page long, because importing ArviZ takes longer than the whole sampling; a test holds it to ArviZ.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._compile import quick_jit


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
            with np.errstate(over="ignore"):  # of a hopeless k; it is cut to the largest weight
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


def smooth_all(log_weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`smooth` of many rows (rows, draws) at once: weights (rows, draws) and k-hat (rows,)."""
    log = np.where(np.isfinite(log_weights), log_weights, -np.inf)
    top = np.max(log, axis=1, keepdims=True)
    log = log - np.where(np.isfinite(top), top, 0.0)
    rows, n = log.shape
    tail = int(min(0.2 * n, 3 * np.sqrt(n)))
    places = np.argpartition(log, n - tail - 1, axis=1)[:, n - tail - 1 :]
    order = np.argsort(np.take_along_axis(log, places, 1), axis=1)
    places = np.take_along_axis(places, order, 1)
    largest = np.take_along_axis(log, places, 1)
    # ties with the cutoff, and weights that are none, are left to the careful form
    plain = (
        (largest[:, 1] > largest[:, 0]) & (largest[:, 0] > np.log(np.finfo(np.float64).tiny)) & (largest[:, -1] == 0)
    )
    weights, k = np.empty_like(log), np.empty(rows)
    for i in np.flatnonzero(~plain):
        weights[i], k[i] = smooth(log_weights[i])
    if plain.any():
        x = np.exp(largest[plain])
        # all rows, lest each number of plain ones be a program of its own
        shape, scale = (np.asarray(v)[plain] for v in _fit_paretos(np.exp(largest[:, 1:]) - np.exp(largest[:, :1])))
        rank = (np.arange(tail) + 0.5) / tail
        bend = np.where(np.abs(shape) > 1e-12, shape, 1e-12)[:, None]
        smoothed = np.minimum(scale[:, None] * np.expm1(-bend * np.log1p(-rank)) / bend + x[:, :1], 1.0)
        made = np.exp(log[plain])
        np.put_along_axis(made, places[plain, 1:], smoothed, 1)
        weights[plain], k[plain] = made / np.sum(made, axis=1, keepdims=True), shape
    return weights, k


@quick_jit()
def _fit_paretos(x: Any) -> tuple[Any, Any]:
    """`_fit_pareto` of many rows (rows, tail)."""
    import jax.numpy as jnp

    n = x.shape[1]
    candidates = 30 + int(np.sqrt(n))
    b = 1 - np.sqrt(candidates / (np.arange(candidates) + 0.5))
    b = b / (3 * x[:, int(n / 4 + 0.5) - 1, None]) + 1 / x[:, -1, None]
    k = jnp.mean(jnp.log1p(-b[:, :, None] * x[:, None, :]), axis=2)
    likelihood = n * (jnp.log(-b / k) - k - 1)
    weight = jnp.exp(likelihood - jnp.max(likelihood, axis=1, keepdims=True))
    weight /= jnp.sum(weight, axis=1, keepdims=True)
    weight = jnp.where(weight >= 10 * np.finfo(np.float64).eps, weight, 0.0)
    mean_b = jnp.sum(b * weight, axis=1) / jnp.sum(weight, axis=1)
    shape = jnp.mean(jnp.log1p(-mean_b[:, None] * x), axis=1)
    return (n * shape + 5) / (n + 10), -shape / mean_b
