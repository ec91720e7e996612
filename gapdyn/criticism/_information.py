"""How many more checkpoints would tell the laws apart: expected from continuations of the run by each of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._check import InputError
from .._random import split
from ..data import Run
from ._compare import COUNTS, TOLD, Comparison
from ._weights import FRACTION

MORE = (1, 2, 5, 10, 20)
EVEN = 0.5  # chance from which telling is to be expected
MOST = 40  # the covariance of more checkpoints asks for more draws than a comparison has


@dataclasses.dataclass(frozen=True, eq=False)
class Information:
    """What more checkpoints are expected to say of which law is true. Made by `gapdyn.information`; prints itself.

    Attributes
    ----------
    run : the run so far.
    weights : law -> its weight now, of those that count (at least 5%; they sum to 1).
    more : (n,), numbers of further checkpoints.
    step : time between them, in the run's clock.
    told : (n,), chance that then one law has a weight of 75% or more.
    weight : law -> (n,), the weight that it is expected to have then, if it is the true one.
    """

    run: Run
    weights: Mapping[str, float]
    more: tuple[int, ...]
    step: float
    told: np.ndarray
    weight: Mapping[str, np.ndarray]

    @property
    def enough(self) -> int | None:
        """The fewest of `more` with which the chance of telling is at least a half; None: with none of them."""
        return next((n for n, p in zip(self.more, self.told, strict=True) if p >= EVEN), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return {
            "run": self.run.name,
            "weights": dict(self.weights),
            "more": list(self.more),
            "step": self.step,
            "told": self.told.tolist(),
            "weight_if_true": {name: w.tolist() for name, w in self.weight.items()},
            "enough": self.enough,
        }

    def __str__(self) -> str:
        run, every = self.run, f"one every {self.step:g} {self.run.clock}s"
        lines = [f"what more checkpoints of {run.name} would say ({every})"]
        lines.append(f"{'more':24s}{'now':>6s}" + "".join(f"{n:>6d}" for n in self.more))
        lines.append(f"{'chance to tell one':24s}{'':6s}" + "".join(f"{p:>6.0%}" for p in self.told))
        for name in sorted(self.weights, key=lambda n: -self.weights[n]):
            later = "".join(f"{w:>6.2f}" for w in self.weight[name])
            lines.append(f"{name + ', if true':24s}{self.weights[name]:>6.2f}{later}")
        if self.enough is None:
            lines.append(f"{self.more[-1]} more are unlikely to tell these laws apart.")
        else:
            lines.append(f"With {self.enough} more, one law is likely to have a weight of {TOLD:.0%}.")
        return "\n".join(lines)


def information(compared: Comparison, more: Sequence[int] = MORE, *, key: Any = 0) -> Information:
    """How likely so many more checkpoints are to tell the laws of a comparison apart.

    Every law that counts continues the run in turn, with the posterior's own doubt about its numbers, its noise and its
    straying; each continuation is judged by the joint predictive density of all laws (Gaussian, by the moments of their
    draws), and that changes the weights as `gapdyn.compare` weighs: a checkpoint counts as a part of one.

    Parameters
    ----------
    compared : laws, weighed by `gapdyn.compare`.
    more : numbers of further checkpoints, at the spacing of the later half of the run.
    key : seed.

    Raises
    ------
    InputError
        Numbers that are not whole, not positive, or above 40.
    """
    counts = _checked(more)
    run = compared.run
    heavy = {name: w for name, w in compared.weights.items() if w >= COUNTS}
    weights = {name: w / sum(heavy.values()) for name, w in heavy.items()}
    step = float(np.median(np.diff(run.t[len(run) // 2 - 1 :])))
    ts = run.t[-1] + step * np.arange(1, counts[-1] + 1)
    ahead = {n: _ahead(compared, n, ts, k) for n, k in zip(weights, split(key, len(weights)), strict=True)}
    now = np.log(list(weights.values()))
    told = np.zeros(len(counts))
    weight = {name: np.zeros(len(counts)) for name in weights}
    for i, n in enumerate(counts):
        # moments are of half of the draws, and continuations are the others: each law is judged on what it has not seen
        moments = [_moments(x[::2, :n]) for x in ahead.values()]
        for j, (name, x) in enumerate(ahead.items()):
            log_p = np.stack([_log_normal(x[1::2, :n], *m) for m in moments], -1)
            then = now + FRACTION * log_p
            then = np.exp(then - np.max(then, 1, keepdims=True))
            then /= then.sum(1, keepdims=True)
            weight[name][i] = np.mean(then[:, j])
            told[i] += weights[name] * np.mean(np.max(then, 1) >= TOLD)
    return Information(run, weights, counts, step, told, weight)


def _checked(more: Sequence[int]) -> tuple[int, ...]:
    counts = tuple(sorted(set(more)))
    if not counts or any(
        isinstance(n, bool) or not isinstance(n, int | np.integer) or not 1 <= n <= MOST for n in counts
    ):
        raise InputError(f"more={list(more)!r}: give whole numbers of further checkpoints, 1 to {MOST}.")
    return tuple(int(n) for n in counts)


def _ahead(compared: Comparison, name: str, ts: np.ndarray, key: Any) -> np.ndarray:
    """Continuations of the run by a law, (draw, times, series)."""
    fit = compared.fits[name]
    curves = fit.curves(ts, key=key)
    reps = {"u_s": curves.rep_s, "u_v": curves.rep_v}
    return np.stack([reps[s] for s in fit.data.measured], -1)


def _moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and a triangular factor of the covariance of draws (draw, ...)."""
    flat = x.reshape(len(x), -1)
    cov = np.atleast_2d(np.cov(flat, rowvar=False))
    return flat.mean(0), np.linalg.cholesky(cov + 1e-9 * np.diag(np.diag(cov)))


def _log_normal(x: np.ndarray, mean: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Log density (draw,) of draws (draw, ...), less a constant that all laws share."""
    white = np.linalg.solve(factor, (x.reshape(len(x), -1) - mean).T)
    return -0.5 * np.sum(white**2, 0) - np.sum(np.log(np.diag(factor)))
