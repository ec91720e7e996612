"""Nested quadrature of a fleet's one-shape posteriors: blocks of runs, compiled where there are many of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Semaphore
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._compile import quick_jit
from .._random import split
from ..inference._diagnostics import ENOUGH
from ..inference._nested import Base, Size, nested
from ..inference._one_shape import Facts, OneShape
from ._devices import devices, spread
from ._judged import LAST, Drawn, judged
from ._prepare import Stack

# a rate takes sums over all checkpoints, a pair does not; but of too few the far tail is lost, which decides on
# the sd (with 88 of them and 8 pairs it comes out at 0.83 for one run in a hundred)
COARSE, FINE = Size(128, 6, 2, 16), Size(256, 16, 12, 80)  # of every run, and of those of which that is not verified
BLOCK, FEW = 128, 4  # runs at a time: enough to share the cost of each step of NumPy, few enough for the caches
COMPILED = 1000  # runs from which it is worth the compiler's time
LEAST = 8  # runs of one set from which a whole block's worth of points is not wasted
THREADS = 3  # blocks at a time: one computes while another's weights are smoothed
# where points come fast: more of those that judge would wait for the interpreter, and for one another
COMPUTE, JUDGE = 4, 2
SETS = 4  # of points of one fleet at most: two coarse ones, fine ones along with the second and after it

Found = tuple[np.ndarray, dict[str, np.ndarray]]  # of a block of runs: see `_of_block`


class Todo(NamedTuple):
    """Runs of which so many points are to be taken, and those that they have, which these join, if there are any."""

    size: Size
    base: Base
    rows: np.ndarray
    before: Found | None = None

    def of(self, which: np.ndarray) -> Todo:
        """Some of the runs."""
        before = None if self.before is None else _of_rows(self.before, which)
        return self._replace(rows=self.rows[which], before=before)

    def quick(self, compiled: bool) -> bool:
        """Whether a compiled program makes them, a full block at a time."""
        return compiled and self.size == COARSE and len(self.rows) >= LEAST

    def blocks(self, compiled: bool) -> list[Todo]:
        """As many runs as are done at a time."""
        slow = FEW if compiled or self.size == FINE else BLOCK
        return [self.of(x) for x in in_blocks(len(self.rows), BLOCK * devices() if self.quick(compiled) else slow)]


def sample_nested(
    stack: Stack, shape: OneShape, seed: np.random.SeedSequence, own: np.ndarray, draws: int, many: int,
    tell: Callable[[int], Any], made: Callable[[Drawn], Any],
) -> Iterator[Any]:  # fmt: skip
    """What is `made` of the posteriors of those runs of a stack that can be verified, as they come. `own` (runs,):
    their seeds; `many`: runs of the fleet.
    """
    facts = shape.facts(stack.obs)
    compiled = many >= COMPILED
    ends = np.maximum(*(facts.mask[..., i] > 0 for i in range(2))).sum(1)
    rows = np.argsort(ends, kind="stable")  # sums go on to the last checkpoint of a block
    turn = Semaphore(JUDGE)
    seeds = iter(split(seed, SETS))

    def points(size: Size, rows: np.ndarray, before: Found | None = None) -> Todo:
        return Todo(size, Base.of(size, np.random.default_rng(next(seeds))), rows, before)

    def work(todo: Todo) -> tuple[int, Any, Todo]:
        found = _of_block(shape, facts, todo, compiled)
        if todo.before is not None:
            found = _joined(todo.before, found)
        log_weight, sites = found
        with turn:
            drawn, bad = judged(stack, todo.rows, log_weight, {"b": sites["gap_inf"], **sites}, own[todo.rows], draws)
            verified = made(drawn) if len(drawn.at) else None
        return len(drawn.at), verified, todo._replace(before=found).of(bad)

    every = [points(COARSE, rows)]
    for more in (True, False, False):  # whether a run may be given a second set of coarse points
        coarse = []
        tasks = [block for todo in every for block in todo.blocks(compiled)]
        for count, verified, left in in_threads(work, tasks, COMPUTE if compiled else 1):
            if count:
                tell(count)
                yield verified
            if left.size == COARSE:
                coarse.append(left)
        if not any(len(left.rows) for left in coarse):
            return
        rows = np.concatenate([left.rows for left in coarse])
        before = jax.tree.map(lambda *x: np.concatenate(x), *(left.before for left in coarse))
        # where twice as many cannot suffice they are not waited for: a few runs' rounds leave cores idle
        near = more & (2 * _worth(before[0]) >= ENOUGH)
        every = [points(FINE, rows[~near])] if not near.all() else []
        if near.any():
            every.append(points(COARSE, rows[near], _of_rows(before, near)))


def _worth(log_weight: np.ndarray) -> np.ndarray:
    """Effective draws of points (runs, points), before their weights are smoothed, (runs,)."""
    with np.errstate(invalid="ignore"):  # of a run without any weight
        weight = np.exp(log_weight - np.max(log_weight, 1, keepdims=True))
    return weight.sum(1) ** 2 / np.vecdot(weight, weight)


def _of_block(shape: OneShape, facts: Facts, todo: Todo, compiled: bool) -> Found:
    """Log weights and all numbers of each point, (runs, points), of a block of runs."""
    rows, base, size = todo.rows, todo.base, todo.size
    if todo.quick(compiled):  # repeated to a full block: one compiled program does for all
        found = _compiled(shape, facts.rows(np.resize(rows, BLOCK * devices())), base, size)
    else:
        with np.errstate(all="ignore"):  # a point beyond what numbers can tell has no weight
            found = _points(np, shape, facts.rows(rows), base, size)
    return jax.tree.map(lambda x: np.asarray(x)[: len(rows)].reshape(len(rows), -1), found)


def _of_rows(found: Found, which: np.ndarray) -> Found:
    """Points of some of the runs."""
    return jax.tree.map(lambda x: x[which], found)


def _joined(first: Found, second: Found) -> Found:
    """Two sets of points of the same runs as one."""
    return jax.tree.map(lambda *x: np.concatenate(x, 1), first, second)


def in_blocks(count: int, block: int) -> list[np.ndarray]:
    """Places of so many runs, a block of them at a time."""
    return [np.arange(i, min(i + block, count)) for i in range(0, count, block)]


def in_threads(work: Callable[[Any], Any], tasks: Sequence[Any], threads: int = THREADS) -> Iterator[Any]:
    """What `work` makes of each task, in order."""
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(work, tasks)


@quick_jit(keep=True, static_argnums=(0, 3))
def _compiled(shape: OneShape, facts: Facts, base: Base, size: Size) -> tuple[Any, dict[str, Any]]:
    return spread(lambda facts: _points(jnp, shape, facts, base, size), facts)


def _points(xp: Any, shape: OneShape, facts: Facts, base: Base, size: Size) -> tuple[Any, dict[str, Any]]:
    """Log weights (runs, pairs, rates) and all numbers of each point."""
    points = nested(xp, shape, facts, base, size)
    sites = shape.completed(points._asdict())
    if shape.model.law.static == (1.0,):
        del sites["b"]  # it is gap_inf in this gauge
    return points.log_weight, {**sites, "sigma": points.sigma, LAST: points.last}
