"""Nested quadrature of a fleet's one-shape posteriors: blocks of runs, compiled where there are many of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax.numpy as jnp
import numpy as np

from .._compile import quick_jit
from .._random import split
from ..inference._nested import Base, Size, nested
from ..inference._one_shape import Facts, OneShape
from ._judged import LAST, Drawn, judged
from ._prepare import Stack

COARSE, FINE = Size(128, 8, 3, 20), Size(256, 16, 12, 80)  # of every run, and of those of which that is not verified
BLOCK, FEW = 128, 4  # runs at a time: enough to share the cost of each step of NumPy, few enough for the caches
COMPILED = 1000  # runs from which it is worth the compiler's time
THREADS = 3  # blocks at a time: one computes while another's weights are smoothed


def sample_nested(
    stack: Stack, shape: OneShape, seed: np.random.SeedSequence, own: np.ndarray, draws: int, many: int,
    tell: Callable[[int], Any],
) -> Iterator[Drawn]:  # fmt: skip
    """Posteriors of the runs of a stack that can be verified, as they come. `own` (runs,): their seeds; `many`: runs of
    the fleet.
    """
    facts = shape.facts(stack.obs)
    compiled = many >= COMPILED
    rows = np.arange(len(stack))
    coarse, fine = split(seed, 2)
    for size, seed_of, length, fast in ((COARSE, coarse, BLOCK, compiled), (FINE, fine, FEW, False)):
        base = Base.of(size, np.random.default_rng(seed_of))

        def begin(where: np.ndarray, rows: Any = rows, base: Any = base, size: Any = size, length: Any = length,
                  fast: Any = fast) -> tuple[Drawn, np.ndarray]:  # fmt: skip
            at = rows[where]
            if fast:  # repeated to a full block: one compiled program does for all
                found = _compiled(shape, facts.rows(np.resize(at, length)), base, size)
            else:
                with np.errstate(all="ignore"):  # a point beyond what numbers can tell has no weight
                    found = _points(np, shape, facts.rows(at), base, size)
            log_weight, sites = found
            return judged(stack, at, np.asarray(log_weight)[: len(at)], sites, own[at], draws)

        left = []
        for where, (drawn, bad) in in_threads(begin, len(rows), length, THREADS if fast else 1):
            tell(len(drawn.at))
            yield drawn
            left.append(rows[where][bad])
        rows = np.concatenate(left)
        if not len(rows):
            return


def in_threads(
    work: Callable[[np.ndarray], Any], count: int, block: int, threads: int = THREADS
) -> Iterator[tuple[np.ndarray, Any]]:
    """Rows of each block and what `work` makes of them, in order."""
    blocks = [np.arange(i, min(i + block, count)) for i in range(0, count, block)]
    with ThreadPoolExecutor(threads) as pool:
        yield from zip(blocks, pool.map(work, blocks), strict=True)


@quick_jit(static_argnums=(0, 3))
def _compiled(shape: OneShape, facts: Facts, base: Base, size: Size) -> tuple[Any, dict[str, Any]]:
    return _points(jnp, shape, facts, base, size)


def _points(xp: Any, shape: OneShape, facts: Facts, base: Base, size: Size) -> tuple[Any, dict[str, Any]]:
    """Log weights (runs, points) and all numbers of each point."""
    points = nested(xp, shape, facts, base, size)
    end = facts.each(facts.t[:, -1])
    last = points.u_s0 + points.fall * xp.expm1(-points.rate * end)
    return points.log_weight, {**shape.completed(points._asdict()), "sigma": points.sigma, LAST: last}
