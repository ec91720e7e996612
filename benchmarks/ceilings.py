"""Ceilings over laws | Does the weighted 90% interval cover the true ceiling, whichever of the laws is true?

Each law in turn makes runs: 8, 15, 25 or 40 checkpoints over 1.5 to 4 time constants, noise of 0.5 to 3% of the
starting uncertainty. Every run is given to `gapdyn.compare`; counted is how often the 90% interval of the ceiling holds
the true one: over laws, by the true law alone and by the shared-rate law alone. Then the theory's claims: how often
each is denied on runs of the shared-rate law, where all of them hold, and of a law that breaks it.

`python benchmarks/ceilings.py [--runs N] [--seed S]`, N runs of each law (default 20: under an hour on two cores);
`--only coverage` (or denied) makes that part anew.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from typing import Any

import _bench
import jax
import numpy as np

jax.config.update("jax_enable_x64", True)

import gapdyn as gd  # noqa: E402
from gapdyn.dynamics import LawSpec  # noqa: E402

SPAN = 10.0
CHECKPOINTS = (8, 15, 25, 40)
PARTS = ("coverage", "denied")
FULL = 20  # runs of each law from which the figures are stored
TRUE = ("shared_rate", "power_potential", "relaxing_verifier", "drifting_response", "exponential", "power_law",
        "rank_two")  # fmt: skip

BREAKS = {"one_rate": "exponential", "linear_potential": "power_potential", "no_relaxation": "relaxing_verifier",
          "constant_ratio": "drifting_response"}  # fmt: skip


def truth(name: str, random: np.random.Generator) -> LawSpec:
    """A law with numbers at random; none of them follows the default priors."""
    rate, rho, gap = random.uniform(1.5, 4) / SPAN, random.uniform(0.1, 0.6), random.uniform(0.3, 0.6)
    own = {"rate": rate, "rho": rho, "gap_inf": random.uniform(0, 0.3) * gap, "u_s0": 1.0, "u_v0": 1.0 - gap}
    ends = {"u_s0": 1.0, "u_v0": 1.0 - gap, "u_s_inf": random.uniform(0.2, 0.6)}
    ends["u_v_inf"] = ends["u_s_inf"] - random.uniform(0, 0.1)
    two = {"rate_s": rate, "rate_v": rate * random.uniform(0.5, 2)}
    return {
        "shared_rate": lambda: gd.laws.shared_rate(**own),
        "power_potential": lambda: gd.laws.power_potential(**own, m=random.uniform(1.2, 2)),
        "relaxing_verifier": lambda: gd.laws.relaxing_verifier(
            **own, kappa=random.uniform(0.5, 2) / SPAN, u_v_inf=1 - gap - random.uniform(0.1, 0.4)
        ),
        "drifting_response": lambda: gd.laws.drifting_response(
            **own, tau=random.uniform(1, 5), q=-random.uniform(0.2, 1)
        ),
        "exponential": lambda: gd.curves.exponential(**ends, **two),
        "power_law": lambda: gd.curves.power_law(
            **ends, tau_s=random.uniform(2, 6), tau_v=random.uniform(2, 6), p_s=random.uniform(1, 3),
            p_v=random.uniform(1, 3)
        ),
        "rank_two": lambda: gd.curves.rank_two(
            **ends, rate_slow=rate / 2, ratio=random.uniform(2, 6), slow_s=random.uniform(0.2, 0.8),
            slow_v=random.uniform(0.2, 0.8)
        ),
    }[name]()  # fmt: skip


def simulated(name: str, runs: int, seed: int) -> Iterator[tuple[gd.Run, LawSpec]]:
    """Runs of one law, and the law."""
    random = np.random.default_rng([seed, TRUE.index(name)])
    for i in range(runs):
        law = truth(name, random)
        ts = np.linspace(0, SPAN, CHECKPOINTS[i % len(CHECKPOINTS)])
        yield gd.simulate(law, ts, noise=random.uniform(0.005, 0.03), key=1000 * seed + i), law


def inside(limit: gd.Ceiling, true: float) -> bool:
    """Whether the 90% interval of the ceiling holds the true one."""
    s = limit.summary()["u_s"]
    return bool(s["q05"] <= true <= s["q95"])


def coverage(name: str, runs: int, seed: int) -> dict[str, Any]:
    """Shares of covered ceilings over the runs of one law."""
    hits: Counter[str] = Counter()
    weights = []
    for i, (run, law) in enumerate(simulated(name, runs, seed)):
        true = float(gd.limits(law).u_s_inf)
        compared = gd.compare(run, key=i, progress=False)
        over = gd.ceiling(compared)
        hits["weighted"] += inside(over, true)
        for who, law_name in (("shared_rate", "shared_rate"), ("true law", name)):
            one = over.laws.get(law_name)
            hits[who] += one is not None and inside(one, true)
        weights.append(compared.weights[name])
    shares = {who: hits[who] / runs for who in ("weighted", "true law", "shared_rate")}
    print(name, shares, f"mean weight of the true law {np.mean(weights):.2f}", flush=True)
    return {**shares, "weight": float(np.mean(weights)), "runs": runs}


def denied(runs: int, seed: int) -> dict[str, dict[str, float]]:
    """Claim -> shares of runs on which it is denied: `true` where it holds, `broken` where it does not."""
    found = {}
    for claim, law in BREAKS.items():
        shares = {}
        for which, name, count in (("true", "shared_rate", 3 * runs), ("broken", law, runs)):
            said = [gd.claims(run, claim, key=i).departures[claim].verdict
                    for i, (run, _) in enumerate(simulated(name, count, seed))]  # fmt: skip
            shares[which] = said.count("does not hold") / count
        print(claim, shares, flush=True)
        found[claim] = {**shares, "runs": runs}
    return found


def table(result: dict[str, Any]) -> str:
    """The figures as Markdown: ceilings, then claims."""
    lines = ["| true law | over laws | true law alone | shared-rate law alone | weight of the true law |",
             "|---|---|---|---|---|"]  # fmt: skip
    for name, s in result["coverage"].items():
        cells = f"{s['weighted']:.0%} | {s['true law']:.0%} | {s['shared_rate']:.0%} | {s['weight']:.2f}"
        lines.append(f"| `{name}` | {cells} |")
    lines += ["", "| claim | denied where it holds | denied where it does not, by runs of |", "|---|---|---|"]
    for name, s in result["denied"].items():
        lines.append(f"| `{name}` | {s['true']:.0%} | {s['broken']:.0%}, `{BREAKS[name]}` |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=FULL)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=PARTS, help="make this part anew, of the stored result")
    options = parser.parse_args()
    stored = _bench.RESULTS / "ceilings.json"
    result = json.loads(stored.read_text()) if options.only else {}
    with tempfile.TemporaryDirectory() as cache:
        jax.config.update("jax_compilation_cache_dir", os.environ.get("GAPDYN_CACHE", cache))
        if options.only in (None, "coverage"):
            result["coverage"] = {name: coverage(name, options.runs, options.seed) for name in TRUE}
        if options.only in (None, "denied"):
            result["denied"] = denied(options.runs, options.seed)
    print(table(result))
    if options.runs >= FULL:
        _bench.save("ceilings", {part: result[part] for part in PARTS})
