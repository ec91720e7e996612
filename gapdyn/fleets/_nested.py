"""Nested quadrature of a fleet's one-shape posteriors: blocks of runs, compiled where there are many of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Semaphore
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._compile import quick_jit
from .._random import split
from ..inference._nested import Base, Size, nested
from ..inference._one_shape import Facts, OneShape
from ._devices import devices, spread
from ._judged import LAST, Drawn, judged
from ._prepare import Stack

# a rate takes sums over all checkpoints, a pair does not; but of too few the far tail is lost, which decides on
# the sd (with 88 of them and 8 pairs it comes out at 0.83 for one run in a hundred)
COARSE, FINE = Size(128, 6, 2, 16), Size(256, 16, 12, 80)  # of every run, and of those of which that is not verified
SIZES = (COARSE, COARSE, FINE)  # of the points that are taken until those of a run suffice, the coarse ones together
BLOCK, FEW = 128, 4  # runs at a time: enough to share the cost of each step of NumPy, few enough for the caches
COMPILED = 1000  # runs from which it is worth the compiler's time
LEAST = 8  # runs of one set from which a whole block's worth of points is not wasted
THREADS = 3  # blocks at a time: one computes while another's weights are smoothed
# where points come fast: more of those that judge would wait for the interpreter, and for one another
COMPUTE, JUDGE = 4, 2

Found = tuple[np.ndarray, dict[str, np.ndarray]]  # of a block of runs: see `_of_block`


def sample_nested(
    stack: Stack, shape: OneShape, seed: np.random.SeedSequence, own: np.ndarray, draws: int, many: int,
    tell: Callable[[int], Any], made: Callable[[Drawn], Any],
) -> Iterator[Any]:  # fmt: skip
    """What is `made` of the posteriors of those runs of a stack that can be verified, as they come. `own` (runs,):
    their seeds; `many`: runs of the fleet.
    """
    facts = shape.facts(stack.obs)
    compiled = many >= COMPILED
    rows = np.argsort(facts.mask.any(2).sum(1), kind="stable")  # sums go on to the last checkpoint of a block
    turn = Semaphore(JUDGE)
    before: Found | None = None  # of the coarse points that did not suffice, to which others are added
    for size, own_seed in zip(SIZES, split(seed, len(SIZES)), strict=True):
        fast = compiled and size != FINE and len(rows) >= LEAST
        base = Base.of(size, np.random.default_rng(own_seed))
        length = BLOCK * devices() if fast else FEW if compiled or size == FINE else BLOCK

        def begin(where: np.ndarray, rows: Any = rows, base: Any = base, size: Any = size, fast: Any = fast,
                  before: Any = before) -> tuple[int, Any, np.ndarray, Found]:  # fmt: skip
            at = rows[where]
            found = _of_block(shape, facts, at, base, size, fast)
            if before is not None and size == COARSE:
                found = _joined(_of_rows(before, where), found)
            log_weight, sites = found
            with turn:
                drawn, bad = judged(stack, at, log_weight, {"b": sites["gap_inf"], **sites}, own[at], draws)
                return len(drawn.at), made(drawn) if len(drawn.at) else None, bad, _of_rows(found, bad)

        left, seen = [], []
        for where, (count, verified, bad, found) in in_threads(begin, len(rows), length, COMPUTE if compiled else 1):
            if count:
                tell(count)
                yield verified
            left.append(rows[where][bad])
            seen.append(found)
        rows, before = np.concatenate(left), jax.tree.map(lambda *x: np.concatenate(x), *seen)
        if not len(rows):
            return


def _of_block(shape: OneShape, facts: Facts, at: np.ndarray, base: Base, size: Size, fast: bool) -> Found:
    """Log weights and all numbers of each point, (len(at), points), of some runs."""
    if fast:  # repeated to a full block: one compiled program does for all
        found = _compiled(shape, facts.rows(np.resize(at, BLOCK * devices())), base, size)
    else:
        with np.errstate(all="ignore"):  # a point beyond what numbers can tell has no weight
            found = _points(np, shape, facts.rows(at), base, size)
    return jax.tree.map(lambda x: np.asarray(x)[: len(at)].reshape(len(at), -1), found)


def _of_rows(found: Found, which: np.ndarray) -> Found:
    """Points of some of the runs."""
    return jax.tree.map(lambda x: x[which], found)


def _joined(first: Found, second: Found) -> Found:
    """Two sets of points of the same runs as one."""
    return jax.tree.map(lambda *x: np.concatenate(x, 1), first, second)


def in_threads(
    work: Callable[[np.ndarray], Any], count: int, block: int, threads: int = THREADS
) -> Iterator[tuple[np.ndarray, Any]]:
    """Rows of each block and what `work` makes of them, in order."""
    blocks = [np.arange(i, min(i + block, count)) for i in range(0, count, block)]
    with ThreadPoolExecutor(threads) as pool:
        yield from zip(blocks, pool.map(work, blocks), strict=True)


@quick_jit(static_argnums=(0, 3))
def _compiled(shape: OneShape, facts: Facts, base: Base, size: Size) -> tuple[Any, dict[str, Any]]:
    return spread(lambda facts: _points(jnp, shape, facts, base, size), facts)


def _points(xp: Any, shape: OneShape, facts: Facts, base: Base, size: Size) -> tuple[Any, dict[str, Any]]:
    """Log weights (runs, pairs, rates) and all numbers of each point."""
    points = nested(xp, shape, facts, base, size)
    sites = shape.completed(points._asdict())
    if shape.model.law.static == (1.0,):
        del sites["b"]  # it is gap_inf in this gauge
    return points.log_weight, {**sites, "sigma": points.sigma, LAST: points.last}
