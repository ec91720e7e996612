"""A samples table to a file that `gapdyn.measure` reads."""

from __future__ import annotations

import gzip
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from .._atomic import atomic_write
from ..data._files import locate

if TYPE_CHECKING:
    import polars as pl


def write_samples(frame: pl.DataFrame, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write samples as one file, whole or not at all; the suffix chooses the format, as for `gapdyn.write_run`.

    Raises
    ------
    InputError
        If the suffix is unknown, if the file exists, or if its folder is missing or not writable.
    """
    location = locate(path)
    buffer = io.BytesIO()
    if location.format == "parquet":
        frame.write_parquet(buffer)
    elif location.format == "jsonl":
        frame.write_ndjson(buffer)
    else:
        frame.write_csv(buffer, separator="\t" if location.format == "tsv" else ",")
    raw = buffer.getvalue()
    return atomic_write(location.path, gzip.compress(raw, mtime=0) if location.zipped else raw, overwrite=overwrite)
