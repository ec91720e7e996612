"""Importance sampling: modes by Newton's method from several starts, a mixture of Student-t densities about them that
adapts to the posterior, Pareto-smoothed weights.

Where it works (a handful of parameters, few modes) its draws are independent and cost some thousands of densities,
and it knows whether it worked: k-hat says how well the proposal covers the posterior. Only the density is compiled;
what steers it is NumPy, and stops when the proposal is good.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..._random import generator
from .._diagnostics import ENOUGH
from .._progress import progress_bar
from ._mixture import Mixture, factor_of
from ._newton import Modes, climb
from ._pareto import smooth
from ._result import Sampled
from ._target import Collapsed, Target

FEW, MANY = 1024, 6144  # points in a round, early and late
EARLY = 3  # rounds
AGAIN = 3  # times that the whole is tried, each time from all points of the time before
PER_DRAW, UTMOST = 8, 32  # most points per draw that is kept
STARTS = 8  # of Newton's method
TRIES = 128  # random points from which each start is the densest
COMPONENTS = 12
REFINEMENTS = 6  # steps of expectation-maximisation in a round
DEFENSIVE = 0.15  # share of a wide component over all that was seen, lest a tail be lost
LARGEST = 20  # weights that are cut to the least of them while adapting
GOOD = 0.6  # effective share of the points beyond which there is nothing to gain
COVERED = 0.7  # k-hat below which the weights may be trusted
WIDER = 1.5  # than the curvature at a mode says


Values = Callable[[Any], Any]  # (n, size) -> (n,)


class _Points(NamedTuple):
    """Weighted points: x (points, size), log_weight (points,), the smoothed weights (points,) and their k-hat."""

    x: Any
    log_weight: Any
    weight: Any
    k: float

    @property
    def worth(self) -> float:
        """Independent draws that they are worth."""
        return float(1 / np.sum(self.weight**2))


@dataclasses.dataclass(frozen=True)
class Importance:
    """Settings of importance sampling.

    Parameters
    ----------
    chains, draws : draws in all are their product; they are independent, and in chains for those who expect them so.
    rounds : most times that the proposal adapts before draws are taken and judged.
    """

    chains: int = 4
    draws: int = 1000
    rounds: int = 8
    name = "importance"

    def run(self, target: Target, args: tuple[Any, ...], key: Any, progress: bool | None = None) -> Sampled:
        """Sample the posterior."""
        began, random, aim = time.perf_counter(), generator(key), target.whole(args)
        with progress_bar(1 + AGAIN * (self.rounds + 1), "importance sampling", progress) as bar:
            modes = climb(aim.values, best_starts(aim.values, aim.size, STARTS, random))
            bar.update(1)
            sampled = explored(aim, about(modes), self, random, bar, EARLY)
        quality = {**sampled.quality, "converged": np.asarray([modes.converged.mean()])}
        return Sampled(sampled.x, quality=quality, seconds={"sampling": time.perf_counter() - began})


def explored(
    aim: Collapsed, mixture: Mixture, engine: Any, random: np.random.Generator, bar: Any, early: int = 0
) -> Sampled:
    """Draws of a posterior from a first proposal, which adapts; `early` of its rounds are small.

    `engine` has the settings of `Importance`.
    """
    tries: list[_Points] = []
    for _ in range(AGAIN):
        mixture, first = _fitted(aim, mixture, engine.rounds, early, random, bar)
        tries.append(_enough(aim, mixture, random, first, max(engine.chains * engine.draws, ENOUGH)))
        bar.update(1)
        if tries[-1].k < COVERED:
            break
        mixture = adapted(tries[-1].x[:, : aim.size], tries[-1].log_weight, random)
    best = min(tries, key=lambda p: p.k)
    picked = _picked(best, engine.chains * engine.draws, random)
    quality = {
        "pareto_k": np.asarray([best.k]),
        "effective": np.asarray([best.worth]),
        "log_evidence": np.asarray([np.logaddexp.reduce(best.log_weight) - np.log(len(best.x))]),
    }
    return Sampled(aim.back(picked).reshape(engine.chains, engine.draws, -1), quality=quality)


def _fitted(
    aim: Collapsed, mixture: Mixture, rounds: int, early: int, random: np.random.Generator, bar: Any
) -> tuple[Mixture, tuple[Any, Any]]:
    """A proposal with which there is little to gain, if there is one in so many rounds, and points by it."""
    for i in range(rounds):
        count = FEW if i < early else MANY
        x, log_weight = _weighted(aim, mixture, random, count)
        bar.update(1)
        if _effective(log_weight) > GOOD * count:
            return mixture, (x, log_weight)
        mixture = adapted(x[:, : aim.size], log_weight, random)
    return mixture, _weighted(aim, mixture, random, MANY)


def _picked(points: _Points, count: int, random: np.random.Generator) -> Any:
    """`count` of the points, by weight, in random order."""
    place = (np.arange(count) + random.uniform()) / count
    return points.x[random.permutation(np.searchsorted(np.cumsum(points.weight)[:-1], place))]


def best_starts(values: Values, size: int, count: int, random: np.random.Generator) -> Any:
    """(count, size): each the densest of `TRIES` random points."""
    tries = random.uniform(-2, 2, (count, TRIES, size))
    scores = np.nan_to_num(values(tries.reshape(-1, size)), nan=-np.inf).reshape(count, TRIES)
    return tries[np.arange(count), np.argmax(scores, 1)]


def about(modes: Modes) -> Mixture:
    """A mixture about the modes, each once, by what each is worth."""
    cov = modes.covariance
    order = np.argsort(-np.nan_to_num(modes.log_evidence, nan=-np.inf, posinf=-np.inf))
    kept: list[int] = []
    for i in order:
        apart = modes.x[i] - modes.x[kept] if kept else np.zeros((0, modes.x.shape[1]))
        near = [d @ np.linalg.solve(cov[j], d) < 1 for j, d in zip(kept, apart, strict=True)]
        if not any(near) and (not kept or np.isfinite(modes.log_density[i])):
            kept.append(int(i))
    worth = modes.log_evidence[kept]
    # a lesser mode keeps a little, for it may be a tail's outpost
    worth = np.maximum(worth - worth.max(), np.log(1e-2)) if np.isfinite(worth).all() else np.zeros(len(kept))
    return Mixture(worth - np.logaddexp.reduce(worth), modes.x[kept], factor_of(WIDER * cov[kept]))


def points(aim: Collapsed, mixture: Mixture, random: np.random.Generator, count: int) -> tuple[Any, Any, Any]:
    """Points (count, size + extra), the last numbers standard normal; log densities of target and proposal (count,)."""
    rest, e = mixture.sample(random, count), random.standard_normal((count, aim.extra))
    x = np.concatenate([rest, e], 1)
    normal = -0.5 * np.sum(e**2 + np.log(2 * np.pi), 1)
    return x, aim.values(x) - normal, mixture.log_prob(rest)


def _weighted(aim: Collapsed, mixture: Mixture, random: np.random.Generator, count: int) -> tuple[Any, Any]:
    x, log_target, log_proposal = points(aim, mixture, random, count)
    return x, log_target - log_proposal


def _effective(log_weight: Any) -> float:
    weight = np.exp(log_weight - np.max(log_weight))
    return float(np.sum(weight) ** 2 / np.sum(weight**2)) if np.isfinite(weight).all() else 0.0


def _enough(
    aim: Collapsed, mixture: Mixture, random: np.random.Generator, first: tuple[Any, Any], draws: int
) -> _Points:
    """Points worth `draws`, if `PER_DRAW` times as many will do; worth `ENOUGH` at least, if `UTMOST` times will.

    `first` are the first of them.
    """
    parts = [first]
    while True:
        x, log_weight = (np.concatenate(a) for a in zip(*parts, strict=True))
        found = _Points(x, log_weight, *smooth(log_weight))
        most, wanted = (PER_DRAW, draws) if found.worth >= ENOUGH else (UTMOST, ENOUGH)
        room = most * draws - len(x)
        if found.worth >= draws or room <= 0:
            return found
        missing = min(room, int((wanted - found.worth) * len(x) / found.worth))
        blocks = max(1, missing // MANY)  # of one size, so that an interrupt is felt
        parts = [(x, log_weight), *(_weighted(aim, mixture, random, MANY) for _ in range(blocks))]


def adapted(x: Any, log_weight: Any, random: np.random.Generator) -> Mixture:
    """A mixture that resembles the weighted points: expectation-maximisation from centres among them."""
    weight = np.exp(log_weight - np.max(log_weight))
    weight = np.minimum(weight, np.partition(weight, -LARGEST)[-LARGEST])
    weight = weight / np.sum(weight)
    mean = weight @ x
    whole = (weight[:, None] * (x - mean)).T @ (x - mean)
    place = (np.arange(COMPONENTS) + random.uniform(size=COMPONENTS)) / COMPONENTS
    centre = x[np.searchsorted(np.cumsum(weight)[:-1], place)]
    even = np.full(COMPONENTS, -np.log(COMPONENTS))
    fitted = Mixture(even, centre, np.repeat(factor_of(0.4 * whole)[None], COMPONENTS, 0))
    for _ in range(REFINEMENTS):
        fitted = fitted.improved(x, weight, 0.5 * whole)
    return Mixture(
        np.append(fitted.log_weight + np.log1p(-DEFENSIVE), np.log(DEFENSIVE)),
        np.concatenate([fitted.mean, mean[None]]),
        np.concatenate([fitted.factor, factor_of(2.5 * whole)[None]]),
    )
