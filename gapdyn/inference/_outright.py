"""A one-shape posterior in NumPy: its weighted points, and all that follows from draws of it. Nothing is compiled."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from ._likelihood import FLOOR
from ._model import Observations, sampled_sites
from ._nested import Base, Points, Size, nested
from ._one_shape import LEVELS, OneShape
from .engines import Weighted
from .engines._scores import NUMPY, SUFFIX, from_score, to_score

FEW = Size(512, 16, 6, 40)
RATES = 2048  # where many points are asked for
MOST = 1 << 21


@dataclasses.dataclass(frozen=True)
class Outright:
    """Weighted points of such a posterior, in the coordinates of its target. Hashable: part of the target."""

    shape: OneShape

    def __call__(self, args: tuple[Observations], random: np.random.Generator, count: int) -> Weighted:
        """At least `count` points, up to `MOST`, or a few thousand."""
        (obs,) = args
        size = FEW
        if count > FEW.rates * FEW.pairs:
            size = FEW._replace(rates=RATES, pairs=1 << math.ceil(math.log2(min(count, MOST) / RATES)))
        facts = self.shape.facts(jax.tree.map(lambda x: np.asarray(x)[None], obs))
        with np.errstate(all="ignore"):  # a point beyond what numbers can tell has no weight
            points = Points(*(x[0] for x in nested(np, self.shape, facts, Base.of(size, random), size)))
            columns = self._columns(points, obs)
        rest = {n: x for n, x in columns.items() if n.removesuffix(SUFFIX) in ("rate", "rho", "sigma")}
        scores = [x for n, x in rest.items() if n.endswith(SUFFIX)]
        normal = [(np.log(points.rate) - facts.rate) / facts.rate_sd, *scores]
        log_target = points.log_mass - 0.5 * sum(z**2 + math.log(2 * math.pi) for z in normal) - np.log(facts.rate_sd)
        there = np.isfinite(points.log_weight)
        log_proposal = np.where(there, log_target - points.log_weight, np.inf)
        log_target = np.where(there, log_target, -np.inf)
        return Weighted(np.stack([*rest.values()], 1), np.stack([*columns.values()], 1), log_target, log_proposal)

    def _columns(self, points: Points, obs: Observations) -> dict[str, np.ndarray]:
        """The target's own vectors, by site."""
        values = {**points._asdict(), **self.shape.completed(points._asdict())}
        columns = {}
        for name in sampled_sites(self.shape.model, obs):
            if name in ("rho", "sigma"):
                prior: Any = obs.priors[name].distribution
                columns[name + SUFFIX] = np.asarray(to_score(prior, values[name], NUMPY))
            elif name == "rate":
                columns[name] = np.log(values[name])
            else:
                columns[name] = values[name if name in values else "u_s_inf"]  # a centred limit
        return columns


def followed(
    shape: OneShape, z: Mapping[str, Any], obs: Observations
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """The complete values of draws in standard units, log p of each checkpoint (draws, times), and u_s at the last one
    (draws,), as of `_posterior.follows`; `z`: site -> (draws,), unconstrained.
    """
    x = {name: np.asarray(v, np.float64) for name, v in z.items()}
    with np.errstate(all="ignore"):
        drawn = {"rate": np.exp(x["rate"]), "u_s0": x["u_s0"], "u_v0": x["u_v0"]}
        for name in ("rho", "sigma"):
            drawn[name] = np.asarray(from_score(obs.priors[name].distribution, x[name + SUFFIX], NUMPY))
        if shape.level in x:
            a_s, a_v, *_ = LEVELS[shape.level]
            level = x[shape.level] - a_s * x["u_s0"] - a_v * x["u_v0"]
            drawn["fall"] = level / shape.slope(drawn["rho"])
        else:
            drawn["fall"] = x["u_s0"] - x["u_s_inf_unforced"]
        values = shape.completed(drawn)
        own = [drawn[name][:, None] for name in ("u_s0", "u_v0", "fall", "rho")]
        u_s0, u_v0, fall, rho = own
        s = -np.expm1(-drawn["rate"][:, None] * np.asarray(obs.ts))
        course = u_s0 - fall * s, u_v0 - rho * fall * s
        y, mask = np.asarray(obs.y), np.asarray(obs.mask)
        variance = drawn["sigma"][:, None] ** 2 + FLOOR
        square = sum(np.where(mask[:, i], y[:, i] - u, 0.0) ** 2 for i, u in enumerate(course))
        log_lik = -0.5 * (square / variance + mask.sum(1) * np.log(2 * math.pi * variance))
    return values, log_lik, course[0][:, -1]
