"""Importance sampling with an adapted mixture (population Monte Carlo, Cappe et al. 2008), from a first proposal on.

The mixture is fitted to weighted points, which are drawn anew, until there is little to gain; then the draws are picked
from points by weight. Their k-hat (see `_pareto`) says whether the mixture covers the posterior.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._diagnostics import ENOUGH
from ._mixture import Mixture, factor_of, systematic
from ._pareto import smooth
from ._result import Sampled
from ._target import Collapsed

FEW, LESS, MANY = 1024, 2048, 6144  # points in a round: early ones, and later for few draws and for many
AGAIN = 3  # times that the whole is tried, each time from all points of the time before; once for few draws
STALLED = 1.1  # growth of the effective share over two rounds, below which a proposal is as good as it gets
PER_DRAW, UTMOST = 8, 32  # most points per draw that is kept
THINNED = 2048  # of the points, by weight, that a mixture is fitted to
REFINEMENTS = 6  # steps of expectation-maximisation in a round
DEFENSIVE = 0.15  # share of a wide component over all that was seen, lest a tail be lost
LARGEST = 20  # weights that are cut to the least of them while adapting
FLAT = 0.5  # power of the target that the proposal resembles: fitted to the target itself it loses the far end of a
# bent posterior, which no point then visits and no k-hat shows
GOOD = 0.5  # effective share of the points, for the flattened target, beyond which there is nothing to gain
COVERED = 0.7  # k-hat below which the weights may be trusted


class _Points(NamedTuple):
    """Weighted points: x (points, size), the target's own vectors of them, log weights (points,) for the target and for
    the flattened one, the smoothed weights (points,) for the target and their k-hat.
    """

    x: Any
    own: Any
    log_weight: Any
    flat: Any
    weight: Any
    k: float

    @property
    def worth(self) -> float:
        """Independent draws that they are worth."""
        return float(1 / np.sum(self.weight**2))


def explored(
    aim: Collapsed, mixture: Mixture, engine: Any, random: np.random.Generator, bar: Any, early: int = 0
) -> Sampled:
    """Draws of a posterior from a first proposal, which adapts; `early` of its rounds are small.

    `engine` has the settings of `Importance`.
    """
    tries: list[_Points] = []
    proposals: list[Mixture] = []
    for _ in range(AGAIN if engine.chains * engine.draws > LESS else 1):
        mixture, first = _fitted(aim, mixture, engine, early, random, bar)
        proposals.append(mixture)
        tries.append(_enough(aim, mixture, random, first, max(engine.chains * engine.draws, ENOUGH)))
        bar.update(1)
        if tries[-1].k < COVERED:
            break
        mixture = adapted(tries[-1].x[:, : aim.size], tries[-1].flat, random, engine.components)
    at = int(np.argmin([p.k for p in tries]))
    best = tries[at]
    picked = _picked(best, engine.chains * engine.draws, random)
    quality = {
        "pareto_k": np.asarray([best.k]),
        "effective": np.asarray([best.worth]),
        "log_evidence": np.asarray([np.logaddexp.reduce(best.log_weight) - np.log(len(best.x))]),
    }
    return Sampled(picked.reshape(engine.chains, engine.draws, -1), quality=quality, proposal=proposals[at])


def _fitted(
    aim: Collapsed, mixture: Mixture, engine: Any, early: int, random: np.random.Generator, bar: Any
) -> tuple[Mixture, tuple[Any, ...]]:
    """A proposal with which there is little to gain, if there is one in so many rounds, and points by it."""
    many = _points_in_a_round(engine.chains * engine.draws)
    shares: list[float] = []
    for i in range(engine.rounds):
        count = FEW if i < early else many
        first = x, _, _, flat = _weighted(aim, mixture, random, count)
        bar.update(1)
        shares.append(_effective(flat) / count)
        if shares[-1] > GOOD or (i >= early + 2 and shares[-1] < STALLED * shares[-3]):
            return mixture, first
        mixture = adapted(x[:, : aim.size], flat, random, engine.components)
    return mixture, _weighted(aim, mixture, random, many)


def _points_in_a_round(draws: int) -> int:
    return LESS if draws <= LESS else MANY


def _picked(points: _Points, count: int, random: np.random.Generator) -> Any:
    """The target's own vectors of `count` of the points, by weight, in random order."""
    return points.own[random.permutation(systematic(points.weight, count, random))]


def points(aim: Collapsed, mixture: Mixture, random: np.random.Generator, count: int) -> tuple[Any, Any, Any, Any]:
    """Points (count, size + extra), the last numbers standard normal; the target's own vectors of them; log densities
    of target and proposal (count,).
    """
    rest, e = mixture.sample(random, count), random.standard_normal((count, aim.extra))
    x = np.concatenate([rest, e], 1)
    normal = -0.5 * np.sum(e**2 + np.log(2 * np.pi), 1)
    log_target, own = aim.both(x)
    return x, own, log_target - normal, mixture.log_prob(rest)


def _weighted(aim: Collapsed, mixture: Mixture, random: np.random.Generator, count: int) -> tuple[Any, Any, Any, Any]:
    x, own, log_target, log_proposal = points(aim, mixture, random, count)
    return x, own, log_target - log_proposal, FLAT * log_target - log_proposal


def _effective(log_weight: Any) -> float:
    weight = np.exp(log_weight - np.max(log_weight))
    return float(np.sum(weight) ** 2 / np.sum(weight**2)) if np.isfinite(weight).all() else 0.0


def _enough(
    aim: Collapsed, mixture: Mixture, random: np.random.Generator, first: tuple[Any, ...], draws: int
) -> _Points:
    """Points worth `draws`, if `PER_DRAW` times as many will do; worth `ENOUGH` at least, if `UTMOST` times will.

    `first` are the first of them.
    """
    parts = [first]
    while True:
        x, own, log_weight, flat = joined = tuple(np.concatenate(a) for a in zip(*parts, strict=True))
        found = _Points(x, own, log_weight, flat, *smooth(log_weight))
        most, wanted = (PER_DRAW, draws) if found.worth >= ENOUGH else (UTMOST, ENOUGH)
        room, many = most * draws - len(x), _points_in_a_round(draws)
        if found.worth >= draws or room <= 0:
            return found
        missing = min(room, int((wanted - found.worth) * len(x) / found.worth))
        blocks = max(1, missing // many)  # of one size, so that an interrupt is felt
        parts = [joined, *(_weighted(aim, mixture, random, many) for _ in range(blocks))]


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
    place = (np.arange(components) + random.uniform(size=components)) / components
    centre = x[np.searchsorted(np.cumsum(weight)[:-1], place)]
    even = np.full(components, -np.log(components))
    fitted = Mixture(even, centre, np.repeat(factor_of(0.4 * whole)[None], components, 0))
    for _ in range(REFINEMENTS):
        fitted = fitted.improved(x, weight, 0.5 * whole)
    return Mixture(
        np.append(fitted.log_weight + np.log1p(-DEFENSIVE), np.log(DEFENSIVE)),
        np.concatenate([fitted.mean, mean[None]]),
        np.concatenate([fitted.factor, factor_of(2.5 * whole)[None]]),
    )
