"""`gapdyn simulate`."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from . import _request
from ._output import ready_file, say, to_json
from ._setup import set_up_jax


def run(arguments: argparse.Namespace) -> int:
    """Simulate a run of a law."""
    if arguments.out:
        ready_file(arguments.out, arguments.overwrite)
    set_up_jax()
    import numpy as np

    from ..data import write_run
    from ..inference import simulate

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
    if arguments.json:
        columns = {name: values.tolist() for name, values in simulated.columns().items()}
        about = {"run": simulated.name, "law": arguments.law, "seed": arguments.seed, "file": arguments.out}
        print(to_json({**about, "clock": simulated.clock, "unit": simulated.unit, "columns": columns}))
    elif not arguments.out:
        with tempfile.TemporaryDirectory(prefix="gapdyn-") as folder:
            # the very text that --out run.csv writes
            print(write_run(simulated, Path(folder) / "run.csv").read_text(encoding="utf-8"), end="")
    return 0
