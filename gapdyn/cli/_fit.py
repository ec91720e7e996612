"""`gapdyn fit`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from . import _request
from ._output import ready_folder, refuse_existing, say, say_findings, to_json

FILES = ("fit.json", "trajectory.png", "ceiling.png", "check.png")


def run(arguments: argparse.Namespace) -> int:
    """Fit a run, print its ceiling."""
    began = time.perf_counter()
    folder = None
    if arguments.out:
        folder = ready_folder(arguments.out)
        refuse_existing(folder, FILES)
    fitted = _request.fit(arguments, _request.read(arguments))
    result = judge(fitted, arguments.seed)
    report = payload(*result, seconds=time.perf_counter() - began)
    if folder:
        write(folder, FILES, result, report, overwrite=False)
    emit(result, report, as_json=arguments.json)
    return 0 if fitted.trusted else 1


def judge(fitted: Any, seed: int) -> tuple[Any, Any, Any]:
    """The fit, its ceiling and its posterior predictive check."""
    from ..criticism import check
    from ..decide import ceiling

    return fitted, ceiling(fitted), check(fitted, key=seed)


def findings(fitted: Any, checked: Any) -> list[Any]:
    """All findings of a fit and of its check."""
    return [*fitted.findings, *checked.findings]


def payload(fitted: Any, limit: Any, checked: Any, seconds: float) -> dict[str, Any]:
    """The JSON object of a fit."""
    keep = ("mean", "sd", "q05", "q50", "q95", "rhat", "ess_bulk")
    return {
        "run": fitted.data.name,
        "law": fitted.law.name,
        "engine": fitted.engine.name,
        "route": fitted.model.route,
        "ceiling": limit.to_dict(),
        "parameters": {n: {k: getattr(s, k) for k in keep} for n, s in fitted.summary.items()},
        "checks": checked.to_dict(),
        "findings": [f.to_dict() for f in findings(fitted, checked)],
        "seconds": {**fitted.seconds, "command": seconds},
        "provenance": dict(fitted.provenance),
    }


def emit(result: tuple[Any, Any, Any], report: dict[str, Any], as_json: bool) -> None:
    """Tables or JSON to stdout; findings to stderr."""
    fitted, limit, checked = result
    if as_json:
        print(to_json(report))
    else:
        print(fitted.table(), limit.table(), sep="\n\n")
    say_findings(findings(fitted, checked))


def write(folder: Path, names: tuple[str, ...], result: tuple[Any, Any, Any], report: Any, overwrite: bool) -> None:
    """The report and the pictures that `names` asks for."""
    from .. import plots
    from ..data import atomic_write

    fitted, limit, checked = result
    pictures = {
        "trajectory.png": lambda: plots.trajectory(fitted),
        "ceiling.png": lambda: plots.ceiling_density(limit),
        "check.png": lambda: plots.predictive(checked),
    }
    for name in names:
        if name in pictures:
            plots.save(pictures[name](), folder / name, overwrite=overwrite)
    atomic_write(folder / "fit.json", to_json(report) + "\n", overwrite=overwrite)
    say(f"wrote {', '.join(str(folder / n) for n in names)}")
