"""JSON lines to `Table`: one object per line, whose keys may differ from line to line."""

from __future__ import annotations

import json
from typing import Any

from .._check import InputError
from ._files import Location, decode, read_bytes
from ._table import Table, clean_header
from ._text import listing, show


def read_jsonl(location: Location) -> Table:
    """Read one object per line; a key that a line lacks is an empty cell.

    Raises
    ------
    InputError
        If the text is not UTF-8, or if a line is not valid JSON, is not an object, or repeats a key.
    """
    source = str(location.path)
    rows, lines = parse_lines(source, decode(location.path, read_bytes(location)))
    keys = list(dict.fromkeys(key for row in rows for key in row))
    names = clean_header(source, keys)
    columns = {name: [row.get(key) for row in rows] for name, key in zip(names, keys, strict=True)}
    if not columns:
        raise InputError(f"{source}: its objects are empty. Write one checkpoint per line.")
    return Table(source, columns, location.stem, source, lines)


def parse_lines(source: str, text: str) -> tuple[list[dict[str, Any]], list[int]]:
    """The objects of JSON Lines, and the line of each; see `read_jsonl`."""
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    for number, line in enumerate(text.split("\n"), start=1):  # splitlines() would also split at U+2028
        if line.strip():
            rows.append(_parse_line(source, number, line))
            lines.append(number)
    return rows, lines


def _parse_line(source: str, number: int, line: str) -> dict[str, Any]:
    where = f"{source}, line {number}"
    try:
        row = json.loads(line, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        whole = line.lstrip()[:1] in ("[", "{") and number == 1
        hint = "Write one whole object per line." if whole else "Was the line cut off?"
        raise InputError(f"{where}, column {error.colno}: not valid JSON: {error.msg}. {hint}") from None
    except _RepeatedKey as error:
        raise InputError(f"{where}: keys repeat: {error}. Rename or drop all but one.") from None
    except (ValueError, RecursionError):  # an integer of thousands of digits; brackets thousands deep
        raise InputError(f"{where}: not valid JSON: too long a number or too deeply nested.") from None
    if not isinstance(row, dict):
        raise InputError(f"{where}: {show(row)} is not an object. Write one object {{...}} per line.")
    return row


class _RepeatedKey(Exception):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        seen: set[str] = set()
        twice = [key for key, _ in pairs if key in seen or seen.add(key)]
        raise _RepeatedKey(listing(dict.fromkeys(twice)))
    return row
