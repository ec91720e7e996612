"""What an engine samples of a model, and the parameters in which its law is affine, given all others.

With Gaussian errors and normal priors they are Gaussian given the rest (variable projection, Golub and Pereyra 1973).
So they have coordinates, standard normal whatever the rest is, in which an engine has only the rest to explore.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.infer.util import potential_energy

from ._likelihood import Weighed
from ._model import Model, Observations, constrain, sampled_sites
from ._one_shape import OneShape
from ._outright import Outright
from ._shared_rate import SharedRate
from ._small import inverse_of_root, root
from .engines import Target
from .engines._scores import SUFFIX, Scored, scored


def target(model: Model, obs: Observations) -> Target:
    """What an engine samples."""
    sites = sampled_sites(model, obs)
    # a curve pins its law's numbers to a few hundredths of standard units, noise parameters to a factor: a first metric
    # that says so saves the long trajectories of the first window
    variances = tuple(1.0 if n in model.noise_sites else 0.003 for n in sites)
    names = (n + SUFFIX if _has_score(n, obs) else n for n in sites)
    linear = linear_sites(model, obs)
    given_rest = GivenRest(model, linear) if linear else None
    law, shape = SharedRate.of(model, obs), OneShape.of(model, obs)
    return Target(Scored(model), tuple((n, ()) for n in names), variances, given_rest, law, shape and Outright(shape))


def _has_score(name: str, obs: Observations) -> bool:
    return name in obs.priors and scored(obs.priors[name].distribution)


def linear_sites(model: Model, obs: Observations) -> tuple[str, ...]:
    """The sampled parameters that are Gaussian given the rest, as the law names them; () where that does not hold."""
    if model.likelihood.noise != "gaussian":
        return ()
    affine = model.law.coordinates.affine
    names = tuple(n for n in affine if n in obs.priors and type(obs.priors[n].distribution) is dist.Normal)
    if model.centred:
        assert model.law.centring is not None
        if model.law.centring.name not in names:  # what is sampled in its place hangs on the others
            return ()
    return names


class Fitted(NamedTuple):
    """Affine parameters given the rest: mean (names,), a triangular factor of the covariance; some values of them, the
    data less the course there and the slopes as the errors weigh them; and whether the law could be solved.
    """

    mean: Any
    factor: Any
    base: Any
    weighed: Weighed
    solved: Any

    def log_lik(self, theta: Any) -> Any:
        """Log likelihood at values of the affine parameters."""
        return jnp.where(self.solved, self.weighed.log_prob(theta - self.base), -jnp.inf)


@dataclasses.dataclass(frozen=True)
class GivenRest:
    """Values of the affine sites from standard normal numbers, given the rest. Hashable: part of a compiled program."""

    model: Model
    names: tuple[str, ...]

    @property
    def sites(self) -> tuple[str, ...]:
        """The names as an engine knows them."""
        return tuple(self._as_sampled(n) for n in self.names)

    def _as_sampled(self, name: str) -> str:
        centring = self.model.law.centring if self.model.centred else None
        return centring.as_name if centring and name == centring.name else name

    def __call__(self, rest: Mapping[str, Any], e: Any, obs: Observations) -> tuple[dict[str, Any], Any]:
        """Site -> unconstrained value, and the log density of the posterior in these coordinates; `rest`: site ->
        unconstrained value, e (names,).
        """
        model, priors = self.model, {n: obs.priors[n].distribution for n in self.names}
        values = {**obs.fixed, **constrain(model, obs, rest)}
        fitted = self.fitted(values, obs)
        theta = fitted.mean + fitted.factor @ e
        given = dict(zip(self.names, theta, strict=True))
        others = obs._replace(fixed={**obs.fixed, **given})  # the priors of the rest alone
        log_density = -potential_energy(Scored(model.prior), (others,), {}, rest)
        log_density += sum(prior.log_prob(given[n]) for n, prior in priors.items())
        log_density += fitted.log_lik(theta) + jnp.sum(jnp.log(jnp.diagonal(fitted.factor)))
        if model.centred:
            assert model.law.centring is not None
            loc, scale = model.law.centring.affine({**values, **given})
            given[model.law.centring.as_name] = loc + scale * given.pop(model.law.centring.name)
        return given, log_density

    def fitted(self, values: Mapping[str, Any], obs: Observations) -> Fitted:
        """The affine parameters given the rest."""
        count = len(self.names)
        priors: list[Any] = [obs.priors[n].distribution for n in self.names]
        loc = jnp.stack([jnp.asarray(p.loc, float) for p in priors])
        sd = jnp.stack([jnp.asarray(p.scale, float) for p in priors])

        # a law that is affine is so about any point; this one is not a start at rest, which some state apart
        base = loc + 0.3137 * jnp.arange(1, count + 1)
        weighed, solved = self.weighed(values, base, obs)
        gram = weighed.gram()
        # the factor of the precision, from the last parameter to the first, so that its inverse's is triangular too
        precision = gram[1:, 1:] + jnp.diag(1 / sd**2)
        factor = inverse_of_root(root(precision)).T
        off = factor @ (factor.T @ (gram[1:, 0] + (loc - base) / sd**2))
        return Fitted(base + off, factor, base, weighed, solved)

    def weighed(self, values: Mapping[str, Any], base: Any, obs: Observations) -> tuple[Any, Any]:
        """The data less the course at `base`, and the course's slopes there, as `Weighed` by the errors; and whether
        the law could be solved.
        """
        model = self.model

        def course(theta: Any) -> Any:
            resolved = model.law.coordinates.resolve({**values, **dict(zip(self.names, theta, strict=True))})
            t = model.solve_at(resolved, obs.ts, obs, model.route)
            return jnp.stack([t.u_s, t.u_v], -1), resolved, t.ok

        courses, resolved, solved = jax.vmap(course)(jnp.concatenate([base[None], base + jnp.eye(len(base))]))
        slopes = courses[1:] - courses[0]
        rows = jnp.concatenate([(obs.y - courses[0])[None], slopes])
        # what scatters the checkpoints does not depend on the affine parameters
        whole = {**values, **{k: v[0] for k, v in resolved.items()}}
        return model.errors(courses[0], whole, obs).weighed(rows), jnp.all(solved)
