"""MLflow's file store: mlruns/<experiment>/<run>/metrics/<name>, each line "timestamp value step"."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .._check import InputError
from ..data._cells import CellError, parse
from ..data._files import decode
from ..data._text import show
from ._opened import Opened
from ._source import Part, Source
from ._trainers import EVERY

_DEPTH = 2  # folders from mlruns down to a run


def tells(opened: Opened) -> bool:
    return opened.kind == "folder" and bool(_runs(opened.path))


def read(opened: Opened) -> list[Part]:
    runs = _runs(opened.path) if opened.kind == "folder" else []
    if not runs:
        raise opened.error("holds no run of MLflow (a folder with metrics). Give mlruns, an experiment or a run.")
    parts: list[Part] = []
    for run in runs:
        rows = [row for path in _metrics(run / "metrics") for row in _metric(run / "metrics", path)]
        if not rows:
            continue
        name = _name(run)
        taken = any(part.name == name for part in parts)  # MLflow lets runs share a name
        parts.append(Part(f"{name}-{run.name[:8]}" if taken else name, rows))
    return parts


def _runs(folder: Path) -> list[Path]:
    """Folders with metrics: this one, or those one or two below."""
    level = [folder]
    for _ in range(_DEPTH + 1):
        found = [path for path in level if (path / "metrics").is_dir()]
        if found:
            return found
        try:
            below = [entry.path for path in level for entry in os.scandir(path) if entry.is_dir()]
        except OSError:
            return []
        level = sorted(Path(path) for path in below if not Path(path).name.startswith("."))
    return []


def _metrics(folder: Path) -> list[Path]:
    """Files below `folder`: the name of a metric may contain slashes."""
    return sorted(Path(where) / file for where, _, files in os.walk(folder) for file in files)


def _metric(folder: Path, path: Path) -> list[dict[str, Any]]:
    name = path.relative_to(folder).as_posix()
    try:
        text = decode(path, path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}. Check its permissions.") from None
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        cells = line.split()
        if not cells:
            continue
        try:
            if len(cells) < 2:
                raise CellError("has fewer than two numbers.")
            # older stores have no step
            rows.append({"step": parse(cells[2]) if len(cells) > 2 else len(rows), name: parse(cells[1])})
        except CellError as reason:
            seen = f"{show(line)} {reason}"
            raise InputError(f"{path}, line {number}: not 'timestamp value step': {seen}") from None
    return rows


def _name(run: Path) -> str:
    """The tag mlflow.runName, else run_name of meta.yaml, else the folder."""
    for path, key in ((run / "tags" / "mlflow.runName", ""), (run / "meta.yaml", "run_name:")):
        try:
            lines = path.read_text("utf-8").splitlines()
        except (OSError, ValueError):
            continue
        named = [line.removeprefix(key).strip().strip("'\"") for line in lines if line.startswith(key)]
        if named and named[0] and named[0].isprintable():
            return named[0]
    return run.resolve().name


MLFLOW = Source(
    name="mlflow",
    kind="log",
    files="mlruns of MLflow's file store, an experiment or a run in it (a folder)",
    docs="https://mlflow.org/docs/latest/tracking/backend-stores",
    tells=tells,
    read=read,
    times=(("step", "step"),),
    defaults=EVERY,
    folder=True,
)
