"""`read_run` and `read_fleet`: run logs from files, data frames and mappings."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from .._check import InputError, choose
from ._assemble import Request, build_run, find_fields, split_runs
from ._csv import read_csv
from ._files import locate
from ._fleet import Fleet
from ._frame import is_frame, read_frame, read_mapping
from ._json import read_jsonl
from ._parquet import read_parquet
from ._run import Run
from ._table import Table
from ._text import listing, show, suggest


def read_run(
    source: Any,
    *,
    run: str | None = None,
    t: str | None = None,
    clock: str | None = None,
    unit: str | None = None,
    name: str | None = None,
    sort: bool = False,
    columns: Mapping[str, str] | None = None,
    delimiter: str | None = None,
) -> Run:
    """Read one run from a log: one row per checkpoint, columns named as in `column_table()`.

    Cells that are empty, or hold nan, null, None or NA, are "not measured". Numeric columns outside the
    contract are kept in `run.extra`. Text that is the same in all rows of a run, such as its model, is kept in
    `run.labels`; of other columns of text only the names are, in `run.meta["text_columns"]`. If `columns` gives
    a contract name to another column, the one that bore it is listed in `run.meta["unused_columns"]`.

    Parameters
    ----------
    source
        Path of a .csv, .tsv, .jsonl (.ndjson, .json-lines) or .parquet file, the text formats also with .gz;
        or a pandas or polars DataFrame; or a mapping of column name -> sequence.
    run
        Which run, if the log's `run` column names several.
    t
        Name of the time column. Needed if it is not called t, epoch, round, step, token or lr, or if several
        are there.
    clock
        What the time counts; by default the time column's name, "step" if that is no clock.
    unit
        Unit of u_s, u_v and their errors; by default what the log's `unit` column says, else "nats/response".
    name
        Name of the run; by default the `run` column's, else the file's name without suffix ("run" without a
        file).
    sort
        Sort the rows by time. Otherwise rows out of order are an error.
    columns
        Your names for columns of the contract, such as ``{"u_s": "entropy"}``.
    delimiter
        What separates the cells of a .csv (default a comma) or .tsv (default a tab).

    Returns
    -------
    Run

    Raises
    ------
    InputError
        If the source cannot be read or is not a valid run. The message names the file, the line and the
        column.

    Examples
    --------
    >>> read_run({"epoch": [0, 1, 2], "entropy": [2.0, 1.5, 1.25]}, columns={"u_s": "entropy"})
    Run('run', 3 checkpoints, epoch 0 to 2, u_s, nats/response)
    """
    request = Request(t, clock, unit, name, sort, columns)
    table = _load(source, delimiter)
    fields = find_fields(table, request)
    groups = split_runs(table, fields)
    if run is not None:
        if None in groups:
            raise table.error(f"there is no 'run' column to look for run {show(run)}. Leave out run=.")
        names = [str(known) for known in groups]
        if str(run) not in names:
            raise table.error(f"there is no run {show(run)}. {suggest(str(run), names)}")
        return build_run(table, fields, request, str(run), groups[str(run)])
    if len(groups) > 1:
        seen = f"holds {len(groups)} runs: {listing(str(known) for known in groups)}"
        first = next(iter(groups))
        raise table.error(f"{seen}. Choose one, such as run={first!r}, or use read_fleet.")
    ((own, rows),) = groups.items()
    return build_run(table, fields, request, own, rows)


def read_fleet(
    source: Any,
    *,
    t: str | None = None,
    clock: str | None = None,
    unit: str | None = None,
    name: str | None = None,
    sort: bool = False,
    columns: Mapping[str, str] | None = None,
    delimiter: str | None = None,
    bad: str = "raise",
) -> Fleet:
    """Read all runs of a log, or of several logs, as a fleet; runs are told apart by the `run` column.

    Parameters
    ----------
    source
        As for `read_run`; or a list or tuple of such sources.
    t, clock, unit, sort, columns, delimiter
        As for `read_run`, and the same for every run.
    name
        Name of the run, if there is only one.
    bad
        What a run that cannot be read does (one with a single checkpoint, say): "raise" an error, or "skip": the others
        are read, and `fleet.left_out` has its name and the reason.

    Returns
    -------
    Fleet
        Runs in the order in which they first appear.

    Raises
    ------
    InputError
        As for `read_run`; also if two sources hold runs of the same name, or no run can be read.
    """
    choose(bad, ("raise", "skip"), "value of bad")
    request = Request(t, clock, unit, name, sort, columns)
    runs: list[Run] = []
    left_out: dict[str, str] = {}
    for one in source if isinstance(source, list | tuple) else [source]:
        table = _load(one, delimiter)
        fields = find_fields(table, request)
        groups = split_runs(table, fields)
        for own, rows in groups.items():
            try:
                runs.append(build_run(table, fields, request, own, rows))
            except InputError as error:
                if bad == "raise" or own is None:
                    raise
                left_out[own] = str(error)
        if name is not None and len(runs) > 1:
            raise InputError(f"name={name!r} was given for several runs. Leave it out, or name them in the log.")
    if not runs and left_out:
        raise InputError(next(iter(left_out.values())))
    return Fleet(runs, left_out)


def _load(source: Any, delimiter: str | None) -> Table:
    try:
        if isinstance(source, str | os.PathLike):
            return _load_file(source, delimiter)
        if delimiter is not None:
            raise InputError(f"delimiter={delimiter!r} is for .csv and .tsv files only. Leave it out.")
        if isinstance(source, Mapping):
            return read_mapping(source)
        if is_frame(source):
            return read_frame(source)
    except MemoryError:
        raise InputError(f"{show(source)}: too large for the memory. Log fewer checkpoints.") from None
    kinds = "a path, a pandas or polars DataFrame, or a mapping of columns"
    hint = " For a list of logs, use read_fleet." if isinstance(source, Sequence) else ""
    raise InputError(f"cannot read a run from {show(source)}: give {kinds}.{hint}")


def _load_file(source: str | os.PathLike[Any], delimiter: str | None) -> Table:
    location = locate(source)
    if location.format in ("csv", "tsv"):
        return read_csv(location, delimiter)
    if delimiter is not None:
        raise InputError(f"{location.path}: delimiter is for .csv and .tsv files only. Leave it out.")
    return read_jsonl(location) if location.format == "jsonl" else read_parquet(location)
