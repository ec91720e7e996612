"""What makes a `Run` valid. Each `InputError` names run, column, index, value and remedy."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._check import InputError
from ._columns import CONTRACT_NAMES, LARGEST, SMALLEST, TIME_NAMES, Column
from ._text import show, squash


def check_name(name: Any, what: str) -> None:
    """A name must survive every file format: text, not empty, no edge blanks, no control characters."""
    if not isinstance(name, str) or not name:
        raise InputError(f"{what} must be a text that is not empty; it is {show(name)}.")
    if name != name.strip() or not name.isprintable():
        raise InputError(f"{what} {show(name)} has blanks at its ends or unprintable characters. Remove them.")


def as_column(run: str, name: str, values: Any, length: int | None) -> np.ndarray:
    """A read-only float64 copy of `values`, shape (length,); None becomes all NaN."""
    where = f"run {show(run)}: {name}"
    if values is None:
        if length is None:
            raise InputError(f"{where} is missing. Every checkpoint needs its time.")
        array = np.full(length, np.nan)
    else:
        array = _floats(where, values)
        if array.ndim != 1:
            raise InputError(f"{where} has shape {array.shape}; give one number per checkpoint, shape (n,).")
        if length is not None and array.size != length:
            remedy = "Give one value per checkpoint, NaN where it was not measured."
            raise InputError(f"{where} has {array.size} values but t has {length}. {remedy}")
    array.flags.writeable = False
    return array


def _floats(where: str, values: Any) -> np.ndarray:
    try:
        if isinstance(values, np.ma.MaskedArray):  # a plain copy would bring back what the mask hides
            values = np.ma.filled(values.astype(np.float64), np.nan)
        array = np.asarray(values)
        if array.dtype.kind not in "iufO":
            raise TypeError
        with np.errstate(over="ignore"):
            return np.array(array, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{where} must hold real numbers; it is {show(values)}.") from None


def check_times(run: str, t: np.ndarray) -> None:
    """At least two finite times, each later than the one before."""
    who = f"run {show(run)}"
    if t.size < 2:
        count = "1 checkpoint" if t.size == 1 else "no checkpoints"
        raise InputError(f"{who} has {count}; a law needs at least 2.")
    bad = np.flatnonzero(~np.isfinite(t))
    if bad.size:
        i = bad[0]
        raise InputError(f"{who}: t must be finite; t[{i}]={t[i]}. Every checkpoint needs its time.")
    _check_scale(who, "t", t)
    repeated = np.flatnonzero(np.diff(np.sort(t)) == 0)
    if repeated.size:
        i, j = np.flatnonzero(t == np.sort(t)[repeated[0]])[:2]
        remedy = "Keep one row per checkpoint, or average its rows; name several runs in a 'run' column."
        raise InputError(f"{who}: t[{j}]={_number(t[j])} repeats t[{i}]={_number(t[i])}. {remedy}")
    bad = np.flatnonzero(np.diff(t) < 0)
    if bad.size:
        i = bad[0] + 1
        seen = f"t[{i}]={_number(t[i])} follows t[{i - 1}]={_number(t[i - 1])}"
        raise InputError(f"{who}: t must increase; {seen}. Sort the log, or pass sort=True.")


def check_series(run: str, column: Column, values: np.ndarray) -> None:
    """No infinity, nothing outside the column's range, nothing that float64 cannot square."""
    who = f"run {show(run)}"
    check_finite(who, column.name, values)
    bad = np.flatnonzero(column.outside(values))
    if bad.size:
        i = bad[0]
        seen = f"{column.name}[{i}]={_number(values[i])}"
        raise InputError(f"{who}: {column.name} must be {column.allowed}; {seen}. {column.advice}".rstrip())
    _check_scale(who, column.name, values)


def check_finite(who: str, name: str, values: np.ndarray) -> None:
    bad = np.flatnonzero(np.isinf(values))
    if bad.size:
        i = bad[0]
        remedy = "Leave it empty (NaN) if it was not measured."
        raise InputError(f"{who}: {name} must not be infinite; {name}[{i}]={values[i]}. {remedy}")


def _check_scale(who: str, name: str, values: np.ndarray) -> None:
    size = np.abs(values)
    bad = np.flatnonzero((size > LARGEST) | ((size < SMALLEST) & (size > 0)))
    if bad.size:
        i = bad[0]
        limits = f"its size must be 0 or between {SMALLEST:g} and {LARGEST:g}"
        raise InputError(f"{who}: {name}[{i}]={values[i]:g}; {limits}. Rescale the column.")


def check_extra_name(run: str, clock: str, name: Any) -> None:
    """An extra column must not be, or look like, a column of the contract; other clocks may ride along."""
    check_name(name, f"run {show(run)}: the name of an extra column")
    lookalike = squash(name)
    if name == clock or (lookalike in CONTRACT_NAMES and lookalike not in TIME_NAMES):
        what = "is the time" if name == clock else f"looks like {lookalike!r}"
        raise InputError(f"run {show(run)}: the extra column {name!r} {what}. Give it as that argument, or rename it.")


def check_measured(run: str, series: list[np.ndarray]) -> None:
    """Every checkpoint carries at least one measured value; `series` holds arrays of shape (n,)."""
    bare = np.flatnonzero(np.all(np.isnan(series), axis=0))
    if bare.size:
        i = bare[0]
        remedy = "Drop the row, or give u_s, u_v, acc_s, acc_v or an extra column there."
        raise InputError(f"run {show(run)}: nothing was measured at checkpoint {i}. {remedy}")


def _number(value: Any) -> str:
    """Exact, and without the trailing .0 of whole numbers."""
    return repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
