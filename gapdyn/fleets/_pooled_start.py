"""Where a pooled fit begins: every run fitted alone, in the fleet's scale, with the population's wide priors.

That says where the chains may start, and which runs' data say more than the population does: there the runs' own values
are sampled (centred), elsewhere their places in the population (non-centred), and something between where both speak
(Papaspiliopoulos, Roberts and Sköld 2007).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from .._random import generator, split
from ..inference._fit import posterior
from ..inference.engines import Auto
from ..inference.engines._passes import Pass
from ..inference.engines._target import Start
from ._pooled_data import Prepared
from ._pooled_model import EFFECT, OWN, SCATTER, target, typical

ALONE = Auto(chains=4, draws=250, fallback=False)
ROUNDS = 50  # of the two-level normal model's fixed point
LEAST = 0.05  # of a width: a scatter to start from
SMALL = 0.1  # effects and slopes to start from
SOME = 0.1  # first guess of the variance of what is sampled for members
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
    for j, name in enumerate(prepared.model.pooled):
        x = _on_line(name, prepared, passes)
        mean, variance = x.mean(1), x.var(1)
        least = (LEAST * float(prepared.pool.widths[j])) ** 2
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


def in_form(prepared: Prepared, form: str, found: Mapping[str, Spread]) -> Prepared:
    """The fleet with its runs and the members of its groups centred as `form` says."""
    pool, model = prepared.pool, prepared.model
    if form == "auto":
        own = np.reshape([found[n].own for n in model.sampled], pool.centring.shape)
        members = tuple(_member_weights(model.explained, codes, found) for codes in prepared.codes)
    else:
        fill = 1.0 if form == "centred" else 0.0
        own = np.full(pool.centring.shape, fill)
        members = tuple(np.full(w.shape, fill) for w in pool.member_centring)
    as_stated = pool._replace(
        centring=jnp.asarray(own, float), member_centring=tuple(jnp.asarray(w, float) for w in members)
    )
    return dataclasses.replace(prepared, pool=as_stated)


def _member_weights(names: tuple[str, ...], codes: np.ndarray, found: Mapping[str, Spread]) -> np.ndarray:
    """(names, member), share of what is known of a member that its runs say."""
    sizes = np.bincount(codes)
    weights = []
    for name in names:
        f = found[name]
        near = f.centre + f.own * (f.mean - f.centre)
        means = np.bincount(codes, near) / sizes
        noise = f.scatter**2 / sizes
        between = max(float(np.var(means) - np.mean(noise)), float(np.min(noise)))
        weights.append(between / (between + noise))
    return np.array(weights)


def start(prepared: Prepared, passes: list[Pass], found: Mapping[str, Spread], chains: int, key: Any) -> Start:
    """Where chains begin: runs as they are alone, drawn towards one another."""
    model, pool, random = prepared.model, prepared.pool, generator(key)
    aim = target(model, pool)
    known = {n: _median(n, prepared, passes) for n in (*model.common, *model.own)}
    points = []
    for _ in range(chains):
        sites = _sites(prepared, found, known, random)
        points.append(np.asarray(aim.join(model.unconstrain(sites, pool)), np.float64))
    variances = {OWN: [_variance(found[n], w) for n, w in zip(model.sampled, np.asarray(pool.centring), strict=True)]}
    first = [np.ravel(variances.get(n, np.full(shape, _guess(n)))) for n, shape in aim.sites]
    return Start(np.stack(points), np.tile(np.concatenate(first), (chains, 1)))


def _sites(
    prepared: Prepared, found: Mapping[str, Spread], known: Mapping[str, np.ndarray], random: np.random.Generator
) -> dict[str, Any]:
    """One point: the population as the two-level normal model has it, runs as it and they themselves say."""
    model, pool, count = prepared.model, prepared.pool, len(prepared.fleet)
    sites: dict[str, Any] = {n: jnp.asarray(np.median(x) if n in model.common else x, float) for n, x in known.items()}
    spread = np.array([found[n].scatter for n in model.pooled])
    for name, s in zip(model.pooled, spread, strict=True):
        centre = found[name].centre + s / count**0.5 * random.standard_normal()
        sites[typical(name)] = model.line(name, pool)(jnp.asarray(centre, float))
    sites[SCATTER] = jnp.asarray(spread * np.exp(0.2 * random.standard_normal(len(spread))), float)
    for name, prior in model.hyper(pool).items():
        if name not in sites:  # of groups and covariates nothing is known yet
            around = 0.5 * spread[: len(model.explained)] if name.startswith(SCATTER) else 0.0
            sites[name] = jnp.asarray(around + SMALL * np.abs(random.standard_normal(prior.shape())), float)
    effects = [SMALL * random.standard_normal(w.shape) * spread[: len(w), None] for w in pool.member_centring]
    sites |= model.effects_from(effects, sites, pool)
    runs = []
    for name in model.sampled:
        f = found[name]
        near = f.centre + f.own * (f.mean - f.centre)
        runs.append(near + (f.own * f.variance) ** 0.5 * random.standard_normal(count))
    if model.sampled:
        sites[OWN] = model.own_from(jnp.asarray(np.stack(runs), float), sites, pool)
    return sites


def _median(name: str, prepared: Prepared, passes: list[Pass]) -> np.ndarray:
    """(run,) of a parameter that is not pooled, 0 where a run has none."""
    each = zip(prepared.scales, (p.completed.draws.get(name, 0.0) for p in passes), strict=True)
    return np.array([float(np.median(scale.to_standard(name, x))) for scale, x in each])


def _variance(f: Spread, weight: np.ndarray) -> np.ndarray:
    """First guess for what is sampled in the place of the runs' values."""
    return f.own * f.variance / f.scatter ** (2 * (1 - weight))


def _guess(site: str) -> float:
    return SOME if site.startswith(EFFECT) else LOOSE
