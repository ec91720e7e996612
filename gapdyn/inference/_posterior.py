"""From an engine's unconstrained draws to everything that is derived from a draw, in one compiled pass."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._compile import quick_jit
from .._random import as_key, generator
from ._model import Model, Observations, constrain, in_standard_units, known_offset
from ._scale import Scale
from ._sites import SITES


class Completed(NamedTuple):
    """Draws in the run's units, the pointwise log-likelihood, and u_s by the law at the last checkpoint."""

    draws: dict[str, np.ndarray]  # name -> (chain, draw)
    log_lik: np.ndarray  # (chain, draw, obs), in the run's units
    last: np.ndarray  # (chain, draw)


@quick_jit(static_argnums=(0, 1))
def _complete(
    model: Model, constrained: bool, z: dict[str, Any], obs: Observations, chance: Any
) -> tuple[dict[str, Any], Any, Any]:
    def one(z: dict[str, Any], chance: Any) -> tuple[dict[str, Any], Any, Any]:
        values = model.complete(z if constrained else constrain(model, obs, z), obs)
        trajectory = model.solve_at(values, obs.ts, obs, model.route)
        errors = model.errors(jnp.stack([trajectory.u_s, trajectory.u_v], -1), values, obs)
        if errors.offset is None:
            # the model integrates the common errors out; given a draw of the rest they are Gaussian, so a draw of
            # them is exact, and with them the checkpoints are independent
            offset = errors.offset_from(chance, obs.y)
            errors = errors.given(offset)
            values |= {"offset_s": offset[0], "offset_v": offset[1]}
        return values, errors.checkpoint_log_prob(obs.y), trajectory.u_s[-1]

    return jax.vmap(one)(z, chance)


def complete(
    model: Model, z: dict[str, Any], obs: Observations, scale: Scale, key: Any, constrained: bool = False
) -> Completed:
    """All parameters of every draw, and log p(checkpoint | draw) per checkpoint. `z`: site -> (chain, draw),
    unconstrained or in standard units.
    """
    shape = np.shape(next(iter(z.values())))
    flat = {k: jnp.reshape(v, -1) for k, v in z.items()}
    count = int(np.prod(shape))
    # what the common errors are drawn from: with process noise keys, for then the course is drawn with them
    normals = None if model.wanders else jnp.asarray(generator(key).standard_normal((count, 2)), float)
    chance = jax.random.split(as_key(key), count) if normals is None else normals
    values, log_lik, last = _complete(model, constrained, flat, obs, chance)
    stated = np.any(np.asarray(obs.se) > 0, axis=0)
    has_errors = {"offset_s": bool(stated[0]), "offset_v": bool(stated[1])}
    draws = {
        name: scale.from_standard(name, np.reshape(values[name], shape))
        for name in SITES
        if name in values and has_errors.get(name, True)
    }
    log_lik = _in_units(np.reshape(log_lik, (*shape, -1)), obs, scale)
    return Completed(draws, log_lik, scale.from_standard("u_s0", np.reshape(last, shape)))


@quick_jit(static_argnums=0)
def _revisit(model: Model, values: dict[str, Any], obs: Observations) -> tuple[Any, Any]:
    def one(v: dict[str, Any]) -> tuple[Any, Any]:
        trajectory = model.solve_at(v, obs.ts, obs, model.route)
        errors = model.errors(jnp.stack([trajectory.u_s, trajectory.u_v], -1), v, obs)
        return errors.given(known_offset(v)).checkpoint_log_prob(obs.y), trajectory.u_s[-1]

    return jax.vmap(one)(values)


def revisit(model: Model, draws: dict[str, np.ndarray], obs: Observations, scale: Scale) -> Completed:
    """What follows from complete draws, name -> (chain, draw) in the run's units, that were kept by themselves."""
    shape = next(iter(draws.values())).shape
    flat = {name: x.reshape(-1) for name, x in draws.items()}
    log_lik, last = _revisit(model, in_standard_units(scale, flat), obs)
    log_lik = _in_units(np.reshape(log_lik, (*shape, -1)), obs, scale)
    return Completed(draws, log_lik, scale.from_standard("u_s0", np.reshape(last, shape)))


def _in_units(log_lik: Any, obs: Observations, scale: Scale) -> np.ndarray:
    """Log densities (..., times) of standard u as those of u, of the checkpoints alone."""
    # a density of u is one of standard u divided by the size, once for each measured entry
    jacobian = np.sum(np.asarray(obs.mask), -1) * np.log(scale.size)
    return (np.asarray(log_lik, np.float64) - jacobian)[..., np.asarray(obs.real)]
