"""From an engine's unconstrained draws of a fleet to the parameters of its runs and of their population."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._compile import quick_jit
from .._random import generator, split
from ..inference._model import unit_of
from ..inference._posterior import Completed, complete
from ..inference._prior import is_real
from ..inference._scale import Scale
from ..inference._sites import SITES
from ..inference.engines import Target
from ._pooled_data import Prepared
from ._pooled_model import Pool, PooledModel, effect, scatter, slope, target, typical

AT_ONCE = 100  # draws


@quick_jit(static_argnums=(0, 1))
def _whole(model: PooledModel, aim: Target, x: Any, e: Any, pool: Pool) -> tuple[dict[str, Any], dict[str, Any]]:
    def one(both: tuple[Any, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        sites = model.constrain(aim.split(both[0]), pool)
        return model.whole(sites, both[1], pool), model.named(sites, pool)

    return jax.lax.map(one, (x, e), batch_size=AT_ONCE)


def drawn(prepared: Prepared, x: np.ndarray, key: Any) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Runs' parameters, (chain, draw, run), and what they have in common, (chain, draw[, member]), standard units.

    `x` (chain, draw, size) are an engine's draws; what was integrated out is drawn given them, exactly.
    """
    model, pool = prepared.model, prepared.pool
    shape = x.shape[:2]
    count = int(np.prod(shape))
    e = generator(key).standard_normal((count, len(prepared.fleet), len(model.integrated)))
    flat = jnp.asarray(x.reshape(count, -1), float)
    found = _whole(model, target(model, pool), flat, jnp.asarray(e, float), pool)
    runs, hyper = ({n: np.asarray(v, np.float64).reshape(*shape, *v.shape[1:]) for n, v in d.items()} for d in found)
    return runs, hyper


def completed(prepared: Prepared, runs: Mapping[str, np.ndarray], key: Any) -> list[Completed]:
    """Every number of every run in its own units, limits too, and its log-likelihood."""
    each = zip(prepared.models, prepared.observations, prepared.scales, split(key, len(prepared.fleet)), strict=True)
    return [
        complete(model, {n: jnp.asarray(v[:, :, i]) for n, v in runs.items()}, obs, scale, seed, constrained=True)
        for i, (model, obs, scale, seed) in enumerate(each)
    ]


def in_units(prepared: Prepared, hyper: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the runs have in common in the fleet's units: typical values; scatter and effects on the line, in the unit
    of what is on the line as it is (levels), pure numbers of what is there by its log or logit; slopes per unit of the
    covariate.
    """
    model, scale = prepared.model, prepared.scales[0]
    _, spread = prepared.centre
    found = {n: hyper[n] for n in model.common}
    for name in model.pooled:
        size = line_unit(name, prepared, scale)
        found[typical(name)] = scale.from_standard(name, hyper[typical(name)])
        found[scatter(name)] = size * hyper[scatter(name)]
        if name not in model.explained:
            continue
        for group, _ in model.groups:
            found[scatter(name, group)] = size * hyper[scatter(name, group)]
            found[effect(name, group)] = size * hyper[effect(name, group)]
        for j, covariate in enumerate(model.covariates):
            found[slope(name, covariate)] = size * hyper[slope(name, covariate)] / spread[j]
    return found


def straight(name: str, prepared: Prepared) -> bool:
    """Whether a parameter is pooled as it is, not by its log or logit."""
    return is_real(prepared.pool.priors[name].distribution)


def line_unit(name: str, prepared: Prepared, scale: Scale) -> float:
    """What a step of 1 on the line is in the fleet's units."""
    return scale.factors(name)[1] if straight(name, prepared) else 1.0


@quick_jit(static_argnums=0)
def _outputs(model: Any, values: dict[str, Any], obs: Any) -> dict[str, Any]:
    return jax.lax.map(lambda v: model.complete(v, obs), values, batch_size=20 * AT_ONCE)


def outputs(prepared: Prepared, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every number of runs that the law makes of standard `values` (n,), in the fleet's units."""
    found = _outputs(
        prepared.models[0], {n: jnp.asarray(v, float) for n, v in values.items()}, prepared.observations[0]
    )
    return {n: prepared.scales[0].from_standard(n, found[n]) for n in SITES if n in found}


def unit_on_line(name: str, prepared: Prepared) -> str:
    """What a parameter's scatter is told in."""
    if straight(name, prepared):
        return unit_of(name, prepared.fleet.runs[0])
    return "logit" if SITES[name].support.startswith(("[", "(")) else "log"
