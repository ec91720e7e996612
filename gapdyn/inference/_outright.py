"""Weighted points of a one-shape posterior, in NumPy: nothing is compiled."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax
import numpy as np

from ._model import Observations, sampled_sites
from ._nested import Base, Points, Size, nested
from ._one_shape import OneShape
from .engines import Weighted
from .engines._scores import NUMPY, SUFFIX, to_score

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
            points = Points(*(x[0].ravel() for x in nested(np, self.shape, facts, Base.of(size, random), size)))
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
