"""`diversity`: how different the answers to a prompt are, and what their majority is worth."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from .._check import InputError
from .._random import generator, split
from ._batches import Batch
from ._bootstrap import Bootstrap, Estimate
from ._fold import fold, runs_of
from ._schema import ANSWER, CORRECT
from ._source import Reading, opened
from ._sums import Sums

NAMES = ("distinct", "entropy", "largest", "majority")


@dataclasses.dataclass(frozen=True, eq=False)
class RunDiversity:
    """Diversity of answers of one run, an `Estimate` of (checkpoints,) each.

    Attributes
    ----------
    name, t : of the run.
    distinct : mean number of distinct answers to a prompt.
    entropy : mean entropy of a prompt's answers, nats, with Miller and Madow's correction (distinct - 1) / (2 N).
    largest : mean share of the most frequent answer.
    majority : share of prompts whose most frequent answer is right (of equally frequent ones the mean); NaN ungraded.
    """

    name: str
    t: np.ndarray
    distinct: Estimate
    entropy: Estimate
    largest: Estimate
    majority: Estimate


@dataclasses.dataclass(frozen=True, eq=False)
class Diversity:
    """Diversity of answers, run by run. Made by `gapdyn.diversity`; prints itself."""

    runs: tuple[RunDiversity, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return {r.name: {"t": r.t.tolist(), **{n: getattr(r, n).to_dict() for n in NAMES}} for r in self.runs}

    def __str__(self) -> str:
        lines = []
        for run in self.runs:
            lines.append(f"{run.name:12s}" + "".join(f"{name:>10s}{'se':>8s}" for name in NAMES))
            for i, t in enumerate(run.t):
                cells = (f"{getattr(run, n).value[i]:>10.4g}{getattr(run, n).se[i]:>8.2g}" for n in NAMES)
                lines.append(f"{t:<12g}{''.join(cells)}")
        return "\n".join(lines)


def diversity(
    samples: Any,
    *,
    columns: Mapping[str, str] | None = None,
    t: str | None = None,
    clock: str | None = None,
    name: str | None = None,
    key: Any = 0,
    draws: int = 1000,
    level: float = 0.9,
    progress: bool | None = None,
) -> Diversity:
    """Distinct answers, entropy and majority votes, from a table with the column `answer`.

    Parameters are those of `gapdyn.measure`. Responses without an answer (null) are left out.

    Raises
    ------
    InputError
        No column `answer`, or as `gapdyn.measure`.
    """
    with opened(samples, Reading(columns, t, clock, name)) as parts:
        if not all(ANSWER.name in part.names for part in parts):
            raise InputError(f"{parts[0].label}: there is no column 'answer'. Log each response's final answer.")
        scan, (counts,) = fold(parts, (ANSWER.name,), lambda: [_Answers()], progress)
    measured, runs = [], runs_of(scan)
    for (run, checkpoints), seed in zip(runs.items(), split(key, len(runs)), strict=True):
        sums = counts.sums.of([i for _, i in checkpoints])
        bootstrap = Bootstrap.of(sums[..., 0], draws, level, generator(seed))
        every = bootstrap.estimate(sums, _means)
        parts_of = {name: every.part(i) for i, name in enumerate(NAMES)}
        measured.append(RunDiversity(run, np.array([t for t, _ in checkpoints]), **parts_of))
    return Diversity(tuple(measured))


class _Answers:
    """Sums over prompts of the numbers of `NAMES`."""

    def __init__(self) -> None:
        self.sums = Sums(6)

    def add(self, batch: Batch) -> None:
        import polars as pl

        assert batch.answers is not None
        rows = pl.DataFrame({"group": batch.group, "answer": batch.answers, "right": batch.columns[CORRECT.name]})
        n = pl.col("count").sum()
        share = pl.col("count") / n
        most = pl.col("count") == pl.col("count").max()
        found = (
            rows.drop_nulls("answer")
            .group_by("group", "answer")
            .agg(pl.len().alias("count"), pl.col("right").mean())
            .group_by("group")
            .agg(
                pl.len().cast(pl.Float64).alias("distinct"),
                (-(share * share.log()).sum() + (pl.len() - 1) / (2 * n)).alias("entropy"),
                share.max().alias("largest"),
                pl.col("right").filter(most).mean().alias("majority"),
            )
        )
        values = np.zeros((len(batch.starts), 6))
        at = found["group"].to_numpy()
        values[at, 0] = 1
        values[at, 1:4] = found.select(NAMES[:3]).to_numpy()
        majority = found["majority"].to_numpy()
        values[at, 4] = np.nan_to_num(majority)
        values[at, 5] = np.isfinite(majority)
        self.sums.add(batch, values.T)


def _means(s: np.ndarray) -> np.ndarray:
    return np.concatenate([s[..., 1:4] / s[..., :1], s[..., 4:5] / s[..., 5:]], -1)
