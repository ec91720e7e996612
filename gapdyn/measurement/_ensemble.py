"""Several verifiers as one: the mean of their scores, all of them together (AND), logistic stacking; and how alike
their scores are, which says what an ensemble can gain.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .._check import InputError
from .._random import generator, split
from ..data._columns import RUN
from ..data._text import listing
from ._batches import Batch
from ._bootstrap import Bootstrap, Estimate
from ._fold import fold, runs_of, verifiers_of
from ._rows import read_rows
from ._schema import CORRECT, PROMPT
from ._source import Part, Reading, opened
from ._sums import Sums

if TYPE_CHECKING:
    import polars as pl

FOLDS = 5
ENSEMBLES = ("mean", "all", "stacked")
RIDGE = 1e-3  # keeps weights finite where a verifier separates right from wrong
STEPS = 50
EDGE = 1e-6  # scores nearer to 0 or 1 count as that near


def ensemble(
    samples: Any,
    *,
    columns: Mapping[str, str] | None = None,
    t: str | None = None,
    clock: str | None = None,
    name: str | None = None,
    folds: int = FOLDS,
) -> pl.DataFrame:
    """The samples with three verifiers more, made of those that are there, for `verifier=` of `gapdyn.measure`.

    `score_mean` is the mean of the scores. `score_all` is the least of them: it reaches a threshold where all do.
    `score_stacked`, where responses are graded, is a logistic regression of `correct` on the log-odds of the scores,
    fitted for each run and fifth of the prompts on the other four fifths. The table must fit into memory.

    Raises
    ------
    InputError
        Fewer than two verifiers, or as `gapdyn.measure`.
    """
    import polars as pl

    if isinstance(folds, bool) or not isinstance(folds, int) or not 2 <= folds <= 100:
        raise InputError(f"folds={folds!r}: give a whole number from 2 to 100.")
    with opened(samples, Reading(columns, t, clock, name)) as parts:
        scores = _several(parts)
        seen: Counter[str] = Counter()
        frame = pl.concat([read_rows(p, 0, p.rows, scores, seen) for p in parts], how="diagonal_relaxed")
        clock = parts[0].clock
    every = frame.select(scores).to_numpy()
    made = {"score_mean": every.mean(axis=1), "score_all": every.min(axis=1)}
    if CORRECT.name in frame.columns:
        made["score_stacked"] = _stacked(frame, every, folds)
    return frame.with_columns(pl.Series(n, np.clip(x, 0, 1)) for n, x in made.items()).rename({"t": clock})


def _several(parts: list[Part]) -> tuple[str, ...]:
    made = {f"score_{kind}" for kind in ENSEMBLES}
    scores = tuple(n for n in verifiers_of(parts) if n not in made)
    if len(scores) < 2:
        seen = listing(scores) if scores else "none"
        raise InputError(f"{parts[0].label}: an ensemble needs two verifiers; there is {seen}. Log score_<verifier>.")
    return scores


def _stacked(frame: pl.DataFrame, scores: np.ndarray, folds: int) -> np.ndarray:
    safe = np.clip(scores, EDGE, 1 - EDGE)
    x = np.column_stack([np.ones(len(safe)), np.log(safe / (1 - safe))])
    y = frame[CORRECT.name].to_numpy()
    known = np.isfinite(x).all(1) & np.isfinite(y)
    run = frame[RUN.name].rank("dense").to_numpy()
    fold = frame[PROMPT.name].rank("dense").to_numpy() % folds  # a prompt is in one fold at all checkpoints
    stacked = np.full(len(y), np.nan)
    for r in np.unique(run):
        for f in range(folds):
            mine, others = (run == r) & (fold == f), (run == r) & (fold != f) & known
            if others.any():
                stacked[mine] = _sigmoid(x[mine] @ logistic(x[others], y[others]))
    return stacked


def logistic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Weights (K,) of a logistic regression of y (n,) on x (n, K), with a little ridge, by Newton's method."""
    weights = np.zeros(x.shape[1])
    scale = RIDGE * len(y) * np.eye(x.shape[1])
    scale[0, 0] = 1e-9
    for _ in range(STEPS):
        p = _sigmoid(x @ weights)
        slope = x.T @ (y - p) - scale @ weights
        step = np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + scale, slope)
        weights = weights + step / max(1.0, np.abs(step).max())  # no leap out of the curved region
        if np.abs(step).max() < 1e-9:
            break
    return weights


def _sigmoid(odds: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(odds, -700, 700)))


@dataclasses.dataclass(frozen=True, eq=False)
class ScoreCorrelation:
    """How alike the scores of verifiers are, over all responses of a run. Made by `gapdyn.score_correlation`.

    Attributes
    ----------
    names : verifiers, V.
    runs : names of the runs.
    all : Pearson correlation of scores, an `Estimate` of (runs, V, V).
    given : the same within right and within wrong responses, pooled: what is left once the truth is taken out.
        Verifiers help each other where this is small. All NaN without grades.
    """

    names: tuple[str, ...]
    runs: tuple[str, ...]
    all: Estimate
    given: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        both = {"all": self.all.to_dict(), "given": self.given.to_dict()}
        return {"verifiers": list(self.names), "runs": list(self.runs), **both}

    def __str__(self) -> str:
        lines = []
        for i, run in enumerate(self.runs):
            lines.append(f"{run}: correlation of scores (in parentheses: within right and within wrong responses)")
            lines.append(f"{'':16s}" + "".join(f"{n:>16s}" for n in self.names))
            for j, name in enumerate(self.names):
                cells = (
                    f"{a:.2f} ({b:.2f})" for a, b in zip(self.all.value[i, j], self.given.value[i, j], strict=True)
                )
                lines.append(f"{name:16s}" + "".join(f"{cell:>16s}" for cell in cells))
        return "\n".join(lines)


def score_correlation(
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
) -> ScoreCorrelation:
    """Correlations of the scores of all verifiers, with intervals over prompts. Parameters as for `gapdyn.measure`.

    Raises
    ------
    InputError
        Fewer than two verifiers, or as `gapdyn.measure`.
    """
    with opened(samples, Reading(columns, t, clock, name)) as parts:
        scores = verifiers_of(parts)
        if len(scores) < 2:
            raise InputError(f"{parts[0].label}: a correlation needs two verifiers. Log score_<verifier>.")
        scan, (sums,) = fold(parts, scores, lambda: [_Products(scores)], progress)
    runs, found = runs_of(scan), []
    for checkpoints, seed in zip(runs.values(), split(key, len(runs)), strict=True):
        whole = sums.sums.of([i for _, i in checkpoints]).sum(0)[None]
        bootstrap = Bootstrap.of(whole[..., 0] + whole[..., sums.kind], draws, level, generator(seed))
        found.append([bootstrap.estimate(whole, of) for of in (sums.all, sums.given)])
    v = len(scores)
    every = [Estimate(*(np.concatenate([getattr(e, f.name) for e in es]).reshape(-1, v, v)
                        for f in dataclasses.fields(Estimate))) for es in zip(*found, strict=True)]  # fmt: skip
    return ScoreCorrelation(scores, tuple(runs), *every)


class _Products:
    """Sums of scores and of their products, of right, of wrong and of ungraded responses."""

    def __init__(self, scores: tuple[str, ...]):
        self.scores = scores
        self.kind = 1 + len(scores) + len(scores) ** 2
        self.sums = Sums(3 * self.kind)

    def add(self, batch: Batch) -> None:
        x = np.column_stack([batch.columns[s] for s in self.scores]) - 0.5  # about the middle: less cancels
        known = np.isfinite(x).all(axis=1, keepdims=True)
        x = np.where(known, x, 0.0)
        products = (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)
        rows = np.column_stack([known, x, products])
        correct = batch.columns[CORRECT.name][:, None]
        kinds = (rows * kind for kind in (correct == 1, correct == 0, np.isnan(correct)))
        self.sums.add(batch, np.hstack([batch.add(kind) for kind in kinds]).T)

    def all(self, s: np.ndarray) -> np.ndarray:
        return self._corr([s.reshape(*s.shape[:-1], 3, self.kind).sum(-2)])

    def given(self, s: np.ndarray) -> np.ndarray:
        return self._corr(np.split(s, 3, axis=-1)[:2])

    def _corr(self, kinds: list[Any]) -> np.ndarray:
        """Correlation from the co-moments within each kind, summed: (..., V * V)."""
        v = len(self.scores)
        total: Any = 0.0
        for s in kinds:
            n, first, second = s[..., :1, None], s[..., 1 : 1 + v], s[..., 1 + v :].reshape(*s.shape[:-1], v, v)
            total = total + np.where(n > 0, second - first[..., :, None] * first[..., None, :] / np.maximum(n, 1), 0.0)
        size = np.sqrt(np.einsum("...ii->...i", total))
        return (total / (size[..., :, None] * size[..., None, :])).reshape(*total.shape[:-2], v * v)
