"""Fleets of runs: fits per second, calibration, agreement with NUTS, and how time and memory grow, beside peers.

Each figure is of a fresh process, warm, on simulated fleets (see `_fleet_runs.py`): 8 to 40 checkpoints of a run, some
values missing; "plain" runs and "hard" ones. As a machine's speed may waver, ours and `curve_fit` are timed by turns in
one process, too. Peers: SciPy's `curve_fit` (one call for each run, both series at once: estimates and standard errors,
no posterior), Optimistix's Levenberg-Marquardt under `vmap` (the same), BlackJAX's NUTS under `vmap` (on fewer runs,
one chain of 1,000 draws each). Agreement is with long NUTS of each run by itself. Coverage is exact where a fleet is
drawn from the priors that the fit is given. `python benchmarks/fleet.py [--quick]` takes half an hour or more on two
cores; `--only calibration,speed` makes some parts of it anew.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import _bench
import numpy as np

HERE = Path(__file__).parent
NAMES = {
    "gapdyn": "gapdyn", "curve_fit": "SciPy `curve_fit`", "curve_fit bounded": "SciPy `curve_fit`, bounds",
    "optimistix": "Optimistix LM, `vmap`", "nuts": "BlackJAX NUTS, `vmap`",
}  # fmt: skip
PLANS = {
    "full": {
        "calibration": 4000,
        # method -> runs; the slow ones are extrapolated from fewer
        "speed": {"gapdyn": (1000, 10_000), "curve_fit": (1000, 10_000), "curve_fit bounded": (1000,),
                  "optimistix": (1000, 10_000), "nuts": (64,)},
        "fleets": ("plain", "hard"),
        "beside": {1000: 7, 10_000: 2},  # runs -> turns
        "accuracy": (40, 20_000),
        "laws": 1000,
        "growth": (100, 1000, 10_000, 100_000),
        "nuts": "nuts",
    },
    "quick": {
        "calibration": 8,
        "speed": {"gapdyn": (8,), "curve_fit": (8,), "optimistix": (8,), "nuts": (2,)},
        "fleets": ("hard",),
        "beside": {8: 2},
        "accuracy": (2, 100),
        "laws": 2,
        "growth": (4,),
        "nuts": "nuts:20",
    },
}  # fmt: skip
WITH_SD = ("rate", "rho", "gap_inf", "u_s0", "u_v0", "sigma")
LIMITS = ("u_s_inf", "u_v_inf")  # of a run whose rho may be 1 they have no sd: their intervals are compared


def said(method: str, kind: str, runs: int, compared: int = 0) -> dict[str, Any]:
    """What a method's process prints."""
    command = [sys.executable, "_fleet_peers.py", method, kind, str(runs), str(compared)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE, env=dict(os.environ))
    if done.returncode:
        raise SystemExit(f"{' '.join(command[1:])} failed:\n{done.stderr[-3000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    brief = {k: v for k, v in found.items() if k not in ("compared", "coverage", "coverage_by_part")}
    print(method, kind, brief, flush=True)
    return found


def without(found: dict[str, Any]) -> dict[str, Any]:
    """Figures without those of each run."""
    return {k: v for k, v in found.items() if k != "compared"}


def calibration(plan: dict[str, Any]) -> dict[str, Any]:
    """Coverage of every parameter where it is 90% if the posterior is exact."""
    return without(said("gapdyn", "prior", plan["calibration"]))


def speed(plan: dict[str, Any]) -> dict[str, Any]:
    """Fleet -> method -> figures at each number of runs."""
    out: dict[str, Any] = {}
    for kind in plan["fleets"]:
        for method, sizes in plan["speed"].items():
            name = plan["nuts"] if method == "nuts" else method
            out.setdefault(kind, {})[method] = [without(said(name, kind, n)) for n in sizes]
    return out


def beside(plan: dict[str, Any]) -> dict[str, Any]:
    """Fleet -> ours beside `curve_fit`, by turns, at each number of runs."""
    return {kind: [said(f"beside:{turns}", kind, n) for n, turns in plan["beside"].items()] for kind in plan["fleets"]}


def accuracy(plan: dict[str, Any]) -> dict[str, Any]:
    """Method -> ratios of widths to those of long NUTS, and errors of means in its sds, over runs and parameters."""
    runs, draws = plan["accuracy"]
    long = said(f"reference:{draws}", "hard", runs, runs)
    out: dict[str, Any] = {"reference": {**without(long), "halves": halves(long["compared"])}}
    for method in ("gapdyn", "curve_fit"):
        found = said(method, "hard", runs, runs)
        out[method] = {**without(found), **agreement(found["compared"], long["compared"])}
        print(method, agreement(found["compared"], long["compared"]), flush=True)
    return out


def agreement(found: dict[str, Any], long: dict[str, Any]) -> dict[str, Any]:
    """Ratios of sds (of limits: of the intervals' widths) and differences of means (medians) in sds of the reference.

    What has no figure on either side is left out, and counted.
    """
    ratios, off = {}, {}
    for n in (*WITH_SD, *LIMITS):
        if n in found and n in long:
            ours, theirs = ({f: _numbers(x) for f, x in s[n].items()} for s in (found, long))
            if n in LIMITS:
                width = theirs["q95"] - theirs["q05"]
                ratios[n] = (ours["q95"] - ours["q05"]) / width
                off[n] = (ours["q50"] - theirs["q50"]) / (width / 3.29)
            else:
                ratios[n], off[n] = ours["sd"] / theirs["sd"], (ours["mean"] - theirs["mean"]) / theirs["sd"]
    each = {n: spread(r) for n, r in ratios.items()}
    return {"ratio": spread(np.concatenate([*ratios.values()])), "off": spread(np.concatenate([*off.values()])),
            "ratios": each}  # fmt: skip


def halves(long: dict[str, Any]) -> dict[str, float]:
    """The same ratios between two halves of the reference: twice the noise that it has itself."""
    return spread(np.concatenate([_numbers(long[n]["first"]) / _numbers(long[n]["second"]) for n in WITH_SD]))


def _numbers(x: list[float]) -> np.ndarray:
    return np.asarray(x, float)


def spread(x: np.ndarray) -> dict[str, float]:
    """Median and the 1st and 99th percentile of what is a number, and how many are."""
    there = x[np.isfinite(x)]
    low, middle, high = np.quantile(there, [0.01, 0.5, 0.99]) if there.size else [np.nan] * 3
    return {"p01": float(low), "median": float(middle), "p99": float(high), "count": int(there.size)}


def laws(plan: dict[str, Any]) -> dict[str, Any]:
    """Law -> method -> figures."""
    kinds, methods = ("relaxing_verifier", "power_potential"), ("gapdyn", "curve_fit", "curve_fit bounded")
    return {kind: {m: without(said(m, kind, plan["laws"])) for m in methods} for kind in kinds}


def growth(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Figures at each number of runs."""
    return [without(said("gapdyn", "plain", n)) for n in plan["growth"]]


PARTS = {
    "calibration": calibration,
    "speed": speed,
    "beside": beside,
    "accuracy": accuracy,
    "laws": laws,
    "growth": growth,
}


def table(result: dict[str, Any]) -> str:
    """The figures as Markdown, of the parts that were made."""
    return "\n\n".join("\n".join(TABLES[part](result[part])) for part in TABLES if part in result)


def _speeds(speeds: dict[str, Any]) -> list[str]:
    lines = ["| | runs | plain, fits/s | hard, fits/s | of unbounded `curve_fit`, hard | 90% interval of the ceiling "
             "covers | no figure |", "|---|---|---|---|---|---|---|"]  # fmt: skip
    base = {kind: f["curve_fit"][-1]["per_s"] for kind, f in speeds.items()}
    for method in NAMES:
        rows = {kind: f[method] for kind, f in speeds.items() if method in f}
        for i, last in enumerate(rows.get("hard", [])):
            plain = rows["plain"][i]["per_s"] if "plain" in rows else np.nan
            share = last["per_s"] / base["hard"]
            covers = last["coverage"]["u_s_inf"]["of_all"]
            lines.append(
                f"| {NAMES[method]} | {last['runs']:,} | {_short(plain)} | {_short(last['per_s'])} | {_short(share)} "
                f"| {covers:.1%} | {last['nan'] / last['runs']:.1%} |"
            )
    return lines


def _beside(besides: dict[str, Any]) -> list[str]:
    lines = ["| by turns | runs | gapdyn, fits/s | `curve_fit`, fits/s | times as fast: median (least to most) |",
             "|---|---|---|---|---|"]  # fmt: skip
    for kind, figures in besides.items():
        for f in figures:
            times = f"{f['ratio']:.1f} ({f['least']:.1f} to {f['most']:.1f})"
            lines.append(f"| {kind} | {f['runs']:,} | {f['per_s']:,.0f} | {f['curve_fit_per_s']:,.0f} | {times} |")
    return lines


def _accuracies(accuracy: dict[str, Any]) -> list[str]:
    lines = ["| | width, of that of long NUTS: median (1st to 99th percentile) | mean off, sds | figures |",
             "|---|---|---|---|"]  # fmt: skip
    for method in ("gapdyn", "curve_fit"):
        width, off = (accuracy[method][n] for n in ("ratio", "off"))
        lines.append(
            f"| {NAMES[method]} | {width['median']:.3f} ({width['p01']:.2g} to {width['p99']:.3g}) "
            f"| {off['median']:.2f} ({off['p01']:.2g} to {off['p99']:.2g}) | {width['count']} |"
        )
    return lines


def _covered(calibration: dict[str, Any]) -> list[str]:
    covered = calibration["coverage"]
    return [f"| {' | '.join(covered)} |", "|---" * len(covered) + "|",
            f"| {' | '.join(format(c['of_all'], '.1%') for c in covered.values())} |"]  # fmt: skip


def _laws(laws: dict[str, Any]) -> list[str]:
    lines = ["| law | | fits/s | covers | no figure |", "|---|---|---|---|---|"]
    for kind, methods in laws.items():
        for method, f in methods.items():
            covers = f["coverage"]["u_s_inf"]["of_all"]
            none = f["nan"] / f["runs"]
            lines.append(f"| `{kind}` | {NAMES[method]} | {_short(f['per_s'])} | {covers:.1%} | {none:.1%} |")
    return lines


def _growth(growth: list[dict[str, Any]]) -> list[str]:
    rows = [f"| {f['runs']:,} | {f['warm_s']:.2f} | {f['per_s']:,.0f} | {f['peak_mb']:,.0f} MB |" for f in growth]
    return ["| runs | seconds | fits/s | peak memory |", "|---|---|---|---|", *rows]


TABLES = {
    "speed": _speeds,
    "beside": _beside,
    "calibration": _covered,
    "accuracy": _accuracies,
    "laws": _laws,
    "growth": _growth,
}


def _short(x: float) -> str:
    return "" if np.isnan(x) else f"{x:,.0f}" if x >= 100 else f"{x:.2g}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a handful of runs, no file: does it run?")
    parser.add_argument("--only", default=",".join(PARTS), help="parts to make anew, of the stored result")
    options = parser.parse_args()
    plan = PLANS["quick" if options.quick else "full"]
    stored = _bench.RESULTS / "fleet.json"
    result = json.loads(stored.read_text()) if stored.exists() and not options.quick else {}
    for part in options.only.split(","):
        result[part] = PARTS[part](plan)
        if not options.quick:
            _bench.save("fleet", result)
    print(table(result))
