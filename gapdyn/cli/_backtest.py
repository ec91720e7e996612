"""`gapdyn backtest`."""

from __future__ import annotations

import argparse

from . import _request
from ._output import say, to_json
from ._setup import set_up_jax, workers
from ._words import reworded


def run(arguments: argparse.Namespace) -> int:
    """Fit laws to a run's beginnings and judge them on what came later."""
    measured = _request.read(arguments)
    set_up_jax()
    from ..criticism import backtest

    rivals = _request.rivals(arguments)
    tested = backtest(measured, rivals, origins=arguments.train, key=arguments.seed, workers=workers())
    found = reworded(tested.findings)
    if arguments.json:
        print(to_json({**tested.to_dict(), "findings": [f.to_dict() for f in found]}))
    else:
        print(tested.table())
    for finding in found:
        say(str(finding))
    return 0
