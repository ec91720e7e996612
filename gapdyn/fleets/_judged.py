"""From weighted points of many runs to draws and figures of those that are verified."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..dynamics import LawSpec
from ..inference._diagnostics import ENOUGH, QUANTILES
from ..inference._sites import SITES
from ..inference.engines._exploring import COVERED
from ..inference.engines._pareto import smooth_all
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
    total = np.cumsum(weight, 1)
    total *= count / total[:, -1:]
    total[:, -1] = count  # exactly
    before = np.ceil(total - numbers(words, 1)).astype(int)  # places up to each point
    often = np.diff(before, axis=1, prepend=0)
    return np.repeat(np.tile(np.arange(weight.shape[1]), len(weight)), often.ravel()).reshape(-1, count)


def numbers(words: np.ndarray, count: int) -> np.ndarray:
    """Numbers in [0, 1), (runs, count), of each run's own: SplitMix64 (Steele, Lea, Flood 2014)."""
    steps = (np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))[None]
    z = words[:, None] * np.uint64(0xD1342543DE82EF95) + steps
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (z ^ (z >> np.uint64(31))) / 2.0**64


def judged(
    stack: Stack, rows: np.ndarray, log_weight: np.ndarray, sites: dict[str, Any], words: np.ndarray, draws: int
) -> tuple[Drawn, np.ndarray]:
    """What is verified, and which of the rows are not.

    Parameters
    ----------
    rows : (n,), of the stack.
    log_weight : (n, points).
    sites : all numbers of each point in standard units, name -> (n or more, points), and u_s by the law at the last
        checkpoint, as `LAST`.
    words : (n,), the seeds of the runs.
    """
    weight, k = smooth_all(log_weight)
    worth = 1 / np.sum(weight**2, 1)
    good = (k < COVERED) & (worth >= ENOUGH)
    kept = slice(None) if good.all() else np.flatnonzero(good)
    weight, words, log_weight = weight[kept], words[kept], log_weight[kept]
    scale = stack.scale.rows(rows[kept])
    many = picked(weight, max(FOR_FIGURES, draws), words)
    few = np.linspace(0, many.shape[1] - 1, draws).astype(int)[np.argsort(numbers(words + np.uint64(1), draws), 1)]
    lacking = [f"offset_{x}" for i, x in enumerate("sv") if not np.any(stack.obs.se[..., i] > 0)]
    figures, share, out, looked = {}, {}, {}, {}
    for name in (*(n for n in SITES if n in sites and n not in lacking), LAST):
        x = np.asarray(sites[name])[: len(rows)][kept]
        loc, size = scale.factors(name if name in SITES else "u_s0")
        at = np.reshape(loc, (-1, 1)) + np.reshape(size, (-1, 1)) * _taken(x, many)
        if name in (*LOOKED, LAST):
            looked[name] = at
        if name != LAST:
            share[name], mean, sd = _moments(x, weight)
            out[name] = _taken(at, few)
            figures[name] = {"mean": loc + size * mean, "sd": size * sd, **_quantiles(at)}
    top = np.max(log_weight, 1, initial=-np.inf)
    evidence = top + np.log(np.mean(np.exp(log_weight - top[:, None]), 1))
    last = looked.pop(LAST)
    return Drawn(stack.at[rows[kept]], stack.model.law, out, figures, share, k[kept], worth[kept], evidence, looked,
                 last), ~good  # fmt: skip


def _taken(x: np.ndarray, places: np.ndarray) -> np.ndarray:
    """x (runs, n) at places (runs, count): as `np.take_along_axis`, in a tenth of its time."""
    return np.take(x, places + x.shape[1] * np.arange(len(x))[:, None])


def _moments(x: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of weighted points (runs, n): the probability that they are numbers; mean and sd where they are."""
    mean = np.einsum("rn,rn->r", weight, x)
    if np.isfinite(mean).all():
        return np.ones(len(x)), mean, np.sqrt(np.einsum("rn,rn->r", weight, (x - mean[:, None]) ** 2))
    known = np.isfinite(x)
    share = np.einsum("rn,rn->r", weight, known)
    sure, filled = np.where(share > 0, share, np.nan), np.where(known, x, 0.0)
    mean = np.einsum("rn,rn->r", weight, filled) / sure
    apart = np.where(known, filled - mean[:, None], 0.0)
    return share, mean, np.sqrt(np.einsum("rn,rn->r", weight, apart**2) / sure)


def _quantiles(at: np.ndarray) -> dict[str, np.ndarray]:
    """Of equally weighted draws (runs, count) that are numbers; NaN where none is."""
    ordered = np.sort(at, 1)
    count = np.full(len(at), at.shape[1])
    if not np.isfinite(ordered[:, [0, -1]]).all():  # what is no number comes last
        ordered = np.sort(np.where(np.isfinite(at), at, np.inf), 1)
        count = np.isfinite(ordered).sum(1)
    found = {}
    for name, q in zip(("q05", "q50", "q95"), QUANTILES, strict=True):
        place = np.maximum(np.round(q * (count - 1)).astype(int), 0)
        found[name] = np.where(count > 0, ordered[np.arange(len(at)), place], np.nan)
    return found
