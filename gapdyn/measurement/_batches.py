"""Samples prompt by prompt, in bounded memory: batches in which all responses to a prompt stand together.

Most files are written so; a batch is then a stretch of the file. Others are dealt by prompt into temporary files
first, each of which is sorted by itself.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._check import InputError
from ..data._columns import RUN, TIME
from ..data._text import show
from ._blocks import Blocks
from ._rows import read_rows
from ._schema import CORRECT, N_TOKENS, NLL, PROMPT, SAMPLE
from ._source import Part

if TYPE_CHECKING:
    import polars as pl

ROWS = 500_000  # of a stretch of a file
BUCKET = 1_000_000  # rows of a temporary file
KEYS = (RUN.name, TIME.name, PROMPT.name)


class Scattered(Exception):
    """The responses to a prompt do not stand together in the file."""


class Span(NamedTuple):
    """One checkpoint's stretch of a batch."""

    checkpoint: int
    groups: slice
    rows: slice


@dataclass(frozen=True, eq=False)
class Batch:
    """Responses of whole prompts at their checkpoints. A group is one prompt at one checkpoint.

    Attributes
    ----------
    columns : name -> (rows,), float64, NaN where missing.
    starts : (groups,), the first row of each group.
    checkpoint : (groups,), which checkpoint, as an index of `Scan.checkpoints`.
    block : (groups,), which block of prompts (see `Blocks`).
    first : (groups,), the row of the lowest sample_id.
    answers : texts of the rows, where asked for.
    """

    columns: dict[str, np.ndarray]
    starts: np.ndarray
    checkpoint: np.ndarray
    block: np.ndarray
    first: np.ndarray
    answers: pl.Series | None

    @cached_property
    def sizes(self) -> np.ndarray:
        """(groups,) rows of each group."""
        return np.diff(self.starts, append=len(self.columns[NLL.name]))

    @cached_property
    def group(self) -> np.ndarray:
        """(rows,) which group each row is of."""
        return np.repeat(np.arange(len(self.starts)), self.sizes)

    @cached_property
    def per_token(self) -> np.ndarray:
        """(rows,) uncertainty per token."""
        return self.columns[NLL.name] / self.columns[N_TOKENS.name]

    @cached_property
    def spans(self) -> list[Span]:
        """The checkpoints here: each has a stretch of its own."""
        change = np.flatnonzero(np.diff(self.checkpoint, prepend=-1))
        ends = np.append(change[1:], len(self.checkpoint))
        rows = np.append(self.starts, len(self.columns[NLL.name]))
        return [Span(int(self.checkpoint[a]), slice(a, b), slice(rows[a], rows[b]))
                for a, b in zip(change, ends, strict=True)]  # fmt: skip

    def only(self, kept: np.ndarray) -> Batch:
        """Some of the rows, (rows,) whether; groups without any are left out."""
        if kept.all():
            return self
        group = self.group[kept]
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        there = group[starts]
        columns = {name: x[kept] for name, x in self.columns.items()}
        answers = None if self.answers is None else self.answers.filter(kept)
        return Batch(columns, starts, self.checkpoint[there], self.block[there], starts, answers)

    def add(self, rows: np.ndarray) -> np.ndarray:
        """Sum over each group: (rows, ...) -> (groups, ...)."""
        return np.add.reduceat(rows, self.starts, axis=0)


class Scan:
    """One pass over all samples. `checkpoints` grows as they appear: (run, t) -> index; `seen` counts what was odd."""

    def __init__(self, parts: list[Part], wanted: tuple[str, ...], report: Callable[[int], Any]):
        self.parts, self.wanted, self.report = parts, wanted, report
        self.blocks = Blocks()
        self.checkpoints: dict[tuple[str, float], int] = {}
        self.seen: Counter[str] = Counter()

    def stretches(self) -> Iterator[Batch]:
        """Batches in the order of the files.

        Raises
        ------
        Scattered
            Responses to a prompt at a checkpoint stand apart.
        """
        order = _Order()
        for part in self.parts:
            rest = None
            for start in range(0, part.rows, ROWS):
                frame = read_rows(part, start, ROWS, self.wanted, self.seen)
                frame = frame if rest is None else rest.vstack(frame)
                heads = _heads(frame)
                last = start + ROWS >= part.rows
                cut = frame.height if last else int(heads[-1]) if len(heads) else 0
                rest = frame[cut:]
                if cut:
                    yield self._batch(frame[:cut], heads if last else heads[:-1], order)
                self.report(min(ROWS, part.rows - start))
        order.close_all()

    def sorted(self) -> Iterator[Batch]:
        """Batches of some prompts each, whatever the order of the files."""
        import polars as pl

        buckets = -(-sum(part.rows for part in self.parts) // BUCKET)
        with tempfile.TemporaryDirectory(prefix="gapdyn-samples-") as folder:
            pieces: list[list[Path]] = [[] for _ in range(buckets)]
            for part in self.parts:
                for start in range(0, part.rows, ROWS):
                    frame = read_rows(part, start, ROWS, self.wanted, self.seen)
                    whose = frame[PROMPT.name].hash() % buckets
                    for bucket, piece in frame.with_columns(bucket=whose).partition_by("bucket", as_dict=True).items():
                        path = Path(folder) / f"{len(pieces[bucket[0]])}-{bucket[0]}.arrow"
                        piece.drop("bucket").write_ipc(path)
                        pieces[bucket[0]].append(path)
                    self.report(min(ROWS, part.rows - start))
            for paths in filter(None, pieces):
                frame = pl.concat([pl.read_ipc(p) for p in paths], how="diagonal_relaxed")
                frame = frame.sort(KEYS, maintain_order=True)
                yield self._batch(frame, _heads(frame), None)

    def _batch(self, frame: pl.DataFrame, starts: np.ndarray, order: _Order | None) -> Batch:
        heads = frame.select(KEYS)[starts]
        whose = heads[PROMPT.name].hash().to_numpy()
        change = _changes(heads, KEYS[:2])
        at = np.repeat([self._checkpoint(heads, i) for i in change], np.diff(change, append=len(starts)))
        if order is not None:
            order.add(at, change, whose)
        columns = {n: frame[n].to_numpy() for n in frame.columns if frame[n].dtype.is_float()}
        first = starts
        if SAMPLE.name in frame.columns:
            first = _lowest(frame, starts)
        columns.setdefault(CORRECT.name, np.full(frame.height, np.nan))
        answers = frame["answer"] if "answer" in frame.columns else None
        return Batch(columns, starts, at, self.blocks.of(whose), first, answers)

    def _checkpoint(self, heads: pl.DataFrame, i: int) -> int:
        key = (str(heads[RUN.name][int(i)]), float(heads[TIME.name][int(i)]))
        return self.checkpoints.setdefault(key, len(self.checkpoints))


class _Order:
    """Notices a prompt or a checkpoint that comes back after others. Forgets a checkpoint's prompts once it is over."""

    def __init__(self) -> None:
        self.over: set[int] = set()
        self.now = -1
        self.prompts: list[np.ndarray] = []

    def add(self, checkpoint: np.ndarray, change: np.ndarray, prompts: np.ndarray) -> None:
        for start, end in zip(change, np.append(change[1:], len(prompts)), strict=True):
            if checkpoint[start] != self.now:
                self.close_all()
                self.now = int(checkpoint[start])
                if self.now in self.over:
                    raise Scattered
            self.prompts.append(prompts[start:end])

    def close_all(self) -> None:
        if self.prompts:
            every = np.concatenate(self.prompts)
            if len(np.unique(every)) < len(every):
                raise Scattered
        self.over.add(self.now)
        self.prompts = []


def _heads(frame: pl.DataFrame) -> np.ndarray:
    return _changes(frame, KEYS)


def _changes(frame: pl.DataFrame, names: tuple[str, ...]) -> np.ndarray:
    """The rows at which one of the columns changes, the first row among them."""
    if not frame.height:
        return np.zeros(0, int)
    change = np.zeros(frame.height, bool)
    for name in names:
        column = frame[name]
        change[1:] |= column[1:].ne_missing(column[:-1]).to_numpy()
    change[0] = True
    return np.flatnonzero(change)


def _lowest(frame: pl.DataFrame, starts: np.ndarray) -> np.ndarray:
    """The row of the lowest sample_id of each group; texts count in the order of the file.

    Raises
    ------
    InputError
        Two rows of a group with the same sample_id.
    """
    ids = frame[SAMPLE.name]
    head = np.zeros(frame.height, bool)
    head[starts] = True
    group = np.cumsum(head) - 1
    if ids.dtype.is_integer() and not ids.null_count():
        numbers = ids.to_numpy()
        if np.all((np.diff(numbers) > 0) | head[1:]):
            return starts
        order = np.lexsort((numbers, group))
        twice = np.flatnonzero((np.diff(numbers[order]) == 0) & (np.diff(group[order]) == 0))
        if len(twice):
            raise _repeated(frame, int(order[twice[0] + 1]))
        return order[starts]
    import polars as pl

    named = pl.DataFrame({"group": group, "id": ids})
    twice = (named.is_duplicated() & ids.is_not_null()).to_numpy()
    if twice.any():
        raise _repeated(frame, int(np.flatnonzero(twice)[-1]))
    return starts


def _repeated(frame: pl.DataFrame, row: int) -> InputError:
    run, t, prompt, sample = (frame[n][row] for n in (*KEYS, SAMPLE.name))
    seen = f"run {show(run)}, time {t:g}: sample {show(sample)} of prompt {show(prompt)} comes twice"
    return InputError(f"{seen}. Drop the repeated rows, or number the samples of a prompt.")
