"""Pooling | Do runs of a family lend one another better ceilings, and do runs that share nothing lose by it?

Families of 8, 20 and 40 runs with 16 checkpoints or fewer. In a family that shares, runs scatter about one law (rates
by 30%, ceilings by 0.15 where runs fall by about 1). Half are seen whole, a quarter for 0.5 to 1.5 time constants, a
quarter hardly at all (4 to 6 checkpoints in a tenth to a third of one). Where nothing is shared, every parameter of
every run comes from the wide default prior by itself: that of pooled fits, which has one for the ceiling, or that of
single fits, which has one for gap_inf. The error is that of the ceiling's median; "alone" is each run by itself in the
fleet's scale and with the prior of pooled fits (where nothing is shared, the one that made the runs), "single" is
`gapdyn.inference.fit` in the run's own scale.

`python benchmarks/pooling.py [--families N] [--seed S] [--kinds K ...] [--quick]`; what is stored of other kinds and
seeds stays.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from typing import Any

import _bench
import jax
import numpy as np

jax.config.update("jax_enable_x64", True)

import gapdyn as gd  # noqa: E402
from gapdyn.inference import fit as fit_one  # noqa: E402

SIZES = (8, 20, 40)
SPAN, CHECKPOINTS = 10.0, 16
UNSEEN = 4  # further runs of each family, of which the fit knows nothing
FULL = 12  # families from which the figures are stored
SINGLE = gd.engines.Auto(draws=250, fallback=False)
LEVEL = (0.05, 0.95)


def sigmoid(x: float) -> float:
    return 1 / (1 + float(np.exp(-x)))


def sharing(random: np.random.Generator) -> Any:
    """Draws the laws of one family's runs."""
    rate, rho = np.log(random.uniform(2, 4) / SPAN), random.uniform(-1.5, 0)
    start, gap, end = 2.0, random.uniform(0.5, 0.9), random.uniform(0.7, 1.2)

    def one() -> dict[str, float]:
        u_s0 = random.normal(start, 0.15)
        return {"rate": float(np.exp(random.normal(rate, 0.3))), "rho": sigmoid(random.normal(rho, 0.4)), "u_s0": u_s0,
                "u_v0": u_s0 - random.normal(gap, 0.1), "u_s_inf": random.normal(end, 0.15)}  # fmt: skip

    return one


def nothing_shared(random: np.random.Generator) -> Any:
    """Draws laws whose parameters have the wide default priors, in sizes and spans."""

    def one() -> dict[str, float]:
        rate = float(np.exp(random.normal(np.log(1.5), 1.25))) / SPAN
        levels = {"u_s0": random.normal(0, 1), "u_v0": random.normal(-0.5, 1), "u_s_inf": random.normal(-0.5, 1)}
        return {"rate": rate, "rho": random.uniform(0, 1), **levels}

    return one


def other_prior(random: np.random.Generator) -> Any:
    """Draws laws from the default priors of a single fit, in which gap_inf has one and the ceiling follows."""

    def one() -> dict[str, float]:
        rate = float(np.exp(random.normal(np.log(1.5), 1.25))) / SPAN
        levels = {"u_s0": random.normal(0, 1), "u_v0": random.normal(-0.5, 1), "gap_inf": random.normal(0, 1)}
        return {"rate": rate, "rho": random.uniform(0, 0.9), **levels}  # beyond that ceilings leave all bounds

    return one


KINDS = {"shared": sharing, "nothing shared": nothing_shared, "nothing shared, gap_inf": other_prior}


def times(kind: int, rate: float, random: np.random.Generator) -> np.ndarray:
    """Checkpoints of a run seen whole (0, 1), in part (2) or hardly (3)."""
    if kind == 2:
        return np.linspace(0, min(random.uniform(0.5, 1.5) / rate, SPAN), 10)
    if kind == 3:
        return np.linspace(0, min(random.uniform(0.1, 0.33) / rate, SPAN), int(random.integers(4, 7)))
    return np.linspace(0, SPAN, CHECKPOINTS)


def ceiling(numbers: dict[str, float]) -> float:
    return float(gd.limits(gd.laws.shared_rate(**numbers)).u_s_inf)


def family(kind: str, count: int, seed: int) -> tuple[gd.Fleet, np.ndarray, np.ndarray]:
    """Runs, their ceilings (run,), and ceilings of runs that nobody has made."""
    random = np.random.default_rng([seed, count, list(KINDS).index(kind)])
    one, runs, truth = KINDS[kind](random), [], []
    for i in range(count):
        numbers = one()
        ts = times(i % 4, numbers["rate"], random)
        noise = float(np.exp(random.normal(np.log(0.02), 0.3)))
        law = gd.laws.shared_rate(**numbers)
        runs.append(gd.simulate(law, ts, noise=noise, key=int(random.integers(1 << 30)), name=f"run {i}"))
        truth.append(ceiling(numbers))
    return gd.Fleet(runs), np.array(truth), np.array([ceiling(one()) for _ in range(UNSEEN)])


def inside(ends: np.ndarray, truth: Any) -> list[bool]:
    return list((ends[0] <= truth) & (truth <= ends[1]))


def study(kind: str, count: int, seed: int) -> dict[str, Any]:
    """One family: squared errors and coverage, pooled, alone and single; an unseen run's coverage."""
    fleet, truth, unseen = family(kind, count, seed)
    began = time.perf_counter()
    pooled = gd.fit(fleet, gd.laws.shared_rate(), key=seed, pooling="partial", progress=False)
    seconds = time.perf_counter() - began
    ends = {"pooled": np.array([np.quantile(f["u_s_inf"], (*LEVEL, 0.5)) for f in pooled.fits]).T}
    ends["alone"] = np.array([[getattr(a["u_s_inf"], q) for q in ("q05", "q95", "q50")] for a in pooled.alone]).T
    single = [fit_one(run, gd.laws.shared_rate(), key=seed, engine=SINGLE, progress=False) for run in fleet]
    ends["single"] = np.array([np.quantile(f["u_s_inf"], (*LEVEL, 0.5)) for f in single]).T
    new = np.quantile(pooled.new_run(key=seed)["u_s_inf"], LEVEL)
    result: dict[str, Any] = {
        "runs": count,
        "seconds": seconds,
        "phases": dict(pooled.seconds),
        "findings": [f.code for f in pooled.findings if f.level != "info"],
        "rhat": max(s.rhat for s in pooled.summary.values()),
        "unseen": [bool(x) for x in inside(new, unseen)],
    }
    for who, (low, high, middle) in ends.items():
        hits = inside(np.stack([low, high]), truth)
        result[who] = {"squared": ((middle - truth) ** 2).tolist(), "covered": [bool(h) for h in hits]}
    means = {w: [round(float(np.mean(result[w][what])), 4) for what in ("squared", "covered")] for w in ends}
    print(kind, count, seed, f"{seconds:.0f} s", means, result["findings"], flush=True)
    return result


def gathered(studies: list[dict[str, Any]], against: str, random: np.random.Generator) -> dict[str, Any]:
    """The pooled squared error over another's, with an interval over families; coverages."""
    mine, other = (np.array([np.sum(s[who]["squared"]) for s in studies]) for who in ("pooled", against))
    picks = random.integers(0, len(studies), (4000, len(studies)))
    ratios = mine[picks].sum(1) / other[picks].sum(1)
    return {"ratio": float(mine.sum() / other.sum()), "interval": np.quantile(ratios, LEVEL).tolist()}


def summary(kind: str, seed: int, studies: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of families of one kind, made from `seed` on."""
    random = np.random.default_rng(0)
    cover = {w: float(np.mean([c for s in studies for c in s[w]["covered"]])) for w in ("pooled", "alone", "single")}
    hardly = {
        w: float(np.mean([e for s in studies for e in s[w]["squared"][3::4]])) for w in ("pooled", "alone", "single")
    }
    unseen = [c for s in studies for c in s["unseen"]]
    return {
        "kind": kind,
        "seed": seed,
        "families": len(studies),
        "runs": sum(s["runs"] for s in studies),
        "squared_error_over_alone": gathered(studies, "alone", random),
        "squared_error_over_single": gathered(studies, "single", random),
        "coverage": cover,
        "squared_error_of_hardly_seen": hardly,
        "unseen": {"runs": len(unseen), "coverage": float(np.mean(unseen))},
        "seconds": {str(n): float(np.median([s["seconds"] for s in studies if s["runs"] == n])) for n in SIZES
                    if any(s["runs"] == n for s in studies)},
        "worst_rhat": max(s["rhat"] for s in studies),
        "with_findings": sum(bool(s["findings"]) for s in studies),
    }  # fmt: skip


def with_earlier(new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """These figures, and those that are stored of other kinds and seeds."""
    path = _bench.RESULTS / "pooling.json"
    earlier = json.loads(path.read_text())["studies"] if path.exists() else []
    done = {(s["kind"], s["seed"]) for s in new}
    every = [*new, *(s for s in earlier if (s["kind"], s["seed"]) not in done)]
    return sorted(every, key=lambda s: (list(KINDS).index(s["kind"]), s["seed"]))


def table(result: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        "| families | squared error over alone | over single fits | coverage (alone, single) | unseen runs |",
        "|---|---|---|---|---|",
    ]
    for s in result["studies"]:
        ratios = [
            "{ratio:.2f} [{0:.2f}, {1:.2f}]".format(*r["interval"], **r)
            for r in (s["squared_error_over_alone"], s["squared_error_over_single"])
        ]
        pooled, alone, single = (f"{s['coverage'][who]:.1%}" for who in ("pooled", "alone", "single"))
        which = f"{s['kind']}, seed {s['seed']}: {s['families']}, {s['runs']} runs"
        unseen = f"{s['unseen']['coverage']:.1%} of {s['unseen']['runs']}"
        cells = [which, *ratios, f"{pooled} ({alone}, {single})", unseen]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--families", type=int, default=FULL, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--quick", action="store_true", help="one small family of each kind; nothing is stored")
    options = parser.parse_args()
    sizes = (8,) if options.quick else SIZES
    count = 1 if options.quick else options.families
    with tempfile.TemporaryDirectory() as cache:
        jax.config.update("jax_compilation_cache_dir", os.environ.get("GAPDYN_CACHE", cache))
        raw: dict[str, list[dict[str, Any]]] = {kind: [] for kind in options.kinds}
        for i in range(count):
            for kind, studies in raw.items():
                studies.append(study(kind, sizes[i % len(sizes)], options.seed + i))
            found = [summary(kind, options.seed, studies) for kind, studies in raw.items()]
            if not options.quick:  # after every family: it takes its time
                found = with_earlier(found)
                _bench.save("pooling", {"studies": found})
            print(table({"studies": found}), flush=True)
