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
from ._shared_rate import SharedRate
from ._sites import SITES


class Completed(NamedTuple):
    """Draws in the run's units, the pointwise log-likelihood, and u_s by the law at the last checkpoint."""

    draws: dict[str, np.ndarray]  # name -> (chain, draw)
    log_lik: np.ndarray  # (chain, draw, obs), in the run's units
    last: np.ndarray  # (chain, draw)


def follows(model: Model, values: dict[str, Any], obs: Observations, chance: Any) -> tuple[dict[str, Any], Any, Any]:
    """The complete values of one draw with its common errors, log p of each checkpoint, and u_s at the last one.

    Common errors that the values lack are drawn from `chance`: two normal numbers, with process noise a key.
    """
    trajectory = model.solve_at(values, obs.ts, obs, model.route)
    errors = model.errors(jnp.stack([trajectory.u_s, trajectory.u_v], -1), values, obs)
    if errors.offset is None:
        # the model integrates the common errors out; given a draw of the rest they are Gaussian, so a draw of
        # them is exact, and with them the checkpoints are independent
        known = "offset_s" in values or "offset_v" in values
        offset = known_offset(values) if known else errors.offset_from(chance, obs.y)
        errors = errors.given(offset)
        values = values | {"offset_s": offset[0], "offset_v": offset[1]}
    return values, errors.checkpoint_log_prob(obs.y), trajectory.u_s[-1]


@quick_jit(static_argnums=(0, 1), keep=True, seldom=True)
def _complete(
    model: Model, constrained: bool, z: dict[str, Any], obs: Observations, chance: Any
) -> tuple[dict[str, Any], Any, Any]:
    def one(z: dict[str, Any], chance: Any) -> tuple[dict[str, Any], Any, Any]:
        return follows(model, model.complete(z if constrained else constrain(model, obs, z), obs), obs, chance)

    return jax.vmap(one)(z, chance)


@quick_jit(static_argnums=(0,), keep=True, seldom=True)
def _revisit(model: Model, values: dict[str, Any], obs: Observations, chance: Any) -> tuple[dict[str, Any], Any, Any]:
    return jax.vmap(lambda values, chance: follows(model, values, obs, chance))(values, chance)


def complete(
    model: Model, z: dict[str, Any], obs: Observations, scale: Scale, key: Any, constrained: bool = False
) -> Completed:
    """All parameters of every draw, and log p(checkpoint | draw) per checkpoint. `z`: site -> (chain, draw),
    unconstrained or in standard units.
    """
    shape = np.shape(next(iter(z.values())))
    chance = _chance(model, shape, key)
    law = None if constrained else SharedRate.of(model, obs)
    if law is not None:
        found = law.followed({k: np.reshape(v, -1) for k, v in z.items()}, obs, chance)
        return _completed(found, shape, obs, scale)
    flat = {k: jnp.reshape(v, -1) for k, v in z.items()}
    return _completed(_complete(model, constrained, flat, obs, chance), shape, obs, scale)


def revisit(model: Model, draws: dict[str, np.ndarray], obs: Observations, scale: Scale, key: Any) -> Completed:
    """What follows from draws that were kept by themselves: of all parameters, name -> (chain, draw), in the run's
    units. Common errors are drawn where they were not kept.
    """
    shape = next(iter(draws.values())).shape
    values = in_standard_units(scale, {name: x.reshape(-1) for name, x in draws.items()})
    return _completed(_revisit(model, values, obs, _chance(model, shape, key)), shape, obs, scale)


def _chance(model: Model, shape: tuple[int, ...], key: Any) -> Any:
    """What the common errors are drawn from."""
    count = int(np.prod(shape))
    if model.wanders:  # then the course is drawn with them
        return jax.random.split(as_key(key), count)
    return generator(key).standard_normal((count, 2)).astype(jnp.result_type(float))


def _completed(found: Any, shape: tuple[int, ...], obs: Observations, scale: Scale) -> Completed:
    values, log_lik, last = found
    stated = np.any(np.asarray(obs.se) > 0, axis=0)
    has_errors = {"offset_s": bool(stated[0]), "offset_v": bool(stated[1])}
    draws = {
        name: scale.from_standard(name, np.reshape(values[name], shape))
        for name in SITES
        if name in values and has_errors.get(name, True)
    }
    # a density of u is one of standard u divided by the size, once for each measured entry
    jacobian = np.sum(np.asarray(obs.mask), -1) * np.log(scale.size)
    log_lik = (np.reshape(np.asarray(log_lik, np.float64), (*shape, -1)) - jacobian)[..., np.asarray(obs.real)]
    return Completed(draws, log_lik, scale.from_standard("u_s0", np.reshape(last, shape)))
