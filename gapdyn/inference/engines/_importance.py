"""Importance sampling: a mixture of Student-t proposals, fitted to the posterior, with Pareto-smoothed weights.

Few numbers are found by annealing, more by Newton's method from several starts. All that steers the sampler is NumPy;
only the density is compiled, so that a first run is short.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..._progress import progress_bar
from ..._random import generator
from ._annealing import annealed
from ._exploring import explored
from ._mixture import Mixture, factor_of
from ._newton import Modes, climb
from ._result import Sampled
from ._target import Target

# numbers that annealing finds its way among; of 8, one of them a noise near 0, proposals from modes alone gave sds that
# were an eighth small at k-hat 0.5
ANNEALED = 8
EARLY = 3  # rounds after Newton's method that are small
STARTS = 8  # of Newton's method
TRIES = 128  # random points from which each start is the densest
WIDER = 1.5  # than the curvature at a mode says

Values = Callable[[Any], Any]  # (n, size) -> (n,)


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
            if start:
                first, said, early = start, {}, 0
            elif aim.size <= ANNEALED:
                first, said, early = annealed(aim, random, self.components), {}, 0
            else:
                modes = climb(aim.values, best_starts(aim.values, aim.size, STARTS, random))
                first, said, early = about(modes), {"converged": np.asarray([modes.converged.mean()])}, EARLY
            bar.update(1)
            sampled = explored(aim, first, self, random, bar, early)
        share = sampled.quality["effective"] / len(sampled.points[0])
        quality = {**sampled.quality, "share": share, **said}
        return dataclasses.replace(sampled, quality=quality, seconds={"sampling": time.perf_counter() - began})


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
