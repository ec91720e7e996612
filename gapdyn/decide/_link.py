"""The accuracy link, logit p = a - c U with c >= 0: its posterior along a course of U, and what it says of the course.

Counts are those of a double binomial (Efron 1986): a binomial whose variance is `spread`^2 times as large, spread >= 1
(at 1 it is the binomial). Prompts stay the same over a run, which makes counts of fresh samples a little surer than
that, but neighbouring checkpoints err together, so no fewer than a binomial's errors are believed; more where the
accuracies stray from the link by more (fresh prompts with several samples of each, training that jitters).

No engine is asked: given the course of one draw, Laplace's approximation proposes the link's three numbers, and the
weight of the proposal makes it exact.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_ndtr, logit, ndtr, ndtri_exp, xlogy

from ..criticism._progress import column
from ..data import Run

SD = np.array([5.0, 2.5])  # priors: logit at the middle of the run ~ Normal(0, 5), logits gained ~ HalfNormal(2.5)
STRAYING = 0.5  # prior: spread - 1 ~ HalfCauchy(0.5)
CELLS = np.linspace(0.0, np.log(300.0), 41)  # of log spread, in which it is proposed
EACH = 4  # proposals for each draw of the course
STEPS, CLOSE = 100, 1e-8
UNCERTAINTY = {"acc_s": "u_s", "acc_v": "u_v"}

Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Graded:
    """The counts of one accuracy column.

    Attributes
    ----------
    series : "acc_s" or "acc_v".
    at : (obs,), the checkpoints that have them.
    right, count : (obs,), correct and graded responses.
    prompts : how many prompts they are of.
    middle, size : what U is counted from and in: the middle and the range of the measured uncertainty.
    """

    series: str
    at: np.ndarray
    right: Array
    count: Array
    prompts: float
    middle: float
    size: float

    def fallen(self, u: Array) -> Array:
        """-U in standard units: rises as uncertainty falls."""
        return (self.middle - u) / self.size


def graded(run: Run, series: str) -> Graded | None:
    """The counts of `acc_s` or `acc_v`; None where fewer than 3 checkpoints have accuracy, uncertainty and a count.

    Of the solver every sample is graded (`n_acc`, or `n_prompts` times `n_samples`), of the verifier one response for
    each prompt (`n_prompts`, or `n_acc` by `n_samples`).
    """
    acc, u = getattr(run, series), getattr(run, UNCERTAINTY[series])
    prompts, samples = column(run, "n_prompts"), np.nan_to_num(column(run, "n_samples"), nan=1.0)
    prompts = np.where(np.isfinite(prompts), prompts, run.n_acc / samples)
    count = prompts
    if series == "acc_s":
        count = np.where(np.isfinite(run.n_acc), run.n_acc, prompts * samples)
    at = np.flatnonzero(np.isfinite(acc) & np.isfinite(count) & np.isfinite(u))
    if len(at) < 3:
        return None
    measured = u[np.isfinite(u)]
    low, high = float(np.min(measured)), float(np.max(measured))
    # a curve that does not move has no range: any size will do, its gain is unknown
    size = high - low or abs(high) or 1.0
    return Graded(series, at, acc[at] * count[at], count[at], float(np.median(prompts[at])), (low + high) / 2, size)


def all_graded(run: Run) -> dict[str, Graded]:
    """What can be linked, by series; empty where nothing can."""
    return {s: d for s in UNCERTAINTY if (d := graded(run, s)) is not None}


@dataclasses.dataclass(frozen=True, eq=False)
class Proposed:
    """Links proposed for each draw of a course, and their weights.

    Attributes
    ----------
    a, c, spread : (draw, EACH), of logit p = a - c U and of the counts.
    log_weight : (draw, EACH), log p(counts, link | course) - log q(link | course).
    negative : P(c < 0) had c no sign.
    """

    a: Array
    c: Array
    spread: Array
    log_weight: Array
    negative: float

    @property
    def log_evidence(self) -> Array:
        """Log p(counts | course), (draw,), by its unbiased estimate."""
        top = np.max(self.log_weight, axis=1)
        return top + np.log(np.mean(np.exp(self.log_weight - top[:, None]), axis=1))


def propose(data: Graded, course: Array, random: np.random.Generator) -> Proposed:
    """Links for each draw of the course of U at the counts' checkpoints, (draw, obs)."""
    x = data.fallen(course)
    precision = 1 / SD**2
    mode, top, curvature = _mode(data, x, precision)
    log_cell, mean, variance = _by_spread(mode, top, curvature, precision, len(data.at))
    each = (len(x), EACH)
    cell = _choose(log_cell, random.random(each))
    rows = np.arange(len(x))[:, None]
    mean, variance = mean[rows, cell], variance[rows, cell]
    log_spread = CELLS[cell] + np.diff(CELLS)[cell] * random.random(each)
    sd = np.sqrt(variance[..., 1, 1])
    kept = log_ndtr(mean[..., 1] / sd)  # of the normal, what has c >= 0
    score = -ndtri_exp(np.log1p(-random.random(each)) + kept)
    gain = np.maximum(mean[..., 1] + sd * score, 0.0)
    slope = variance[..., 0, 1] / variance[..., 1, 1]
    left = np.sqrt(variance[..., 0, 0] - slope * variance[..., 0, 1])
    noise = random.standard_normal(each)
    level = mean[..., 0] + slope * (gain - mean[..., 1]) + left * noise
    log_q = log_cell[rows, cell] - np.log(np.diff(CELLS)[cell])
    log_q += _normal(score) - np.log(sd) - kept + _normal(noise) - np.log(left)
    fit = np.stack([_log_likelihood(data, x, level[:, i], gain[:, i]) for i in range(EACH)], 1)
    log_p = fit * np.exp(-2 * log_spread) - len(data.at) * log_spread + _log_prior_of_spread(log_spread)
    log_p += _normal(level / SD[0]) + _normal(gain / SD[1]) - np.sum(np.log(SD)) + np.log(2)
    c = gain / data.size
    negative = float(np.mean(ndtr(-mean[..., 1] / sd)))
    return Proposed(level + c * data.middle, c, np.exp(log_spread), log_p - log_q, negative)


def _mode(data: Graded, x: Array, precision: Array) -> tuple[Array, Array, Array]:
    """Of each draw: the mode of level and gain at spread 1 (draw, 2), the log-likelihood there, its curvature."""
    shape = (len(x), 2)
    z = np.zeros(shape)
    z[:, 0] = logit((np.sum(data.right) + 0.5) / (np.sum(data.count) + 1))
    curvature = np.zeros((*shape, 2))
    for _ in range(STEPS):
        p = expit(z[:, :1] + z[:, 1:] * x)
        missing, weight = data.right - data.count * p, data.count * p * (1 - p)
        gradient = np.stack([np.sum(missing, -1), np.sum(missing * x, -1)], -1) - precision * z
        parts = (np.sum(weight * x**i, -1) for i in (0, 1, 1, 2))
        curvature = np.stack(list(parts), -1).reshape(*shape, 2)
        inverse, _ = _inverse(curvature + np.diag(precision))
        step = np.sum(inverse * gradient[:, None], -1)
        length = np.max(np.abs(step), axis=-1, keepdims=True)
        z = z + step / np.maximum(length, 1.0)  # never more than a logit at once: Newton's method may overshoot
        if np.max(length) < CLOSE:
            break
    return z, _log_likelihood(data, x, *z.T), curvature


def _by_spread(z: Array, top: Array, curvature: Array, precision: Array, obs: int) -> tuple[Array, Array, Array]:
    """Laplace's approximation by cell of spread: log probability of the cell (draw, cell), mean (draw, cell, 2) and
    variance (draw, cell, 2, 2) of level and gain.

    The likelihood is raised to the power 1/spread^2, the prior is not, so the mode moves towards the prior's.
    """
    middle = (CELLS[1:] + CELLS[:-1]) / 2
    power = np.exp(-2 * middle)[:, None]
    variance, determinant = _inverse(curvature[:, None] * power[..., None] + np.diag(precision))
    pull = (precision * z)[:, None] * (power - 1)
    shift = np.sum(variance * pull[..., None, :], -1)
    mean = z[:, None] + shift
    log = top[:, None] * power[:, 0] - obs * middle + _log_prior_of_spread(middle) + np.log(np.diff(CELLS))
    log += (np.sum(pull * shift, -1) - np.log(determinant) - np.sum(precision * z**2, -1)[:, None]) / 2
    log += log_ndtr(mean[..., 1] / np.sqrt(variance[..., 1, 1]))
    log -= np.max(log, axis=1, keepdims=True)
    # no cell is left out, lest Laplace's error be a weight without bound
    share = 0.99 * np.exp(log) / np.sum(np.exp(log), axis=1, keepdims=True) + 0.01 / len(middle)
    return np.log(share), mean, variance


def _inverse(m: Array) -> tuple[Array, Array]:
    """Of symmetric matrices (..., 2, 2): inverses and determinants. Many times as fast as NumPy's own, one by one."""
    determinant = m[..., 0, 0] * m[..., 1, 1] - m[..., 0, 1] ** 2
    adjugate = np.stack([m[..., 1, 1], -m[..., 0, 1], -m[..., 0, 1], m[..., 0, 0]], -1).reshape(m.shape)
    return adjugate / determinant[..., None, None], determinant


def _choose(log_share: Array, at: Array) -> np.ndarray:
    """Cells (draw, n) by their shares (draw, cell), at uniform numbers (draw, n)."""
    ends = np.cumsum(np.exp(log_share), axis=1)
    return np.minimum(np.sum(at[:, :, None] > ends[:, None, :], axis=-1), log_share.shape[1] - 1)


def _log_likelihood(data: Graded, x: Array, level: Array, gain: Array) -> Array:
    """Of each draw, less that of the best possible p: half the deviance, negative."""
    score = level[:, None] + gain[:, None] * x
    wrong = data.count - data.right
    best = np.sum(xlogy(data.right, data.right / data.count) + xlogy(wrong, wrong / data.count))
    return np.sum(data.right * score - data.count * np.logaddexp(0.0, score), -1) - best


def _log_prior_of_spread(log_spread: Array) -> Array:
    """Of log spread, where spread - 1 is half-Cauchy."""
    return np.log(2 / (np.pi * STRAYING)) - np.log1p((np.expm1(log_spread) / STRAYING) ** 2) + log_spread


def _normal(z: Array) -> Array:
    return -0.5 * z**2 - 0.5 * np.log(2 * np.pi)
