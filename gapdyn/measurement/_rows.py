"""Rows as they are read: texts to numbers, impossible values refused, unusable rows left out and counted."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from .._check import InputError
from ..data._columns import LARGEST, RUN, TIME, Column
from ..data._text import show
from ._schema import ANSWER, CORRECT, N_TOKENS, NLL, PROMPT, SAMPLE, SCORE, UNCERTAINTY, is_score
from ._source import MISSING, Part, readable

if TYPE_CHECKING:
    import polars as pl

ROUNDING = 1e-3  # a sum of low-precision log-probabilities may be that much above 0


def read_rows(part: Part, start: int, count: int, wanted: tuple[str, ...], seen: Counter[str]) -> pl.DataFrame:
    """Rows start .. start + count of a table: keys, and those of the `wanted` columns that are there, as float64.

    Rows without a usable nll or n_tokens are left out, of a table with grades alone those without one; `seen` counts
    them, and scores and grades that are missing.

    Raises
    ------
    InputError
        A cell that is no number, a value outside its range, a row without its time or prompt.
    """
    import polars as pl

    names = [name for name in part.names if name in wanted or not (is_score(name) or name == ANSWER.name)]
    with readable(part.label):
        raw = part.frame.select(names).slice(start, count).collect()
    columns = {name: _numbers(part, raw[name], start) for name in names
               if name in (TIME.name, NLL.name, N_TOKENS.name, CORRECT.name) or is_score(name)}  # fmt: skip
    _require(part, raw[PROMPT.name].is_null().to_numpy(), PROMPT.name, start)
    _require(part, ~np.isfinite(columns[TIME.name]), TIME.name, start)
    for name, column in ((NLL.name, NLL), (N_TOKENS.name, N_TOKENS), (CORRECT.name, CORRECT)):
        if name in columns:
            _check_range(part, name, column, columns[name], start)
    for name in filter(is_score, columns):
        _check_range(part, name, SCORE, columns[name], start)
    keys = [
        raw[RUN.name].cast(pl.String)
        if RUN.name in names
        else pl.Series(RUN.name, [part.run]).new_from_index(0, raw.height)
    ]
    keys.append(raw[PROMPT.name])
    if SAMPLE.name in names:
        keys.append(_whole_numbers(raw[SAMPLE.name]))
    if ANSWER.name in names:
        keys.append(raw[ANSWER.name].cast(pl.String))
    for column in UNCERTAINTY:
        columns.setdefault(column.name, np.full(raw.height, np.nan))
    frame = pl.DataFrame([*keys, *(pl.Series(n, v) for n, v in columns.items())])
    return _usable(frame, columns, part.graded_only, seen)


def _usable(frame: pl.DataFrame, columns: dict[str, np.ndarray], graded_only: bool, seen: Counter[str]) -> pl.DataFrame:
    nll, tokens = columns[NLL.name], columns[N_TOKENS.name]
    ungraded = np.isnan(columns[CORRECT.name]) if CORRECT.name in columns else np.ones(len(nll), bool)
    missing = ungraded if graded_only else ~np.isfinite(nll) | np.isnan(tokens)
    empty = ~missing & (tokens < 1)
    seen["rows"] += len(nll)
    seen["empty"] += int(empty.sum())
    if not graded_only:
        seen["missing"] += int(missing.sum())
    usable = ~(missing | empty)
    for name, values in columns.items():
        if is_score(name):
            seen[name] += int(np.isnan(values[usable]).sum())
    if CORRECT.name in columns:
        seen[CORRECT.name] += int((ungraded & (usable | graded_only)).sum())
    return frame if usable.all() else frame.filter(usable)


def _numbers(part: Part, series: pl.Series, start: int) -> np.ndarray:
    import polars as pl

    if series.dtype == pl.String:
        clean = series.str.strip_chars().str.to_lowercase()
        if series.name == CORRECT.name:
            clean = clean.replace({"true": "1", "false": "0"})
        values = clean.cast(pl.Float64, strict=False)
        bad = values.is_null() & clean.is_not_null() & ~clean.is_in(MISSING)
        if bad.any():
            row = int(bad.arg_max() or 0)
            raise _cell(
                part, start + row, series.name, f"{show(series[row])} is not a number. Leave it empty if missing."
            )
    elif series.dtype.is_numeric() or series.dtype in (pl.Boolean, pl.Null):
        if series.dtype == pl.Boolean and series.name != CORRECT.name:
            raise _cell(part, start, series.name, "is true or false, not a number. Write 1 or 0 if a number is meant.")
        values = series.cast(pl.Float64)
    else:
        raise _cell(part, start, series.name, f"holds {series.dtype}, not numbers. Convert it first.")
    return values.fill_null(np.nan).to_numpy()


def _check_range(part: Part, name: str, column: Column, values: np.ndarray, start: int) -> None:
    low = -ROUNDING if column is NLL else column.low
    high = LARGEST if column.high == np.inf else column.high
    least, most = np.fmin.reduce(values), np.fmax.reduce(values)  # most tables need no more
    if not (least < low or most > high) and column is not CORRECT:
        return
    bad = (values < low) | ((values > high) & ~((column is NLL) & np.isinf(values)))
    if column is CORRECT:
        bad |= (values != 0) & (values != 1) & ~np.isnan(values)
    if bad.any():
        row = int(np.argmax(bad))
        allowed = "0 or 1" if column is CORRECT else column.allowed
        advice = column.advice or ("Grade each response as right or wrong." if column is CORRECT else "")
        raise _cell(part, start + row, name, f"{values[row]:g}, and must be {allowed}. {advice}".rstrip())


def _require(part: Part, bad: np.ndarray, name: str, start: int) -> None:
    if bad.any():
        raise _cell(part, start + int(np.argmax(bad)), name, "is empty. Every response needs it.")


def _cell(part: Part, row: int, name: str, text: str) -> InputError:
    return InputError(f"{part.label}, row {row}, column {name!r}: {text}")


def _whole_numbers(series: pl.Series) -> pl.Series:
    """Texts of whole numbers as numbers, so that 10 comes after 9."""
    import polars as pl

    if series.dtype != pl.String:
        return series.cast(pl.Int64) if series.dtype.is_integer() else series.cast(pl.String)
    numbers = series.cast(pl.Int64, strict=False)
    return numbers if numbers.null_count() == series.null_count() else series
