"""Weights & Biases: CSV of a chart ("<run> - <metric>") and histories of a run, as CSV, Parquet or JSON Lines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._finding import Finding
from ..data._cells import CellError, parse
from ._opened import Opened
from ._source import Part, Source
from ._trainers import EVERY

_BETWEEN = " - "
_LOW, _HIGH = "__MIN", "__MAX"
_OWN = ("_step", "_runtime", "_timestamp")
_SAMPLED = 500  # rows that run.history() gives unless asked for more
_TIMES = (
    ("_step", "step"),
    ("Step", "step"),
    ("train/global_step", "step"),
    ("trainer/global_step", "step"),
    ("global_step", "step"),
    ("step", "step"),
    ("epoch", "epoch"),
    ("train/epoch", "epoch"),
)


def tells(opened: Opened) -> bool:
    names = opened.names()
    return any(name in names for name in _OWN) or any(
        _BETWEEN in name and (f"{name}{_LOW}" in names or names[0] == "Step") for name in names
    )


def read(opened: Opened) -> list[Part]:
    table = opened.table if opened.table is not None else Part(opened.stem, opened.objects, opened.lines).table("")
    columns = {name: list(values) for name, values in table.columns.items()}
    length = len(table)
    metrics = [name for name in columns if not name.endswith((_LOW, _HIGH))]
    charted = [name for name in metrics if _BETWEEN in name]
    if not charted:
        rows = [{name: columns[name][i] for name in metrics} for i in range(length)]
        return [Part(opened.stem, rows, _lines(table.lines), tuple(_sampled(opened.stem, columns, length)))]
    axis = [name for name in metrics if name not in charted]
    runs: dict[str, dict[str, str]] = {}
    for name in charted:
        run, _, metric = name.rpartition(_BETWEEN)  # a run may be called "a - b", a metric hardly
        runs.setdefault(run, {})[metric] = name
    parts = []
    for run, own in runs.items():
        rows = [
            {name: columns[name][i] for name in axis} | {metric: columns[name][i] for metric, name in own.items()}
            for i in range(length)
        ]
        kept = [i for i in range(length) if any(_number(columns[name][i]) is not None for name in own.values())]
        lines = _lines(table.lines)
        findings = _binned(run, columns, own)
        kept_lines = None if lines is None else [lines[i] for i in kept]
        parts.append(Part(run.strip() or opened.stem, [rows[i] for i in kept], kept_lines, tuple(findings)))
    return parts


def _lines(lines: Sequence[int] | None) -> list[int] | None:
    return None if lines is None else list(lines)


def _number(cell: object) -> float | None:
    try:
        value = parse(cell)
    except CellError:
        return None
    return None if np.isnan(value) else value


def _binned(run: str, columns: dict[str, list], own: dict[str, str]) -> list[Finding]:
    """A chart shows bins where there are more points than it can draw: then a point is not a checkpoint."""
    wide = 0
    points = 0
    for name in own.values():
        low, high = columns.get(name + _LOW), columns.get(name + _HIGH)
        if low is None or high is None:
            continue
        pairs = [(_number(a), _number(b)) for a, b in zip(low, high, strict=True)]
        points += sum(a is not None and b is not None for a, b in pairs)
        wide += sum(a is not None and b is not None and a < b for a, b in pairs)
    if not wide:
        return []
    text = f"{wide} of {points} points of {run!r} stand for several steps (their minimum and maximum differ)."
    return [Finding("warning", "downsampled", text, "Export the whole history: run.scan_history() of the W&B API.")]


def _sampled(run: str, columns: dict[str, list], length: int) -> list[Finding]:
    """`run.history()` gives 500 rows, drawn evenly but not regularly."""
    name = next((n for n in ("_step", "Step") if n in columns), None)
    if name is None or length != _SAMPLED:
        return []
    steps = [s for cell in columns[name] if (s := _number(cell)) is not None]
    gaps = np.unique(np.diff(np.unique(steps)))
    if len(gaps) < 2:
        return []
    text = f"The history of {run!r} has {length} rows whose steps lie {gaps[0]:g} to {gaps[-1]:g} apart: a sample."
    return [Finding("warning", "downsampled", text, "Export the whole history: run.scan_history() of the W&B API.")]


WANDB = Source(
    name="wandb",
    kind="log",
    files="CSV of a Weights & Biases chart, or a run's history as CSV, Parquet or JSON Lines",
    docs="https://docs.wandb.ai/guides/track/public-api-guide",
    tells=tells,
    read=read,
    times=_TIMES,
    defaults=EVERY,
)
