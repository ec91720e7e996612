"""Quadrature of many runs at once: what is Gaussian given the rest is integrated out, the rest by importance sampling.

The same posterior as a single run's, by the same density, and verified by the same figures (k-hat, effective draws);
what is not verified here is left to the engines of single runs.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import numpy as np

from .._compile import quick_jit
from .._random import split
from ..data import Run
from ..dynamics import LawSpec
from ..inference import Likelihood
from ..inference._diagnostics import ENOUGH, QUANTILES
from ..inference._model import Observations
from ..inference._sites import SITES
from ..inference.engines._exploring import COVERED, LARGEST
from ..inference.engines._pareto import smooth_all
from ._block import FITTED, LAST, Base, Sample, better, first
from ._marginal import General, marginal
from ._prepare import Stack, stacks
from ._rounds import base

MOST = 5  # numbers left when the levels are integrated out: of more, single runs take longer rounds
BLOCK, FEW = 32, 8  # runs in a compiled program, of a first sample and of a better one: more do not fit a core's cache
TRIES, EARLY, LATE, MANY = 64, 192, 576, 2048  # points
ROUNDS = 8  # better samples, at most
FLAT = 3  # of them that are fitted to flattened weights
SPREAD = 1.2  # sd of the points that starts are looked for among
FOR_FIGURES = 512  # equally weighted draws behind quantiles
LOOKED = ("u_s0", "u_s_inf", "offset_s", "offset_v")
THREADS = 3  # blocks at a time: one computes while another's weights are smoothed


class Drawn(NamedTuple):
    """Posteriors of those runs that were verified.

    at, law : (runs,), positions in what was given, and their law.
    draws : parameter -> (runs, draws), in each run's units.
    figures : parameter -> figure (mean, sd, q05, q50, q95) -> (runs,), of all weighted points that have it.
    share : parameter -> (runs,), probability that it is a number (there may be no limit).
    pareto_k, effective, log_evidence : (runs,).
    looked, last : more draws of what findings ask for, parameter -> (runs, n), and u_s by the law at the last
        checkpoint (runs, n).
    """

    at: np.ndarray
    law: LawSpec
    draws: dict[str, np.ndarray]
    figures: dict[str, dict[str, np.ndarray]]
    share: dict[str, np.ndarray]
    pareto_k: np.ndarray
    effective: np.ndarray
    log_evidence: np.ndarray
    looked: dict[str, np.ndarray]
    last: np.ndarray


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
    tell: Callable[[int], Any] = lambda count: None,
) -> list[Drawn]:
    """Posteriors of the runs that can be verified; `tell` is told how many runs more are done.

    Chunks of a fleet that are given one `length`, of its longest run, share their compiled programs.
    """
    made = []
    for stack in stacks(runs, law, prior=prior, likelihood=likelihood, route=route, length=length)[0]:
        density = marginal(stack.model, jax.tree.map(lambda x: x[0], stack.obs))
        if density.size > MOST or stack.model.wanders or stack.obs.ts.dtype != np.float64:
            continue
        words = np.asarray([zlib.crc32(runs[i].name.encode()) for i in stack.at], np.uint64)
        made += _sampled(stack, density, seed, words, draws, tell)
    return made


def _sampled(
    stack: Stack, density: General, seed: np.random.SeedSequence, words: np.ndarray, draws: int,
    tell: Callable[[int], Any],
) -> list[Drawn]:  # fmt: skip
    seeds = split(seed, 4)
    own = words ^ np.uint64(seed.generate_state(1, np.uint64)[0])
    tries = SPREAD * base(TRIES, density.size, 0, seeds[0])[0]
    early, late, many = (Base.of(density, n, s) for n, s in zip((EARLY, LATE, MANY), seeds[1:], strict=True))

    def begin(rows: np.ndarray) -> tuple[Any, ...]:
        sample = _begun(density, _block(stack.obs, rows, BLOCK), tries, early, late)
        return _judged(stack, rows, sample, own[rows], draws)

    made: list[Drawn] = []

    def gathered(work: Callable[[np.ndarray], Any], rows: np.ndarray, block: int) -> tuple[np.ndarray, ...]:
        """What is verified joins `made`; the rows that are not, their points and weights."""
        left = []
        for where, (drawn, bad, x, log_weight) in _in_threads(work, len(rows), block):
            made.append(drawn)
            tell(len(drawn.at))
            left.append((rows[where][bad], x[bad], log_weight[bad]))
        return tuple(np.concatenate(parts) for parts in zip(*left, strict=True))

    rows, x, log_weight = gathered(begin, np.arange(len(stack)), BLOCK)
    for i in range(ROUNDS):
        if not len(rows):
            break
        best, fitted = _to_fit(x, log_weight, 0.5 if i < FLAT else 1.0, words[rows] + np.uint64(i))

        def go_on(where: np.ndarray, rows: Any = rows, best: Any = best, fitted: Any = fitted) -> tuple[Any, ...]:
            pad = np.resize(where, FEW)
            sample = _bettered(density, _block(stack.obs, rows[where], FEW), best[pad], fitted[pad], many)
            return _judged(stack, rows[where], sample, own[rows[where]], draws)

        rows, x, log_weight = gathered(go_on, rows, FEW)
    return made


def _in_threads(work: Callable[[np.ndarray], Any], count: int, block: int) -> Any:
    """Rows of each block and what `work` makes of them, in order."""
    blocks = [np.arange(i, min(i + block, count)) for i in range(0, count, block)]
    with ThreadPoolExecutor(THREADS) as pool:
        yield from zip(blocks, pool.map(work, blocks), strict=True)


def _block(obs: Observations, rows: np.ndarray, length: int) -> Observations:
    """Some runs, repeated to a full block: one compiled program does for all."""
    return jax.tree.map(lambda x: x[np.resize(rows, length)], obs)


@functools.partial(jax.jit, static_argnums=0)
def _begun(density: General, obs: Observations, tries: Any, early: Base, late: Base) -> Sample:
    return jax.vmap(lambda obs: first(density, obs, tries, early, late))(obs)


@quick_jit(static_argnums=0)
def _bettered(density: General, obs: Observations, best: Any, x: Any, many: Base) -> Sample:
    return jax.vmap(lambda obs, best, x: better(density, obs, best, x, many))(obs, best, x)


def _to_fit(x: np.ndarray, log_weight: np.ndarray, power: float, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best point (runs, size), and equally weighted ones (runs, n, size), the largest weights cut."""
    log = np.where(np.isfinite(log_weight), log_weight, -np.inf)
    top = np.max(log, 1, keepdims=True)
    weight = np.exp(power * (log - np.where(np.isfinite(top), top, 0.0)))
    weight = np.minimum(weight, np.partition(weight, -LARGEST, axis=1)[:, -LARGEST, None])
    best = np.take_along_axis(x, np.argmax(log, 1)[:, None, None], 1)[:, 0]
    return best, np.take_along_axis(x, _picked(weight, FITTED, words)[:, :, None], 1)


def _picked(weight: np.ndarray, count: int, words: np.ndarray) -> np.ndarray:
    """Indices (runs, count), rising: each as often as its weight says, to one."""
    total = np.cumsum(weight, 1)
    place = (np.arange(count) + _numbers(words, 1)) / count * total[:, -1:]
    # one search for all rows: each row's sums are moved to an interval of its own
    start = np.concatenate([[0.0], np.cumsum(total[:-1, -1])])[:, None]
    found = np.searchsorted((total + start)[:, :-1].ravel(), (place + start).ravel()).reshape(place.shape)
    return found - np.arange(len(weight))[:, None] * (weight.shape[1] - 1)


def _numbers(words: np.ndarray, count: int) -> np.ndarray:
    """Numbers in [0, 1), (runs, count), of each run's own: SplitMix64 (Steele, Lea, Flood 2014)."""
    steps = (np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))[None]
    z = words[:, None] * np.uint64(0xD1342543DE82EF95) + steps
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (z ^ (z >> np.uint64(31))) / 2.0**64


def _judged(
    stack: Stack, rows: np.ndarray, sample: Sample, words: np.ndarray, draws: int
) -> tuple[Drawn, np.ndarray, np.ndarray, np.ndarray]:
    """What is verified, which of the rows are not, and their points and weights."""
    count = len(rows)
    log_weight = np.asarray(sample.log_weight)[:count]
    weight, k = smooth_all(log_weight)
    worth = 1 / np.sum(weight**2, 1)
    good = (k < COVERED) & (worth >= ENOUGH)
    drawn = _drawn(stack, rows, sample, log_weight, weight, k, worth, words, draws, np.flatnonzero(good))
    return drawn, ~good, np.asarray(sample.x)[:count], log_weight


def _drawn(
    stack: Stack, rows: np.ndarray, sample: Sample, log_weight: np.ndarray, weight: np.ndarray, k: np.ndarray,
    worth: np.ndarray, words: np.ndarray, draws: int, kept: np.ndarray,
) -> Drawn:  # fmt: skip
    scale = stack.scale.rows(rows[kept]).column
    weight = weight[kept]
    many = _picked(weight, max(FOR_FIGURES, draws), words[kept])
    few = _taken(many, np.linspace(0, many.shape[1] - 1, draws).astype(int)[None])
    few = _taken(few, np.argsort(_numbers(words[kept] + np.uint64(1), draws), 1))
    figures, share, out, looked = {}, {}, {}, {}
    lacking = [f"offset_{x}" for i, x in enumerate("sv") if not np.any(stack.obs.se[..., i] > 0)]
    for name in (n for n in SITES if n in sample.sites and n not in lacking):
        x = np.asarray(sample.sites[name])[kept]
        out[name] = scale.from_standard(name, _taken(x, few))
        at = _taken(x, many)
        standard, share[name] = _figures(x, weight, at)
        if name in LOOKED:
            looked[name] = scale.from_standard(name, at)
        figures[name] = {k: scale.from_standard(name, v[:, None])[:, 0] for k, v in standard.items() if k != "sd"}
        figures[name]["sd"] = standard["sd"] * np.ravel(scale.factors(name)[1])
    top = np.max(log_weight[kept], 1, initial=-np.inf)
    evidence = top + np.log(np.mean(np.exp(log_weight[kept] - top[:, None]), 1))
    last = scale.from_standard("u_s0", _taken(np.asarray(sample.sites[LAST])[kept], many))
    return Drawn(
        stack.at[rows[kept]], stack.model.law, out, figures, share, k[kept], worth[kept], evidence, looked, last
    )


def _taken(x: np.ndarray, places: np.ndarray) -> np.ndarray:
    """x (runs, n) at places (runs or 1, count): as `np.take_along_axis`, in a tenth of its time."""
    return np.take(x, places + x.shape[1] * np.arange(len(x))[:, None])


def _figures(x: np.ndarray, weight: np.ndarray, at: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Figures of weighted points (runs, n) that are numbers, quantiles of the equally weighted `at` (runs, count), and
    the probability that they are.
    """
    share = np.ones(len(x))
    mean = np.einsum("rn,rn->r", weight, x)
    if np.isfinite(mean).all():
        sd = np.sqrt(np.einsum("rn,rn->r", weight, (x - mean[:, None]) ** 2))
        ordered, count = np.sort(at, 1), np.full(len(x), at.shape[1])
    else:
        known = np.isfinite(x)
        share = np.einsum("rn,rn->r", weight, known)
        sure, filled = np.where(share > 0, share, np.nan), np.where(known, x, 0.0)
        mean = np.einsum("rn,rn->r", weight, filled) / sure
        apart = np.where(known, filled - mean[:, None], 0.0)
        sd = np.sqrt(np.einsum("rn,rn->r", weight, apart**2) / sure)
        ordered = np.sort(np.where(np.isfinite(at), at, np.inf), 1)
        count = np.isfinite(ordered).sum(1)
    found = {"mean": mean, "sd": sd}
    for name, q in zip(("q05", "q50", "q95"), QUANTILES, strict=True):
        place = np.maximum(np.round(q * (count - 1)).astype(int), 0)[:, None]
        found[name] = np.where(count > 0, _taken(ordered, place)[:, 0], np.nan)
    return found, share
