"""Which field of a log is what: the user's word first, then the source's defaults where their values can be that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from .._check import InputError, did_you_mean
from .._finding import Finding
from ..data._cells import CellError, parse
from ..data._columns import LARGEST, SMALLEST, Column
from ..data._table import Table
from ..data._text import listing, show, suggest
from ..measurement._schema import CORRECT, PROMPT, UNCERTAINTY
from ._source import Source


@dataclass(frozen=True)
class Chosen:
    """Name of gapdyn -> field; which of them nobody asked for; what there is to know of the choice."""

    fields: dict[str, str]
    assumed: tuple[str, ...]
    findings: tuple[Finding, ...]


def choose_fields(
    tables: Sequence[Table], source: Source, columns: Sequence[Column], asked: Mapping[str, Any]
) -> Chosen:
    """Fields of all tables together.

    Raises
    ------
    InputError
        If the user names what gapdyn does not know, or a field that is not there, or one field twice.
    """
    there = dict.fromkeys(name for table in tables for name in table.columns)
    fields = _asked(tables, list(there), columns, asked)
    findings: list[Finding] = []
    assumed = []
    for column in columns:
        if column.name in asked:
            continue
        chosen = _default(tables, list(there), source, column, tuple(fields.values()), findings)
        if chosen is not None:
            fields[column.name] = chosen
            assumed.append(column.name)
    return Chosen(fields, tuple(assumed), tuple(findings))


def _asked(
    tables: Sequence[Table], there: list[str], columns: Sequence[Column], asked: Mapping[str, Any]
) -> dict[str, str]:
    fields: dict[str, str] = {}
    known = [column.name for column in columns]
    for ours, theirs in asked.items():
        if ours not in known:
            raise InputError(f"{ours}={show(theirs)}: gapdyn has no such column. {did_you_mean(ours, known)}")
        if theirs is None:
            continue
        if not isinstance(theirs, str):
            raise InputError(f"{ours}={show(theirs)}: give the name of a field, or None to leave {ours} out.")
        if theirs not in there:
            raise tables[0].error(f"{ours} is to be the field {theirs!r}, which is not there. {suggest(theirs, there)}")
        if theirs in fields.values():
            raise tables[0].error(f"two names are to be the field {theirs!r}. One field can be only one thing.")
        fields[ours] = theirs
    return fields


def _default(
    tables: Sequence[Table],
    there: list[str],
    source: Source,
    column: Column,
    taken: tuple[str, ...],
    findings: list[Finding],
) -> str | None:
    """The first candidate that is there, is one field only, and holds values that the column may hold."""
    for pattern in (column.name, *source.defaults.get(column.name, ())):
        hits = [name for name in there if fnmatchcase(name, pattern) and name not in taken]
        hits = [name for name in hits if any(_measured(table, name) for table in tables)]
        if len(hits) > 1:
            text = f"Several fields could be {column.name}: {listing(hits)}; none was taken."
            findings.append(Finding("info", "several", text, f"Name one, such as {column.name}={hits[0]!r}."))
            continue
        if not hits:
            continue
        if pattern in source.made and column in (PROMPT, *UNCERTAINTY):
            return hits[0]  # what is wrong with it is an error of the file, not of a guess
        bad = next((value for table in tables if (value := _impossible(table, hits[0], column)) is not None), None)
        if bad is None:
            return hits[0]
        allowed = "0 or 1" if column is CORRECT else column.allowed
        text = f"{hits[0]!r} is not taken for {column.name}, which must be {allowed}: it holds {show(bad)}."
        remedy = f"Rescale it, or name another field, such as {column.name}='<its name>'."
        level = "warning" if column is CORRECT else "info"  # without grades there is little to measure
        findings.append(Finding(level, "not_taken", text, remedy))
    return None


def _measured(table: Table, name: str) -> bool:
    return name in table.columns and table.has_values(name, range(len(table)))


def _impossible(table: Table, name: str, column: Column) -> object | None:
    """A value that the column cannot hold; None if there is none."""
    if name not in table.columns or column.text:
        return None
    if isinstance(table.columns[name], np.ndarray):
        with np.errstate(over="ignore"):
            values = np.asarray(table.columns[name], dtype=np.float64)
    else:
        values = table.numbers_or_none(name, range(len(table)))
    if values is None:
        return next(cell for cell in table.columns[name] if not _is_number(cell))
    size = np.abs(values)
    bad = column.outside(values) | (size > LARGEST) | ((size < SMALLEST) & (size > 0))
    if column is CORRECT:  # a reward between is a score
        bad |= (values != 0) & (values != 1) & ~np.isnan(values)
    return float(values[bad][0]) if bad.any() else None


def _is_number(cell: object) -> bool:
    try:
        parse(cell)
    except CellError:
        return False
    return True
