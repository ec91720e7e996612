"""Which column of a log is the time, and what it counts."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .._check import InputError, choose
from ._columns import CLOCK, CLOCKS, DEFAULT_CLOCK, TIME, TIME_NAMES
from ._table import Table
from ._text import listing, squash, suggest


class Time(NamedTuple):
    """The time column of a run: its name in the table, and the clock."""

    field: str
    clock: str


def find_time(table: Table, fields: Mapping[str, str], t: str | None, clock: str | None, rows: Sequence[int]) -> Time:
    """The time column: `t=` first, then the log's own `clock` column, then the only candidate.

    Raises
    ------
    InputError
        If there is none, if there are several and nothing chooses between them, or if names contradict each
        other.
    """
    if t is not None:
        return _named(table, fields, t, clock, rows)
    # By run: in a fleet each run may have its own clock, and leaves the others' columns empty.
    candidates = [name for name in TIME_NAMES if name in fields and table.has_values(fields[name], rows)]
    wanted = clock or _clock_cell(table, fields, rows)
    if not candidates:
        raise table.error(_no_time(table))
    if len(candidates) > 1:
        if wanted in candidates:
            return Time(fields[wanted], wanted)
        if wanted is not None and TIME.name in candidates:
            return Time(fields[TIME.name], wanted)
        seen = f"several columns could be the time: {listing(fields[name] for name in candidates)}"
        raise table.error(f"{seen}. Choose one, such as t={fields[candidates[-1]]!r}.")
    (only,) = candidates
    if only == TIME.name:
        return Time(fields[only], wanted or DEFAULT_CLOCK)
    if wanted not in (None, only):
        remedy = f"Leave it out, or pass t={fields[only]!r} with clock={wanted!r} to insist."
        raise table.error(f"the time column is {only!r}, but the clock is to be {wanted!r}. {remedy}")
    return Time(fields[only], only)


def _named(table: Table, fields: Mapping[str, str], t: str, clock: str | None, rows: Sequence[int]) -> Time:
    """`t=` may be a column of the source or, after renaming, a name of the contract."""
    field = t if t in table.columns else fields.get(t)
    if field is None:
        raise table.error(f"there is no column {t!r} for the time. {suggest(t, table.columns)}")
    if clock is not None:
        return Time(field, clock)
    spelled = [t, squash(t), *(ours for ours, theirs in fields.items() if theirs == field)]
    known = next((name for name in spelled if name in CLOCKS), None)
    return Time(field, known or _clock_cell(table, fields, rows) or DEFAULT_CLOCK)


def _clock_cell(table: Table, fields: Mapping[str, str], rows: Sequence[int]) -> str | None:
    if CLOCK.name not in fields:
        return None
    clock = table.constant(fields[CLOCK.name], rows)
    try:
        return None if clock is None else choose(clock, CLOCKS, "clock")
    except InputError as error:
        raise table.error(f"column {fields[CLOCK.name]!r}: {error} Or rename the column.") from None


def _no_time(table: Table) -> str:
    near = [
        name
        for name in table.columns
        if difflib.get_close_matches(squash(name), CLOCKS, n=1) or set(squash(name).split("_")) & set(CLOCKS)
    ]
    example = near[0] if near else "<its name>"
    hint = f"Is it {near[0]!r}? " if near else ""
    there = f"its columns are {listing(table.columns, 20)}"
    return f"no time column ({', '.join(TIME_NAMES)}); {there}. {hint}Rename it, or pass t={example!r}."
