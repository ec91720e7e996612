"""`gapdyn forecast`."""

from __future__ import annotations

import argparse
from typing import Any

from .._check import InputError
from . import _request
from ._fit import close, findings
from ._output import to_json
from ._setup import set_up_jax

STEPS = 10


def run(arguments: argparse.Namespace) -> int:
    """Fit a run and forecast it."""
    measured = _request.read(arguments)
    times = _times(arguments, measured)
    set_up_jax()
    from ..criticism import check
    from ..decide import check_times, forecast

    check_times(times, measured)  # the library's rules, before the fit rather than after it
    fitted = _request.fit(arguments, measured)
    predicted, checked = forecast(fitted, times, key=arguments.seed), check(fitted, key=arguments.seed)
    if arguments.json:
        print(to_json({
            "run": measured.name,
            "law": fitted.law.name,
            "engine": fitted.engine.name,
            "route": fitted.model.route.name,
            "forecast": predicted.to_dict(),
            "findings": [f.to_dict() for f in findings(fitted, checked)],
            "seconds": dict(fitted.seconds),
        }))  # fmt: skip
    else:
        print(predicted)
    return close(fitted, checked, arguments)


def _times(arguments: argparse.Namespace, measured: Any) -> list[float]:
    first, last, name = float(measured.t[0]), float(measured.t[-1]), measured.name
    if arguments.to is None:
        if arguments.at[0] < first:
            raise InputError(
                f"--at {arguments.at[0]:g} is before the first checkpoint of run {name!r} ({first:g}). "
                "Leave that time out."
            )
        return arguments.at
    if not arguments.to > last:
        raise InputError(
            f"--to {arguments.to:g} is not after the last checkpoint of run {name!r} ({last:g}). "
            "Give a later time, or times within the run with --at."
        )
    return [last + (arguments.to - last) * i / STEPS for i in range(1, STEPS)] + [arguments.to]
