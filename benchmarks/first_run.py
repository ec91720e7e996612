"""Cold start | `gapdyn fit` on a bundled run, beside NumPyro's MCMC over an adaptive Diffrax solve of the same model.

Every figure is of a fresh process: cold (empty compilation cache), second (the cache that the first one filled), the
peer. Warm sampling is a second fit in one process. `python benchmarks/first_run.py [--quick]`.
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

import _bench

WARM = """
import json, sys, time, jax
jax.config.update("jax_enable_x64", True)
import gapdyn as gd
run, engine = gd.datasets.load(sys.argv[1]), gd.engines.NUTS(warmup=int(sys.argv[2]), draws=int(sys.argv[3]))
gd.fit(run, gd.laws.shared_rate(), key=0, engine=engine)
fits = [gd.fit(run, gd.laws.shared_rate(), key=k, engine=engine) for k in (1, 2, 3)]
rates = [(min(s.ess_bulk for s in f.summary.values()), f.seconds["first_block"] + f.seconds["sampling"]) for f in fits]
ess, seconds = sorted(rates, key=lambda p: p[0] / p[1])[1]
print(json.dumps({"warm": seconds, "min_ess": ess, "ess_per_s": ess / seconds}))
"""


def main(dataset: str, warmup: int, draws: int) -> dict[str, object]:
    counts = ["--warmup", str(warmup), "--draws", str(draws)]
    gapdyn = [
        str(Path(sys.executable).parent / "gapdyn"),
        "fit",
        f"dataset:{dataset}",
        "--seed",
        "1",
        "--json",
        *counts,
    ]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "GAPDYN_CACHE": folder}
        walls, reports = [], []
        for _ in range(4):  # one cold, three second runs
            began = time.perf_counter()
            done = subprocess.run(gapdyn, env=environment, capture_output=True, text=True, check=True)
            walls.append(time.perf_counter() - began)
            reports.append(json.loads(done.stdout))
    arguments = [dataset, str(warmup), str(draws)]
    warm = json.loads(
        subprocess.run([sys.executable, "-c", WARM, *arguments], capture_output=True, text=True, check=True).stdout
    )
    peer_script = str(Path(__file__).with_name("_peer_diffrax.py"))
    peer = json.loads(
        subprocess.run([sys.executable, peer_script, *arguments], capture_output=True, text=True, check=True).stdout
    )
    ceiling = reports[0]["parameters"]["u_s_inf"]
    return {
        "dataset": dataset,
        "chains": 4,
        "warmup": warmup,
        "draws": draws,
        "gapdyn": {
            "cold": walls[0],
            "second": sorted(walls[1:])[1],
            **warm,
            "ceiling": [ceiling["mean"], ceiling["sd"]],
        },
        "numpyro_diffrax": peer,
    }


def mean_sd(figures: dict) -> str:
    """The ceiling's mean and sd."""
    return f"{figures['ceiling'][0]:.4f} ± {figures['ceiling'][1]:.4f}"


def table(result: dict) -> str:
    """The figures as Markdown."""
    ours, peer = result["gapdyn"], result["numpyro_diffrax"]
    rows = [
        "| | first run, cold | second run | warm sampling | effective draws/s | ceiling, mean ± sd |",
        "|---|---|---|---|---|---|",
        f"| `gapdyn fit` | {ours['cold']:.1f} s | {ours['second']:.1f} s | {ours['warm']:.2f} s "
        f"| {ours['ess_per_s']:.0f} | {mean_sd(ours)} |",
        f"| NumPyro MCMC + adaptive Diffrax | {peer['cold']:.0f} s | as cold | {peer['warm']:.0f} s "
        f"| {peer['ess_per_s']:.1f} | {mean_sd(peer)} |",
    ]
    return "\n".join(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="inner_learning")
    parser.add_argument("--quick", action="store_true", help="few draws, no file: does it run?")
    options = parser.parse_args()
    if options.quick:
        print(table(main(options.dataset, 300, 300)))  # fewer do not mix: exit code 1
    else:
        result = main(options.dataset, 500, 1000)
        print(table(result))
        _bench.save("first_run", result)
