"""TensorBoard's event files, read by the library that wrote them."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from .._check import InputError
from ._opened import Opened
from ._source import Part, Source
from ._trainers import EVERY


def tells(opened: Opened) -> bool:
    return opened.kind == "events" or (opened.kind == "folder" and bool(_folders(opened.path)))


def read(opened: Opened) -> list[Part]:
    if opened.kind == "events":
        return [Part(opened.stem, _rows(opened.path))]
    parts = []
    for folder in _folders(opened.path):
        inside = folder.relative_to(opened.path).as_posix()
        parts.append(Part(opened.stem if inside == "." else inside, _rows(folder)))
    return parts


def _folders(root: Path) -> list[Path]:
    """Folders with event files, as TensorBoard takes them: each is a run."""
    return sorted(Path(where) for where, _, files in os.walk(root) if any("tfevents" in file for file in files))


def _rows(path: Path) -> list[dict[str, Any]]:
    """One row per value, in the order of writing.

    Raises
    ------
    InputError
        If the library is not there, or cannot read the file.
    """
    try:
        from tensorboard.backend.event_processing import (  # pyright: ignore[reportMissingImports]
            event_accumulator,
        )
        from tensorboard.util import tensor_util  # pyright: ignore[reportMissingImports]
    except ImportError:
        remedy = "Install it: pip install 'gapdyn[tensorboard]'."
        raise InputError(f"{path}: TensorBoard's events need the library tensorboard. {remedy}") from None
    log = logging.getLogger("tensorboard")
    level = log.level
    log.setLevel(logging.ERROR)  # it reports its progress
    try:
        events = event_accumulator.EventAccumulator(str(path), size_guidance={"scalars": 0, "tensors": 0})
        events.Reload()
        tags: dict[str, Any] = events.Tags()
        rows = [{"step": e.step, tag: e.value} for tag in tags["scalars"] for e in events.Scalars(tag)]
        for tag in tags["tensors"]:  # what TensorFlow 2 writes as a scalar
            for event in events.Tensors(tag):
                value = tensor_util.make_ndarray(event.tensor_proto)
                if value.ndim == 0 and value.dtype.kind in "iuf":
                    rows.append({"step": event.step, tag: float(value)})
    except Exception as error:  # someone else's parser: whatever it raises, the file is none that it can read
        first = (str(error).splitlines() or ["unknown"])[0]
        raise InputError(f"{path}: TensorBoard cannot read it: {first}. Was it written to the end?") from None
    finally:
        log.setLevel(level)
    return rows


TENSORBOARD = Source(
    name="tensorboard",
    kind="log",
    files="TensorBoard's event files, or a folder of them (needs gapdyn[tensorboard])",
    docs="https://www.tensorflow.org/tensorboard/dataframe_api",
    tells=tells,
    read=read,
    times=(("step", "step"),),
    defaults=EVERY,
    folder=True,
)
