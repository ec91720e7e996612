"""Coverage | Does the 90% interval of the ceiling cover it in 90% of simulated runs?

200 runs of 20 checkpoints with noise of 1% of the starting uncertainty. Each run has a law of its own: time span from
half a time constant to five, rho in 0.05..0.8, starting gap 0.2..0.6 of the starting uncertainty, limit of the gap
0..0.4 of the starting gap; none of this follows the priors. Designs: no standard errors stated; stated, and fresh at
every checkpoint; stated, and half of the variance common to all. `python benchmarks/coverage.py [--runs N]`.
"""

from __future__ import annotations

import argparse

import _bench
import jax
import numpy as np

jax.config.update("jax_enable_x64", True)

import gapdyn as gd  # noqa: E402

TIMES = np.linspace(0.0, 10.0, 20)
NOISE = 0.01
DESIGNS = {
    "no standard errors": {"noise": NOISE},
    "stated, fresh": {"se": NOISE, "shared": 0.0},
    "stated, half shared": {"se": NOISE, "shared": 0.5},
}
SPANS = ((0.5, 1), (1, 2), (2, 3.5), (3.5, 5))


def truths(runs: int, seed: int):
    """(span in time constants, law) of each run."""
    random = np.random.default_rng(seed)
    for _ in range(runs):
        span, rho, gap = random.uniform(0.5, 5), random.uniform(0.05, 0.8), random.uniform(0.2, 0.6)
        limit = random.uniform(0, 0.4) * gap
        yield (
            span,
            gd.laws.shared_rate(rate=span / TIMES[-1], rho=rho, gap_inf=limit, u_s0=1.0, u_v0=1.0 - gap),
        )


def study(design: str, runs: int, seed: int = 0) -> dict[str, object]:
    """Coverage of the ceiling's 90% interval, overall and by time span, with what went wrong."""
    rows, failures = [], 0
    for i, (span, law) in enumerate(truths(runs, seed)):
        run = gd.simulate(law, TIMES, key=1000 * seed + i, **DESIGNS[design])
        fit = gd.fit(run, gd.laws.shared_rate(), key=i)
        failures += not (fit.trusted and all(np.isfinite(x).all() for x in fit.draws.values()))
        truth = float(gd.limits(law).u_s_inf)
        s = gd.ceiling(fit).summary()["u_s"]
        said = any(f.code == "short_run" for f in fit.findings)
        rows.append((span, s["q05"] <= truth <= s["q95"], (s["q95"] - s["q05"]) / (1.0 - truth), said))
    spans, covered, width, said = (np.asarray(c) for c in zip(*rows, strict=True))
    by_span = {}
    for low, high in SPANS:
        k = (spans >= low) & (spans < high)
        by_span[f"{low}-{high}"] = {
            "runs": int(k.sum()),
            "coverage": float(covered[k].mean()),
            "median_width_over_fall": float(np.median(width[k])),
            "said_short": float(said[k].mean()),
        }
    overall = {"coverage": float(covered.mean()), "untrusted_or_nan": failures}
    return {"design": design, "runs": runs, **overall, "by_span": by_span}


def table(result: dict) -> str:
    """The figures as Markdown."""
    rows = ["| standard errors | coverage of the 90% interval | " + " | ".join(f"{a}–{b} τ" for a, b in SPANS) + " |"]
    rows.append("|---|---|" + "---|" * len(SPANS))
    for s in result["studies"]:
        cells = [f"{v['coverage']:.0%} (width {v['median_width_over_fall']:.2f})" for v in s["by_span"].values()]
        rows.append(f"| {s['design']} | {s['coverage']:.1%} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    results = [study(d, options.runs, options.seed) for d in DESIGNS]
    print(table({"studies": results}))
    print(f"untrusted or NaN: {sum(r['untrusted_or_nan'] for r in results)}")
    if options.runs >= 200:
        _bench.save("coverage", {"studies": results})
