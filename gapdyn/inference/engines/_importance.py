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
        return explore(target.whole(args), self, key, progress, "importance sampling")


def explore(aim: Collapsed, engine: Any, key: Any, progress: bool | None, label: str) -> Sampled:
    """Draws of a posterior by an adapted proposal; `engine` has the settings of `Importance`."""
    began = time.perf_counter()
    random = generator(key)
    with progress_bar(1 + AGAIN * (engine.rounds + 1), label, progress) as bar:
        middle = np.zeros(aim.extra)

        def density(rest: Any) -> Any:
            return aim.values(_beside(rest, middle))

        modes = climb(density, best_starts(density, aim.size, STARTS, random))
        mixture, tries = about(modes), []
        bar.update(1)
        for _ in range(AGAIN):
            mixture = _fitted(aim, mixture, engine.rounds, random, bar)
            points = _enough(aim, mixture, random, max(engine.chains * engine.draws, ENOUGH))
            tries.append(points)
            bar.update(1)
            if points.k < COVERED:
                break
            mixture = _adapted(points.x[:, : aim.size], points.log_weight, random)
        best = min(tries, key=lambda p: p.k)
        picked = _picked(best, engine.chains * engine.draws, random)
        x = aim.back(picked).reshape(engine.chains, engine.draws, -1)
    quality = {
        "pareto_k": np.asarray([best.k]),
        "effective": np.asarray([best.worth]),
        "log_evidence": np.asarray([np.logaddexp.reduce(best.log_weight) - np.log(len(best.x))]),
        "converged": np.asarray([modes.converged.mean()]),
    }
    return Sampled(x, quality=quality, seconds={"sampling": time.perf_counter() - began})


def _beside(x: Any, e: Any) -> Any:
    return np.concatenate([x, np.broadcast_to(e, (len(x), e.shape[-1]))], 1)


def _fitted(aim: Collapsed, mixture: Mixture, rounds: int, random: np.random.Generator, bar: Any) -> Mixture:
    for i in range(rounds):
        count = FEW if i < EARLY else MANY
        x, log_weight = _points(aim, mixture, random, count)
        bar.update(1)
        if _effective(log_weight) > GOOD * count:
            break
        mixture = _adapted(x[:, : aim.size], log_weight, random)
    return mixture


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


def _points(aim: Collapsed, mixture: Mixture, random: np.random.Generator, count: int) -> tuple[Any, Any]:
    """Points (count, size + extra), the last numbers standard normal, and log weights (count,)."""
    rest, e = mixture.sample(random, count), random.standard_normal((count, aim.extra))
    x = _beside(rest, e)
    normal = -0.5 * np.sum(e**2 + np.log(2 * np.pi), 1)
    return x, aim.values(x) - mixture.log_prob(rest) - normal


def _effective(log_weight: Any) -> float:
    weight = np.exp(log_weight - np.max(log_weight))
    return float(np.sum(weight) ** 2 / np.sum(weight**2)) if np.isfinite(weight).all() else 0.0


def _enough(aim: Collapsed, mixture: Mixture, random: np.random.Generator, draws: int) -> _Points:
    """Points worth `draws`, if `PER_DRAW` times as many will do; worth `ENOUGH` at least, if `UTMOST` times will."""
    parts = [_points(aim, mixture, random, MANY)]
    while True:
        x, log_weight = (np.concatenate(a) for a in zip(*parts, strict=True))
        points = _Points(x, log_weight, *smooth(log_weight))
        most, wanted = (PER_DRAW, draws) if points.worth >= ENOUGH else (UTMOST, ENOUGH)
        room = most * draws - len(x)
        if points.worth >= draws or room <= 0:
            return points
        missing = min(room, int((wanted - points.worth) * len(x) / points.worth))
        blocks = max(1, missing // MANY)  # of one size, so that an interrupt is felt
        parts = [(x, log_weight), *(_points(aim, mixture, random, MANY) for _ in range(blocks))]


def _adapted(x: Any, log_weight: Any, random: np.random.Generator) -> Mixture:
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
