"""What the readers of responses share: rows with everything that a tool wrote beside a response, and prompt ids."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from typing import Any

from .._check import InputError
from .._finding import Finding
from ..data._cells import parse
from ..data._text import show
from ._opened import Opened
from ._source import Part


class Rows:
    """Collects one row per response. Plain values of the tool's objects come along under their own names."""

    def __init__(self, opened: Opened):
        self.opened = opened
        self.rows: list[dict[str, Any]] = []
        self.lines: list[int] = []
        self.findings: list[Finding] = []

    def error(self, i: int, text: str) -> InputError:
        """An error at object `i`."""
        return InputError(f"{self.opened.where(i)}: {text}")

    def note(self, level: str, code: str, text: str, remedy: str) -> None:
        """A finding."""
        self.findings.append(Finding(level, code, f"{self.opened.path.name}: {text}", remedy))

    def list_of(self, i: int, x: dict[str, Any], key: str) -> list[dict[str, Any]]:
        """The objects in a field of object `i`; none if it is null or not there.

        Raises
        ------
        InputError
            If the field is something else.
        """
        items = x.get(key)
        if items is None:
            return []
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise self.error(i, f"{key!r} is {show(items)}, not a list of objects.")
        return items

    def add(self, i: int, *objects: dict[str, Any], **made: Any) -> None:
        """A row of object `i`: plain values of `objects`, the later the stronger, then what was made of them."""
        row = {key: value for x in objects for key, value in x.items() if not isinstance(value, list | dict)}
        row |= {key: value for key, value in made.items() if value is not None or key not in row}
        self.rows.append({key: int(value) if isinstance(value, bool) else value for key, value in row.items()})
        self.lines.append(self.opened.lines[i] if self.opened.lines is not None else i)

    def part(self) -> Part:
        """What was collected."""
        lines = self.lines if self.opened.lines is not None else None
        return Part(self.opened.stem, self.rows, lines, tuple(self.findings))


def prompt_id(x: dict[str, Any], *keys: str) -> str | None:
    """The first of the fields that is there: an id as it is, a text or messages as a digest."""
    for key in keys:
        value = x.get(key)
        if value is None:
            continue
        if key.endswith("_id"):
            return str(value)
        return digest(value)
    return None


def digest(value: Any) -> str:
    """Sixteen characters that equal prompts share."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def minus_sum(logprobs: Sequence[Any]) -> float | None:
    """-log p of a response from its tokens'; None if one of them is missing, or if there are none.

    Raises
    ------
    CellError
        If one is not a number.
    """
    values = [parse(value) for value in logprobs]
    return -sum(values) if values and not any(map(math.isnan, values)) else None
