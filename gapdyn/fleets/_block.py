"""What is computed of a block of runs in one compiled program: a first sample, and a better one where it is needed."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..inference._model import Observations
from ..inference._posterior import follows
from ..inference.engines._mixture import NU, PRIOR
from ._judged import LAST
from ._marginal import General
from ._rounds import (
    BROAD,
    KEPT,
    NARROW,
    WIDTH,
    Mixture,
    base,
    climbed,
    log_density,
    parts,
    proposed,
    rooted,
    weighted_moments,
)

CAP = 30.0  # largest weight while adapting, in means
FLATTENED = 0.7  # power of the weights that the second proposal is fitted to
COMPONENTS, REFINEMENTS, FITTED = 8, 8, 512  # of the mixtures of a better sample; points that they are fitted to
DEFENSIVE = 0.2


class Base(NamedTuple):
    """Numbers that all runs share: z (n, size), e (n, extra), chance (n, 2), stretch (n,)."""

    z: Any
    e: Any
    chance: Any
    stretch: Any

    @classmethod
    def of(cls, density: General, count: int, seed: np.random.SeedSequence) -> Base:
        """Of so many points of one density."""
        z, more, stretch = base(count, density.size, density.extra + 2, seed)
        return cls(z, more[:, :-2], more[:, -2:], stretch)


class Sample(NamedTuple):
    """Weighted points of a run: x (n, size), log densities of target and weights (n,), all numbers of each point,
    name -> (n,), and u_s by the law at the last checkpoint, as `LAST`.
    """

    x: Any
    log_target: Any
    log_weight: Any
    sites: dict[str, Any]


def evaluated(density: General, obs: Observations, x: Any, base: Base) -> tuple[Any, dict[str, Any]]:
    model = density.model

    def one(x: Any, e: Any, chance: Any) -> Any:
        value, sites = density.both([x[i] for i in range(density.size)], [e[i] for i in range(density.extra)], obs)
        values = model.complete(sites, obs)
        if model.has_common_errors:
            values, _, last = follows(model, values, obs, chance)
        else:
            last = model.solve_at(values, obs.ts[-1:], obs, model.route).u_s[0]
        return value, {**values, LAST: last}

    return jax.vmap(one)(x, base.e, base.chance)


def first(density: General, obs: Observations, tries: Any, early: Base, late: Base) -> Sample:
    """A sample of one run: Newton's method, a round about the mode, a round as wide as what that has seen."""
    mode, root = climbed(lambda x: density.value(x, obs), density.starts(tries, obs))
    eye, centre = jnp.eye(density.size), jnp.zeros(density.size)
    near = Mixture(jnp.asarray([0.5, 0.25, 0.25]), jnp.stack([mode, mode, centre]),
                   jnp.stack([NARROW**0.5 * root, BROAD**0.5 * root, WIDTH * eye]))  # fmt: skip
    x = proposed(near, early.z, early.stretch)
    value, sites = evaluated(density, obs, x, early)
    mean, covariance = weighted_moments(x, FLATTENED * (value - log_density(near, x)), CAP)
    around = rooted(covariance)
    seen = Mixture(jnp.asarray([0.65, 0.2, 0.15]), jnp.stack([mean, mode, mean]),
                   jnp.stack([KEPT**0.5 * around, NARROW**0.5 * root, 2 * around + 1e-3 * eye]))  # fmt: skip
    more = proposed(seen, late.z, late.stretch)
    more_value, more_sites = evaluated(density, obs, more, late)
    every = jnp.concatenate([x, more])
    n, m = len(x), len(more)
    mixed = jnp.logaddexp(
        jnp.log(n / (n + m)) + log_density(near, every), jnp.log(m / (n + m)) + log_density(seen, every)
    )
    value = jnp.concatenate([value, more_value])
    return Sample(every, value, value - mixed, {k: jnp.concatenate([sites[k], more_sites[k]]) for k in sites})


def better(density: General, obs: Observations, best: Any, x: Any, many: Base) -> Sample:
    """A sample of one run from a mixture fitted to equally weighted points x (n, size), and about the mode uphill of
    the `best` point (size,).
    """
    size = density.size
    mode, root = climbed(lambda x: density.value(x, obs), best[None])
    mean = jnp.mean(x, 0)
    whole = (x - mean).T @ (x - mean) / len(x) + 1e-8 * jnp.eye(size)
    centres = x[jnp.linspace(0, len(x) - 1, COMPONENTS).astype(int)]
    start = Mixture(jnp.full(COMPONENTS, 1 / COMPONENTS), centres, jnp.repeat(rooted(0.4 * whole)[None], COMPONENTS, 0))

    def refine(_: Any, mixture: Mixture) -> Mixture:
        log_part, square = parts(mixture, x)
        share = jax.nn.softmax(log_part, 0) / len(x)
        pull = share * (NU + size) / (NU + square)
        means = pull @ x / jnp.sum(pull, 1)[:, None]
        apart = x[None] - means[:, None]
        scatter = jnp.einsum("kn,kni,knj->kij", pull, apart, apart)
        held = PRIOR / len(x)
        total = jnp.sum(share, 1)
        covariance = (scatter + 0.5 * held * whole) / (total + held)[:, None, None]
        weight = total + held / COMPONENTS
        return Mixture(weight / jnp.sum(weight), means, jax.vmap(rooted)(covariance))

    fitted = jax.lax.fori_loop(0, REFINEMENTS, refine, start)
    mixture = Mixture(
        jnp.append((1 - DEFENSIVE) * fitted.share, jnp.full(4, DEFENSIVE / 4)),
        jnp.concatenate([fitted.mean, jnp.stack([mode, mode, mean, jnp.zeros(size)])]),
        jnp.concatenate(
            [
                fitted.root,
                jnp.stack([NARROW**0.5 * root, BROAD**0.5 * root, rooted(2.5 * whole), WIDTH * jnp.eye(size)]),
            ]
        ),
    )
    points = proposed(mixture, many.z, many.stretch)
    value, sites = evaluated(density, obs, points, many)
    return Sample(points, value, value - log_density(mixture, points), sites)
