"""Parquet through polars, which is imported only here and only when needed."""

from __future__ import annotations

import io

from .._check import InputError
from ._files import Location, read_bytes
from ._frame import frame_columns
from ._table import Table


def read_parquet(location: Location) -> Table:
    """Read a Parquet file.

    Raises
    ------
    InputError
        If polars cannot read it.
    """
    import polars as pl

    source = str(location.path)
    raw = read_bytes(location)
    # Bytes rather than the path: polars would expand * and [ in a path. A panic of its Rust code is a
    # BaseException.
    try:
        frame = pl.read_parquet(io.BytesIO(raw))
    except (Exception, pl.exceptions.PanicException) as error:
        first = (str(error).splitlines() or ["unknown"])[0]
        raise InputError(f"{source}: not a readable Parquet file: {first}. Was it written to the end?") from None
    return Table(source, frame_columns(source, frame), location.stem, source)


def parquet_bytes(columns: dict[str, list[str | float | None]]) -> bytes:
    """Columns as Parquet: text as strings, as are numbers beside text, other numbers as float64, None as null."""
    import polars as pl

    def series(name: str, cells: list[str | float | None]) -> pl.Series:
        if not any(isinstance(cell, str) for cell in cells):
            return pl.Series(name, cells, dtype=pl.Float64)
        return pl.Series(name, [repr(c) if isinstance(c, float) else c for c in cells], dtype=pl.String)

    frame = pl.DataFrame([series(name, cells) for name, cells in columns.items()])
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()
