"""`gapdyn fit` of a file with several runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from . import _request
from ._output import Failed, say, to_json
from ._setup import set_up_jax
from ._words import reworded

TABLES = (".csv", ".parquet")


def run(arguments: argparse.Namespace, fleet: Any) -> int:
    """Fit each run, or all together, print counts and ceilings, keep draws and table where asked."""
    from ..data import StoppedWriting

    table = _ready_table(arguments)
    set_up_jax()
    try:
        fitted = _request.fit(arguments, fleet, out=arguments.out, **_request.pooling(arguments))
    except StoppedWriting as error:
        raise Failed(str(error)) from error
    found = reworded(fitted.findings)
    try:
        if table:
            _write(fitted, table, arguments.overwrite)
    finally:  # a full disk shall not cost the result
        if arguments.json:
            print(to_json({**fitted.to_dict(), "findings": [f.to_dict() for f in found]}))
        else:
            print(fitted.table())
    for finding in found:
        say(str(finding))
    return 1 if any(f.level == "error" for f in found) else 0


def _ready_table(arguments: argparse.Namespace) -> Path | None:
    """The file of the table, if one is asked for and could be written."""
    from .._check import InputError

    if arguments.table is None:
        return None
    path = Path(arguments.table)
    if path.suffix.lower() not in TABLES:
        raise InputError(f"--table {path}: the table is written as {' or '.join(TABLES)}. Choose such a name.")
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist. Create it, or choose another with --table.")
    if path.exists() and not arguments.overwrite:
        raise InputError(f"{path}: exists already. Choose another with --table, or pass --overwrite.")
    return path


def _write(fitted: Any, path: Path, overwrite: bool) -> None:
    """The tidy table, one row a run."""
    import io

    from .._atomic import atomic_write
    from .._check import InputError

    buffer, frame = io.BytesIO(), fitted.frame()
    if path.suffix.lower() == ".csv":
        frame.write_csv(buffer)
    else:
        frame.write_parquet(buffer)
    try:
        atomic_write(path, buffer.getvalue(), overwrite=overwrite)
    except InputError as error:  # it was checked before; since then the disk has changed
        raise Failed(str(error)) from error
    say(f"wrote {path}")
