"""Figures to files."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from gapdyn._atomic import atomic_write
from gapdyn._check import InputError, did_you_mean

# suffix -> metadata that would make every file differ
FORMATS = {"png": {}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}


def save(figure: Figure, path: str | os.PathLike[str], *, dpi: float = 200, overwrite: bool = False) -> Path:
    """Write a figure as PNG, PDF or SVG, by the suffix of `path`. The file appears whole or not at all.

    Parameters
    ----------
    figure : from any function of `gapdyn.plots`, or any other Matplotlib figure.
    path : where to.
    dpi : dots per inch of a PNG, and of the parts of a PDF or SVG that are pixels.
    overwrite : replace an existing file.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    InputError
        Another suffix, an existing file without `overwrite`, a missing folder, a dpi that is not positive.
    """
    target = Path(os.fsdecode(path))
    suffix = target.suffix.lower().lstrip(".")
    if suffix not in FORMATS:
        raise InputError(f"{target}: no format for the suffix {target.suffix!r}. {did_you_mean(suffix, FORMATS)}")
    if not (isinstance(dpi, float | int) and np.isfinite(dpi) and dpi > 0):
        raise InputError(f"dpi={dpi!r}: give a positive number, such as 200.")
    buffer = io.BytesIO()
    figure.savefig(buffer, format=suffix, dpi=dpi, metadata=FORMATS[suffix])
    return atomic_write(target, buffer.getvalue(), overwrite=overwrite)
