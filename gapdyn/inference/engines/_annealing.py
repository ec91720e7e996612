"""A first proposal by annealing: points of a wide density are led to the posterior in a few stages.

Newton's method finds the modes that its starts fall to, and two of three miss the one that holds nine tenths of the
posterior where a law has two ways to tell a run. Points that follow the whole density, made slowly steeper, are shared
out by mass. That takes thousands of points in each stage, so it is for few numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ._exploring import FLAT, Pool, adapted, effective
from ._mixture import Mixture
from ._target import Collapsed

COUNT = 4096  # points in a stage; with half of them a second mode is lost now and then
WIDTH = 1.5  # sd of the wide density: twice that of a default prior in most of its coordinates
TO_FIT = 60  # points, effectively, from which a stage fits its mixture; with more there are twice the stages
STAGES = 40
LAST = 3  # stages whose points count: those of older ones are all but worthless, and cost their time in each stage
NEVER = -1e300  # log density where there is none


def annealed(aim: Collapsed, random: np.random.Generator, components: int) -> Mixture:
    """A mixture that resembles the flattened posterior on the first `size` numbers of `aim`."""
    wide = Mixture(np.zeros(1), np.zeros((1, aim.size)), WIDTH * np.eye(aim.size)[None])
    pool, mixture = Pool(aim, random, LAST), wide
    for _ in range(STAGES):
        pool.add(mixture, COUNT)
        log_wide = wide.log_prob(pool.x)
        way = np.nan_to_num(pool.log_target, nan=NEVER, neginf=NEVER) - log_wide
        start = log_wide - pool.log_proposal
        done = _step(start, way)
        mixture = adapted(pool.x, done * way + start, random, components)
        if done >= FLAT:
            break
    return mixture


def _step(log_weight: Any, way: Any) -> float:
    """How far along `way`, up to `FLAT`, the weighted points can go and still be enough to fit a mixture."""
    low, high = 0.0, 2 * FLAT  # the first middle is the end of the way
    for _ in range(30):
        middle = (low + high) / 2
        enough = effective(log_weight + middle * way) >= TO_FIT
        if enough and middle >= FLAT:
            return FLAT
        low, high = (middle, high) if enough else (low, middle)
    return low
