"""Where a pooled fit begins: every run fitted alone, in the fleet's scale, with the population's wide priors.

That says where the chains may start, and which runs' data say more than the population does: there the runs' own values
are sampled (centred), elsewhere their places in the population (non-centred), and something between where both speak
(Papaspiliopoulos, Roberts and Sköld 2007).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from .._random import generator, split
from ..inference._fit import posterior
from ..inference.engines import Auto
from ..inference.engines._passes import Pass
from ..inference.engines._target import Start
from ._pooled_data import Prepared
from ._pooled_model import Z, effect, scatter, target, typical

ALONE = Auto(chains=4, draws=250, fallback=False)
ROUNDS = 50  # of the two-level normal model's fixed point
LEAST = 0.05  # of a width: a scatter to start from
LOOSE = 0.05  # first guess of the variance of what runs have in common, in its normal scores


class Spread(NamedTuple):
    """A parameter on the line: runs alone, mean and variance (run,); the population's mean and sd."""

    mean: np.ndarray
    variance: np.ndarray
    centre: float
    scatter: float

    @property
    def own(self) -> np.ndarray:
        """(run,), share of what is known of a run that its own data say."""
        return self.scatter**2 / (self.scatter**2 + self.variance)


def alone(prepared: Prepared, key: Any) -> list[Pass]:
    """Each run's posterior by itself."""
    seeds = split(key, len(prepared.fleet))
    each = zip(prepared.models, prepared.observations, prepared.scales, seeds, strict=True)
    return [posterior(ALONE, model, obs, scale, seed, False)[0] for model, obs, scale, seed in each]


def spreads(prepared: Prepared, passes: list[Pass]) -> dict[str, Spread]:
    """Of every pooled parameter."""
    found = {}
    for name in prepared.model.pooled:
        x = _on_line(name, prepared, passes)
        mean, variance = x.mean(1), x.var(1)
        least = (LEAST * float(prepared.pool.widths[name])) ** 2
        between = max(float(np.var(mean)), least)
        centre = float(np.median(mean))
        for _ in range(ROUNDS):
            share = between / (between + variance)
            centre = float(np.sum(share * mean) / np.sum(share))
            near = centre + share * (mean - centre)
            between = max(float(np.mean((near - centre) ** 2 + share * variance)), least)
        found[name] = Spread(mean, variance, centre, between**0.5)
    return found


def _on_line(name: str, prepared: Prepared, passes: list[Pass]) -> np.ndarray:
    """Draws (run, draw) of a parameter."""
    standard = [
        scale.to_standard(name, done.completed.draws[name].reshape(-1))
        for scale, done in zip(prepared.scales, passes, strict=True)
    ]
    on_line = prepared.model.line(name, prepared.pool).inv(jnp.asarray(np.stack(standard), float))
    return np.asarray(on_line, np.float64)


def centring(prepared: Prepared, form: str, found: dict[str, Spread]) -> dict[str, Any]:
    """Parameter -> (run,), how far each run is centred."""
    count = len(prepared.fleet)
    weights = {
        "centred": lambda name: np.ones(count),
        "non_centred": lambda name: np.zeros(count),
        "auto": lambda name: found[name].own,
    }[form]
    return {name: jnp.asarray(weights(name), float) for name in prepared.model.sampled}


def start(prepared: Prepared, passes: list[Pass], found: dict[str, Spread], chains: int, key: Any) -> Start:
    """Where chains begin: runs as they are alone, drawn towards one another."""
    model, pool, random = prepared.model, prepared.pool, generator(key)
    aim, count = target(model, pool), len(prepared.fleet)
    points = []
    for _ in range(chains):
        sites: dict[str, Any] = {}
        for name in (*model.common, *model.own):
            medians = [float(np.median(s.to_standard(name, p.completed.draws[name])))
                       if name in p.completed.draws else 0.0
                       for s, p in zip(prepared.scales, passes, strict=True)]  # fmt: skip
            sites[name] = jnp.asarray(np.median(medians) if name in model.common else medians, float)
        for name in model.pooled:
            f = found[name]
            centre = f.centre + f.scatter / count**0.5 * random.standard_normal()
            sites[typical(name)] = model.line(name, pool)(jnp.asarray(centre, float))
            sites[scatter(name)] = jnp.asarray(f.scatter * np.exp(0.2 * random.standard_normal()), float)
            if name in model.explained:
                for group, members in model.groups:
                    sites[scatter(name, group)] = jnp.asarray(0.5 * f.scatter, float)
                    sites[effect(name, group) + Z] = jnp.asarray(0.3 * random.standard_normal(members), float)
                for covariate in model.covariates:
                    sites[f"slope_{name}_by_{covariate}"] = jnp.asarray(0.1 * random.standard_normal(), float)
        for name in model.sampled:
            f = found[name]
            near = f.centre + f.own * (f.mean - f.centre)
            x = near + (f.own * f.variance) ** 0.5 * random.standard_normal(count)
            loc, tau = model.population(name, sites, pool)
            weight = pool.centring[name]
            sites[name + Z] = weight * loc + (x - loc) / tau ** (1 - weight)
        points.append(np.asarray(aim.join(model.unconstrain(sites, pool)), np.float64))
    variances = []
    for site, shape in aim.sites:
        name = site.removesuffix(Z)
        if name in model.sampled:
            f = found[name]
            variances.append(f.own * f.variance / f.scatter ** (2 * (1 - np.asarray(pool.centring[name]))))
        else:
            variances.append(np.full(int(np.prod(shape)), LOOSE if not site.endswith(Z) else 1.0))
    return Start(np.stack(points), np.concatenate(variances))
