"""`write_run`: runs to files that `read_run` and `read_fleet` read back exactly."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from pathlib import Path

import numpy as np

from .._atomic import atomic_write
from .._check import InputError
from ._columns import CLOCK, DEFAULT_UNIT, RUN, SERIES_NAMES, TIME_NAMES, UNIT
from ._files import locate
from ._fleet import Fleet
from ._parquet import parquet_bytes
from ._run import Run
from ._text import show

Cell = str | float | None


def write_run(run: Run | Fleet, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a run, or all runs of a fleet, as one file, in one step: it appears whole or not at all.

    Reading the file back gives the same runs, bit for bit: names, times, clocks, units, all columns, labels. The
    rest of `meta` is not written.

    Parameters
    ----------
    run
        What to write. A `run` column always names it; the time column bears the clock's name. A `unit`
        column is written if a unit is not "nats/response", a `clock` column if more than one column could be
        the time.
    path
        Where to; the suffix chooses the format: .csv, .tsv, .jsonl (.ndjson, .json-lines), the text formats
        also with .gz, or .parquet.
    overwrite
        Replace an existing file. Otherwise an existing file is an error.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    InputError
        If the suffix is unknown, if the file exists, or if its folder is missing or not writable.
    """
    if not isinstance(run, Run | Fleet):
        raise InputError(f"write_run writes a Run or a Fleet, not {show(run)}.")
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"write_run needs a path; it got {show(path)}.")
    location = locate(path)
    columns = _columns([run] if isinstance(run, Run) else list(run))
    if location.format == "parquet":
        raw = parquet_bytes(columns)
    else:
        text = _json_text(columns) if location.format == "jsonl" else _csv_text(columns, location.format)
        raw = text.encode("utf-8")
        raw = gzip.compress(raw, mtime=0) if location.zipped else raw  # no time: equal runs give equal files
    return atomic_write(location.path, raw, overwrite=overwrite)


def _columns(runs: list[Run]) -> dict[str, list[Cell]]:
    """All runs under each other, None where a run has no value; columns in the order of the contract."""
    tables = [run.columns() for run in runs]
    present = dict.fromkeys(name for table in tables for name in table)
    times = dict.fromkeys(run.clock for run in runs)
    series = [name for name in SERIES_NAMES if name in present]
    rest = [name for name in present if name not in (*times, *SERIES_NAMES)]
    columns: dict[str, list[Cell]] = {RUN.name: [run.name for run in runs for _ in run.t]}
    for name in (*times, *series, *rest):
        columns[name] = [
            cell for run, table in zip(runs, tables, strict=True) for cell in _cells(table.get(name), len(run))
        ]
    for name in dict.fromkeys(name for run in runs for name in run.labels):
        said: list[Cell] = [run.labels.get(name) for run in runs for _ in run.t]
        numbers = columns.get(name, said)  # what is a label of one run may be a number of another
        columns[name] = [a if b is None else b for a, b in zip(numbers, said, strict=True)]
    if any(run.unit != DEFAULT_UNIT for run in runs):
        columns[UNIT.name] = [run.unit for run in runs for _ in run.t]
    if sum(name in TIME_NAMES for name in present) > 1:
        columns[CLOCK.name] = [run.clock for run in runs for _ in run.t]
    return columns


def _cells(values: np.ndarray | None, length: int) -> list[float | None]:
    if values is None:
        return [None] * length
    return [None if value != value else value for value in values.tolist()]


def _csv_text(columns: dict[str, list[Cell]], kind: str) -> str:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter="\t" if kind == "tsv" else ",", lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_plain(cell) for cell in row] for row in zip(*columns.values(), strict=True))
    return buffer.getvalue()


def _json_text(columns: dict[str, list[Cell]]) -> str:
    lines = []
    for row in zip(*columns.values(), strict=True):
        cells = {name: _plain(cell) for name, cell in zip(columns, row, strict=True)}
        lines.append(json.dumps(cells, ensure_ascii=False, allow_nan=False))
    return "\n".join(lines) + "\n"


def _plain(cell: Cell) -> Cell:
    """Whole numbers without the trailing .0; not -0.0, whose sign would be lost, and none beyond 2**53."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53 and str(cell) != "-0.0":
        return int(cell)
    return cell
