"""`gapdyn demo`: the main job on a bundled real run."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from ._fit import emit, judge, payload, write
from ._output import ready_folder, refuse_existing

FILES = ("trajectory.png", "ceiling.png", "fit.json")
MARK = "gapdyn demo"


def run(arguments: argparse.Namespace) -> int:
    """Fit a bundled run; write pictures and JSON."""
    from ..data import datasets
    from ..dynamics import laws
    from ..inference import fit

    began = time.perf_counter()
    measured = datasets.load(arguments.run)
    folder = ready_folder(arguments.out)
    again = _made_by_demo(folder)
    if not again:
        refuse_existing(folder, FILES)
    result = judge(fit(measured, laws.shared_rate(), key=arguments.seed), arguments.seed)
    report: dict[str, Any] = {"made_by": MARK, **payload(*result, seconds=time.perf_counter() - began)}
    write(folder, FILES, result, report, overwrite=again)
    emit(result, report, as_json=arguments.json)
    return 0 if result[0].trusted else 1


def _made_by_demo(folder: Path) -> bool:
    """Whether the folder's files are an earlier demo's, which a new one may replace."""
    try:
        return json.loads((folder / "fit.json").read_text(encoding="utf-8")).get("made_by") == MARK
    except (OSError, ValueError, AttributeError):
        return False
