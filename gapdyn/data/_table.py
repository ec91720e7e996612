"""`Table`: what every source becomes first: named columns, and where their rows stood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

from .._check import InputError
from ._cells import CellError, parse
from ._text import listing, show


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of equal length, with what messages need: the source's name and the line of each row."""

    source: str  # how messages call it: a path, "the data frame", ...
    columns: Mapping[str, Sequence[Any] | np.ndarray]
    stem: str = "run"  # name of the run where no column names it
    path: str | None = None
    lines: Sequence[int] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def where(self, row: int) -> str:
        return f"row {row}" if self.lines is None else f"line {self.lines[row]}"

    def error(self, text: str) -> InputError:
        return InputError(f"{self.source}: {text}")

    def cell_error(self, name: str, row: int, text: str) -> InputError:
        return InputError(f"{self.source}, {self.where(row)}, column {show(name)}: {text}")

    def numbers(self, name: str, rows: Sequence[int]) -> np.ndarray:
        """Column `name` at `rows` as float64, NaN where empty; a cell without a finite number is an error."""
        values = self._floats(name, rows, strict=True)
        assert values is not None
        return values

    def numbers_or_none(self, name: str, rows: Sequence[int]) -> np.ndarray | None:
        """As `numbers`, but None for a column that holds something other than numbers."""
        return self._floats(name, rows, strict=False)

    def _floats(self, name: str, rows: Sequence[int], strict: bool) -> np.ndarray | None:
        column = self.columns[name]
        if isinstance(column, np.ndarray):  # numeric already: make_table leaves no other arrays
            with np.errstate(over="ignore"):
                values = column[np.asarray(rows, dtype=int)].astype(np.float64)
        else:
            values = np.empty(len(rows))
            for i, row in enumerate(rows):
                try:
                    values[i] = parse(column[row])
                except CellError as reason:
                    if not strict:
                        return None
                    raise self.cell_error(name, row, f"{show(column[row])} {reason}") from None
        bad = np.flatnonzero(np.isinf(values))
        if bad.size:
            row = rows[bad[0]]
            remedy = "is infinite or too large. Leave the cell empty if it was not measured."
            raise self.cell_error(name, row, f"{show(column[row])} {remedy}")
        return values

    def has_values(self, name: str, rows: Sequence[int]) -> bool:
        """Whether any of the cells holds something, if only text."""
        column = self.columns[name]
        return any(not _says_nothing(column[row]) for row in rows)

    def constant(self, name: str, rows: Sequence[int]) -> str | None:
        """The one text that a column holds at `rows`; None if it is empty there."""
        column = self.columns[name]
        seen = None
        for row in rows:
            cell = column[row]
            if is_empty(cell):
                continue
            if not isinstance(cell, str):
                raise self.cell_error(name, row, f"{show(cell)} is not a text. Rename the column if it is not meant.")
            if seen is not None and cell.strip() != seen:
                remedy = "It must be the same in all rows of a run."
                raise self.cell_error(name, row, f"{show(cell.strip())} follows {show(seen)}. {remedy}")
            seen = cell.strip()
        return seen


def is_empty(cell: object) -> bool:
    """Whether a cell says nothing: empty text, None, NaN."""
    if isinstance(cell, str):
        return not cell.strip()
    return _says_nothing(cell)


def _says_nothing(cell: object) -> bool:
    try:
        return bool(np.isnan(parse(cell)))
    except CellError:
        return False


def clean_header(source: str, names: Sequence[Any]) -> list[str]:
    """Column names without edge blanks; those without (pandas writes its index so) become "unnamed_1" ..."""
    clean = [str(name).strip() for name in names]
    twice = [name for name, n in Counter(filter(None, clean)).items() if n > 1]
    if twice:
        raise InputError(f"{source}: column names repeat: {listing(twice)}. Rename or drop all but one.")
    free = (name for name in map("unnamed_{}".format, count(1)) if name not in clean)
    return [name or next(free) for name in clean]
