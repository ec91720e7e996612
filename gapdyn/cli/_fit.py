"""`gapdyn fit`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .._check import InputError
from . import _fit_fleet, _request
from ._output import asked_folder, say, to_json, write_files
from ._setup import set_up_jax
from ._words import reworded

FILES = ("fit.json", "trajectory.png", "ceiling.png", "check.png")
Result = tuple[Any, Any, Any, Any]  # fit, ceiling, check, accuracy


def run(arguments: argparse.Namespace) -> int:
    """Fit a run, print its ceiling; of a file with several runs each of them."""
    began = time.perf_counter()
    measured = _request.read_all(arguments)
    if hasattr(measured, "runs"):
        return _fit_fleet.run(arguments, measured)
    if arguments.table:
        raise InputError("--table is for a file with several runs, and this is one run. Use --json, or leave it out.")
    with asked_folder(arguments.out, FILES, arguments.overwrite) as folder:
        set_up_jax()
        result = judge(_request.fit(arguments, measured, **_request.pooling(arguments)), arguments.seed)
        report = payload(*result, seconds=time.perf_counter() - began)
        try:
            if folder:
                write(folder, FILES, result, report, arguments.overwrite)
        finally:  # a full disk shall not cost the result
            code = emit(result, report, arguments)
    return code


def judge(fitted: Any, seed: int) -> Result:
    """The fit, its ceiling (None where the law has none), its posterior predictive check, and its accuracy (None where
    that is not measured).
    """
    from ..criticism import check
    from ..decide import accuracy, can_link, ceiling

    checked = check(fitted, key=seed)
    linked = accuracy(fitted, key=seed) if can_link(fitted) else None
    return fitted, ceiling(fitted) if fitted.has_limit else None, checked, linked


def findings(fitted: Any, checked: Any, linked: Any = None) -> list[Any]:
    """All findings of a fit, of its check and of its accuracy, their remedies as options of the command line."""
    from ..criticism import progress

    learning = () if fitted.series else progress(fitted.data).findings
    more = [f for f in linked.findings if f not in fitted.findings] if linked else []
    return reworded([*fitted.findings, *checked.findings, *learning, *more])


def payload(fitted: Any, limit: Any, checked: Any, linked: Any, seconds: float) -> dict[str, Any]:
    """The JSON object of a fit."""
    keep = ("mean", "sd", "q05", "q50", "q95", "rhat", "ess_bulk")
    return {
        "run": fitted.data.name,
        "law": fitted.law.name,
        "engine": fitted.engine.name,
        "route": fitted.model.route.name,
        "ceiling": limit.to_dict() if limit else None,
        "accuracy": {k: v for k, v in linked.to_dict().items() if k != "findings"} if linked else None,
        "parameters": {n: {k: getattr(s, k) for k in keep} for n, s in fitted.summary.items()},
        "checks": checked.to_dict(),
        "findings": [f.to_dict() for f in findings(fitted, checked, linked)],
        "seconds": {**fitted.seconds, "command": seconds},
        "provenance": dict(fitted.provenance),
    }


def emit(result: Result, report: dict[str, Any], arguments: argparse.Namespace) -> int:
    """Tables or JSON to stdout; findings to stderr. Returns the exit code."""
    fitted, limit, checked, linked = result
    tables = [fitted.table(), limit.table() if limit else f"The {fitted.law.title} has no limit: see gapdyn forecast."]
    tables += [linked.table()] if linked else []
    print(to_json(report) if arguments.json else "\n\n".join(tables))
    return close(fitted, checked, arguments, linked)


def close(fitted: Any, checked: Any, arguments: argparse.Namespace, linked: Any = None) -> int:
    """Findings to stderr, and the exit code: 1 if one of them says not to use the numbers."""
    for finding in findings(fitted, checked, linked):
        say(str(finding))
    if fitted.trusted:
        return 0
    say(f"gapdyn {arguments.command}: do not use these numbers; the findings marked [error] say why.")
    return 1


def write(folder: Path, names: Sequence[str], result: Result, report: Any, overwrite: bool) -> None:
    """The report and the pictures that `names` asks for."""
    from .. import plots

    fitted, limit, checked, _ = result
    makers = {
        "fit.json": lambda path: path.write_text(to_json(report) + "\n", encoding="utf-8"),
        "trajectory.png": lambda path: plots.save(plots.trajectory(fitted), path),
        "ceiling.png": lambda path: plots.save(plots.ceiling_density(limit), path),
        "check.png": lambda path: plots.save(plots.predictive(checked), path),
    }
    if limit is None:
        del makers["ceiling.png"]
    write_files(folder, {name: makers[name] for name in names if name in makers}, overwrite)
