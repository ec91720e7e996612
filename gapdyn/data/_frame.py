"""Data frames and mappings to `Table`, by what they can do: neither library is imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._check import InputError
from ._table import Table, clean_header
from ._text import show


def is_frame(source: object) -> bool:
    """Whether `source` has the two things that a pandas or polars DataFrame has."""
    # Asked of the class: a lazy frame would work out its columns, and warn about it
    own = hasattr(type(source), "columns") or "columns" in getattr(source, "__dict__", ())
    return own and hasattr(source, "__getitem__")


def read_frame(frame: Any) -> Table:
    """A pandas or polars DataFrame; its index is not read.

    Raises
    ------
    InputError
        If the frame is lazy, has no rows, or repeats a column name.
    """
    if hasattr(frame, "collect"):
        raise InputError("the data frame is lazy. Call .collect() on it first.")
    return Table("the data frame", frame_columns("the data frame", frame))


def frame_columns(source: str, frame: Any) -> dict[str, Sequence[Any] | np.ndarray]:
    """Columns of a frame by name; see `read_frame`."""
    keys = list(frame.columns)
    names = clean_header(source, keys)
    try:
        columns = {name: _cells(frame[key]) for name, key in zip(names, keys, strict=True)}
    except Exception as error:  # someone else's class: whatever it raises, it is no frame that we can read
        raise InputError(f"{source} cannot be read: {show(str(error))}. Pass a pandas or polars DataFrame.") from error
    return _checked(source, columns)


def read_mapping(source: Mapping[str, Any]) -> Table:
    """Columns given as name -> sequence.

    Raises
    ------
    InputError
        If a value is not a sequence of cells, or if lengths differ.
    """
    what = "the mapping"
    names = clean_header(what, list(source))
    columns = {}
    for name, values in zip(names, source.values(), strict=True):
        try:
            if isinstance(values, str | bytes | Mapping):
                raise TypeError
            columns[name] = _cells(values)
        except TypeError:
            remedy = "Give a list, one value per checkpoint."
            raise InputError(f"{what}: column {show(name)} is {show(values)}. {remedy}") from None
    return Table(what, _checked(what, columns))


def _cells(values: Any) -> Sequence[Any] | np.ndarray:
    """Numbers as an array, anything else as a list of cells."""
    if isinstance(values, np.ma.MaskedArray):  # tolist() gives None where the mask is
        return values.tolist()
    if not hasattr(values, "__array__"):
        return list(values)  # not through NumPy, which would turn [1.5, "x"] into texts
    array = np.asarray(values)
    if array.dtype.kind in "iuf":
        return array
    # The to_list of polars gives plain lists where its iteration gives nested Series
    return values.to_list() if hasattr(values, "to_list") else array.tolist()


def _checked(source: str, columns: dict[str, Any]) -> dict[str, Any]:
    if not columns:
        raise InputError(f"{source} has no columns. It needs a time and at least one measured series.")
    first, length = next((name, len(values)) for name, values in columns.items())
    for name, values in columns.items():
        if isinstance(values, np.ndarray) and values.ndim != 1:
            remedy = "Give one number per checkpoint."
            raise InputError(f"{source}: column {show(name)} has shape {values.shape}. {remedy}")
        if len(values) != length:
            counts = f"column {show(name)} has {len(values)} values, but {show(first)} has {length}"
            raise InputError(f"{source}: {counts}. Give one value per checkpoint, None where nothing was measured.")
    if length == 0:
        raise InputError(f"{source} has columns but no rows. A run needs at least 2 checkpoints.")
    return columns
