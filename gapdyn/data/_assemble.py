"""From a `Table` to runs: which column is what, which rows are whose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._check import InputError, choose, did_you_mean
from ._clock import find_time
from ._columns import (
    CLOCK,
    CLOCKS,
    CONTRACT_NAMES,
    DEFAULT_UNIT,
    MEASURED,
    RUN,
    SERIES_NAMES,
    TIME_NAMES,
    UNIT,
    UNITS,
)
from ._labels import LABELS, find_label
from ._run import Run
from ._table import Table, is_empty
from ._text import listing, show, squash, suggest


@dataclass(frozen=True)
class Request:
    """What the caller of a reader asked for; see `read_run`."""

    t: str | None
    clock: str | None
    unit: str | None
    name: str | None
    sort: bool
    columns: Mapping[str, str] | None

    def __post_init__(self) -> None:
        if self.clock is not None:
            choose(self.clock, CLOCKS, "clock")
        if self.unit is not None:
            choose(self.unit, UNITS, "unit")
        for name in ("t", "name"):
            if not isinstance(getattr(self, name), str | None):
                raise InputError(f"{name} must be a text; it is {show(getattr(self, name))}.")
        if self.columns is None:
            return
        if not isinstance(self.columns, Mapping):
            wanted = 'a mapping such as {"u_s": "entropy"}'
            raise InputError(f"columns must be {wanted}; it is {show(self.columns)}.")
        for ours, theirs in self.columns.items():
            if ours not in CONTRACT_NAMES:
                hint = did_you_mean(str(ours), CONTRACT_NAMES)
                raise InputError(f"columns maps a name of gapdyn to yours; {show(ours)} is not one. {hint}")
            if not isinstance(theirs, str):
                raise InputError(f"columns[{ours!r}] must be the name of your column; it is {show(theirs)}.")


def find_fields(table: Table, request: Request) -> dict[str, str]:
    """Which column of the table each name of the contract is; the caller's mapping goes first."""
    asked = dict(request.columns or {})
    for ours, theirs in asked.items():
        if theirs not in table.columns:
            hint = suggest(theirs, table.columns)
            raise table.error(f"columns maps {ours!r} to {theirs!r}, which is not there. {hint}")
        if list(asked.values()).count(theirs) > 1:
            raise table.error(f"columns maps two names to {theirs!r}. One column can be only one thing.")
    free = [name for name in table.columns if name not in asked.values()]
    fields = asked | {name: name for name in free if name in CONTRACT_NAMES and name not in asked}
    for theirs in free:
        ours = squash(theirs)
        if ours in SERIES_NAMES and ours not in fields:
            remedy = f"Rename it, or pass columns={{{ours!r}: {theirs!r}}}."
            raise table.error(f"column {theirs!r} looks like {ours!r}. {remedy}")
    return fields


def split_runs(table: Table, fields: Mapping[str, str]) -> dict[str | None, Sequence[int]]:
    """Rows of each run, by first appearance; without a `run` column, one named None."""
    if RUN.name not in fields:
        return {None: range(len(table))}
    name = fields[RUN.name]
    groups: dict[str | None, list[int]] = {}
    for row, cell in enumerate(table.columns[name]):
        groups.setdefault(_run_name(table, name, row, cell), []).append(row)
    return dict(groups)


def _run_name(table: Table, name: str, row: int, cell: object) -> str:
    if is_empty(cell):
        raise table.cell_error(name, row, "empty. Every row needs the name of its run.")
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, bool | np.bool_) or not isinstance(cell, int | float | np.number):
        raise table.cell_error(name, row, f"{show(cell)} is neither a text nor a number. Name the run.")
    number = float(cell) if isinstance(cell, float | np.floating) else cell
    # pandas turns a column of integers with a gap into floats
    return str(int(number)) if isinstance(number, float) and number.is_integer() else str(number)


def build_run(table: Table, fields: Mapping[str, str], request: Request, name: str | None, rows: Sequence[int]) -> Run:
    """One run from its rows. Whatever is wrong with it names the table too."""
    time = find_time(table, fields, request.t, request.clock, rows)
    series = {n: table.numbers(fields[n], rows) for n in SERIES_NAMES if n in fields}
    series["t"] = table.numbers(time.field, rows)
    used = {fields[n] for n in (RUN.name, UNIT.name, CLOCK.name, *SERIES_NAMES) if n in fields} | {time.field}
    extra: dict[str, np.ndarray] = {}
    text, unused, labels = [], [], {}
    for field in table.columns:
        if field in used:
            continue
        lookalike = squash(field)
        values = table.numbers_or_none(field, rows)
        if values is None:
            text.append(field)
            label = find_label(field, [table.columns[field][row] for row in rows])
            if label is not None:
                labels[field] = label
        elif field == time.clock or (lookalike in CONTRACT_NAMES and lookalike not in TIME_NAMES):
            unused.append(field)  # another column was mapped to this name
        else:
            extra[field] = values
    if not any(n in series for n in MEASURED) and not extra:
        raise table.error(_nothing_measured(table))
    if request.sort:
        order = np.argsort(series["t"], kind="stable")
        series = {n: values[order] for n, values in series.items()}
        extra = {n: values[order] for n, values in extra.items()}
    meta: dict[str, Any] = {"text_columns": tuple(text), "unused_columns": tuple(unused), LABELS: labels}
    if table.path is not None:
        meta["source"] = table.path
    try:
        unit = request.unit or _unit(table, fields, rows)
        own = request.name or name or table.stem.strip() or "run"
        return Run(own, clock=time.clock, unit=unit, extra=extra, meta=meta, **series)
    except InputError as error:
        prefix = "" if str(error).startswith(table.source) else f"{table.source}: "
        raise InputError(f"{prefix}{error}") from None


def _unit(table: Table, fields: Mapping[str, str], rows: Sequence[int]) -> str:
    return (table.constant(fields[UNIT.name], rows) if UNIT.name in fields else None) or DEFAULT_UNIT


def _nothing_measured(table: Table) -> str:
    there = f"its columns are {listing(table.columns, 20)}"
    remedy = 'Rename one, or pass columns={"u_s": "<its name>"}.'
    return f"nothing measured: no u_s, u_v, acc_s, acc_v or other numeric column; {there}. {remedy}"
