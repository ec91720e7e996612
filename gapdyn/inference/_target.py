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
    """Affine parameters given the rest: mean (names,), a triangular factor of the covariance, the errors about the
    course of the mean, and whether the law could be solved.
    """

    mean: Any
    factor: Any
    errors: Any
    solved: Any


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
        """Site -> value, and the log Jacobian; `rest`: site -> unconstrained value, e (names,)."""
        model = self.model
        values = {**obs.fixed, **constrain(model, obs, rest)}
        mean, factor = self.gaussian(values, obs)
        values |= dict(zip(self.names, mean + factor @ e, strict=True))
        log_jacobian = jnp.sum(jnp.log(jnp.diagonal(factor)))
        if model.centred:
            assert model.law.centring is not None
            loc, scale = model.law.centring.affine(values)
            values[model.law.centring.as_name] = loc + scale * values[model.law.centring.name]
            log_jacobian += jnp.log(scale)
        return {site: values[site] for site in self.sites}, log_jacobian

    def gaussian(self, values: Mapping[str, Any], obs: Observations) -> tuple[Any, Any]:
        """Mean (names,) and a triangular factor of the covariance of the affine parameters, given the rest."""
        return self.fitted(values, obs)[:2]

    def fitted(self, values: Mapping[str, Any], obs: Observations) -> Fitted:
        """The affine parameters given the rest, and the errors about the course of their mean."""
        model, count = self.model, len(self.names)
        priors: list[Any] = [obs.priors[n].distribution for n in self.names]
        loc = jnp.stack([jnp.asarray(p.loc, float) for p in priors])
        sd = jnp.stack([jnp.asarray(p.scale, float) for p in priors])

        def course(theta: Any) -> Any:
            resolved = model.law.coordinates.resolve({**values, **dict(zip(self.names, theta, strict=True))})
            t = model.solve_at(resolved, obs.ts, obs, model.route)
            return jnp.stack([t.u_s, t.u_v], -1), resolved, t.ok

        # a law that is affine is so about any point; this one is not a start at rest, which some state apart
        base = loc + 0.3137 * jnp.arange(1, count + 1)
        courses, resolved, solved = jax.vmap(course)(jnp.concatenate([base[None], base + jnp.eye(count)]))
        slopes = courses[1:] - courses[0]
        rows = jnp.concatenate([(obs.y - courses[0])[None], slopes])
        # what scatters the checkpoints does not depend on the affine parameters
        whole = {**values, **{k: v[0] for k, v in resolved.items()}}
        gram = model.errors(courses[0], whole, obs).gram(rows)
        # the factor of the precision, from the last parameter to the first, so that its inverse's is triangular too
        precision = gram[1:, 1:] + jnp.diag(1 / sd**2)
        factor = inverse_of_root(root(precision)).T
        off = factor @ (factor.T @ (gram[1:, 0] + (loc - base) / sd**2))
        errors = model.errors(courses[0] + jnp.einsum("i,itk->tk", off, slopes), whole, obs)
        return Fitted(base + off, factor, errors, jnp.all(solved))
