"""From one cell of a log, whatever its type, to a float, or the reason why not."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

_MISSING = frozenset({"", "nan", "null", "none", "na", "n/a", "<na>"})


class CellError(Exception):
    """The cell is not a number; the text says what to do about it."""


def parse(cell: object) -> float:
    """The number in a cell: NaN if it is empty, +-inf if it is infinite or too large.

    Raises
    ------
    CellError
        If the cell holds no number: other text, true/false, a date, something nested.
    """
    if isinstance(cell, str):
        return _parse_text(cell)
    if cell is None or type(cell).__name__ in (
        "NAType",
        "NaTType",
    ):  # pandas.NA, NaT: pandas is not imported
        return np.nan
    if isinstance(cell, bool | np.bool_):
        raise CellError("is true or false, not a number. Write 1 or 0 if a number is meant.")
    if isinstance(cell, int | float | np.integer | np.floating | Decimal):
        try:
            return float(cell)
        except OverflowError:
            return np.inf
        except ValueError:  # a signalling NaN of decimal
            return np.nan
    raise CellError("is not a number. Give one number per checkpoint.")


def _parse_text(cell: str) -> float:
    text = cell.strip()
    if text.casefold() in _MISSING:
        return np.nan
    try:
        if "_" in text:  # Python would read 1_000
            raise ValueError
        return float(text)
    except ValueError:
        hint = "Use a decimal point." if _decimal_comma(text) else "Leave it empty if it was not measured."
        raise CellError(f"is not a number. {hint}") from None


def _decimal_comma(text: str) -> bool:
    try:
        float(text.replace(",", ".", 1))
    except ValueError:
        return False
    return "," in text
