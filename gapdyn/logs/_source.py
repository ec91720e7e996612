"""`Source`: what is known of one tool's files: how to tell them, read them, and what their fields are by default."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._finding import Finding
from ..data._table import Table
from ._opened import Opened

Defaults = Mapping[str, Sequence[str]]  # name of gapdyn -> fields, or patterns of fields, the best first


@dataclass(frozen=True)
class Part:
    """Rows of one run as a tool wrote them, under the tool's names.

    Attributes
    ----------
    name : of the run, or of the file.
    rows : field -> value; a row may lack fields.
    lines : the line of each row in the file, if it has lines.
    findings : what reading it showed.
    """

    name: str
    rows: list[dict[str, Any]]
    lines: list[int] | None = None
    findings: tuple[Finding, ...] = ()

    def table(self, source: str) -> Table:
        """As columns; a field that a row lacks is an empty cell."""
        names = dict.fromkeys(key for row in self.rows for key in row)
        columns = {name: [row.get(name) for row in self.rows] for name in names}
        return Table(source, columns, self.name, source, self.lines)


@dataclass(frozen=True)
class Source:
    """One kind of file.

    Attributes
    ----------
    name : as `read_log` and `read_samples` take it.
    kind : "log" (numbers per step) or "samples" (one row per response).
    files : what the files are called, in words.
    docs : where the format is documented.
    tells : whether a path holds this kind, without doubt.
    read : its rows.
    times : (field, clock) that may be the time, the best first.
    defaults : which fields are taken for what, if the user does not say.
    made : name of gapdyn -> how it is worked out of the file's fields, in words.
    to_log : how to have log-probabilities beside the responses.
    folder : whether a folder is one log (otherwise it is read file by file).
    """

    name: str
    kind: str
    files: str
    docs: str
    tells: Callable[[Opened], bool]
    read: Callable[[Opened], list[Part]]
    times: Sequence[tuple[str, str]] = ()
    defaults: Defaults = field(default_factory=dict)
    made: Mapping[str, str] = field(default_factory=dict)
    to_log: str = "score the dumped responses with the model, and add nll and n_tokens"
    folder: bool = False
