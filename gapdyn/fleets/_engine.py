"""Quadrature of many runs at once: what is Gaussian given the rest is integrated out, the rest by importance sampling.

The same posterior as a single run's, by the same density, and verified by the same figures (k-hat, effective draws);
what is not verified here is left to the engines of single runs.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from .._compile import quick_jit
from .._random import split
from ..data import Run
from ..dynamics import LawSpec
from ..inference import Likelihood
from ..inference._model import Observations
from ..inference._one_shape import OneShape
from ..inference.engines._exploring import FLAT, LARGEST, STEEPER, STEEPEST
from ._block import FITTED, Base, Sample, better, first
from ._devices import devices, spread
from ._judged import Drawn, judged, picked
from ._marginal import General, marginal
from ._nested import THREADS, in_blocks, in_threads, sample_nested
from ._prepare import Stack, stacks
from ._ridge import along_ridge
from ._rounds import base

MOST = 5  # numbers left when the levels are integrated out: of more, single runs take longer rounds
BLOCK, TOGETHER = 8, 4  # runs in a compiled program: more do not fit a core's cache; these that are judged at a time
TRIES, EARLY, LATE, RIDGE, MANY = 64, 192, 576, 1024, 2048  # points
ROUNDS, PLAIN, SETS = 12, 3, 4  # better samples, at most; the first ones have one set of points, the others several
FEWEST = 8  # runs of a fleet from which these programs are worth the compiler's time: fewer are fitted one by one
SPREAD = 1.2  # sd of the points that starts are looked for among


def sample_fleet(
    runs: Sequence[Run],
    law: LawSpec,
    *,
    seed: np.random.SeedSequence,
    draws: int,
    prior: Mapping[str, Any] | None = None,
    likelihood: Likelihood | None = None,
    route: str = "auto",
    length: int = 0,
    many: int = 0,
    tell: Callable[[int], Any] = lambda count: None,
    made: Callable[[Drawn], Any] = lambda drawn: drawn,
) -> Iterator[Any]:
    """What is `made` of the posteriors of those runs that can be verified, as they come; `tell` is told how many runs
    more are done. `made` is called from several threads, a block of runs at a time.

    Chunks of a fleet that are given one `length`, of its longest run, share their compiled programs. `many`: runs of
    the whole fleet, which say what is worth compiling; 0: it is worth it.
    """
    for stack in stacks(runs, law, prior=prior, likelihood=likelihood, route=route, length=length)[0]:
        one = jax.tree.map(lambda x: x[0], stack.obs)
        words = np.asarray([zlib.crc32(runs[i].name.encode()) for i in stack.at], np.uint64)
        own = words ^ np.uint64(seed.generate_state(1, np.uint64)[0])
        shape = OneShape.of(stack.model, one)
        if shape is not None:
            yield from sample_nested(stack, shape, seed, own, draws, many, tell, made)
            continue
        if 0 < many < FEWEST:
            continue
        density = marginal(stack.model, one)
        if density.size <= MOST and not stack.model.wanders and stack.obs.ts.dtype == np.float64:
            yield from _sampled(stack, density, seed, own, draws, tell, made)


def _sampled(
    stack: Stack, density: General, seed: np.random.SeedSequence, own: np.ndarray, draws: int,
    tell: Callable[[int], Any], made: Callable[[Drawn], Any],
) -> list[Any]:  # fmt: skip
    seeds = split(seed, 4 + SETS)
    tries = SPREAD * base(TRIES, density.size, 0, seeds[0])[0]
    sizes = (EARLY, LATE, RIDGE, *[MANY] * SETS)
    early, late, ridge, *sets = (Base.of(density, n, s) for n, s in zip(sizes, seeds[1:], strict=True))

    every: list[Any] = []

    def gathered(sample: Callable[[np.ndarray], Sample], rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """What is verified of the `sample` joins `every`; the rows that are not, their points and densities, if any
        point has one. `sample` takes places in `rows`, a block of them at most.
        """

        block = BLOCK * devices()

        def work(where: np.ndarray) -> tuple[Any, ...]:
            parts = [where[places] for places in in_blocks(len(where), block)]
            whole = _joined([_of_runs(len(places), sample(places)) for places in parts], 0)
            drawn, bad = judged(stack, rows[where], whole.log_weight, whole.sites, own[rows[where]], draws)
            return whole, len(drawn.at), made(drawn) if len(drawn.at) else None, bad

        # weights are judged of several blocks at a time, of fewer than that where a core would have to wait
        together = block * int(np.clip(len(rows) // (block * 2 * THREADS), 1, TOGETHER))
        left, blocks = [], in_blocks(len(rows), together)
        for where, (whole, count, verified, bad) in zip(blocks, in_threads(work, blocks), strict=True):
            if count:
                every.append(verified)
                tell(count)
            bad &= np.isfinite(whole.log_weight).any(1)
            left.append((rows[where][bad], whole.x[bad], whole.log_target[bad], whole.log_weight[bad]))
        return tuple(np.concatenate(parts) for parts in zip(*left, strict=True))

    rows = np.argsort(_lengths(stack.obs), kind="stable")  # sums over checkpoints go on to the last one of a block
    bent = density.along is not None

    def begin(where: np.ndarray, rows: Any = rows) -> Sample:
        obs = _block(stack.obs, rows[where])
        return _along(density, obs, tries, ridge) if bent else _begun(density, obs, tries, early, late)

    rows, x, log_target, log_weight = gathered(begin, rows)
    for i in range(ROUNDS):
        if not len(rows):
            break
        flatter = (1 - min(FLAT + STEEPER * i, STEEPEST)) * np.where(np.isfinite(log_target), log_target, 0.0)
        best, fitted = _to_fit(x, log_weight - flatter, own[rows] + np.uint64(i))

        some = sets[: 1 if i < PLAIN else SETS]

        def go_on(where: np.ndarray, rows: Any = rows, best: Any = best, fitted: Any = fitted, some: Any = some) -> Any:
            pad, obs = np.resize(where, BLOCK * devices()), _block(stack.obs, rows[where])
            # of a posterior that no mixture resembles a point is worth little: it takes more of them
            return _joined([_bettered(density, obs, best[pad], fitted[pad], base) for base in some], 1)

        rows, x, log_target, log_weight = gathered(go_on, rows)
    return every


def _of_runs(runs: int, sample: Sample) -> Sample:
    """The sample of the first runs of a block."""
    return jax.tree.map(lambda v: np.asarray(v)[:runs], sample)


def _joined(samples: Sequence[Sample], axis: int) -> Sample:
    """Samples of several runs (axis 0), or all points of several samples from one proposal (1)."""
    return samples[0] if len(samples) == 1 else jax.tree.map(lambda *x: np.concatenate(x, axis), *samples)


def _lengths(obs: Observations) -> np.ndarray:
    """Checkpoints of each run up to the last that is measured, (runs,)."""
    mask = np.any(np.asarray(obs.mask), 2)
    return mask.shape[1] - np.argmax(np.flip(mask, 1), 1)


def _block(obs: Observations, rows: np.ndarray) -> Observations:
    """Some runs, repeated to a full block: one compiled program does for all."""
    return jax.tree.map(lambda x: x[np.resize(rows, BLOCK * devices())], obs)


@quick_jit(static_argnums=0)
def _along(density: General, obs: Observations, tries: Any, base: Base) -> Sample:
    return spread(jax.vmap(lambda obs: along_ridge(density, obs, tries, base)), obs)


@functools.partial(jax.jit, static_argnums=0)
def _begun(density: General, obs: Observations, tries: Any, early: Base, late: Base) -> Sample:
    return spread(jax.vmap(lambda obs: first(density, obs, tries, early, late)), obs)


@quick_jit(static_argnums=0)
def _bettered(density: General, obs: Observations, best: Any, x: Any, many: Base) -> Sample:
    return spread(jax.vmap(lambda obs, best, x: better(density, obs, best, x, many)), obs, best, x)


def _to_fit(x: np.ndarray, log_weight: np.ndarray, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best point (runs, size), and equally weighted ones (runs, n, size), the largest weights cut."""
    log = np.where(np.isfinite(log_weight), log_weight, -np.inf)
    best = np.take_along_axis(x, np.argmax(log, 1)[:, None, None], 1)[:, 0]
    top = np.partition(log, -LARGEST, axis=1)[:, -LARGEST, None]
    # cut as logarithms: a point may be hundreds of nats above all others, whose weights would come out as none
    top = np.where(np.isfinite(top), top, np.max(log, 1, keepdims=True))
    weight = np.exp(np.minimum(log - top, 0.0))
    return best, np.take_along_axis(x, picked(weight, FITTED, words)[:, :, None], 1)
