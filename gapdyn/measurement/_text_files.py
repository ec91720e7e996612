"""Text files to Parquet in a temporary folder, in bounded memory: all cells as texts, numbers are read later."""

from __future__ import annotations

import gzip
import json
import shutil
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._check import InputError
from ..data._files import Location

if TYPE_CHECKING:
    import polars as pl

CHUNK = 50_000  # lines that Python's own JSON reader takes at a time


def unzipped(location: Location, folder: Path) -> Path:
    """The file without its gzip, in the folder."""
    path = _free(folder, ".txt")
    try:
        with gzip.open(location.path) as packed, path.open("wb") as plain:
            shutil.copyfileobj(packed, plain, 1 << 22)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{location.path}: broken gzip file: {error}. Copy or compress it again.") from None
    except OSError as error:
        raise InputError(f"{location.path}: cannot be unpacked: {error.strerror or error}. Is the disk full?") from None
    return path


def text_to_parquet(location: Location, path: Path, folder: Path) -> pl.LazyFrame:
    """The rows of a CSV, TSV or JSON Lines file, from a Parquet copy in the folder; every column is text.

    Raises
    ------
    InputError
        If it is empty, not UTF-8, or not what its suffix says.
    """
    import polars as pl

    target = _free(folder, ".parquet")
    try:
        if location.format == "jsonl":
            _json_lines(location, path, target, folder)
        else:
            separator = "\t" if location.format == "tsv" else ","
            pl.scan_csv(path, separator=separator, infer_schema=False, glob=False).sink_parquet(
                target, compression="lz4"
            )
    except pl.exceptions.NoDataError:
        raise InputError(f"{location.path}: the file is empty. Were the samples written to another place?") from None
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        first = (str(error).strip().splitlines() or ["unknown"])[0].rstrip(".")
        raise InputError(f"{location.path}: is not readable as {location.format.upper()}: {first}.") from None
    return pl.scan_parquet(target, glob=False)


def _json_lines(location: Location, path: Path, target: Path, folder: Path) -> None:
    """By Polars; what it refuses (a byte-order mark, NaN, other fields further down) by Python, line by line."""
    import polars as pl

    try:
        names = list(pl.scan_ndjson(path, infer_schema_length=1000).collect_schema())
        schema = dict.fromkeys(names, pl.String)
        pl.scan_ndjson(path, schema=schema).sink_parquet(target, compression="lz4")
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        pieces = []
        with path.open("rb") as file:
            for i, rows in enumerate(_chunks(location.path, file)):
                pieces.append(folder / f"{target.stem}-{i}.parquet")
                columns = {name: [_text(row.get(name)) for row in rows] for name in {n: 0 for row in rows for n in row}}
                pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)).write_parquet(pieces[-1])
        if not pieces:
            raise pl.exceptions.NoDataError from None
        pl.concat([pl.scan_parquet(p, glob=False) for p in pieces], how="diagonal").sink_parquet(target)


def _chunks(name: Path, file: Any) -> Iterator[list[dict[str, Any]]]:
    lines = enumerate(file, 1)
    while chunk := list(islice(lines, CHUNK)):
        rows = []
        for number, raw in chunk:
            try:
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
                row = json.loads(text) if text else {}
            except UnicodeDecodeError:
                raise InputError(f"{name}, line {number}: is not UTF-8 text. Save it as UTF-8.") from None
            except (ValueError, RecursionError):
                raise InputError(f"{name}, line {number}: is not JSON. Was the file written to the end?") from None
            if not isinstance(row, dict):
                raise InputError(f"{name}, line {number}: is not a JSON object. Write one object per line.")
            if row:
                rows.append(row)
        if rows:
            yield rows


def _text(cell: Any) -> str | None:
    return cell if cell is None or isinstance(cell, str) else json.dumps(cell)


def _free(folder: Path, suffix: str) -> Path:
    return folder / f"{len(list(folder.iterdir()))}{suffix}"
