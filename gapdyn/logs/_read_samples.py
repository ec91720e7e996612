"""`read_samples`: responses that other tools dumped, to the samples table that `gapdyn.measure` takes."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._check import InputError, choose
from .._finding import Finding
from ..data._columns import CLOCKS, RUN
from ..data._table import Table
from ..data._text import listing, show, suggest
from ..data._validate import check_name
from ..measurement._schema import ANSWER, CORRECT, N_TOKENS, NLL, PROMPT, SAMPLE, SCORE, is_score
from ._mapping import Chosen, choose_fields
from ._opened import Opened, open_path
from ._read_log import tell
from ._source import Part, Source
from ._sources import SOURCES, find_source

if TYPE_CHECKING:
    import polars as pl

_COLUMNS = (PROMPT, SAMPLE, NLL, N_TOKENS, CORRECT, SCORE, ANSWER)  # graded before scored: a reward can be either
_SUFFIXES = (".json", ".jsonl", ".ndjson", ".parquet", ".eval", ".gz")


def read_samples(
    path: str | os.PathLike[Any] | Sequence[str | os.PathLike[Any]],
    source: str | None = None,
    *,
    at: float | Sequence[float] | None = None,
    t: str | None = None,
    clock: str | None = None,
    name: str | None = None,
    where: Mapping[str, str] | None = None,
    **fields: str | None,
) -> pl.DataFrame:
    """Read responses that another tool dumped; `gapdyn.logs.source_table()` lists which.

    What is taken for what by default is said in a warning. The files are read into memory.

    Parameters
    ----------
    path
        A file; or a folder, of which the files are read in the order of the numbers in their names; or a list of files.
    source
        What wrote them, such as "lm_eval"; by default told from the content.
    at
        Time of the checkpoint, one for each file, where the files do not say it.
    t
        Field of the time, if not the source's own.
    clock
        What the time counts (default "step").
    name
        Name of the run (default none: `measure` takes the table as one run).
    where
        Keep rows whose field has this value, such as ``{"filter": "strict-match"}``.
    **fields
        Which field is what: ``score="reward"``, ``score_rm="rm_score"``, ``nll="neg_logprob"``; any column of a samples
        table (see `gapdyn.measurement.sample_table`). None leaves out what would be taken by default.

    Returns
    -------
    polars.DataFrame
        The time under its clock's name, prompt_id, sample_id, nll, n_tokens, and score, correct, answer where known.

    Raises
    ------
    InputError
        If a file cannot be read, is of no known source, lacks a field, or has values that cannot be.

    Examples
    --------
    >>> import json, tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "outputs.jsonl"
    >>> output = {"index": 0, "token_ids": [5, 6], "cumulative_logprob": -1.5}
    >>> _ = path.write_text(json.dumps({"prompt": "1+1=", "outputs": [output], "score": 0.75}))
    >>> read_samples(path, at=0, score="score").select("step", "nll", "n_tokens", "score").row(0)
    (0.0, 1.5, 2.0, 0.75)
    """
    dump = load_samples(path, source, at=at, t=t, clock=clock, name=name, where=where, fields=fields)
    tell(dump.findings, bool(dump.assumed))
    return dump.frame


@dataclass(frozen=True, eq=False)
class Dump:
    """What was read from dumps: the samples, what is what, and what there is to know."""

    source: Source
    frame: pl.DataFrame
    fields: dict[str, str]
    assumed: tuple[str, ...]
    findings: tuple[Finding, ...]


def load_samples(
    path: Any,
    source: str | None = None,
    *,
    at: float | Sequence[float] | None = None,
    t: str | None = None,
    clock: str | None = None,
    name: str | None = None,
    where: Mapping[str, str] | None = None,
    fields: Mapping[str, str | None],
    opened: Sequence[Opened] | None = None,
) -> Dump:
    """As `read_samples`, with all that was found."""
    if clock is not None:
        choose(clock, CLOCKS, "clock")
    if name is not None:
        check_name(name, "the name of a run")
    files = list(opened) if opened is not None else open_every(path, source)
    kind = find_source(files[0], source, "samples")
    for other in files[1:]:
        find = find_source(other, source, "samples")
        if find is not kind:
            raise other.error(f"is of source {find.name}, but {files[0].path} of {kind.name}. Read them one by one.")
    times = _times(files, at)
    parts = [part for file in files for part in _read(file, kind, where)]
    tables = [part.table(str(file.path)) for file, part in zip(files, parts, strict=True)]
    extra = tuple(
        replace(SCORE, name=n)
        for n in dict.fromkeys([*(n for table in tables for n in table.columns), *fields])
        if is_score(n) and n != SCORE.name
    )
    chosen = choose_fields(tables, kind, (*_COLUMNS, *extra), fields)
    if PROMPT.name not in chosen.fields:
        raise files[0].error(
            "its rows have no prompt that could be told. Name its field, such as prompt_id='<its name>'."
        )
    frames = []
    clocks: dict[str, str] = {}
    for file, table, time in zip(files, tables, times, strict=True):
        column, own = _time_of(file, kind, table, time, t, clock)
        clocks[own] = str(file.path)
        frames.append(_frame(table, chosen, column, own, name))
    if len(clocks) > 1:
        raise files[0].error(f"the files have different clocks: {listing(clocks)}. Say clock='{next(iter(clocks))}'.")
    import polars as pl

    frame = _numbered(pl.concat(frames, how="diagonal"), next(iter(clocks)))
    findings = [_said(files, kind, chosen), *_lacking(frame, kind), *chosen.findings]
    findings += dict.fromkeys(finding for part in parts for finding in part.findings)
    return Dump(kind, frame, chosen.fields, chosen.assumed, tuple(findings))


def open_every(path: Any, source: str | None) -> list[Opened]:
    """The files of a path, a list of paths, or a folder of dumps."""
    paths = list(path) if isinstance(path, list | tuple) else [path]
    if not paths:
        raise InputError("no file was given. Name one.")
    files = [open_path(one) for one in paths]
    if len(files) > 1 or files[0].kind != "folder" or any(s.folder and s.tells(files[0]) for s in SOURCES.values()):
        return files
    folder = files[0].path
    inside = sorted((p for p in folder.iterdir() if p.suffix in _SUFFIXES and p.is_file()), key=_natural)
    if not inside:
        raise InputError(f"{folder}: has no file of a kind that is read ({', '.join(_SUFFIXES)}). Name the files.")
    return [open_path(p) for p in inside]


def _natural(path: Path) -> list[tuple[int, int | str]]:
    """Order in which 9.jsonl stands before 10.jsonl."""
    pieces = re.split(r"(\d{1,18})", path.name)
    return [(0, int(p)) if p.isdigit() and p.isascii() else (1, p) for p in pieces]


def _times(files: Sequence[Opened], at: float | Sequence[float] | None) -> list[float | None]:
    if at is None:
        return [None] * len(files)
    given = list(at) if isinstance(at, list | tuple | np.ndarray) else [at]
    if len(given) != len(files):
        raise InputError(f"at={show(at)} has {len(given)} times, but there are {len(files)} files. Give one for each.")
    times: list[float | None] = []
    for value in given:
        if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not np.isfinite(value):
            raise InputError(f"at={show(value)}: give the time of the file's checkpoint, a finite number.")
        times.append(float(value))
    return times


def _read(file: Opened, kind: Source, where: Mapping[str, str] | None) -> list[Part]:
    parts = kind.read(file)
    for i, part in enumerate(parts):
        if not part.rows:
            why = part.findings[0].text if part.findings else "Were they written to another place?"
            raise file.error(f"holds no responses. {why}")
        kept = list(range(len(part.rows)))
        findings = list(part.findings)
        for key, value in (where or {}).items():
            there = {str(row.get(key)) for row in part.rows if row.get(key) is not None}
            if not there:
                raise file.error(f"where names {show(key)}, which is not a field. {suggest(key, _keys(part))}")
            kept = [r for r in kept if str(part.rows[r].get(key)) == str(value)]
            if not kept:
                raise file.error(f"no row has {key} = {show(value)}. {suggest(str(value), there)}")
        filters = list(dict.fromkeys(str(part.rows[r]["filter"]) for r in kept if part.rows[r].get("filter")))
        if kind.name == "lm_eval" and len(filters) > 1:
            kept = [r for r in kept if part.rows[r].get("filter") == filters[0]]
            text = f"{file.path.name} has the filters {listing(filters)}; rows of {filters[0]!r} were taken."
            findings.append(Finding("warning", "filters", text, f"Choose with where={{'filter': {filters[-1]!r}}}."))
        lines = None if part.lines is None else [part.lines[r] for r in kept]
        parts[i] = Part(part.name, [part.rows[r] for r in kept], lines, tuple(findings))
    return parts


def _keys(part: Part) -> list[str]:
    return list(dict.fromkeys(key for row in part.rows for key in row))


def _time_of(
    file: Opened, kind: Source, table: Table, at: float | None, t: str | None, clock: str | None
) -> tuple[np.ndarray, str]:
    """(rows,) times, and the clock."""
    rows = range(len(table))
    if at is not None:
        return np.full(len(table), at), clock or CLOCKS[2]
    there = [(field, own) for field, own in kind.times if field in table.columns and table.has_values(field, rows)]
    if t is not None:
        if t not in table.columns:
            raise file.error(f"there is no field {show(t)} for the time. {suggest(t, list(table.columns))}")
        there = [(t, t if t in CLOCKS else "step")]
    if not there:
        raise file.error("does not say at which checkpoint it was sampled. Say it, such as at=0 (at=[0, 100] for two).")
    field, own = there[0]
    times = table.numbers(field, rows)
    bad = np.flatnonzero(np.isnan(times))
    if bad.size:
        raise table.cell_error(field, int(bad[0]), "empty. Every response needs the time of its checkpoint.")
    return times, clock or own


def _frame(table: Table, chosen: Chosen, times: np.ndarray, clock: str, name: str | None) -> pl.DataFrame:
    import polars as pl

    rows = range(len(table))
    columns: dict[str, Any] = {} if name is None else {RUN.name: [name] * len(table)}
    columns[clock] = times
    for ours, theirs in chosen.fields.items():
        if theirs not in table.columns:
            continue
        if ours in (PROMPT.name, SAMPLE.name, ANSWER.name):
            columns[ours] = [_text(table, theirs, row, ours != ANSWER.name) for row in rows]
            continue
        columns[ours] = pl.Series(ours, table.numbers(theirs, rows), nan_to_null=True)
    return pl.DataFrame(
        columns, schema_overrides={PROMPT.name: pl.String, SAMPLE.name: pl.String, ANSWER.name: pl.String}
    )


def _text(table: Table, name: str, row: int, needed: bool) -> str | None:
    cell = table.columns[name][row]
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if cell is None or isinstance(cell, list | dict) or (isinstance(cell, str) and needed and not cell):
        if needed:
            raise table.cell_error(name, row, f"{show(cell)} is not an id. Every response needs its prompt.")
        return None
    return str(cell).encode("utf-8", "replace").decode()


def _numbered(frame: pl.DataFrame, clock: str) -> pl.DataFrame:
    """Numbers for samples: whole where they are, else by their order among those of a prompt."""
    import polars as pl

    if SAMPLE.name in frame.columns:
        whole = frame[SAMPLE.name].cast(pl.Int64, strict=False)
        return frame.with_columns(whole) if whole.null_count() == frame[SAMPLE.name].null_count() else frame
    number = pl.int_range(pl.len()).over(clock, PROMPT.name).alias(SAMPLE.name)
    return frame.with_columns(number)


def _said(files: Sequence[Opened], kind: Source, chosen: Chosen) -> Finding:
    said = []
    for ours, theirs in chosen.fields.items():
        how = kind.made.get(ours) if ours == theirs else None
        said.append(f"{ours} = {how.replace('`', chr(39)) if how else repr(theirs)}")
    who = f"{files[0].path.name} was" if len(files) == 1 else f"{len(files)} files were"
    text = f"{who} read as {kind.name}: {', '.join(said)}."
    return Finding("info", "fields", text, "Name fields yourself to change that, such as score='<its name>'.")


def _lacking(frame: pl.DataFrame, kind: Source) -> list[Finding]:
    """What `measure` will miss."""
    rows = frame.height
    scored = any(is_score(name) for name in frame.columns)
    missing = {c: rows if c.name not in frame.columns else frame[c.name].null_count() for c in (NLL, N_TOKENS)}
    missing[SCORE] = 0 if scored else rows
    found = []
    none = [c.name for c, count in missing.items() if count == rows]
    graded = CORRECT.name in frame.columns and frame[CORRECT.name].null_count() < rows
    if none:
        alone = "of the grades alone gd.measure gives accuracies" if graded else "gd.measure needs them, or grades"
        remedies = {
            NLL.name: f"For u_s and u_v {kind.to_log}; {alone}.",
            N_TOKENS.name: f"Count the tokens of the responses for u_s and u_v; {alone}.",
            SCORE.name: "Without a verifier's score there is no u_v.",
        }
        found.append(Finding("warning", "lacking", f"No response has {' or '.join(none)}.", remedies[none[0]]))
    for column, count in missing.items():
        if 0 < count < rows:
            text = f"{count:,} of {rows:,} responses have no {column.name}."
            left_out = "gd.measure leaves them out." if column is not SCORE else "They cannot be picked."
            found.append(Finding("warning", "missing", text, left_out))
    return found
