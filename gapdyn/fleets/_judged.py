"""From weighted points of many runs to draws and figures of those that are verified."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..dynamics import LawSpec
from ..inference._diagnostics import ENOUGH, QUANTILES
from ..inference._sites import SITES
from ..inference.engines._exploring import COVERED
from ..inference.engines._pareto import weigh_all
from ._each import FIGURES
from ._prepare import Stack

FOR_FIGURES = 512  # equally weighted draws behind quantiles
LOOKED = ("u_s0", "u_s_inf", "offset_s", "offset_v")
LAST = "last"  # u_s by the law at the last checkpoint


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


def picked(weight: np.ndarray, count: int, words: np.ndarray) -> np.ndarray:
    """Indices (runs, count), rising: each as often as its weight says, to one."""
    return _places(weight, count, words) - _firsts(weight)


def _firsts(x: np.ndarray) -> np.ndarray:
    """Place of each run's first point among all points of all runs, (runs, 1)."""
    return x.shape[1] * np.arange(len(x))[:, None]


def _places(weight: np.ndarray, count: int, words: np.ndarray) -> np.ndarray:
    """`picked` as places among all points of all runs."""
    total = np.cumsum(weight, 1)
    total *= count / total[:, -1:]
    total[:, -1] = count  # exactly
    total -= numbers(words, 1)
    before = np.ceil(total, out=total).astype(int)  # picks up to each point
    before += count * np.arange(len(weight))[:, None]  # and of all runs before
    # a pick's place is how many points end before it
    return np.cumsum(np.bincount(before.ravel(), minlength=count * len(weight) + 1)[:-1]).reshape(-1, count)


def _shuffled(words: np.ndarray, count: int) -> np.ndarray:
    """A permutation of each run's own, (runs, count)."""
    # a number and its place in one word: sorting is faster than finding out the order
    bits = np.uint64(max(count - 1, 1).bit_length())
    word = _words(words, count)
    word >>= bits
    word <<= bits
    word |= np.arange(count, dtype=np.uint64)
    word.sort(1)
    word &= (np.uint64(1) << bits) - np.uint64(1)
    return word.astype(int)


def numbers(words: np.ndarray, count: int) -> np.ndarray:
    """Numbers in [0, 1), (runs, count), of each run's own."""
    return _words(words, count) / 2.0**64


def _words(words: np.ndarray, count: int) -> np.ndarray:
    """Random words (runs, count) of each run's own: SplitMix64 (Steele, Lea, Flood 2014)."""
    steps = (np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))[None]
    z = words[:, None] * np.uint64(0xD1342543DE82EF95) + steps
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def judged(
    stack: Stack, rows: np.ndarray, log_weight: np.ndarray, sites: dict[str, Any], words: np.ndarray, draws: int
) -> tuple[Drawn, np.ndarray]:
    """What is verified, and which of the rows are not.

    Parameters
    ----------
    rows : (n,), of the stack.
    log_weight : (n, points).
    sites : all numbers of each point in standard units, name -> (n or more, points), and u_s by the law at the last
        checkpoint, as `LAST`. Two names of one array are one number.
    words : (n,), the seeds of the runs.
    """
    weight, k, evidence = weigh_all(log_weight)
    worth = 1 / np.vecdot(weight, weight)
    good = (k < COVERED) & (worth >= ENOUGH)
    kept = np.flatnonzero(good)
    own, scale = words[kept], stack.scale.rows(rows[kept])
    many = _places(weight if good.all() else weight[kept], max(FOR_FIGURES, draws), own)
    many += weight.shape[1] * (kept - np.arange(len(kept)))[:, None]  # among the points of all rows
    thinned = np.linspace(0, many.shape[1] - 1, draws).astype(int)[_shuffled(own + np.uint64(1), draws)]
    few = np.take(many, thinned + _firsts(many))
    lacking = [f"offset_{x}" for i, x in enumerate("sv") if not np.any(stack.obs.se[..., i] > 0)]
    figures, share, out, looked = {}, {}, {}, {}
    for name in (*(n for n in SITES if n in sites and n not in lacking), LAST):
        twin = next((n for n in out if sites[n] is sites[name]), None)
        if twin is not None:  # the same number by another name
            share[name], out[name], figures[name] = share[twin], out[twin], figures[twin]
            continue
        x = np.asarray(sites[name])[: len(rows)]
        loc, size = scale.factors(name if name in SITES else "u_s0")
        chosen = np.take(x, many)
        if name in (*LOOKED, LAST):
            looked[name] = _mapped(chosen, loc, size)
        if name != LAST:
            share[name], mean, sd = (v[kept] for v in _moments(x, weight))
            # in standard units, and only what is asked for in the run's
            quantiles = {figure: loc + size * q for figure, q in _quantiles(chosen).items()}
            out[name] = _mapped(np.take(x, few), loc, size)
            figures[name] = {"mean": loc + size * mean, "sd": size * sd, **quantiles}
    last = looked.pop(LAST)
    return Drawn(stack.at[rows[kept]], stack.model.law, out, figures, share, k[kept], worth[kept], evidence[kept],
                 looked, last), ~good  # fmt: skip


def _mapped(x: np.ndarray, loc: Any, size: Any) -> np.ndarray:
    """loc + size x of numbers (runs, n)."""
    made = x * np.reshape(size, (-1, 1))
    made += np.reshape(loc, (-1, 1))
    return made


def _moments(x: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of weighted points (runs, n): the probability that they are numbers; mean and sd where they are."""
    mean = np.vecdot(weight, x)
    if np.isfinite(mean).all():
        apart = x - mean[:, None]
        apart *= apart
        return np.ones(len(x)), mean, np.sqrt(np.vecdot(weight, apart))
    known = np.isfinite(x)
    share = np.einsum("rn,rn->r", weight, known)
    sure, filled = np.where(share > 0, share, np.nan), np.where(known, x, 0.0)
    mean = np.einsum("rn,rn->r", weight, filled) / sure
    apart = np.where(known, filled - mean[:, None], 0.0)
    return share, mean, np.sqrt(np.einsum("rn,rn->r", weight, apart**2) / sure)


def _quantiles(at: np.ndarray) -> dict[str, np.ndarray]:
    """Of equally weighted draws (runs, count) that are numbers; NaN where none is."""
    places = [round(q * (at.shape[1] - 1)) for q in QUANTILES]
    if np.isfinite(at).all():
        at = _parted(at, *places)
        return {name: at[:, place] for name, place in zip(FIGURES[-3:], places, strict=True)}
    ordered = np.sort(np.where(np.isfinite(at), at, np.inf), 1)  # what is no number comes last
    count = np.isfinite(ordered).sum(1)
    found = {}
    for name, q in zip(FIGURES[-3:], QUANTILES, strict=True):
        place = np.maximum(np.round(q * (count - 1)).astype(int), 0)
        found[name] = np.where(count > 0, ordered[np.arange(len(at)), place], np.nan)
    return found


def _parted(x: np.ndarray, low: int, middle: int, high: int) -> np.ndarray:
    """Rows in which the numbers at three places stand as in a sorted row: one after the other, which takes NumPy less
    time than sorting; all at once takes it more.
    """
    x = np.partition(x, middle, 1)
    x[:, :middle].partition(low, 1)
    x[:, middle + 1 :].partition(high - middle - 1, 1)
    return x
