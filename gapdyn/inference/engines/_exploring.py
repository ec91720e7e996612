"""Importance sampling with an adapted mixture, from a first proposal on, in which no point is lost.

The mixture is fitted to all weighted points so far, and more are drawn from it, until they are worth the draws asked
for. A point's weight has the mean of all proposals in its denominator (adaptive multiple importance sampling, Cornuet,
Marin, Mira, Robert 2012): what an early proposal missed by far, a later one makes good. The k-hat of the weights (see
`_pareto`) says whether the mixtures together cover the posterior.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from .._diagnostics import ENOUGH
from ._mixture import Mixture, Moments, factor_of, log_sum, systematic
from ._pareto import smooth
from ._result import Sampled
from ._target import Collapsed, Target

FEW, LESS, MANY = 1024, 2048, 6144  # points in a round: early ones, and later for few draws and for many
PER_DRAW, UTMOST = 8, 32  # most points per draw that is kept
THINNED = 2048  # of the points, by weight, that a mixture is fitted to
REFINEMENTS = 6  # steps of expectation-maximisation in a round
DEFENSIVE = 0.15  # share of a wide component over all that was seen, lest a tail be lost
LARGEST = 20  # weights that are cut to the least of them while adapting
# power of the target that the first proposal resembles, and what each round adds to it: one that is fitted to the
# target at once loses the far end of a bent posterior, which no point then visits and no k-hat shows
FLAT, STEEPER, STEEPEST = 0.5, 0.1, 0.9
TO_FIT = 400  # points, effectively, from which a mixture is fitted
GOOD = 0.5  # draws that a point is worth, from which there is little to gain
COVERED = 0.7  # k-hat below which the weights may be trusted


class Pool:
    """All points so far, or those of the `last` proposals, and their weights.

    Attributes
    ----------
    x : (points, size), where proposals put them.
    own : (points, target's size), the target's own vectors of them.
    log_target, log_proposal : (points,), the latter of the mean of all proposals, each counted by its points.
    weight, k : (points,), the smoothed weights, and their k-hat.
    """

    def __init__(self, aim: Collapsed, random: np.random.Generator, last: int | None = None):
        self.aim, self.random, self.last = aim, random, last
        self.made: list[tuple[int, Mixture]] = []
        self.x, self.own = np.zeros((0, aim.size)), np.zeros((0, aim.size + aim.extra))
        self.log_target, self.log_proposal = np.zeros(0), np.zeros(0)
        self._each = np.zeros((0, 0))  # (proposals, points), log density times the proposal's points

    def __len__(self) -> int:
        return len(self.x)

    @property
    def log_weight(self) -> Any:
        return self.log_target - self.log_proposal

    @functools.cached_property
    def _smoothed(self) -> tuple[Any, float]:
        """Looked at once for all points there are; annealing never does."""
        return smooth(self.log_weight)

    @property
    def weight(self) -> Any:
        return self._smoothed[0]

    @property
    def k(self) -> float:
        return self._smoothed[1]

    @property
    def worth(self) -> float:
        """Independent draws that the points are worth."""
        return float(1 / np.sum(self.weight**2))

    @property
    def share(self) -> float:
        """Of a draw that a point is worth."""
        return self.worth / len(self)

    @property
    def trusted(self) -> bool:
        """Whether k-hat says that the weights are to be relied on."""
        return self.k < COVERED

    def missing(self, draws: int) -> int:
        """Points still to come for a worth of `draws`; 0 or less where there are enough, or too many already."""
        room = (PER_DRAW if self.worth >= ENOUGH else UTMOST) * draws - len(self)
        return min(room, math.ceil((draws / self.worth - 1) * len(self)))

    def add(self, mixture: Mixture, count: int) -> None:
        """`count` more points, from `mixture`."""
        x, own, log_target, log_proposal = points(self.aim, mixture, self.random, count)
        if len(self.made) == self.last:
            gone, _ = self.made.pop(0)
            self.x, self.own, self.log_target = self.x[gone:], self.own[gone:], self.log_target[gone:]
            self._each = self._each[1:, gone:]
        here = [np.log(n) + m.log_prob(x) for n, m in self.made]
        before = np.vstack([self._each, np.log(count) + mixture.log_prob(self.x)])
        self._each = np.hstack([before, np.vstack([*here, np.log(count) + log_proposal])])
        self.x, self.own = np.concatenate([self.x, x]), np.concatenate([self.own, own])
        self.log_target = np.concatenate([self.log_target, log_target])
        self.log_proposal = log_sum(self._each) - np.log(len(self))
        self.made.append((count, mixture))
        self.__dict__.pop("_smoothed", None)

    def adapted(self, components: int) -> Mixture:
        """A mixture that resembles the target as far as the points know it: flattened until enough of them count."""
        steepest = min(FLAT + STEEPER * (len(self.made) - 1), STEEPEST)
        flat = flattened(self.log_target, self.log_proposal, steepest)
        return adapted(self.x, flat, self.random, components)

    def picked(self, count: int) -> Any:
        """The target's own vectors of `count` of the points, by weight, in random order."""
        return self.own[self.random.permutation(systematic(self.weight, count, self.random))]


def explored(
    aim: Collapsed, mixture: Mixture, engine: Any, random: np.random.Generator, bar: Any, early: int = 0,
    alike: float = 0.0,
) -> Sampled:  # fmt: skip
    """Draws of a posterior from a first proposal, which adapts; `early` of its rounds are small, and they go on while a
    point is worth less than `alike` of a draw.

    `engine` has the settings of `Importance`.
    """
    draws = engine.chains * engine.draws
    wanted, many = max(draws, ENOUGH), LESS if draws <= LESS else MANY
    pool = Pool(aim, random)
    for i in range(engine.rounds):
        if i > 0:
            mixture = pool.adapted(engine.components)
        pool.add(mixture, FEW if i < early else many)
        bar.update(1)
        enough = pool.missing(wanted) <= 0 and pool.share >= alike
        if pool.trusted and (enough or pool.share > GOOD):
            break
    while pool.trusted and (count := pool.missing(wanted)) > 0:
        pool.add(mixture, max(count, FEW))
    picked = pool.picked(draws)
    return _sampled(picked, engine, pool.x, pool.log_proposal, pool.log_weight, pool.k, pool.worth, mixture)


def found_outright(target: Target, args: tuple[Any, ...], engine: Any, random: np.random.Generator) -> Sampled | None:
    """Draws of a posterior that needs no search; None where they are not verified."""
    draws = engine.chains * engine.draws
    wanted = max(draws, ENOUGH)
    for count in (2 * wanted, 8 * wanted):
        found = target.outright(args, random, count)
        log_weight = found.log_target - found.log_proposal
        weight, k = smooth(log_weight)
        worth = float(1 / np.sum(weight**2))
        if k < COVERED and worth >= wanted:
            picked = found.own[random.permutation(systematic(weight, draws, random))]
            return _sampled(picked, engine, found.x, found.log_proposal, log_weight, k, worth)
    return None


def _sampled(
    picked: Any, engine: Any, x: Any, log_proposal: Any, log_weight: Any, k: float, worth: float, proposal: Any = None
) -> Sampled:
    quality = {
        "pareto_k": np.asarray([k]),
        "effective": np.asarray([worth]),
        "log_evidence": np.asarray([np.logaddexp.reduce(log_weight) - np.log(len(x))]),
    }
    shape = (engine.chains, engine.draws, -1)
    return Sampled(picked.reshape(shape), quality=quality, proposal=proposal, points=(x, log_proposal))


def points(aim: Collapsed, mixture: Mixture, random: np.random.Generator, count: int) -> tuple[Any, Any, Any, Any]:
    """Points (count, size); the target's own vectors of them, the extra numbers being standard normal; log densities of
    target and proposal (count,).
    """
    x, e = mixture.sample(random, count), random.standard_normal((count, aim.extra))
    normal = -0.5 * np.sum(e**2 + np.log(2 * np.pi), 1)
    log_target, own = aim.both(np.concatenate([x, e], 1))
    return x, own, log_target - normal, mixture.log_prob(x)


def flattened(log_target: Any, log_proposal: Any, steepest: float = STEEPEST) -> Any:
    """Log weights (points,) for a power of the target, the greatest up to `steepest` for which enough points count."""
    flat = np.arange(FLAT, steepest + 0.01, STEEPER)[:, None] * log_target - log_proposal
    enough = [effective(f) >= TO_FIT for f in flat]
    return flat[max(0, sum(enough) - 1)]


def effective(log_weight: Any) -> float:
    """Effective number of weighted points; 0 where no weight is finite."""
    top = np.max(log_weight)
    weight = np.exp(log_weight - top) if np.isfinite(top) else np.zeros(1)
    return float(np.sum(weight) ** 2 / max(np.sum(weight**2), 1e-300))


def capped(log_weight: Any) -> Any:
    """Weights that sum to 1, the largest cut to the least of them."""
    weight = np.exp(log_weight - np.max(log_weight))
    weight = np.minimum(weight, np.partition(weight, -LARGEST)[-LARGEST])
    return weight / np.sum(weight)


def adapted(x: Any, log_weight: Any, random: np.random.Generator, components: int) -> Mixture:
    """A mixture that resembles the weighted points: expectation-maximisation from centres among them."""
    weight = capped(log_weight)
    if len(x) > THINNED:
        x = x[systematic(weight, THINNED, random)]
        weight = np.full(THINNED, 1 / THINNED)
    mean = weight @ x
    whole = (weight[:, None] * (x - mean)).T @ (x - mean)
    root = factor_of(whole)
    apart = (x - mean) @ np.linalg.inv(root).T
    place = (np.arange(components) + random.uniform(size=components)) / components
    centre = apart[np.searchsorted(np.cumsum(weight)[:-1], place)]
    even, one = np.full(components, -np.log(components)), np.eye(len(mean))
    fitted = Mixture(even, centre, np.repeat(np.sqrt(0.4) * one[None], components, 0))
    moments = Moments(apart)
    for _ in range(REFINEMENTS):
        fitted = fitted.improved(moments, weight, 0.5 * one)
    fitted = fitted.seen_from(mean, root)
    return Mixture(
        np.append(fitted.log_weight + np.log1p(-DEFENSIVE), np.log(DEFENSIVE)),
        np.concatenate([fitted.mean, mean[None]]),
        np.concatenate([fitted.factor, np.sqrt(2.5) * root[None]]),
    )
