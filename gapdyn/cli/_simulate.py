"""`gapdyn simulate`."""

from __future__ import annotations

import argparse
import math
import sys

from .._check import InputError
from . import _request
from ._output import say


def run(arguments: argparse.Namespace) -> int:
    """Simulate a run of a law."""
    import numpy as np

    from ..data import write_run
    from ..inference import simulate

    if arguments.checkpoints < 2:
        raise InputError(f"--checkpoints {arguments.checkpoints}: a run has at least 2.")
    if not (math.isfinite(arguments.to) and arguments.to > 0):
        raise InputError(f"--to {arguments.to:g}: give a positive time.")
    simulated = simulate(
        _request.law(arguments),
        np.linspace(0.0, arguments.to, arguments.checkpoints),
        key=arguments.seed,
        noise=arguments.noise,
        se=arguments.se,
        shared=arguments.shared,
        name=arguments.name,
        clock=arguments.clock,
    )
    if arguments.out:
        write_run(simulated, arguments.out, overwrite=arguments.overwrite)
        say(f"wrote {arguments.out}")
        return 0
    columns = simulated.columns()
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(["run", *columns]), *(",".join([simulated.name, *map(repr, map(float, r))]) for r in rows)]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0
