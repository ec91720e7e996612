"""Importance sampling: a mixture of Student-t proposals, fitted to the posterior, with Pareto-smoothed weights.

The first proposals are of Newton's method from several starts and, of few numbers, of annealing too. All that steers
the sampler is NumPy; only the density is compiled, so that a first run is short.
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np

from ..._progress import progress_bar
from ..._random import generator
from ._annealing import annealed
from ._exploring import explored
from ._first import about, modes_of
from ._mixture import joined
from ._result import Sampled
from ._target import Target

# numbers that annealing finds its way among. It shares points out by mass, but what is thin in 7 or 8 numbers can
# shrink away from under them (one posterior in eight); Newton's method finds any width, and misses the modes that no
# start falls to, and tails (sds an eighth small at k-hat 0.5). Half of the first proposal is of either
ANNEALED = 8
EARLY = 3  # rounds after Newton's method alone that are small
ALIKE = 0.25  # share of a draw that a point is worth, below which proposals still lose tails: sds a tenth small at 0.15


@dataclasses.dataclass(frozen=True)
class Importance:
    """Settings of importance sampling.

    Parameters
    ----------
    chains, draws : draws in all are their product; they are independent, and in chains for those who expect them so.
    rounds : most proposals, each fitted to the points of those before it, before draws are taken and judged.
    components : of the proposal. With half of them the far end of a thin, bent posterior is lost, and k-hat does not
        see it.
    """

    chains: int = 4
    draws: int = 1000
    rounds: int = 12
    components: int = 24
    name = "importance"

    def run(
        self, target: Target, args: tuple[Any, ...], key: Any, progress: bool | None = None, start: Any = None
    ) -> Sampled:
        """Sample the posterior, from the proposal of one much like it if there is one."""
        began, random, aim = time.perf_counter(), generator(key), target.whole(args)
        with progress_bar(1 + self.rounds, "importance sampling", progress) as bar:
            first, said, early = start, {}, 0
            if not start:
                modes = modes_of(aim.values, aim.size, random)
                if aim.size <= ANNEALED:
                    first = joined(annealed(aim, random, self.components), about(modes))
                else:
                    first, said, early = about(modes), {"converged": np.asarray([modes.converged.mean()])}, EARLY
            bar.update(1)
            sampled = explored(aim, first, self, random, bar, early, ALIKE)
        share = sampled.quality["effective"] / len(sampled.points[0])
        quality = {**sampled.quality, "share": share, **said}
        return dataclasses.replace(sampled, quality=quality, seconds={"sampling": time.perf_counter() - began})
