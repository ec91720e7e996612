"""THE hierarchical model: runs of a fleet whose parameters come from one population. Engines sample it as it stands.

Each parameter is put on the whole line by its support's bijection (a rate by its log, a ratio by its logit). There run
i has x_i = typical + effects of its groups + slopes . its covariates + scatter * eps_i. The law and the likelihood are
those of a single run, vmapped. Levels, Gaussian given the rest, are integrated out run by run.
"""

from __future__ import annotations

import dataclasses
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
OWN, SCATTER, EFFECT, SLOPE = (
    "own",
    "scatter",
    "effect",
    "slope",
)  # sites of all pooled parameters at once, which saves operations


class Pool(NamedTuple):
    """What a fleet contributes, in its standard units.

    Attributes
    ----------
    runs : observations with a leading axis (run,), without priors.
    priors : parameter -> prior of its typical value, and of what all runs have in common.
    widths : (pooled,), scales of the half-normal priors of scatter and of the normal ones of slopes, on the line.
    groups : for each group (member, run), 1 where a run is of a member, else 0.
    covariates : (run, covariates), with mean 0 and sd 1.
    centring : (sampled, run), from 0 (non-centred) to 1 (centred); `member_centring`: for each group (explained,
        member), the same of what its members have in common.
    """

    runs: Observations
    priors: dict[str, Held]
    widths: Any
    groups: Any
    covariates: Any
    centring: Any
    member_centring: tuple[Any, ...]


class Population(NamedTuple):
    """Where the runs' values come from, on the line: means (parameters, run) and scatter (parameters,)."""

    loc: Any
    scatter: Any


class Levels(NamedTuple):
    """What was integrated out of each run, given the rest: means (run, levels), triangular factors of the covariances
    (run, levels, levels), and the log-likelihood (run,) at the means.
    """

    mean: Any
    factor: Any
    log_lik: Any


@dataclasses.dataclass(frozen=True)
class PooledModel:
    """A NumPyro model of a fleet: `model(pool)`. Hashable: it is what compiled programs depend on.

    Attributes
    ----------
    model : of any one run; its law's names, likelihood and route are those of all.
    pooled : parameters that come from a population.
    explained : those of them, the first, that groups and covariates bear on.
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
        for (group, _), weight in zip(self.groups, pool.member_centring, strict=True):
            typicals, tau = self._members(group, sites, pool)
            about = dist.Normal(weight * typicals, tau**weight).to_event(2)
            sites[_by(EFFECT, group)] = numpyro.sample(_by(EFFECT, group), about)
        population = self.population(sites, pool)
        if self.sampled:
            sites[OWN] = numpyro.sample(OWN, self._around(population, pool))
        for name in self.own:
            sites[name] = numpyro.sample(name, _of_runs(pool, name))
        values = self.values(sites, pool)
        if not self.integrated:
            numpyro.factor("checkpoints", jnp.sum(jax.vmap(self._log_lik)(values, pool.runs)))
            return
        # over a Gaussian the integral is the density at its mean times its volume
        found = self._levels(values, population, pool)
        loc, tau = self._of(self.integrated, population)
        numpyro.sample("levels", dist.Normal(loc.T, tau).to_event(2), obs=found.mean)
        numpyro.factor("volume", jnp.sum(jnp.log(jnp.diagonal(found.factor, axis1=1, axis2=2))))
        numpyro.factor("checkpoints", jnp.sum(found.log_lik))

    def _log_lik(self, values: Values, obs: Observations) -> Any:
        errors, solved = self.model.about_law({**values, **obs.fixed}, obs)
        return jnp.where(solved, errors.log_prob(obs.y), -jnp.inf)

    def hyper(self, pool: Pool) -> dict[str, dist.Distribution]:
        """Priors of what runs have in common, by site."""
        found: dict[str, dist.Distribution] = {n: pool.priors[n].distribution for n in self.common}
        found |= {typical(n): pool.priors[n].distribution for n in self.pooled}
        found[SCATTER] = dist.HalfNormal(pool.widths)
        widths = pool.widths[: len(self.explained)]
        for group, _ in self.groups:
            found[_by(SCATTER, group)] = dist.HalfNormal(widths)
        if self.covariates:
            found[SLOPE] = dist.Normal(jnp.zeros((len(widths), len(self.covariates))), widths[:, None])
        return found

    def line(self, name: str, pool: Pool) -> Any:
        """The bijection from the whole line to the support of a parameter."""
        return biject_to(pool.priors[name].distribution.support)

    def _typicals(self, sites: Values, pool: Pool, names: tuple[str, ...]) -> Any:
        return jnp.stack([self.line(n, pool).inv(sites[typical(n)]) for n in names])[:, None]

    def _members(self, group: str, sites: Values, pool: Pool) -> tuple[Any, Any]:
        """Typical values and the members' scatter about them, (explained, 1) each."""
        return self._typicals(sites, pool, self.explained), sites[_by(SCATTER, group)][:, None]

    def effects(self, sites: Values, pool: Pool) -> list[Any]:
        """For each group (explained, member): what its members add on the line."""
        found = []
        for (group, _), weight in zip(self.groups, pool.member_centring, strict=True):
            typicals, tau = self._members(group, sites, pool)
            found.append(tau ** (1 - weight) * (sites[_by(EFFECT, group)] - weight * typicals))
        return found

    def effects_from(self, effects: list[Any], sites: Values, pool: Pool) -> dict[str, Any]:
        """What is sampled in the place of what members add, by site."""
        found = {}
        for (group, _), weight, effect_ in zip(self.groups, pool.member_centring, effects, strict=True):
            typicals, tau = self._members(group, sites, pool)
            found[_by(EFFECT, group)] = weight * typicals + effect_ / tau ** (1 - weight)
        return found

    def population(self, sites: Values, pool: Pool) -> Population:
        """Where the runs' values of the pooled parameters come from."""
        more = jnp.zeros((len(self.explained), _count(pool)))
        for members, effects in zip(pool.groups, self.effects(sites, pool), strict=True):
            more = more + effects @ members
        if self.covariates:
            more = more + sites[SLOPE] @ pool.covariates.T
        noise = jnp.zeros((len(self.pooled) - len(self.explained), _count(pool)))
        return Population(self._typicals(sites, pool, self.pooled) + jnp.concatenate([more, noise]), sites[SCATTER])

    def _of(self, names: tuple[str, ...], population: Population) -> Population:
        rows = [self.pooled.index(n) for n in names]
        return Population(*(jnp.stack([x[i] for i in rows]) if rows else x[:0] for x in population))

    def _around(self, population: Population, pool: Pool) -> dist.Distribution:
        """What is sampled for the runs' values: themselves where centred, eps where not, or something between."""
        loc, tau = self._of(self.sampled, population)
        return dist.Normal(pool.centring * loc, tau[:, None] ** pool.centring).to_event(2)

    def values(self, sites: Values, pool: Pool) -> dict[str, Any]:
        """Parameter -> (run,) in standard units: all but those that are integrated out."""
        found = {n: jnp.broadcast_to(sites[n], (_count(pool),)) for n in (*self.common, *self.own)}
        loc, tau = self._of(self.sampled, self.population(sites, pool))
        if self.sampled:
            on_line = loc + tau[:, None] ** (1 - pool.centring) * (sites[OWN] - pool.centring * loc)
            found |= {n: self.line(n, pool)(x) for n, x in zip(self.sampled, on_line, strict=True)}
        return found

    def own_from(self, on_line: Any, sites: Values, pool: Pool) -> Any:
        """What is sampled in the place of the runs' values (sampled, run) on the line."""
        loc, tau = self._of(self.sampled, self.population(sites, pool))
        return pool.centring * loc + (on_line - loc) / tau[:, None] ** (1 - pool.centring)

    def _levels(self, values: Values, population: Population, pool: Pool) -> Levels:
        """The integrated parameters of all runs, given the rest."""
        given_rest = GivenRest(self.model, self.integrated)
        loc, tau = self._of(self.integrated, population)

        def one(values: Values, obs: Observations, loc: Any) -> Levels:
            priors = {n: Held(dist.Normal(loc[j], tau[j])) for j, n in enumerate(self.integrated)}
            f = given_rest.fitted({**values, **obs.fixed}, obs._replace(priors=priors))
            return Levels(f.mean, f.factor, f.log_lik(f.mean))

        return jax.vmap(one)(values, pool.runs, loc.T)

    def whole(self, sites: Values, e: Any, pool: Pool) -> dict[str, Any]:
        """Parameter -> (run,) in standard units, those that were integrated out by e (run, levels), normal numbers."""
        values = self.values(sites, pool)
        if self.integrated:
            found = self._levels(values, self.population(sites, pool), pool)
            drawn = found.mean + jnp.einsum("rij,rj->ri", found.factor, e)
            values |= {n: drawn[:, j] for j, n in enumerate(self.integrated)}
        return values

    @property
    def _plain(self) -> tuple[str, ...]:
        """Sites that are on the whole line as they are, and whose priors hang on other sites."""
        return (*(_by(EFFECT, g) for g, _ in self.groups), *((OWN,) if self.sampled else ()))

    def constrain(self, z: Values, pool: Pool) -> dict[str, Any]:
        """Unconstrained sites of one draw -> sites."""
        found = {n: z[n] for n in self._plain}
        for name, prior in self._priors(pool).items():
            scores = name + SUFFIX
            found[name] = from_score(prior, z[scores]) if scores in z else biject_to(prior.support)(z[name])
        return found

    def unconstrain(self, sites: Values, pool: Pool) -> dict[str, Any]:
        """Sites of one point -> unconstrained ones; a normal score, which has no inverse here, to the nearest of a fine
        grid.
        """
        found = {n: sites[n] for n in self._plain}
        grid = jnp.linspace(-4.0, 4.0, 801)
        for name, prior in self._priors(pool).items():
            if scored(prior):
                shape = (-1,) + (1,) * len(prior.batch_shape)
                found[name + SUFFIX] = grid[
                    jnp.argmin(jnp.abs(from_score(prior, grid.reshape(shape)) - sites[name]), 0)
                ]
            else:
                found[name] = biject_to(prior.support).inv(sites[name])
        return found

    def named(self, sites: Values, pool: Pool) -> dict[str, Any]:
        """What runs have in common, parameter by parameter: () or (member,), in standard units; slopes are per sd."""
        found = {n: sites[n] for n in (*self.common, *map(typical, self.pooled))}
        found |= {scatter(n): sites[SCATTER][j] for j, n in enumerate(self.pooled)}
        effects = self.effects(sites, pool)
        for j, name in enumerate(self.explained):
            for (group, _), added in zip(self.groups, effects, strict=True):
                found[scatter(name, group)] = sites[_by(SCATTER, group)][j]
                found[effect(name, group)] = added[j]
            for k, covariate in enumerate(self.covariates):
                found[slope(name, covariate)] = sites[SLOPE][j, k]
        return found

    def _priors(self, pool: Pool) -> dict[str, dist.Distribution]:
        return self.hyper(pool) | {n: _of_runs(pool, n) for n in self.own}


def target(model: PooledModel, pool: Pool) -> Target:
    """What an engine samples: what runs have in common, then what is each run's own."""
    sites = [(n + SUFFIX if scored(p) else n, p.shape()) for n, p in model.hyper(pool).items()]
    sites += [(_by(EFFECT, g), (len(model.explained), members)) for g, members in model.groups]
    sites += [(OWN, (len(model.sampled), _count(pool)))] if model.sampled else []
    sites += [(n, (_count(pool),)) for n in model.own]
    return Target(Scored(model), tuple(sites))


def typical(name: str) -> str:
    """Name of the population's median of a parameter, at no effect of a group and mean covariates."""
    return f"typical_{name}"


def scatter(name: str, group: str = "") -> str:
    """Name of the sd of runs (of a group's members) on the line."""
    return _by(f"{SCATTER}_{name}", group) if group else f"{SCATTER}_{name}"


def effect(name: str, group: str) -> str:
    """Name of what a group's members add on the line."""
    return _by(f"{EFFECT}_{name}", group)


def slope(name: str, covariate: str) -> str:
    """Name of what a covariate adds on the line."""
    return _by(f"{SLOPE}_{name}", covariate)


def _by(what: str, which: str) -> str:
    return f"{what}_by_{which}"


def _count(pool: Pool) -> int:
    return pool.runs.y.shape[0]


def _of_runs(pool: Pool, name: str) -> dist.Distribution:
    return pool.priors[name].distribution.expand([_count(pool)]).to_event(1)
