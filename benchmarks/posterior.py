"""One posterior, every program: pystan, PyMC + nutpie, NumPyro, NumPyro over adaptive Diffrax, and gapdyn's engines.

Same model (the shared-rate law, six parameters), data (20 checkpoints of one simulated run) and priors; a fresh process
for each, one after another. Cold is a process's wall time to its first posterior, imports and compilation included,
with no compiled program kept from before; cached is that with what the first one kept, where a program can. Effective
draws/s are of the worst parameter over a whole warm fit (everything that `gapdyn.fit` does, its own checks included).
For weighted draws effective draws can flatter, so beside them stands what the errors say: the squared error of means
and sds over many seeds, against one long run of NUTS, as the number of independent draws that would err as much.

`python benchmarks/posterior.py [--quick]`; needs the dependency group `benchmarks`, which holds the peers.
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
import jax
import numpy as np

jax.config.update("jax_enable_x64", True)

import gapdyn as gd  # noqa: E402
from gapdyn.inference import prepare  # noqa: E402

TITLES = {
    "pystan": "pystan",
    "nutpie": "PyMC + nutpie",
    "numpyro_nuts": "NumPyro NUTS",
    "numpyro_diffrax": "NumPyro + adaptive Diffrax",
    "nuts": "gapdyn nuts",
    "importance": "gapdyn importance",
    "quadrature": "gapdyn quadrature (auto)",
    "quadrature:25000": "gapdyn quadrature, 100,000 draws",
}
PROCESSES = {"pystan": 2, "nutpie": 1, "numpyro_nuts": 2, "numpyro_diffrax": 2}  # the others 4


def data() -> tuple[gd.Run, dict[str, Any], Any]:
    """The run, what a program needs to know of it (checkpoints and priors in standard units), and its scale."""
    run = gd.simulate(gd.laws.shared_rate(rate=0.5), np.linspace(0, 9.5, 20), noise=0.005, key=1)
    _, obs, scale = prepare(run, gd.laws.shared_rate())
    obs = obs.unpadded()
    starts = {f"start_{x}": float(obs.priors[f"u_{x}0"].distribution.loc) for x in "sv"}
    columns = {k: np.asarray(v).tolist() for k, v in zip(("u_s", "u_v"), np.asarray(obs.y).T, strict=True)}
    plain = {"t": run.t.tolist(), "u_s": run.u_s.tolist(), "u_v": run.u_v.tolist()}
    return run, {"t": np.asarray(obs.ts).tolist(), **columns, **starts, "run": plain, "nonce": time.time_ns()}, scale


def reference(run: gd.Run, draws: int) -> tuple[dict[str, float], dict[str, float], float]:
    """Means and sds of a long run of NUTS, and the effective draws of its worst parameter."""
    engine = gd.engines.NUTS(warmup=2000, draws=draws, target_acceptance=0.95)
    fit = gd.fit(run, gd.laws.shared_rate(), key=100, engine=engine, progress=False)
    names = ("rate", "rho", "gap_inf", "u_s0", "u_v0", "sigma", "u_s_inf")
    standard = {n: fit.scale.to_standard(n, fit[n]) for n in names}
    ess = min(fit.summary[n].ess_bulk for n in names)
    return {n: float(x.mean()) for n, x in standard.items()}, {n: float(x.std()) for n, x in standard.items()}, ess


def by_error(report: dict[str, Any], mean: dict[str, float], sd: dict[str, float]) -> float:
    """Independent draws whose means and sds would err as these do; geometric mean over parameters."""
    worth = []
    for n in mean:
        off = np.asarray([m[n] - mean[n] for m in report["means"]]) / sd[n]
        wide = np.asarray([s[n] for s in report["sds"]]) / sd[n] - 1
        # of independent draws of a Gaussian the mean has variance 1/n, the sd 1/(2 n)
        worth += [1 / np.mean(off**2), 0.5 / np.mean(wide**2)]
    return float(np.exp(np.mean(np.log(worth))))


def one(name: str, path: Path, repeats: int) -> dict[str, Any]:
    """The figures of a program: later processes find what the first one compiled, if a program keeps it."""
    # -P: numba would take coverage.py beside this file for the package of that name
    command = [sys.executable, "-P", str(Path(__file__).with_name("_posterior_peers.py")), name, str(path)]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": folder, **_bench.KEEP_ALL}
        reports = []
        for count in (repeats, 1, 1, 1)[: PROCESSES.get(name, 4)]:
            done = subprocess.run([*command, str(count)], env=environment, capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(f"{name} failed:\n{done.stderr[-3000:]}")
            reports.append(json.loads(done.stdout.splitlines()[-1]))
    cached = float(np.median([r["cold"] for r in reports[1:]])) if len(reports) > 1 else None
    return {**reports[0], "cached": cached}


def main(names: list[str], repeats: dict[str, int], long: int) -> dict[str, Any]:
    run, stated, scale = data()
    mean, sd, ess = reference(run, long)
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.json"
        path.write_text(json.dumps(stated))
        for name in names:
            report = one(name, path, repeats.get(name, repeats["others"]))
            report["worth"] = by_error(report, mean, sd)
            centre, width = (float(np.mean([r["u_s_inf"] for r in report.pop(k)])) for k in ("means", "sds"))
            report["u_s_inf"] = [centre * scale.size + scale.origin, width * scale.size]
            report["ess_per_s"] = report["min_ess"] / report["warm"]
            report["worth_per_s"] = report["worth"] / report["warm"]
            figures[name] = report
            print(row(name, report), flush=True)
    return {"repeats": repeats, "reference": {"engine": "nuts", "draws": 4 * long, "ess": ess}, **figures}


HEAD = (
    "| | cold | cached | warm fit | effective draws/s | by squared error, draws/s | k-hat | U_s,inf, mean ± sd |\n"
    "|---|---|---|---|---|---|---|---|"
)


def row(name: str, f: dict[str, Any]) -> str:
    """One row of the table."""
    cached = "as cold" if f["cached"] is None else f"{f['cached']:.1f} s"
    k = "" if f["pareto_k"] is None else f"{f['pareto_k']:.2f}"
    return (
        f"| {TITLES[name]} | {f['cold']:.1f} s | {cached} | {f['warm']:.3f} s | {f['ess_per_s']:,.0f} "
        f"| {f['worth_per_s']:,.0f} | {k} | {f['u_s_inf'][0]:.4f} ± {f['u_s_inf'][1]:.4f} |"
    )


def table(result: dict[str, Any]) -> str:
    """The figures as Markdown."""
    return "\n".join([HEAD, *(row(name, result[name]) for name in TITLES if name in result)])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two engines, few seeds, no file: does it run?")
    options = parser.parse_args()
    print(HEAD)
    if options.quick:
        main(["quadrature", "numpyro_nuts"], {"others": 2}, 2000)
    else:
        result = main(list(TITLES), {"numpyro_diffrax": 1, "numpyro_nuts": 5, "pystan": 5, "others": 20}, 50_000)
        _bench.save("posterior", result)
