"""What a fit's draws say of each checkpoint from all the others, the earlier and the later ones."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._compile import quick_jit
from ._model import SERIES, Model, Observations, in_standard_units, known_offset
from ._result import Fit
from ._small import inverse_2x2


@quick_jit(static_argnums=(0,), keep=True, seldom=True)
def _left_out(model: Model, values: dict[str, Any], obs: Observations) -> Any:
    times = obs.ts.shape[0]

    def one(v: dict[str, Any]) -> Any:
        trajectory = model.solve_at(v, obs.ts, obs, model.route)
        course = jnp.stack([trajectory.u_s, trajectory.u_v], -1)
        errors = model.errors(course, v, obs)
        if model.likelihood.noise != "gaussian":  # given the common errors, checkpoints know nothing of each other
            own = known_offset(v)
            return errors.given(own).checkpoint_log_prob(obs.y)
        # the precision of all measurements, common errors integrated out: its blocks hold what each one has of its own
        unit = jnp.eye(2 * times).reshape(2 * times, times, 2)
        precision = errors.weighed(unit).gram()
        residual = jnp.where(obs.mask, obs.y - course, 0.0)
        pull = (precision @ residual.reshape(-1)).reshape(times, 2)
        blocks = precision.reshape(times, 2, times, 2)[jnp.arange(times), :, jnp.arange(times), :]
        blocks = blocks + jnp.where(obs.mask, 0.0, 1.0)[:, :, None] * jnp.eye(2)
        inverse, det = jax.vmap(inverse_2x2)(blocks)
        square = jnp.einsum("ti,tij,tj->t", pull, inverse, pull)
        return 0.5 * (jnp.log(det) - square - jnp.sum(obs.mask, -1) * math.log(2 * math.pi))

    return jax.lax.map(one, values, batch_size=50)  # a precision of every draw at once would be large


def leave_one_out(fit: Fit) -> np.ndarray:
    """log p(checkpoint | the other checkpoints, draw), (draw, obs), in the run's units; NaN where nothing is measured.

    With Gaussian errors common errors are integrated out, and noise with memory and process noise are conditioned on
    both neighbours: for a precision Q of all measurements and residuals r a checkpoint has covariance Q_ii^-1 and is
    off by Q_ii^-1 (Q r)_i (Bürkner, Gabry, Vehtari 2021).
    """
    model, scale = fit.model, fit.scale
    standard = in_standard_units(scale, fit.flat)
    found = np.asarray(_left_out(model, standard, fit.observations), np.float64)[:, np.asarray(fit.observations.real)]
    seen = np.stack([np.isfinite(getattr(fit.data, s)) for s in SERIES]).sum(0)
    return np.where(seen > 0, found - seen * np.log(scale.size), np.nan)
