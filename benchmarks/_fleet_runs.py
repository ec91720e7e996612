"""Simulated fleets for `fleet.py`, with the truth of each run; all of it follows from (kind, runs, seed).

"prior": parameters of the shared-rate law from priors that do not look at the run (`PRIORS`, the default ones of a run
of size 1 and span `SPAN`), which the fit is then given: an exact posterior covers in 90% of these runs, whatever they
look like. "plain": half a time constant to six, noise of a thousandth to a tenth of the range. "hard": what fleets
contain, an eighth of it plain, the rest with a tenth of a time constant seen, rho near 0 or near 1, noise of 1e-4 or
0.2 of the range, a third of the values missing, or hardly any movement. "relaxing_verifier" and "power_potential": runs
of these laws, plain. Lengths are 8 to 40 checkpoints throughout.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

import gapdyn as gd

SPAN = 10.0
KINDS = ("prior", "plain", "hard", "relaxing_verifier", "power_potential")
LAWS = {
    **dict.fromkeys(("prior", "plain", "hard"), gd.laws.shared_rate),
    "relaxing_verifier": gd.laws.relaxing_verifier,
    "power_potential": gd.laws.power_potential,
}
PARTS = ("plain", "partial", "rho near 0", "rho near 1", "tiny noise", "large noise", "missing values", "near-flat")


class Runs(NamedTuple):
    """A fleet, true numbers of each run by parameter (runs,), and the part of the fleet each belongs to (runs,)."""

    fleet: gd.Fleet
    truth: dict[str, np.ndarray]
    part: np.ndarray


def priors() -> dict[str, Any]:
    """What "prior" runs are drawn from, in their units: the default priors of a run from 0, of size 1 and this span."""
    import numpyro.distributions as dist

    return {
        "rate": dist.LogNormal(math.log(1.5 / SPAN), 1.25),
        "rho": dist.Uniform(0.0, 1.0),
        "gap_inf": dist.Normal(0.0, 1.0),
        "u_s0": dist.Normal(0.0, 1.0),
        "u_v0": dist.Normal(-0.5, 1.0),
        "sigma": dist.HalfCauchy(0.05),
    }


def make(kind: str, runs: int, seed: int = 0) -> Runs:
    """The first `runs` runs of a kind."""
    every = [_one(kind, i, np.random.default_rng([KINDS.index(kind), seed, i])) for i in range(runs)]
    truth = {n: np.asarray([values[n] for _, values, _ in every]) for n in every[0][1]}
    return Runs(gd.Fleet([run for run, _, _ in every]), truth, np.asarray([part for _, _, part in every]))


def _one(kind: str, i: int, random: np.random.Generator) -> tuple[gd.Run, dict[str, float], str]:
    part = PARTS[i % len(PARTS)] if kind == "hard" else "plain"
    values = _from_prior(random) if kind == "prior" else _chosen(kind, part, random)
    count = int(random.integers(8, 41))
    t = SPAN * np.concatenate([[0.0], np.sort(random.uniform(0, 1, count - 2)), [1.0]])
    t += 1e-6 * np.arange(count)  # no two checkpoints at one time
    u = course(kind, values, t)
    if kind != "prior":
        share = {"tiny noise": 1e-4, "large noise": 0.2}.get(part, 10 ** random.uniform(-3, -1))
        values["sigma"] = share * max(np.ptp(u), 1e-3)
    u = u + values["sigma"] * random.standard_normal(u.shape)
    missing = random.uniform(size=u.shape) < (0.35 if part == "missing values" else 0.03)
    missing[:, 0] = False
    missing[1, missing.all(0)] = False  # every checkpoint has measured something
    u[missing] = np.nan
    alike = {"u_s_inf": ceiling(kind, values)}
    return gd.Run(f"{kind}-{i}", t, clock="round", u_s=u[0], u_v=u[1]), {**values, **alike}, part


def _from_prior(random: np.random.Generator) -> dict[str, float]:
    return {
        "rate": 1.5 / SPAN * math.exp(1.25 * random.standard_normal()),
        "rho": random.uniform(),
        "gap_inf": random.standard_normal(),
        "u_s0": random.standard_normal(),
        "u_v0": random.standard_normal() - 0.5,
        "sigma": 0.05 * abs(random.standard_cauchy()),
    }


def _chosen(kind: str, part: str, random: np.random.Generator) -> dict[str, float]:
    gap, start = random.uniform(0.2, 0.6), random.uniform(1.0, 3.0)
    constants = random.uniform(0.1, 0.5) if part == "partial" else random.uniform(0.5, 6.0)
    rho = {"rho near 0": random.uniform(0, 0.02), "rho near 1": random.uniform(0.95, 0.999)}
    rest = random.uniform(0.98, 1.02) if part == "near-flat" else random.uniform(0.0, 0.4)
    values = {
        "rate": constants / SPAN,
        "rho": rho.get(part, random.uniform(0.05, 0.9)),
        "gap_inf": rest * gap,
        "u_s0": start,
        "u_v0": start - gap,
    }
    if kind == "relaxing_verifier":
        values |= {"kappa": random.uniform(0.3, 3.0) / SPAN, "u_v_inf": start - gap - random.uniform(0.1, 0.8)}
    if kind == "power_potential":
        values["m"] = 1 + random.uniform(0.2, 1.5)
    return values


def course(kind: str, v: dict[str, float], t: np.ndarray) -> np.ndarray:
    """u_s and u_v of a law at times, (2, times), as a user of NumPy writes them."""
    return {"relaxing_verifier": relaxing, "power_potential": power}.get(kind, shared)(t, **_law(kind, v))


def _law(kind: str, v: dict[str, float]) -> dict[str, float]:
    return {n: v[n] for n in NAMES.get(kind, NAMES["hard"])}


def ceiling(kind: str, v: dict[str, Any]) -> Any:
    """U_s,inf of a law's numbers."""
    if kind == "relaxing_verifier":
        return v["u_v_inf"] + v["gap_inf"]
    return v["u_s0"] - (v["u_s0"] - v["u_v0"] - v["gap_inf"]) / (1 - v["rho"])


def slope(kind: str, v: dict[str, Any]) -> np.ndarray:
    """The derivatives of U_s,inf in a law's numbers, (runs, numbers)."""
    if kind == "relaxing_verifier":
        return np.broadcast_to([float(n in ("u_v_inf", "gap_inf")) for n in NAMES[kind]], (len(v["rho"]), 7))
    per = 1 / (1 - v["rho"])
    of = {"rho": -(v["u_s0"] - v["u_v0"] - v["gap_inf"]) * per**2, "gap_inf": per, "u_s0": 1 - per, "u_v0": per}
    return np.stack([of.get(n, np.zeros_like(per)) for n in NAMES.get(kind, NAMES["hard"])], -1)


def _fallen(u_s0: Any, u_v0: Any, rho: Any, fallen: Any) -> np.ndarray:
    """What the gap has fallen by, shared out between the two."""
    return np.stack([u_s0 - fallen / (1 - rho), u_v0 - rho * fallen / (1 - rho)])


def shared(t: Any, rate: Any, rho: Any, gap_inf: Any, u_s0: Any, u_v0: Any) -> np.ndarray:
    """The shared-rate law."""
    return _fallen(u_s0, u_v0, rho, (u_s0 - u_v0 - gap_inf) * -np.expm1(-rate * t))


def power(t: Any, rate: Any, rho: Any, gap_inf: Any, u_s0: Any, u_v0: Any, m: Any) -> np.ndarray:
    """The power-potential law: x = x_0 (1 + (m - 1) rate t)^(-1/(m - 1))."""
    bend = m - 1 if abs(m - 1) > 1e-8 else 1e-8
    return _fallen(u_s0, u_v0, rho, (u_s0 - u_v0 - gap_inf) * -np.expm1(-np.log1p(bend * rate * t) / bend))


def relaxing(t: Any, rate: Any, rho: Any, gap_inf: Any, u_s0: Any, u_v0: Any, kappa: Any, u_v_inf: Any) -> np.ndarray:
    """The relaxing-verifier law: a 2x2 linear system about (U_v,inf + G_inf, U_v,inf)."""
    a, b = rate / (1 - rho), rho * rate / (1 - rho)
    s, v = u_s0 - u_v_inf - gap_inf, u_v0 - u_v_inf
    half = (a - b + kappa) / 2
    d = np.sqrt(half**2 - a * kappa + 1e-14 + 0j)
    near, far = np.exp((d - half) * t) / 2, np.exp(-(d + half) * t) / 2
    cosh, sinh = (near + far).real, ((near - far) / d).real
    return np.stack([
        u_v_inf + gap_inf + cosh * s + sinh * ((half - a) * s + a * v),
        u_v_inf + cosh * v + sinh * ((half + b - kappa) * v - b * s),
    ])  # fmt: skip


NAMES = {
    "hard": ("rate", "rho", "gap_inf", "u_s0", "u_v0"),
    "power_potential": ("rate", "rho", "gap_inf", "u_s0", "u_v0", "m"),
    "relaxing_verifier": ("rate", "rho", "gap_inf", "u_s0", "u_v0", "kappa", "u_v_inf"),
}
