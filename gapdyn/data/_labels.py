"""Labels: text that is the same at every checkpoint of a run, such as its model, its data set, its method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._check import InputError
from ._cells import CellError, parse
from ._columns import CONTRACT_NAMES
from ._text import show, squash
from ._validate import check_name

LABELS = "labels"  # the entry of `Run.meta`


def find_label(name: str, cells: Sequence[Any]) -> str | None:
    """The text that all cells of a column share, None where it is no label: a file must be able to carry it."""
    first = cells[0]
    if not isinstance(first, str) or any(cell != first for cell in cells):
        return None
    text = first.strip()
    return text if _why_not(name, text, {}) is None else None


def check_labels(run: str, labels: Any, extra: Mapping[str, Any]) -> dict[str, str]:
    """Labels of a run as a dict of its own.

    Raises
    ------
    InputError
        Not name -> text; a name that is, or looks like, one of the contract's, or that an extra column has; a text that
        a file would give back as a number or as nothing.
    """
    where = f"run {show(run)}: meta['labels']"
    if not isinstance(labels, Mapping):
        raise InputError(f"{where} must map names to texts; it is {show(labels)}.")
    for name, text in labels.items():
        check_name(name, f"{where}: the name of a label")
        why = _why_not(name, text, extra)
        if why is not None:
            raise InputError(f"{where}: {why}")
    return dict(labels)


def _why_not(name: str, text: Any, extra: Mapping[str, Any]) -> str | None:
    if squash(name) in CONTRACT_NAMES:
        return f"the label {show(name)} looks like a column of a run log. Rename it."
    if name in extra:
        return f"there is an extra column {show(name)} too. Rename one of them."
    try:
        check_name(name, "the name")
        check_name(text, f"the label {show(name)}")
        parse(text)
    except InputError as error:
        return str(error)
    except CellError:
        return None
    remedy = "Give numbers as extra columns."
    return f"the label {show(name)} is {show(text)}, which reads as a number or as nothing. {remedy}"
