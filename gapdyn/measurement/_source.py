"""From files and frames to lazy Polars frames whose columns have the names of the samples table."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._check import InputError, did_you_mean
from ..data._clock import find_time
from ..data._columns import CLOCK, RUN, TIME, TIME_NAMES
from ..data._files import locate, require_file
from ..data._table import Table, clean_header
from ..data._text import listing, show, squash, suggest
from ._schema import ANSWER, CORRECT, NLL, PROMPT, SAMPLE_NAMES, UNCERTAINTY, is_score
from ._text_files import text_to_parquet, unzipped

if TYPE_CHECKING:
    import polars as pl

HEAD = 1000  # rows that say which column is the time
MISSING = ("", "nan", "null", "none", "na", "n/a", "<na>")  # texts that stand for nothing


@dataclass(frozen=True, eq=False)
class Part:
    """One table of samples: its rows, still on the disk, under the names of the samples table."""

    label: str  # how messages call it: a path, "the data frame"
    frame: pl.LazyFrame
    rows: int
    run: str  # name of the run where no column names it
    clock: str
    names: tuple[str, ...]  # columns that are there, t among them
    graded_only: bool  # no response has both nll and n_tokens, but there are grades


@dataclass(frozen=True)
class Reading:
    """What the caller says of the columns; see `gapdyn.measure`."""

    columns: Mapping[str, str] | None = None
    t: str | None = None
    clock: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        for ours in self.columns or {}:
            if ours not in SAMPLE_NAMES and ours not in TIME_NAMES and not is_score(str(ours)):
                hint = did_you_mean(str(ours), SAMPLE_NAMES)
                raise InputError(f"columns maps a name of gapdyn to yours; {show(ours)} is not one. {hint}")


@contextlib.contextmanager
def opened(samples: Any, reading: Reading) -> Iterator[list[Part]]:
    """The tables of samples in a path, a frame, a mapping of columns, or a list of these.

    Text files become Parquet in a temporary folder first, which goes when this ends.

    Raises
    ------
    InputError
        A source that cannot be read, that lacks a column, or whose time is not to be told.
    """
    every = samples if isinstance(samples, list | tuple) else [samples]
    if not every:
        raise InputError("no samples were given. Name a file, or give a frame.")
    # after an error a thread of Polars may still be writing there
    with tempfile.TemporaryDirectory(prefix="gapdyn-samples-", ignore_cleanup_errors=True) as folder:
        parts = [_part(one, reading, Path(folder)) for one in every]
        clocks = {part.clock: part.label for part in parts}
        if len(clocks) > 1:
            seen = " and ".join(f"{clock!r} in {label}" for clock, label in clocks.items())
            raise InputError(f"the tables have different clocks: {seen}. Measure them one by one.")
        yield parts


def _part(source: Any, reading: Reading, folder: Path) -> Part:
    label, frame, stem = _lazy(source, folder)
    with readable(label):
        names = clean_header(label, list(frame.collect_schema()))
        head = frame.head(HEAD).collect()
    table = Table(label, {name: head[column].to_list() for name, column in zip(names, head.columns, strict=True)})
    theirs = dict(zip(names, head.columns, strict=True))
    if not head.height:
        raise table.error("there are no rows. Were the samples written to another place?")
    fields = _fields(table, reading)
    time = find_time(table, {n: f for n, f in fields.items() if n in (*TIME_NAMES, CLOCK.name)},
                     reading.t, reading.clock, range(head.height))  # fmt: skip
    _require(table, fields)
    kept = {n: f for n, f in fields.items() if n not in (*TIME_NAMES, CLOCK.name)} | {TIME.name: time.field}
    import polars as pl

    chosen = frame.select(pl.col(theirs[field]).alias(name) for name, field in kept.items())
    for name, kind in chosen.collect_schema().items():
        if kind.is_nested() or (name not in (RUN.name, ANSWER.name) and kind.is_temporal()):
            raise table.error(f"column {kept[name]!r} holds {kind}, not a text or a number. Unpack it first.")
    with readable(label):
        rows = chosen.select(pl.len()).collect().item()
        graded_only = CORRECT.name in kept and not all(_has_values(chosen, head.height, c.name) for c in UNCERTAINTY)
    if graded_only:
        kept.pop(NLL.name, None)
    return Part(label, chosen, rows, reading.name or stem, time.clock, tuple(kept), graded_only)


def _require(table: Table, fields: Mapping[str, str]) -> None:
    """A prompt, and something to measure: nll and n_tokens, or a grade."""
    needed = (PROMPT,) if CORRECT.name in fields else (PROMPT, *UNCERTAINTY)
    missing = [column.name for column in needed if column.name not in fields]
    if not missing:
        return
    there = f"its columns are {listing(table.columns, 20)}"
    remedy = f'Rename one, or pass columns={{"{missing[0]}": "<its name>"}}.'
    if missing != [PROMPT.name]:
        remedy += " For accuracies alone a column 'correct' is enough."
    raise table.error(f"there is no column {' and no '.join(map(repr, missing))}; {there}. {remedy}")


def _has_values(frame: pl.LazyFrame, head: int, name: str) -> bool:
    """Whether a column is there and has anything but missing values; most tables show it within the head."""
    import polars as pl

    kind = frame.collect_schema().get(name)
    if kind is None:
        return False
    there = pl.col(name).is_not_null()
    if kind == pl.String:
        there &= ~pl.col(name).str.strip_chars().str.to_lowercase().is_in(MISSING)
    elif kind.is_float():
        there &= pl.col(name).is_finite()
    return any(rows.select(there.any()).collect().item() for rows in (frame.head(head), frame))


def _fields(table: Table, reading: Reading) -> dict[str, str]:
    """Which column is each name of the samples table; the caller's mapping goes first."""
    asked = dict(reading.columns or {})
    for ours, theirs in asked.items():
        if theirs not in table.columns:
            hint = suggest(str(theirs), table.columns)
            raise table.error(f"columns maps {ours!r} to {theirs!r}, which is not there. {hint}")
        if list(asked.values()).count(theirs) > 1:
            raise table.error(f"columns maps two names to {theirs!r}. One column can be only one thing.")
    known = (*SAMPLE_NAMES, *TIME_NAMES, CLOCK.name)
    free = [name for name in table.columns if name not in asked.values()]
    fields = asked | {n: n for n in free if n not in asked and (n in known or is_score(n))}
    for theirs in free:
        ours = squash(theirs)
        if ours in SAMPLE_NAMES and ours not in fields:
            remedy = f"Rename it, or pass columns={{{ours!r}: {theirs!r}}}."
            raise table.error(f"column {theirs!r} looks like {ours!r}. {remedy}")
    return fields


def _lazy(source: Any, folder: Path) -> tuple[str, pl.LazyFrame, str]:
    """(how messages call it, its rows, name of its run) of one source."""
    import polars as pl

    if isinstance(source, str | os.PathLike):
        return _file(source, folder)
    if isinstance(source, pl.LazyFrame):
        return "the lazy frame", source, "run"
    if isinstance(source, pl.DataFrame):
        return "the data frame", source.lazy(), "run"
    try:
        if isinstance(source, Mapping):
            return "the mapping", pl.DataFrame(dict(source), strict=False).lazy(), "run"
        if type(source).__module__.split(".")[0] == "pandas":
            columns = {str(name): source[name].to_numpy() for name in source.columns}
            return "the data frame", pl.DataFrame(columns, strict=False, nan_to_null=False).lazy(), "run"
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        reason = (str(error).splitlines() or ["unknown"])[0]
        raise InputError(f"the samples cannot be read as a table: {reason}. Give columns of equal length.") from None
    kinds = "a path, a Polars or pandas frame, a mapping of columns, or a list of these"
    raise InputError(f"cannot read samples from {show(source)}: give {kinds}.")


def _file(source: str | os.PathLike[Any], folder: Path) -> tuple[str, pl.LazyFrame, str]:
    import polars as pl

    location = locate(source)
    require_file(location.path)
    if location.format != "parquet":
        path = unzipped(location, folder) if location.zipped else location.path
        return str(location.path), text_to_parquet(location, path, folder), location.stem
    label = str(location.path)
    with readable(label):
        frame = pl.scan_parquet(location.path, glob=False)
        frame.collect_schema()
    return label, frame, location.stem


@contextlib.contextmanager
def readable(label: str) -> Iterator[None]:
    """Whatever Polars cannot read becomes one sentence. A panic of its Rust code is a BaseException."""
    import polars as pl

    try:
        yield
    except InputError:
        raise
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        first = (str(error).strip().splitlines() or ["unknown"])[0].rstrip(".")
        raise InputError(f"{label}: cannot be read: {first}. Was it written to the end?") from None
