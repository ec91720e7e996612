"""One sweep as a process of its own: `python sweep_job.py FOLDER [PROCESS COUNT PORT]`. Prints its counts."""

from __future__ import annotations

import json
import sys

import jax

jax.config.update("jax_enable_x64", True)

import gapdyn as gd  # noqa: E402

CHUNK, CHUNKS = 250, 80
SETTINGS = gd.sweeps.sobol({"rho": (-0.01, 0.9), "rate": (0.1, 1.0)}, CHUNK * CHUNKS - 50)
ASKED = {"quantities": ["ceiling", "d ceiling/d rho", "trajectory"], "ts": [1.0, 3.0, 9.0], "chunk": CHUNK}


def sweep(**more):
    """The sweep of the tests of stores, processes and devices."""
    return gd.sweep(gd.laws.shared_rate(), SETTINGS, **{**ASKED, **more})


if __name__ == "__main__":
    if len(sys.argv) > 2:
        process, count, port = (int(x) for x in sys.argv[2:])
        jax.distributed.initialize(f"127.0.0.1:{port}", num_processes=count, process_id=process)
    done = sweep(out=sys.argv[1])
    print(json.dumps({"counts": done.counts.tolist(), "devices": done.provenance["devices"]}))
    if len(sys.argv) > 2:
        jax.distributed.shutdown()
