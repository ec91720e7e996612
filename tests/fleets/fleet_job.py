"""One fit of a fleet as a process of its own: `python fleet_job.py FOLDER`. Prints its counts."""

from __future__ import annotations

import dataclasses
import json
import sys

import jax

jax.config.update("jax_enable_x64", True)

import numpy as np  # noqa: E402

import gapdyn as gd  # noqa: E402

LAW = gd.laws.shared_rate(rate=0.5, rho=0.3, u_s0=2.0, u_v0=1.2, u_s_inf=1.0)
QUICK = gd.engines.Laplace(chains=1, draws=400)
CHUNK = 2


def run(i: int, n: int, **more) -> gd.Run:
    """A simulated run of `n` checkpoints with labels and a number of its own."""
    made = gd.simulate(LAW, np.arange(n) * 1.0, noise=0.02, key=i, name=f"run {i}", **more)
    numbers = {"log_flops": np.full(n, 20.0 + i % 5), "seed": np.full(n, i)}
    return dataclasses.replace(made, meta={"labels": {"model": "ab"[i % 2]}}, extra=numbers)


FLAT = gd.Run("flat", [0, 1, 2, 3], u_s=[1, 1, 1, 1], u_v=[1, 1, 1, 1])
NO_U = gd.Run("rewards", [0, 1, 2, 3], acc_s=[0.1, 0.2, 0.3, 0.3])
FLEET = gd.Fleet([run(i, (10, 20, 7, 14)[i % 4]) for i in range(18)] + [FLAT, NO_U])


def fit(**more):
    """The fit of the tests of stores."""
    return gd.fit(FLEET, gd.laws.shared_rate(), **{"key": 3, "engine": QUICK, "chunk": CHUNK, **more})


if __name__ == "__main__":
    done = fit(out=sys.argv[1])
    print(json.dumps(done.counts))
