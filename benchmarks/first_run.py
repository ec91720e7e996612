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
import json, sys, jax
jax.config.update("jax_enable_x64", True)
import gapdyn as gd
run, law, name = gd.datasets.load(sys.argv[1]), gd.laws.shared_rate(), sys.argv[4]
engine = gd.engines.NUTS(warmup=int(sys.argv[2]), draws=int(sys.argv[3])) if name == "nuts" else name
gd.fit(run, law, key=0, engine=engine)
rates = []
for key in (1, 2, 3):
    fit = gd.fit(run, law, key=key, engine=engine)
    seconds = fit.seconds["sampling"] + fit.seconds.get("first_block", 0.0)
    rates.append((min(s.ess_bulk for s in fit.summary.values()), seconds, fit.engine.name))
ess, seconds, took = sorted(rates, key=lambda p: p[0] / p[1])[1]
print(json.dumps({"warm": seconds, "min_ess": ess, "ess_per_s": ess / seconds, "engine": took}))
"""


def said(command: list[str], environment: dict[str, str] | None = None) -> dict:
    """The JSON that a process prints."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def ours(engine: str, dataset: str, warmup: int, draws: int) -> dict[str, object]:
    """`gapdyn fit` with one engine: one process with an empty cache, three with what it left there, one warm."""
    command = [str(Path(sys.executable).parent / "gapdyn"), "fit", f"dataset:{dataset}", "--engine", engine]
    command += ["--warmup", str(warmup), "--draws", str(draws), "--seed", "1", "--json"]
    with tempfile.TemporaryDirectory() as folder:
        walls = []
        for _ in range(4):
            began = time.perf_counter()
            report = said(command, {**os.environ, "GAPDYN_CACHE": folder})
            walls.append(time.perf_counter() - began)
    warm = said([sys.executable, "-c", WARM, dataset, str(warmup), str(draws), engine])
    limit = report["parameters"]["u_s_inf"]
    return {"cold": walls[0], "second": sorted(walls[1:])[1], **warm, "ceiling": [limit["mean"], limit["sd"]]}


def main(dataset: str, warmup: int, draws: int) -> dict[str, object]:
    peer = [sys.executable, str(Path(__file__).with_name("_peer_diffrax.py")), dataset, str(warmup), str(draws)]
    return {
        "dataset": dataset,
        "chains": 4,
        "warmup": warmup,
        "draws": draws,
        "gapdyn": {engine: ours(engine, dataset, warmup, draws) for engine in ("auto", "nuts")},
        "numpyro_diffrax": said(peer),
    }


def mean_sd(figures: dict) -> str:
    """The ceiling's mean and sd."""
    return f"{figures['ceiling'][0]:.4f} ± {figures['ceiling'][1]:.4f}"


def table(result: dict) -> str:
    """The figures as Markdown."""
    rows = [
        "| | first run, cold | second run | warm sampling | effective draws/s | ceiling, mean ± sd |",
        "|---|---|---|---|---|---|",
    ]
    for engine, f in result["gapdyn"].items():
        took = f" ({f['engine']})" if f["engine"] != engine else ""
        rows.append(
            f"| `gapdyn fit --engine {engine}`{took} | {f['cold']:.1f} s | {f['second']:.1f} s | {f['warm']:.2f} s "
            f"| {f['ess_per_s']:,.0f} | {mean_sd(f)} |"
        )
    peer = result["numpyro_diffrax"]
    rows.append(
        f"| NumPyro MCMC + adaptive Diffrax | {peer['cold']:.0f} s | as cold | {peer['warm']:.0f} s "
        f"| {peer['ess_per_s']:.1f} | {mean_sd(peer)} |"
    )
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
