"""`gapdyn demo`: the main job on a bundled real run."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from ._fit import emit, judge, payload, write
from ._output import ready_folder
from ._setup import set_up_jax

FILES = ("trajectory.png", "ceiling.png", "fit.json")
MARK = "gapdyn demo"


def run(arguments: argparse.Namespace) -> int:
    """Fit a bundled run; write pictures and JSON."""
    from ..data import datasets

    began = time.perf_counter()
    measured = datasets.load(arguments.run)
    overwrite = arguments.overwrite or _made_by_demo(Path(arguments.out))
    with ready_folder(arguments.out, FILES, overwrite) as folder:
        set_up_jax()
        from ..dynamics import laws
        from ..inference import fit

        result = judge(fit(measured, laws.shared_rate(), key=arguments.seed), arguments.seed)
        report: dict[str, Any] = {"made_by": MARK, **payload(*result, seconds=time.perf_counter() - began)}
        try:
            write(folder, FILES, result, report, overwrite)
        finally:
            code = emit(result, report, arguments)
    return code


def _made_by_demo(folder: Path) -> bool:
    """Whether the folder's files are an earlier demo's, which a new one may replace."""
    try:
        return json.loads((folder / "fit.json").read_text(encoding="utf-8")).get("made_by") == MARK
    except (OSError, ValueError, AttributeError):
        return False
