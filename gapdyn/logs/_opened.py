"""A file of another tool, opened once: its objects or its columns, before anyone says what tool wrote it."""

from __future__ import annotations

import json
import os
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._check import InputError
from ..data._csv import read_csv
from ..data._files import Location, decode, read_bytes, require_file
from ..data._json import parse_lines
from ..data._parquet import read_parquet
from ..data._table import Table
from ..data._text import show

LOOK = 50  # objects in which a source is looked for
_TABLES = {".csv": "csv", ".tsv": "tsv", ".parquet": "parquet"}
_ZSTD = 93  # in the zip format; what Inspect AI writes
_BROKEN = (
    NotImplementedError,
    RuntimeError,
    OSError,
    EOFError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
_DEEP = "not valid JSON: too long a number or too deeply nested"


@dataclass(frozen=True, eq=False)
class Opened:
    """What a path holds.

    Attributes
    ----------
    path : as it was given.
    kind : "object" (one JSON object), "objects" (JSON Lines, or a JSON array), "table", "zip", "folder", "events".
    stem : the file's name without suffixes.
    objects : one for "object", several for "objects".
    lines : the line of each of the objects; None for an array.
    table : of a "table".
    """

    path: Path
    kind: str
    stem: str
    objects: list[dict[str, Any]] = field(default_factory=list)
    lines: list[int] | None = None
    table: Table | None = None

    def error(self, text: str) -> InputError:
        return InputError(f"{self.path}: {text}")

    def where(self, i: int) -> str:
        """Where object `i` stands, for messages."""
        return f"{self.path}, {f'object {i}' if self.lines is None else f'line {self.lines[i]}'}"

    def any_has(self, *keys: str) -> bool:
        """Whether one of the first objects has all of these keys."""
        return any(all(key in x for key in keys) for x in self.objects[:LOOK])

    def names(self) -> list[str]:
        """The fields, by first appearance: of the table, else of the first objects."""
        if self.table is not None:
            return list(self.table.columns)
        return list(dict.fromkeys(key for x in self.objects[:LOOK] for key in x))


def open_path(given: str | os.PathLike[Any]) -> Opened:
    """Open a file or folder of a log.

    Raises
    ------
    InputError
        If it is missing, empty, broken, or neither JSON, CSV, Parquet, a zip nor a folder.
    """
    if not isinstance(given, str | os.PathLike):
        raise InputError(f"cannot read a log from {show(given)}: give a path, or a list of paths.")
    path = Path(os.fsdecode(given))
    try:
        if path.is_dir():
            return Opened(path, "folder", path.resolve().name)
    except (OSError, ValueError):
        pass  # said better below
    require_file(path)
    if "tfevents" in path.name:
        return Opened(path, "events", path.resolve().parent.name)
    zipped = path.suffix.lower() == ".gz"
    inner = Path(path.stem) if zipped else path
    suffix = inner.suffix.lower()
    location = Location(path, _TABLES.get(suffix, "jsonl"), zipped, inner.stem)
    if suffix in (".csv", ".tsv"):
        return Opened(path, "table", inner.stem, table=read_csv(location, None))
    if suffix == ".parquet" and not zipped:
        return Opened(path, "table", inner.stem, table=read_parquet(location))
    if _is_zip(path):
        return Opened(path, "zip", inner.stem)
    return _json(location)


def parse_json(source: str, text: str) -> Any:
    """One JSON value.

    Raises
    ------
    InputError
        Naming the line where it ceases to be JSON.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{source}, line {error.lineno}, column {error.colno}"
        raise InputError(f"{where}: not valid JSON: {error.msg}. Was the file written to the end?") from None
    except (ValueError, RecursionError):
        raise InputError(f"{source}: {_DEEP}.") from None


def _json(location: Location) -> Opened:
    """JSON by its content, whatever the file is called: an object, an array of objects, or one object per line."""
    path, source = location.path, str(location.path)
    text = decode(path, read_bytes(location)).replace("\r\n", "\n")
    if text.lstrip()[:1] not in ("{", "["):
        kinds = "JSON, JSON Lines, CSV (.csv, .tsv), Parquet (.parquet), an Inspect AI log (.eval) or a folder"
        raise InputError(f"{path}: is none of {kinds}; it begins with {show(text.lstrip()[:20])}.")
    many = sum(1 for line in text.split("\n") if line.strip()) > 1
    if many and _first_line_is_whole(text):
        rows, lines = parse_lines(source, text)
        return Opened(path, "objects", location.stem, rows, lines)
    whole = parse_json(source, text)
    if isinstance(whole, list):
        bad = next((i for i, x in enumerate(whole) if not isinstance(x, dict)), None)
        if bad is not None or not whole:
            seen = "is an empty array" if bad is None else f"item {bad} of its array is {show(whole[bad])}"
            raise InputError(f"{path}: {seen}. It must hold objects {{...}}.")
        return Opened(path, "objects", location.stem, whole)
    if location.path.name.removesuffix(".gz").lower().endswith((".jsonl", ".ndjson", ".json-lines")):
        return Opened(path, "objects", location.stem, [whole], [1])
    return Opened(path, "object", location.stem, [whole])


def _first_line_is_whole(text: str) -> bool:
    first = next(line for line in text.split("\n") if line.strip())
    try:
        return isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        # a broken first line of several objects is an error of that line, not of the whole
        return first.lstrip().startswith("{") and first.rstrip() != "{" and "\n{" in text


def _is_zip(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except OSError:
        return False


def read_inner(path: Path, archive: zipfile.ZipFile, name: str) -> Any:
    """One JSON file of a zip.

    Raises
    ------
    InputError
        If it is broken, or packed in a way that nothing here can unpack.
    """
    member = archive.getinfo(name)
    try:
        raw = _unzstd(path, member) if member.compress_type == _ZSTD else archive.read(name)
        text = raw.decode("utf-8-sig")
    except ImportError:
        remedy = "Install it: pip install 'gapdyn[inspect]'; or write the log as JSON: inspect log convert --to json."
        raise InputError(f"{path}: it is packed with Zstandard, which needs a library. {remedy}") from None
    except _BROKEN as error:
        raise InputError(f"{path}: {name} in it cannot be unpacked: {error}. Was it written to the end?") from None
    return parse_json(f"{path}, {name}", text)


def _unzstd(path: Path, member: zipfile.ZipInfo) -> bytes:
    """A member that Python's zipfile before 3.14 finds but cannot unpack."""
    import zstandard  # pyright: ignore[reportMissingImports]

    with path.open("rb") as file:
        file.seek(member.header_offset + 26)  # there are the lengths of its name and of what follows
        file.seek(sum(struct.unpack("<HH", file.read(4))), 1)
        packed = file.read(member.compress_size)
    try:
        return zstandard.ZstdDecompressor().decompressobj().decompress(packed)
    except zstandard.ZstdError as error:
        raise zipfile.BadZipFile(str(error)) from None
