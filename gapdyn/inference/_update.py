"""A fit that learns of more checkpoints: its points weighted anew while that can be relied on, else a new fit."""

from __future__ import annotations

import dataclasses
import time
from typing import Any, NamedTuple

import numpy as np

from .._check import InputError
from .._finding import Finding
from .._random import as_seed, generator, split
from ..data import Run
from ._base import Base
from ._diagnostics import ENOUGH
from ._fit import Posed, fitted, made, passed, pose, precision_finding
from ._result import Fit
from ._target import target
from .engines import Quadrature, Sampled
from .engines._exploring import COVERED, adapted, effective, flattened
from .engines._mixture import Mixture, systematic
from .engines._pareto import smooth
from .engines._passes import Pass, too_many

FITTED = ("t", "u_s", "u_v", "se_s", "se_v", "corr", "external")  # columns that a posterior may hang on
FEWEST = 60  # points, effectively, from which a first proposal is fitted
REMEDY = "An update takes the same run with more checkpoints; another run is fitted with gd.fit."


def update(old: Fit, run: Run, *, key: Any, progress: bool | None = None) -> Fit:
    """See `Fit.update`."""
    began, seed, asked = time.perf_counter(), as_seed(key), old.asked
    if not isinstance(run, Run):
        raise InputError(f"update: {type(run).__name__} is not a Run. {REMEDY}")
    if asked is None:
        raise InputError(f"run {run.name!r} is one of a pooled fleet, which the other runs inform: fit them all again.")
    posed = pose(run, asked)
    _check_continued(old.data, posed.run, old.series)
    if len(run) == len(old.data):
        return old if _same_columns(old.data, posed.run) else dataclasses.replace(old, data=posed.run)
    findings = precision_finding()
    k_again, k_weigh, k_pick, k_start = split(seed, 4)
    points, why_not = _weighted(old.base, posed, generator(k_weigh))
    if points is not None and not why_not:
        done, found = _picked(old, posed, points, k_pick)
        new = made(posed, asked, done, [*findings, *found], seed, began, points.base)
        said = {**new.provenance, "weighted_from": f"{points.base.checkpoints} checkpoints"}
        return dataclasses.replace(new, provenance=said)
    start = None if points is None else points.start(generator(k_start))
    findings.append(Finding("info", "refitted", f"{why_not}, so the run was fitted again.", "Nothing is to be done."))
    return fitted(posed, asked, k_again, findings, start, progress, began)


class _Points(NamedTuple):
    """All points of a base, weighted for a longer run."""

    base: Base
    x: np.ndarray  # (points, size), in the coordinates of the longer run
    own: np.ndarray  # (points, target's size), the target's own vectors
    log_target: np.ndarray  # (points,)
    log_proposal: np.ndarray  # (points,)
    weight: np.ndarray  # (points,), smoothed, with sum 1
    k: float

    @property
    def worth(self) -> float:
        """Independent draws that they are worth."""
        return self.base.worth / float(np.sum(self.weight**2))

    @property
    def figures(self) -> str:
        return f"k-hat {self.k:.2f}, worth {self.worth:,.0f} draws"

    def start(self, random: np.random.Generator) -> Mixture | None:
        """A first proposal for a new fit, as the points know the posterior; None where they know too little."""
        flat = flattened(self.log_target, self.log_proposal)
        return adapted(self.x, flat, random, Quadrature().components) if effective(flat) >= FEWEST else None


def _weighted(base: Base | None, posed: Posed, random: np.random.Generator) -> tuple[_Points | None, str]:
    """The points of a base as those of a longer run's posterior, and what speaks against them."""
    if base is None:
        return None, "No points of the fit can be weighted (they are doubtful, approximate, or were not kept)"
    aim = base.aim(posed.model, posed.obs)
    if [n for n, _ in aim.target.rest] != base.names:
        return None, "The longer run has other parameters"
    x, log_jacobian = base.moved(posed.obs, posed.scale)
    e = random.standard_normal((len(x), aim.extra))
    log_target, own = aim.both(np.concatenate([x, e], 1))
    normal = -0.5 * np.sum(e**2 + np.log(2 * np.pi), 1)
    log_target, log_proposal = log_target - normal, base.log_proposal - log_jacobian
    # beyond the ends of what numbers can tell of a bounded parameter
    there = np.isfinite(log_target) & np.isfinite(log_proposal)
    log_target, log_proposal = np.where(there, log_target, -np.inf), np.where(there, log_proposal, 0.0)
    points = _Points(base, x, own, log_target, log_proposal, *smooth(log_target - log_proposal))
    if points.k < COVERED and points.worth >= ENOUGH:
        return points, ""
    far = f"The points of {base.checkpoints} checkpoints do not reach to {len(posed.run)} ({points.figures})"
    return points, far


def _picked(old: Fit, posed: Posed, points: _Points, key: Any) -> tuple[Pass, list[Finding]]:
    """Draws picked from weighted points, with all that follows from them, and what to say of it."""
    k_pick, k_complete = split(key, 2)
    random, engine, base = generator(k_pick), old.engine, points.base
    picked = random.permutation(systematic(points.weight, engine.chains * engine.draws, random))
    quality = {"pareto_k": np.asarray([points.k]), "effective": np.asarray([points.worth])}
    if base.stated is not None:
        evidence = np.logaddexp.reduce(points.log_target - points.log_proposal) - np.log(len(points.x))
        quality["log_evidence"] = np.asarray([evidence])
    draws = points.own[picked].reshape(engine.chains, engine.draws, -1)
    aim = target(posed.model, posed.obs)
    sampled = Sampled(draws, quality=quality, proposal=old.proposal)
    done = passed(engine, sampled, aim, posed.model, posed.obs, posed.scale, k_complete)
    text = f"{len(posed.run)} checkpoints, by weighting the points of the fit of {base.checkpoints}: {points.figures}."
    found = Finding("info", "updated", text, "To sample afresh, fit the longer run with gd.fit.")
    return done, [found, *too_many(engine, aim)]


def _check_continued(old: Run, new: Run, series: str | None) -> None:
    """Whether the first checkpoints of `new` are those of `old`."""
    who = f"run {new.name!r}"
    for name in ("clock", "unit"):
        was, now = getattr(old, name), getattr(new, name)
        if was != now:
            raise InputError(f"{who}: its {name} is {now!r}, that of the fit {was!r}. {REMEDY}")
    if len(new) < len(old):
        raise InputError(f"{who} has {len(new)} checkpoints, fewer than the {len(old)} that were fitted. {REMEDY}")
    columns = {n: (getattr(old, n), getattr(new, n)[: len(old)]) for n in FITTED}
    differ = {n: np.flatnonzero(~((a == b) | (np.isnan(a) & np.isnan(b)))) for n, (a, b) in columns.items()}
    found = [(int(where[0]), n) for n, where in differ.items() if where.size]
    if found:
        i, n = min(found, key=lambda pair: pair[0])
        was, now = (f"{column[i]:g}" for column in columns[n])
        shown = n if series is None else n.replace("u_s", series).replace("se_s", f"se_{series}")
        raise InputError(f"{who}: {shown}[{i}]={now} was {was} when it was fitted. {REMEDY}")


def _same_columns(old: Run, new: Run) -> bool:
    ours, theirs = old.columns(), new.columns()
    return ours.keys() == theirs.keys() and all(np.array_equal(ours[n], theirs[n], equal_nan=True) for n in ours)
