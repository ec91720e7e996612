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
    """Columns as Parquet: text as strings, numbers as float64, None as null."""
    import polars as pl

    def is_text(cells: list[str | float | None]) -> bool:
        return any(isinstance(cell, str) for cell in cells)

    frame = pl.DataFrame([pl.Series(n, c, dtype=pl.String if is_text(c) else pl.Float64) for n, c in columns.items()])
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()
