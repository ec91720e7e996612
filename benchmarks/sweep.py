"""Sweeps beside other ways of solving many settings: settings per second, accuracy, memory, and how the cost grows.

Trajectories at 200 times, of the shared-rate law by its closed form and of the neural-potential law by integration; the
ceiling alone; devices, processes and settings. Each figure is of a fresh process.
`python benchmarks/sweep.py [--quick]` (about a quarter of an hour on two cores).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import _bench
import _peer_solvers as peers

HERE = Path(__file__).parent
# method -> settings of each case; the slow ones are extrapolated from fewer
SIZES = {
    "linear": {"gapdyn": 200_000, "fill": 200_000, "numpy": 50_000, "torch rk4": 20_000, "torch dopri5": 20_000,
               "diffrax": 2_000, "scipy": 50},
    "neural": {"gapdyn": 8_192, "torch rk4": 8_192, "torch dopri5": 8_192, "diffrax": 512, "scipy": 20},
}  # fmt: skip
CEILING = """
import json, sys
import jax
jax.config.update("jax_enable_x64", sys.argv[2] == "1")
jax.config.update("jax_enable_compilation_cache", False)
import numpy as np
import _bench
import gapdyn as gd
side = int(float(sys.argv[1]) ** 0.5)
settings = {"rho": np.linspace(0, 0.8, side), "gap_inf": np.linspace(0, 0.1, side)}
out = sys.argv[3] or None
process = tuple(json.loads(sys.argv[4])) if len(sys.argv) > 4 else None
gd.sweep(gd.laws.shared_rate(), {n: x[:2] for n, x in settings.items()}, keep="summary")
found = gd.sweep(gd.laws.shared_rate(), settings, "ceiling", keep="summary", out=out, process=process, progress=False)
peak = _bench.peak_mb()
assert found.failed == 0
print(json.dumps({"settings": side**2, "seconds": found.seconds, "per_s": int(found.counts.sum()) / found.seconds,
                  "peak_mb": peak, "mean": found.summary["u_s_inf"]["mean"], "devices": jax.local_device_count()}))
"""


def said(*command: str, **environment: str) -> dict[str, Any]:
    """The JSON that a process prints."""
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, cwd=HERE,
                          env={**os.environ, **environment})  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def trajectories(part: float, precisions: tuple[bool, ...]) -> dict[str, Any]:
    """case -> precision -> method -> figures."""
    out: dict[str, Any] = {}
    for case, sizes in SIZES.items():
        for x64 in precisions:
            figures = out.setdefault(case, {})["float64" if x64 else "float32"] = {}
            for method, size in sizes.items():
                if (method.startswith("torch") and peers.torch is None) or (method == "scipy" and not x64):
                    continue
                asked = max(16, int(size * part))
                figures[method] = said("_sweep_peers.py", method, case, str(asked), str(int(x64)))
                print(case, "float64" if x64 else "float32", method, figures[method], flush=True)
    return out


def reduced(sizes: list[str]) -> dict[str, Any]:
    """precision -> figures at each number of settings: the ceiling alone, its summary kept."""
    out: dict[str, Any] = {}
    for x64 in (True, False):
        out["float64" if x64 else "float32"] = [said("-c", CEILING, n, str(int(x64)), "") for n in sizes]
        print("ceiling", out, flush=True)
    return out


def scaling(size: str, devices: tuple[int, ...]) -> dict[str, Any]:
    """The ceiling on several devices made of this processor, and by two processes into one folder."""
    out: dict[str, Any] = {"devices": {}, "processes": {}}
    for n in devices:
        flags = f"--xla_force_host_platform_device_count={n}"
        out["devices"][str(n)] = said("-c", CEILING, size, "1", "", XLA_FLAGS=flags)
    for n in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            start = [sys.executable, "-c", CEILING, size, "1", f"{folder}/sweep"]
            every = [subprocess.Popen([*start, json.dumps([i, n])], stdout=subprocess.PIPE, cwd=HERE) for i in range(n)]
            for process in every:
                process.communicate()
                assert process.returncode == 0
            stored = sum(p.stat().st_size for p in Path(folder).rglob("*"))
            out["processes"][str(n)] = {"seconds": time.perf_counter() - began, "stored_mb": stored / 1e6}
    print("scaling", out, flush=True)
    return out


def table(result: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = ["| trajectories at 200 times, 64 bits | settings/s | of gapdyn's | first call | error |",
             "|---|---|---|---|---|"]  # fmt: skip
    words = {"linear": "shared-rate law", "neural": "neural-potential law"}
    for case, precisions in result["trajectories"].items():
        methods = precisions["float64"]
        own = methods["gapdyn"]["per_s"]
        for name, f in methods.items():
            wrong = "" if f["error"] is None else f"{f['error']:.0e}"
            lines.append(f"| {words[case]}, {name} | {f['per_s']:,.0f} | {f['per_s'] / own:.3g} | {f['first_s']:.2f} s "
                         f"| {wrong} |")  # fmt: skip
    lines += [
        "",
        "| settings, ceiling alone | precision | seconds | settings/s | peak memory |",
        "|---|---|---|---|---|",
    ]
    for precision, sizes in result["ceiling"].items():
        for f in sizes:
            cells = f"{f['seconds']:.2f} | {f['per_s'] / 1e6:.1f} M | {f['peak_mb']:,.0f} MB |"
            lines.append(f"| {f['settings']:,} | {precision} | {cells}")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few settings, no file: does it run?")
    options = parser.parse_args()
    quick = options.quick
    result = {
        "trajectories": trajectories(0.01 if quick else 1.0, (True,) if quick else (True, False)),
        "ceiling": reduced(["1e4"] if quick else ["1e5", "1e6", "1e7", "1e8"]),
        "scaling": scaling("1e4" if quick else "1e7", (1, 2) if quick else (1, 2, 8)),
        "peers": peers.versions(),
    }
    print(table(result))
    if not quick:
        _bench.save("sweep", result)
