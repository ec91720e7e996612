"""From rows as they were logged to one row per checkpoint, in the order of time."""

from __future__ import annotations

import math
from typing import Any

from .._finding import Finding
from ..data._cells import CellError, parse
from ..data._text import listing, show
from ._opened import Opened
from ._source import Part


def one_row_per_time(opened: Opened, part: Part, time: str) -> tuple[Part, list[Finding]]:
    """Rows of equal time become one, of which later values stand; rows without a time are left out.

    Trainers write several rows of a step (training, evaluation), and a resumed run writes its last steps again.

    Raises
    ------
    InputError
        If a time is not a number, or if no row has one.
    """
    merged: dict[float, dict[str, Any]] = {}
    line: dict[float, int] = {}
    timeless = again = infinite = 0
    for i, row in enumerate(part.rows):
        t = _time(opened, part, i, time)
        if math.isnan(t):
            timeless += any(not _empty(value) for value in row.values())
            continue
        known = merged.setdefault(t, {time: t})
        line[t] = part.lines[i] if part.lines is not None else i
        overwritten = False
        for name, value in row.items():
            if name == time or _empty(value):
                continue
            if math.isinf(_number(value)):
                infinite += 1
                continue
            overwritten |= name in known and known[name] != value
            known[name] = value
        again += overwritten
    if not merged:
        raise opened.error(f"no row has a {show(time)}. Name the field of the time, such as t='step'.")
    times = sorted(t for t, row in merged.items() if len(row) > 1)
    found = _findings(part.name, timeless, again, infinite)
    rows = [merged[t] for t in times]
    return Part(part.name, rows, [line[t] for t in times] if part.lines is not None else None), found


def _findings(name: str, timeless: int, again: int, infinite: int) -> list[Finding]:
    found = []
    if timeless:
        text = f"{timeless} rows of {name!r} have no time and were left out."
        found.append(Finding("info", "no_time", text, "Mostly these are summaries at the end of a run."))
    if again:
        text = f"{again} rows of {name!r} bring another value for a time that was there before; the later one stands."
        found.append(Finding("warning", "repeated_times", text, "A resumed run does so; else log a step only once."))
    if infinite:
        text = f"{infinite} values of {name!r} are infinite and count as not measured."
        found.append(Finding("info", "infinite", text, "Look whether the training went wrong there."))
    return found


def _time(opened: Opened, part: Part, i: int, time: str) -> float:
    cell = part.rows[i].get(time)
    where = f"line {part.lines[i]}" if part.lines is not None else f"row {i}"
    try:
        value = parse(cell)
    except CellError as reason:
        raise opened.error(f"{where}: {show(time)} is {show(cell)}, which {reason}") from None
    if math.isinf(value):
        raise opened.error(f"{where}: {show(time)} is infinite. Every row needs a time.")
    return value


def _empty(value: object) -> bool:
    """Whether a value says nothing: None, NaN, an empty text."""
    return math.isnan(_number(value))


def _number(value: object) -> float:
    """The number in a value; 0 for what is none."""
    try:
        return parse(value)
    except CellError:
        return 0.0


def no_time(opened: Opened, part: Part, candidates: list[str]) -> str:
    """The message where none of the fields that could be the time is there."""
    there = listing(dict.fromkeys(key for row in part.rows for key in row), 20)
    return f"none of {listing(candidates)} is there to be the time; its fields are {there}. Pass t='<its name>'."
