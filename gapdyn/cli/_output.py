"""Output: one JSON object or a table on stdout, everything else on stderr; files whole or not at all."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .._check import InputError


def to_json(value: Any) -> str:
    """Strict JSON: NaN and infinities, which JSON lacks, become null."""
    return json.dumps(_clean(value), indent=1, allow_nan=False, ensure_ascii=False)


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


def say_findings(findings: Iterable[Any]) -> None:
    """Findings, on stderr."""
    for finding in findings:
        say(str(finding))


def ready_folder(path: str) -> Path:
    """A folder that can be written to, made if need be; asked before work is spent, so that none is lost."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise InputError(f"{folder} is a file, not a folder. Choose another with --out.") from None
    except OSError as error:
        raise InputError(f"cannot make the folder {folder}: {error.strerror}. Choose another with --out.") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"cannot write to the folder {folder}. Choose another with --out.")
    return folder


def refuse_existing(folder: Path, names: Iterable[str]) -> None:
    """Refuse to replace files that are there."""
    there = [n for n in names if (folder / n).exists()]
    if there:
        raise InputError(f"{folder} already holds {', '.join(there)}. Choose another folder with --out, or move them.")
