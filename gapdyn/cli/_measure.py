"""`gapdyn measure`."""

from __future__ import annotations

import argparse

from ._output import ready_file, say, to_json
from ._request import DATASET
from ._words import reworded


def run(arguments: argparse.Namespace) -> int:
    """Measure samples; print what was found, and write the run that `gapdyn fit` takes."""
    from ..data import datasets, write_run
    from ..measurement import measure

    if arguments.out:
        ready_file(arguments.out, arguments.overwrite)
    bundled = [f.removeprefix(DATASET) for f in arguments.files if f.startswith(DATASET)]
    measured = measure(
        [datasets.samples(f.removeprefix(DATASET)) if f.startswith(DATASET) else f for f in arguments.files],
        sigma=arguments.sigma,
        solver=arguments.solver,
        unit=arguments.unit,
        verifier=arguments.verifier,
        columns=arguments.column or None,
        t=arguments.t,
        clock=arguments.clock,
        name=arguments.name or (bundled[0] if len(bundled) == len(arguments.files) == 1 else None),
        key=arguments.seed,
        draws=arguments.draws,
        level=arguments.level,
    )
    found = reworded(measured.findings)
    try:
        if arguments.out:
            whole = measured.run if len(measured.runs) == 1 else measured.fleet
            write_run(whole, arguments.out, overwrite=arguments.overwrite)
            say(f"wrote {arguments.out}")
    finally:  # what was measured is worth seeing, whether or not it makes a run
        report = {**measured.to_dict(), "findings": [f.to_dict() for f in found]}
        print(to_json(report) if arguments.json else measured.table())
        for finding in found:
            say(str(finding))
    return 0
