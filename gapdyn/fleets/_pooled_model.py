"""THE hierarchical model: runs of a fleet whose parameters come from one population. Engines sample it as it stands.

Each parameter is put on the whole line by its support's bijection (a rate by its log, a ratio by its logit). There run i
has x_i = typical + effects of its groups + slopes . its covariates + scatter * eps_i. The law and the likelihood are
those of a single run, vmapped. Levels, Gaussian given the rest, are integrated out run by run.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from numpyro.distributions.transforms import biject_to

from ..inference import Model
from ..inference._held import Held
from ..inference._model import Observations
from ..inference._target import GivenRest
from ..inference.engines import Target
from ..inference.engines._scores import SUFFIX, Scored, from_score, scored

Values = Mapping[str, Any]
Z = "_z"  # ends the name of what is sampled in the place of the runs' own values


class Pool(NamedTuple):
    """What a fleet contributes, in its standard units.

    Attributes
    ----------
    runs : observations with a leading axis (run,), without priors.
    priors : parameter -> prior of its typical value, and of what all runs have in common.
    widths : parameter -> scale of the half-normal priors of scatter and of the normal ones of slopes, on the line.
    groups : (groups, run), which of a group's members each run is of.
    covariates : (run, covariates), with mean 0 and sd 1.
    centring : parameter -> (run,), from 0 (non-centred) to 1 (centred).
    """

    runs: Observations
    priors: dict[str, Held]
    widths: dict[str, Any]
    groups: Any
    covariates: Any
    centring: dict[str, Any]


class Population(NamedTuple):
    """Where the runs' values of one parameter come from, on the line: means (run,) and their scatter."""

    loc: Any
    scatter: Any


@dataclasses.dataclass(frozen=True)
class PooledModel:
    """A NumPyro model of a fleet: `model(pool)`. Hashable: it is what compiled programs depend on.

    Attributes
    ----------
    model : of any one run; its law's names, likelihood and route are those of all.
    pooled : parameters that come from a population.
    explained : those of them that groups and covariates bear on.
    common : noise parameters that are one number for all runs.
    own : noise parameters that each run has for itself.
    integrated : pooled parameters that are integrated out.
    groups : name and number of members of each group.
    covariates : their names.
    """

    model: Model
    pooled: tuple[str, ...]
    explained: tuple[str, ...]
    common: tuple[str, ...]
    own: tuple[str, ...]
    integrated: tuple[str, ...]
    groups: tuple[tuple[str, int], ...]
    covariates: tuple[str, ...]

    @property
    def sampled(self) -> tuple[str, ...]:
        """The pooled parameters that an engine samples, run by run."""
        return tuple(n for n in self.pooled if n not in self.integrated)

    def __call__(self, pool: Pool) -> None:
        """State the joint density of a fleet, levels integrated out."""
        sites = {name: numpyro.sample(name, prior) for name, prior in self.hyper(pool).items()}
        for name in self.sampled:
            sites[name + Z] = numpyro.sample(name + Z, self.around(name, sites, pool))
        for name in self.own:
            sites[name] = numpyro.sample(name, _of_runs(pool.priors[name].distribution, _count(pool)))
        values = self.values(sites, pool)
        if self.integrated:
            # over a Gaussian the integral is the density at its mean times its volume
            mean, factor = self.levels(values, sites, pool)
            for j, name in enumerate(self.integrated):
                population = self.population(name, sites, pool)
                values[name] = numpyro.sample(name, dist.Normal(*population).to_event(1), obs=mean[:, j])
            volume = jnp.log(jnp.diagonal(factor, axis1=1, axis2=2)) + 0.5 * math.log(2 * math.pi)
            numpyro.factor("integrated", jnp.sum(volume))

        def log_lik(values: Values, obs: Observations) -> Any:
            errors, solved = self.model.about_law({**values, **obs.fixed}, obs)
            return jnp.where(solved, errors.log_prob(obs.y), -jnp.inf)

        numpyro.factor("checkpoints", jnp.sum(jax.vmap(log_lik)(values, pool.runs)))

    def hyper(self, pool: Pool) -> dict[str, dist.Distribution]:
        """Priors of what runs have in common, by site."""
        found: dict[str, dist.Distribution] = {n: pool.priors[n].distribution for n in self.common}
        for name in self.pooled:
            width = pool.widths[name]
            found[typical(name)] = pool.priors[name].distribution
            found[scatter(name)] = dist.HalfNormal(width)
            if name not in self.explained:
                continue
            for group, members in self.groups:
                found[scatter(name, group)] = dist.HalfNormal(width)
                found[effect(name, group) + Z] = _of_runs(dist.Normal(0.0, 1.0), members)
            for covariate in self.covariates:
                found[slope(name, covariate)] = dist.Normal(0.0, width)
        return found

    def line(self, name: str, pool: Pool) -> Any:
        """The bijection from the whole line to the support of a parameter."""
        return biject_to(pool.priors[name].distribution.support)

    def population(self, name: str, sites: Values, pool: Pool) -> Population:
        """Where the runs' values of a parameter come from."""
        return Population(self.mean(name, sites, pool, pool.groups, pool.covariates), sites[scatter(name)])

    def mean(self, name: str, sites: Values, pool: Pool, groups: Any, covariates: Any) -> Any:
        """The population's mean (n,) of a parameter, on the line, for members (groups, n) and covariates (n, ...)."""
        loc = self.line(name, pool).inv(sites[typical(name)]) + jnp.zeros(len(covariates))
        if name in self.explained:
            for member, (group, _) in zip(groups, self.groups, strict=True):
                loc = loc + self.effects(name, group, sites)[member]
            for j, covariate in enumerate(self.covariates):
                loc = loc + sites[slope(name, covariate)] * covariates[:, j]
        return loc

    def effects(self, name: str, group: str, sites: Values) -> Any:
        """What each member of a group adds to a parameter, on the line: (members,)."""
        return sites[scatter(name, group)] * sites[effect(name, group) + Z]

    def around(self, name: str, sites: Values, pool: Pool) -> dist.Distribution:
        """What is sampled for the runs' values: themselves where centred, eps where not, or something between."""
        loc, tau = self.population(name, sites, pool)
        weight = pool.centring[name]
        return dist.Normal(weight * loc, tau**weight).to_event(1)

    def values(self, sites: Values, pool: Pool) -> dict[str, Any]:
        """Parameter -> (run,) in standard units: all but those that are integrated out."""
        count = _count(pool)
        found = {n: jnp.broadcast_to(sites[n], (count,)) for n in (*self.common, *self.own)}
        for name in self.sampled:
            loc, tau = self.population(name, sites, pool)
            weight = pool.centring[name]
            found[name] = self.line(name, pool)(loc + tau ** (1 - weight) * (sites[name + Z] - weight * loc))
        return found

    def levels(self, values: Values, sites: Values, pool: Pool) -> tuple[Any, Any]:
        """Means (run, levels) and factors of the covariances of the integrated parameters, given the rest."""
        given_rest = GivenRest(self.model, self.integrated)
        populations = {n: self.population(n, sites, pool) for n in self.integrated}

        def one(values: Values, obs: Observations, loc: Values) -> tuple[Any, Any]:
            priors = {n: Held(dist.Normal(loc[n], populations[n].scatter)) for n in self.integrated}
            return given_rest.gaussian({**values, **obs.fixed}, obs._replace(priors=priors))

        return jax.vmap(one)(values, pool.runs, {n: p.loc for n, p in populations.items()})

    def whole(self, sites: Values, e: Any, pool: Pool) -> dict[str, Any]:
        """Parameter -> (run,) in standard units, those that were integrated out by e (run, levels), normal numbers."""
        values = self.values(sites, pool)
        if self.integrated:
            mean, factor = self.levels(values, sites, pool)
            drawn = mean + jnp.einsum("rij,rj->ri", factor, e)
            values |= {n: drawn[:, j] for j, n in enumerate(self.integrated)}
        return values

    def constrain(self, z: Values, pool: Pool) -> dict[str, Any]:
        """Unconstrained sites of one draw -> sites."""
        known = self.hyper(pool) | {n: _of_runs(pool.priors[n].distribution, _count(pool)) for n in self.own}
        found = {n + Z: z[n + Z] for n in self.sampled}
        for name, prior in known.items():
            scores = name + SUFFIX
            found[name] = from_score(prior, z[scores]) if scores in z else biject_to(prior.support)(z[name])
        return found

    def unconstrain(self, sites: Values, pool: Pool) -> dict[str, Any]:
        """Sites of one point -> unconstrained ones; of what has a normal score, which has no inverse here, that of the
        nearest of a fine grid.
        """
        known = self.hyper(pool) | {n: _of_runs(pool.priors[n].distribution, _count(pool)) for n in self.own}
        found = {n + Z: sites[n + Z] for n in self.sampled}
        grid = jnp.linspace(-4.0, 4.0, 801)
        for name, prior in known.items():
            if scored(prior):
                at = jax.vmap(lambda x, prior=prior: from_score(prior, x))(grid)
                found[name + SUFFIX] = grid[jnp.argmin(jnp.abs(at - sites[name]))]
            else:
                found[name] = biject_to(prior.support).inv(sites[name])
        return found


def target(model: PooledModel, pool: Pool) -> Target:
    """What an engine samples: what runs have in common, then what is each run's own."""
    count = _count(pool)
    sites = [(n + SUFFIX if scored(p) else n, p.shape()) for n, p in model.hyper(pool).items()]
    sites += [(n + Z, (count,)) for n in model.sampled]
    sites += [(n, (count,)) for n in model.own]
    return Target(Scored(model), tuple(sites))


def typical(name: str) -> str:
    """Site of the population's median of a parameter, at no effect of a group and mean covariates."""
    return f"typical_{name}"


def scatter(name: str, group: str = "") -> str:
    """Site of the sd of runs (of a group's members) on the line."""
    return f"scatter_{name}_by_{group}" if group else f"scatter_{name}"


def effect(name: str, group: str) -> str:
    """Site of what a group's members add on the line."""
    return f"effect_{name}_by_{group}"


def slope(name: str, covariate: str) -> str:
    """Site of what one sd of a covariate adds on the line."""
    return f"slope_{name}_by_{covariate}"


def _count(pool: Pool) -> int:
    return pool.runs.y.shape[0]


def _of_runs(prior: dist.Distribution, count: int) -> dist.Distribution:
    return prior.expand([count]).to_event(1)
