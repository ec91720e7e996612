"""`gapdyn forecast`."""

from __future__ import annotations

import argparse

from .._check import InputError
from . import _request
from ._fit import findings
from ._output import say_findings, to_json


def run(arguments: argparse.Namespace) -> int:
    """Fit a run and forecast it."""
    import numpy as np

    from ..criticism import check
    from ..decide import check_times, forecast

    measured = _request.read(arguments)
    if arguments.to is not None:
        if not arguments.to > measured.t[-1]:
            raise InputError(f"--to {arguments.to:g} is not after the last checkpoint ({measured.t[-1]:g}).")
        times = np.linspace(measured.t[-1], arguments.to, 11)[1:].tolist()
    else:
        times = arguments.at
    check_times(times, measured)  # before the fit, not after it
    fitted = _request.fit(arguments, measured)
    predicted, checked = forecast(fitted, times, key=arguments.seed), check(fitted, key=arguments.seed)
    if arguments.json:
        print(to_json({
            "run": measured.name,
            "law": fitted.law.name,
            "engine": fitted.engine.name,
            "route": fitted.model.route,
            "forecast": predicted.to_dict(),
            "findings": [f.to_dict() for f in findings(fitted, checked)],
            "seconds": dict(fitted.seconds),
        }))  # fmt: skip
    else:
        print(predicted)
    say_findings(findings(fitted, checked))
    return 0 if fitted.trusted else 1
