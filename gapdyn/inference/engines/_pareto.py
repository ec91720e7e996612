"""Pareto-smoothed importance sampling (Vehtari, Simpson, Gelman, Yao, Gabry 2024), as in ArviZ.

In NumPy and a page long, because importing ArviZ takes longer than the whole sampling; a test holds it to ArviZ.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..._compile import quick_jit

TOGETHER = 8  # factors of which one logarithm is taken
# bounded weights have a variance, k is below 0.5: where none is above so many times their mean, a tail that ends in a
# bump must not be read as a heavy one; of 500 weights with k = 0.7 the largest is about 20 times the mean
LIGHT, FINITE = 4.0, 0.5
NEGLIGIBLE = 1e-30  # first quartile of the tail's excess, to its largest, from which such a product is a number


def smooth(log_weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Normalised weights (draws,) with the largest of them smoothed, and k-hat, the shape of their tail.

    k-hat is at most 0.5 where the largest weight is no more than 4 times the mean one; it is infinite where there is no
    tail to look at (all weight on a handful of draws, or the largest all alike).
    """
    log = np.asarray(log_weights, np.float64)
    log = np.where(np.isfinite(log), log, -np.inf)
    n = log.size
    if not np.isfinite(np.max(log)):
        return np.full(n, 1 / n), np.inf
    log = log - np.max(log)
    light = LIGHT * np.mean(np.exp(log)) >= 1
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
            k = min(k, FINITE) if light else k
    weights = np.exp(log - np.max(log))
    return weights / np.sum(weights), float(k)


def _fit_pareto(x: np.ndarray) -> tuple[float, float]:
    """Shape and scale of a generalised Pareto distribution (Zhang and Stephens 2009), shrunk towards 0.5 as in PSIS."""
    n = x.size
    candidates = 30 + int(np.sqrt(n))
    b = 1 - np.sqrt(candidates / (np.arange(candidates) + 0.5))
    b = b / (3 * x[_quarter(n)]) + 1 / x[-1]
    k = np.mean(np.log1p(-b[:, None] * x), axis=1)
    likelihood = n * (np.log(-b / k) - k - 1)
    with np.errstate(over="ignore"):  # a hopeless candidate's weight is 0
        weight = 1 / np.sum(np.exp(likelihood - likelihood[:, None]), axis=1)
    kept = weight >= 10 * np.finfo(np.float64).eps
    mean_b = np.sum(b[kept] * weight[kept]) / np.sum(weight[kept])
    shape = float(np.mean(np.log1p(-mean_b * x)))
    return (n * shape + 5) / (n + 10), -shape / mean_b


class Weighed(NamedTuple):
    """Of many rows: smoothed weights (rows, draws), k-hat, and the log of the mean weight as it was, (rows,)."""

    weight: np.ndarray
    k: np.ndarray
    log_mean: np.ndarray


def weigh_all(log_weights: np.ndarray) -> Weighed:
    """`smooth` of many rows (rows, draws) at once, and the log of the mean of the weights before that."""
    log = np.where(np.isfinite(log_weights), log_weights, -np.inf)
    top = np.max(log, axis=1, keepdims=True)
    log -= np.where(np.isfinite(top), top, 0.0)
    made = np.exp(log, out=log)
    rows, n = made.shape
    mean = np.mean(made, axis=1)
    with np.errstate(divide="ignore"):  # of rows without any weight
        log_mean = top[:, 0] + np.log(mean)
    tail = int(min(0.2 * n, 3 * np.sqrt(n)))
    places = np.argpartition(made, n - tail - 1, axis=1)[:, n - tail - 1 :]
    largest = np.take_along_axis(made, places, 1)
    order = np.argsort(largest, axis=1)
    places, largest = np.take_along_axis(places, order, 1)[:, 1:], np.take_along_axis(largest, order, 1)
    x = largest[:, 1:] - largest[:, :1]
    # ties with the cutoff, weights that are none, and tails of which products are none are left to the careful form
    plain = (x[:, 0] > 0) & (largest[:, 0] > np.finfo(np.float64).tiny) & (x[:, _quarter(tail)] > NEGLIGIBLE)
    plain &= largest[:, -1] == 1
    if plain.any():
        # all rows, lest each number of plain ones be a program of its own
        k, scale = (np.array(v) for v in _fit_paretos(x))
        rank = (np.arange(tail) + 0.5) / tail
        bend = np.where(np.abs(k) > 1e-12, k, 1e-12)[:, None]
        with np.errstate(all="ignore"):  # of rows that are not plain
            excess = scale[:, None] * np.expm1(-bend * np.log1p(-rank)) / bend
        np.put_along_axis(made, places, np.minimum(excess + largest[:, :1], 1.0), 1)
        k = np.where(LIGHT * mean >= 1, np.minimum(k, FINITE), k)
        made /= np.sum(made, axis=1, keepdims=True)
    else:
        k = np.empty(rows)
    for i in np.flatnonzero(~plain):
        made[i], k[i] = smooth(log_weights[i])
    return Weighed(made, k, log_mean)


def _quarter(n: int) -> int:
    """Place of the first quartile of n sorted numbers."""
    return int(n / 4 + 0.5) - 1


@quick_jit()
def _fit_paretos(x: Any) -> tuple[Any, Any]:
    """`_fit_pareto` of many rows (rows, tail)."""
    import jax.numpy as jnp

    from .._quick import quick_log

    n = x.shape[1]
    candidates = 30 + int(np.sqrt(n))
    b = 1 - np.sqrt(candidates / (np.arange(candidates) + 0.5))
    b = b / (3 * x[:, _quarter(n), None]) + 1 / x[:, -1, None]
    # the sum of logarithms as that of a product's: a factor is 0.002 at least, and less than 3 / NEGLIGIBLE
    filled = jnp.pad(x, ((0, 0), (0, -n % TOGETHER)))
    product = 1.0
    for some in jnp.split(filled, TOGETHER, axis=1):
        product = product * (1 - b[:, :, None] * some[:, None, :])
    k = jnp.sum(quick_log(jnp, product), axis=2) / n
    likelihood = n * (jnp.log(-b / k) - k - 1)
    weight = jnp.exp(likelihood - jnp.max(likelihood, axis=1, keepdims=True))
    weight /= jnp.sum(weight, axis=1, keepdims=True)
    weight = jnp.where(weight >= 10 * np.finfo(np.float64).eps, weight, 0.0)
    mean_b = jnp.sum(b * weight, axis=1) / jnp.sum(weight, axis=1)
    shape = jnp.mean(jnp.log1p(-mean_b[:, None] * x), axis=1)
    return (n * shape + 5) / (n + 10), -shape / mean_b
