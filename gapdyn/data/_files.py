"""Paths: which format a suffix means, and the bytes of a file, with every failure as an `InputError`."""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._check import InputError

_FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json-lines": "jsonl",
    ".parquet": "parquet",
}


@dataclass(frozen=True)
class Location:
    """A path taken apart: its format ("csv", "tsv", "jsonl", "parquet"), if it is gzipped, its bare name."""

    path: Path
    format: str
    zipped: bool
    stem: str


def locate(path: str | os.PathLike[Any]) -> Location:
    """Understand a path by its suffix.

    Raises
    ------
    InputError
        If the suffix is none that gapdyn reads and writes; the message lists them.
    """
    whole = Path(os.fsdecode(path))
    zipped = whole.suffix.lower() == ".gz"
    inner = Path(whole.stem) if zipped else whole
    suffix = inner.suffix.lower()
    if suffix not in _FORMATS or (zipped and _FORMATS[suffix] == "parquet"):
        known = f"{', '.join(_FORMATS)}; .gz after any but .parquet"
        hint = " Write one object per line and call it .jsonl." if suffix == ".json" else ""
        raise InputError(f"{whole}: unknown kind of file {whole.suffix!r}. Known suffixes: {known}.{hint}")
    return Location(whole, _FORMATS[suffix], zipped, inner.stem)


def read_bytes(location: Location) -> bytes:
    """The content of a regular file, unzipped.

    Raises
    ------
    InputError
        If the file is missing, a folder, not readable, empty, or if its gzip stream is broken.
    """
    path = location.path
    require_file(path)
    try:
        data = path.read_bytes()
        raw = gzip.decompress(data) if location.zipped else data
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path}: broken gzip file: {error}. Copy or compress it again.") from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    if not raw.strip():
        raise InputError(f"{path}: the file is empty. Was the run logged to another place?")
    return raw


def require_file(path: Path) -> None:
    """Refuse what is not a regular file that can be looked at.

    Raises
    ------
    InputError
        If it is missing, a folder, a pipe, or out of reach.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. Check the path; the working folder is {_folder()}.") from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    if stat.S_ISDIR(mode):
        raise InputError(f"{path}: is a folder, not a file. Name a file in it.")
    if not stat.S_ISREG(mode):  # a pipe would wait for ever
        raise InputError(f"{path}: is not a regular file. Save the log to a file first.")


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or str(error)
    return InputError(f"{path}: cannot be read: {reason}. Check the path and its permissions.")


def decode(path: Path, raw: bytes) -> str:
    """UTF-8 text with or without a byte-order mark.

    Raises
    ------
    InputError
        If the bytes are not UTF-8; the message says where.
    """
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        utf16 = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
        kind = "it looks like UTF-16" if utf16 else f"byte {error.start} is not"
        raise InputError(f"{path}: is not UTF-8 text ({kind}). Save it as UTF-8.") from None


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was deleted under us
        return "gone"
