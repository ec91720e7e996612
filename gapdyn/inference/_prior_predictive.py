"""Runs that the priors expect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from numpyro.handlers import block, seed, trace

from .._check import InputError
from .._random import as_key, split
from ..data import Run
from ..dynamics import LawSpec
from ._likelihood import Likelihood
from ._model import Model, Observations, prepare, sampled_sites
from ._predict import Curves, curves
from ._scale import Scale
from ._sites import SITES


def prior_draws(
    run: Run,
    law: LawSpec,
    *,
    key: Any,
    prior: Mapping[str, Any] | None = None,
    likelihood: Likelihood | None = None,
    draws: int = 1000,
) -> dict[str, np.ndarray]:
    """Draws of every parameter from its prior, name -> (draw,), in the run's units. Arguments as in `fit`."""
    model, obs, scale = prepare(run, law, prior=prior, likelihood=likelihood)
    return draws_of_prior(model, obs, scale, key, _checked(draws))


def _checked(draws: Any) -> int:
    if not isinstance(draws, int) or draws < 1:
        raise InputError(f"draws={draws!r}: give a positive integer.")
    return draws


def draws_of_prior(model: Model, obs: Observations, scale: Scale, key: Any, draws: int) -> dict[str, np.ndarray]:
    """Draws of every parameter of a prepared model from its prior, name -> (draw,), in the run's units."""
    names = sampled_sites(model, obs)

    def one(k: Any) -> dict[str, Any]:
        sites = trace(seed(block(model, hide=["checkpoints"]), k)).get_trace(obs)
        return model.complete({n: sites[n]["value"] for n in names}, obs)

    values = jax.jit(jax.vmap(one))(jax.random.split(as_key(key), draws))
    return {n: scale.from_standard(n, values[n]) for n in SITES if n in values}


def prior_curves(
    run: Run,
    law: LawSpec,
    *,
    key: Any,
    prior: Mapping[str, Any] | None = None,
    likelihood: Likelihood | None = None,
    draws: int = 1000,
    ts: Any = None,
) -> Curves:
    """Curves and replicated measurements of prior draws at `ts` (default: the run's checkpoints), for new prompts."""
    k_prior, k_noise = split(key, 2)
    model, obs, scale = prepare(run, law, prior=prior, likelihood=likelihood)
    flat = draws_of_prior(model, obs, scale, k_prior, _checked(draws))
    return curves(model, obs, scale, flat, run.t if ts is None else ts, k_noise, prompts="new", seen=False)
