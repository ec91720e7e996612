"""A first proposal by annealing: points of a wide density are led to the posterior in a few stages.

Newton's method finds the modes that its starts fall to, and two of three miss the one that holds nine tenths of the
posterior where a law has two ways to tell a run. Points that follow the whole density, made slowly steeper, are shared
out by mass. That takes thousands of points in each stage, so it is for few numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ._exploring import FLAT, adapted, points
from ._mixture import Mixture
from ._target import Collapsed

COUNT = 4096  # points in a stage; with half of them a second mode is lost now and then
WIDTH = 1.5  # sd of the wide density: twice that of a default prior in most of its coordinates
SHARE = 0.2  # of the points, effectively, that a stage may leave
STAGES = 40
NEVER = -1e300  # log density where there is none


def annealed(aim: Collapsed, random: np.random.Generator, components: int) -> Mixture:
    """A mixture that resembles the flattened posterior on the first `size` numbers of `aim`."""
    size = aim.size
    wide = Mixture(np.zeros(1), np.zeros((1, size)), WIDTH * np.eye(size)[None])
    mixture, done = wide, 0.0
    for _ in range(STAGES):
        x, _, log_target, log_proposal = points(aim, mixture, random, COUNT)
        x = x[:, :size]
        log_wide = wide.log_prob(x)
        way = np.nan_to_num(log_target, nan=NEVER, neginf=NEVER) - log_wide
        done += _step(done * way + log_wide - log_proposal, way, FLAT - done)
        mixture = adapted(x, done * way + log_wide - log_proposal, random, components)
        if done >= FLAT:
            break
    return mixture


def _step(log_weight: Any, way: Any, left: float) -> float:
    """How far weighted points can go along `way` (at most `left`): the conditional effective sample size stays `SHARE`.

    Zhou, Johansen, Aston (2016), Toward automatic model comparison.
    """

    weight = np.exp(log_weight - np.max(log_weight))
    weight = weight / np.sum(weight)

    def share(step: float) -> float:
        more = np.exp(step * (way - np.max(way)))
        return float((weight @ more) ** 2 / (weight @ more**2)) if weight @ more > 0 else 0.0

    if share(left) > SHARE:
        return left
    low, high = 0.0, left
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if share(middle) > SHARE else (low, middle)
    return low
