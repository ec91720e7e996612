"""`gv_gap` and `cross_verify`: the generation-verification gap under any weight, by one verifier or by each."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from .._check import InputError
from .._random import generator, split
from ..data._text import show
from ._batches import Batch
from ._bootstrap import Bootstrap, Estimate
from ._fold import fold, runs_of, verifiers_of, which_verifier
from ._schema import CORRECT, SCORE
from ._source import Part, Reading, opened
from ._sums import Sums
from .weights import AbstractWeight, Threshold

SIGMA = 0.5
KINDS = ("absolute", "relative", "accuracy", "covered", "nothing_left")


@dataclasses.dataclass(frozen=True, eq=False)
class RunGap:
    """The generation-verification gap of one run, an `Estimate` of (checkpoints,) each.

    Attributes
    ----------
    name, t : of the run.
    absolute : E_x gap_x, gap_x = E_{f[w]} u - E_f u, u whether a response is right; 0 where all weights are 0.
    relative : E_x [gap_x / (1 - J_x)], 0 where J_x = 1.
    ratio_of_means : E_x gap_x / (1 - E_x J_x), which is not the relative gap.
    accuracy : E_x J_x.
    covered : share of prompts with any weight above 0.
    nothing_left : share of prompts with J_x = 1.
    """

    name: str
    t: np.ndarray
    absolute: Estimate
    relative: Estimate
    ratio_of_means: Estimate
    accuracy: Estimate
    covered: Estimate
    nothing_left: Estimate


@dataclasses.dataclass(frozen=True, eq=False)
class GvGap:
    """Generation-verification gaps by one verifier. Made by `gapdyn.gv_gap`; prints itself.

    Attributes
    ----------
    runs : one `RunGap` for each run.
    weight, verifier, level : as asked for.
    identity_error : the largest difference, over prompts, of gap_x and Cov(w, u) / E[w], which are one.
    """

    runs: tuple[RunGap, ...]
    weight: AbstractWeight
    verifier: str
    level: float
    identity_error: float

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        runs = []
        for run in self.runs:
            own = {f.name: getattr(run, f.name) for f in dataclasses.fields(run)}
            runs.append({n: x.to_dict() if isinstance(x, Estimate) else x.tolist() if n == "t" else x
                         for n, x in own.items()})  # fmt: skip
        about = {"weight": repr(self.weight), "verifier": self.verifier, "level": self.level}
        return {**about, "identity_error": self.identity_error, "runs": runs}

    def __str__(self) -> str:
        lines = [f"generation-verification gap by {self.verifier}, {self.weight!r}, {self.level:.0%} intervals"]
        for run in self.runs:
            lines.append(f"{run.name:12s}{'accuracy':>9s}{'gap':>9s}{'':19s}{'relative':>9s}{'':19s}{'covered':>9s}")
            for i, t in enumerate(run.t):
                cells = [
                    f"{e.value[i]:>9.4f} [{e.low[i]:>7.4f},{e.high[i]:>7.4f}] " for e in (run.absolute, run.relative)
                ]
                lines.append(f"{t:<12g}{run.accuracy.value[i]:>9.4f}{''.join(cells)}{run.covered.value[i]:>9.2f}")
        return "\n".join(lines)


@dataclasses.dataclass(frozen=True, eq=False)
class CrossVerification:
    """Who verifies whom: the gap of every generator (a run) by every verifier. Prints its last checkpoints as a grid.

    Attributes
    ----------
    gaps : verifier -> `GvGap`.
    """

    gaps: dict[str, GvGap]

    def grid(self, kind: str = "relative") -> np.ndarray:
        """(runs, verifiers) values of the last checkpoints: "absolute", "relative" or "ratio_of_means"."""
        return np.array([[getattr(r, kind).value[-1] for r in gap.runs] for gap in self.gaps.values()]).T

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return {name: gap.to_dict() for name, gap in self.gaps.items()}

    def __str__(self) -> str:
        runs = next(iter(self.gaps.values())).runs
        lines = ["relative gap, last checkpoint; rows: generator, columns: verifier"]
        lines.append(f"{'':20s}" + "".join(f"{name:>28s}" for name in self.gaps))
        for i, run in enumerate(runs):
            each = [gap.runs[i].relative for gap in self.gaps.values()]
            cells = [f"{e.value[-1]:>10.4f} [{e.low[-1]:>6.3f},{e.high[-1]:>6.3f}]" for e in each]
            lines.append(f"{run.name:20s}" + "".join(f"{cell:>28s}" for cell in cells))
        return "\n".join(lines)


class _Gap:
    """Sums over prompts of the gap under a weight."""

    def __init__(self, verifier: str, weight: AbstractWeight):
        self.verifier, self.weight = verifier, weight
        self.sums = Sums(1 + len(KINDS))
        self.identity_error = 0.0

    def add(self, batch: Batch) -> None:
        batch = batch.only(np.isfinite(batch.columns[self.verifier]) & np.isfinite(batch.columns[CORRECT.name]))
        if not len(batch.starts):
            return
        u = batch.columns[CORRECT.name]
        w = self.weight(batch, batch.columns[self.verifier])
        n, total = batch.sizes, batch.add(w)
        some = total > 0
        j = batch.add(u) / n
        gap = np.where(some, batch.add(w * u) / np.where(some, total, 1.0) - j, 0.0)
        mean = total / n
        cov = batch.add((w - mean[batch.group]) * (u - j[batch.group])) / n
        error = np.where(some, cov / np.where(some, mean, 1.0) - gap, 0.0)
        self.identity_error = max(self.identity_error, float(np.abs(error).max()))
        done = j >= 1
        relative = np.where(done, 0.0, gap / np.where(done, 1.0, 1 - j))
        self.sums.add(batch, np.stack([np.ones(len(n)), gap, relative, j, some, done]))

    def result(self, runs: dict[str, list[tuple[float, int]]], draws: int, level: float, key: Any) -> GvGap:
        measured = []
        for (name, checkpoints), seed in zip(runs.items(), split(key, len(runs)), strict=True):
            sums = self.sums.of([i for _, i in checkpoints])
            bootstrap = Bootstrap.of(sums[..., 0], draws, level, generator(seed))
            every = bootstrap.estimate(sums, _all_kinds)
            parts = {kind: every.part(i) for i, kind in enumerate((*KINDS, "ratio_of_means"))}
            measured.append(RunGap(name, np.array([t for t, _ in checkpoints]), **parts))
        return GvGap(tuple(measured), self.weight, self.verifier, level, self.identity_error)


def gv_gap(
    samples: Any,
    weight: AbstractWeight | None = None,
    *,
    verifier: str | None = None,
    columns: Mapping[str, str] | None = None,
    t: str | None = None,
    clock: str | None = None,
    name: str | None = None,
    key: Any = 0,
    draws: int = 1000,
    level: float = 0.9,
    progress: bool | None = None,
) -> GvGap:
    """The generation-verification gap: how much righter responses get when a verifier's scores weigh them.

    Parameters
    ----------
    samples, verifier, columns, t, clock, name, key, draws, level, progress
        As for `gapdyn.measure`. The table needs scores and `correct`.
    weight
        One of `gapdyn.weights`: `Threshold(tau)` (default, 0.5), `Top(share)`, `Tilt(b)`, `Tournament()`.

    Raises
    ------
    InputError
        As `measure`; also a table without scores or grades.
    """
    reading = Reading(columns, t, clock, name)
    with opened(samples, reading) as parts:
        score = _graded(parts, which_verifier(parts, verifier))
        return _gaps(parts, (score,), weight, key, draws, level, progress)[0]


def cross_verify(
    samples: Any,
    weight: AbstractWeight | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    t: str | None = None,
    clock: str | None = None,
    name: str | None = None,
    key: Any = 0,
    draws: int = 1000,
    level: float = 0.9,
    progress: bool | None = None,
) -> CrossVerification:
    """Every generator's gap by every verifier whose scores all tables have. Parameters as for `gv_gap`."""
    with opened(samples, Reading(columns, t, clock, name)) as parts:
        scores = verifiers_of(parts)
        _graded(parts, scores[0] if scores else None)
        gaps = _gaps(parts, scores, weight, key, draws, level, progress)
        return CrossVerification({gap.verifier: gap for gap in gaps})


def _gaps(
    parts: list[Part],
    scores: tuple[str, ...],
    weight: AbstractWeight | None,
    key: Any,
    draws: int,
    level: float,
    progress: bool | None,
) -> list[GvGap]:
    if weight is not None and not isinstance(weight, AbstractWeight):
        raise InputError(f"weight is {show(weight)}; take one of gapdyn.weights, such as Threshold({SIGMA:g}).")
    scan, made = fold(parts, scores, lambda: [_Gap(s, weight or Threshold(SIGMA)) for s in scores], progress)
    return [reducer.result(runs_of(scan), draws, level, key) for reducer in made]


def _graded(parts: list[Part], score: str | None) -> str:
    lacking = CORRECT.name if not all(CORRECT.name in part.names for part in parts) else SCORE.name
    if score is None or lacking == CORRECT.name:
        raise InputError(f"{parts[0].label}: there is no column {lacking!r}, which a gap needs. Log it.")
    return score


def _all_kinds(s: np.ndarray) -> np.ndarray:
    means = s[..., 1:] / s[..., :1]
    return np.concatenate([means, (means[..., 0] / (1 - means[..., 2]))[..., None]], -1)
