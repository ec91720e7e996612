"""Output: one JSON object or a table on stdout, everything else on stderr; files whole or not at all."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .._check import InputError


class Failed(Exception):
    """Something that is not the input's fault; the message is for the user."""


def to_json(value: Any) -> str:
    """Strict JSON: NaN and infinities, which JSON lacks, become null. ASCII, which any terminal takes."""
    return json.dumps(_clean(value), indent=1, allow_nan=False)


def _clean(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def say(text: str) -> None:
    """A line for the person, on stderr."""
    print(text, file=sys.stderr)


@contextlib.contextmanager
def ready_folder(path: str, names: Sequence[str], overwrite: bool) -> Iterator[Path]:
    """A folder that `names` can be written to, made if need be; found out before work is spent on them.

    If the work then fails, the folders made here go again.
    """
    folder = Path(path)
    made: list[Path] = []
    try:
        made += _make(folder)
        _check_targets(folder, names, overwrite)
        yield folder
    except BaseException:
        for new in reversed(made):
            with contextlib.suppress(OSError):  # not empty any more
                new.rmdir()
        raise


def asked_folder(path: str | None, names: Sequence[str], overwrite: bool) -> contextlib.AbstractContextManager[Any]:
    """`ready_folder` where a folder was asked for, else None."""
    return ready_folder(path, names, overwrite) if path else contextlib.nullcontext()


def _make(folder: Path) -> list[Path]:
    """Make a folder and its parents; returns those that are new, outermost first."""
    made: list[Path] = []
    try:
        missing = [p for p in (folder, *folder.parents) if not os.path.lexists(p)]
        for new in reversed(missing):
            new.mkdir(exist_ok=True)
            made.append(new)
        if not folder.is_dir():
            raise InputError(f"{folder} is a file, not a folder. Choose another folder with --out.")
        with tempfile.TemporaryFile(dir=folder):  # os.access does not know of read-only disks
            return made
    except (OSError, ValueError) as error:
        for new in reversed(made):
            with contextlib.suppress(OSError):
                new.rmdir()
        if isinstance(error, InputError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        text = f"cannot write to the folder {folder}: {reason}. Choose another with --out."
        raise InputError(text) from None


def _check_targets(folder: Path, names: Sequence[str], overwrite: bool) -> None:
    there = [n for n in names if os.path.lexists(folder / n)]
    folders = [n for n in there if (folder / n).is_dir()]
    if folders:
        raise InputError(f"{folder / folders[0]} is a folder, not a file. Choose another folder with --out.")
    if there and not overwrite:
        remedy = "Choose another folder with --out, or pass --overwrite."
        raise InputError(f"{folder} already holds {', '.join(there)}. {remedy}")


def ready_file(path: str, overwrite: bool) -> None:
    """Refuse, before work is spent, a run log that could not be written."""
    from ..data._files import locate

    file = locate(path).path
    if not file.parent.is_dir():
        remedy = "Create it, or choose another with --out."
        raise InputError(f"{file}: the folder {file.parent} does not exist. {remedy}")
    if os.path.lexists(file) and not overwrite:
        raise InputError(f"{file}: exists already. Choose another with --out, or pass --overwrite.")


def write_files(folder: Path, files: Mapping[str, Callable[[Path], object]], overwrite: bool) -> None:
    """Write files, each by a function of its path; all are made elsewhere before the first appears here."""
    from .._atomic import atomic_write

    with tempfile.TemporaryDirectory(prefix="gapdyn-") as other:
        for name, make in files.items():
            make(Path(other) / name)
        try:
            for name in files:
                atomic_write(folder / name, (Path(other) / name).read_bytes(), overwrite=overwrite)
        except InputError as error:  # it was checked before; since then the disk has changed
            raise Failed(str(error)) from error
    say(f"wrote {', '.join(str(folder / name) for name in files)}")
