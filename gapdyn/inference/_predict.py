"""Curves and replicated measurements of posterior (or prior) draws, at any times."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._model import Model, Observations
from ._scale import Scale


@dataclasses.dataclass(frozen=True, eq=False)
class Curves:
    """Draws of both series at times.

    Attributes
    ----------
    ts : (times,), the run's clock.
    u_s, u_v : (draw, times), the law with the common error of these prompts (or of new ones).
    rep_s, rep_v : (draw, times), the same with independent and excess noise: what a measurement would show.
    ok : (draw,), whether the solve succeeded.
    """

    ts: np.ndarray
    u_s: np.ndarray
    u_v: np.ndarray
    rep_s: np.ndarray
    rep_v: np.ndarray
    ok: np.ndarray

    @property
    def gap(self) -> np.ndarray:
        """u_s - u_v, (draw, times)."""
        return self.u_s - self.u_v

    @property
    def rep_gap(self) -> np.ndarray:
        """The gap of the replicated measurements, (draw, times)."""
        return self.rep_s - self.rep_v


@functools.partial(jax.jit, static_argnums=(0, 1))
def _curves(model: Model, prompts: str, values: dict[str, Any], obs: Observations, keys: Any) -> Any:
    def one(v: dict[str, Any], key: Any) -> Any:
        k_offset, k_noise = jax.random.split(key)
        trajectory = model.solve_at(v, obs.ts)
        errors = model.errors(trajectory, v, obs)
        if prompts == "law":
            offset = jnp.zeros(2)
        elif prompts == "new":
            offset = errors.draw_new_offset(k_offset)
        else:
            offset = jnp.stack([v.get("offset_s", jnp.zeros(())), v.get("offset_v", jnp.zeros(()))])
        errors = errors.given(offset)
        return errors.centre(), errors.sample(k_noise), trajectory.ok

    return jax.vmap(one)(values, keys)


def curves(
    model: Model,
    obs: Observations,
    scale: Scale,
    draws: dict[str, Any],
    ts: Any,
    key: Any,
    prompts: str = "same",
) -> Curves:
    """Curves at the run-clock times `ts` for flat draws (draw,) in the run's units.

    `prompts`: "same" carries the common error of the run's own evaluation prompts, "new" draws another, "law" is the
    law itself. Times beyond the data carry the last checkpoint's standard errors and correlation.
    """
    ts = np.asarray(ts, np.float64)
    standard = {k: jnp.asarray(scale.to_standard(k, v), float) for k, v in draws.items()}
    count = len(next(iter(standard.values())))
    at = _observations_at(obs, scale.times(ts))
    mean, rep, ok = _curves(model, prompts, standard, at, jax.random.split(key, count))
    mean, rep = np.asarray(mean, np.float64), np.asarray(rep, np.float64)
    parts = [scale.origin + scale.size * a[:, :, i] for a in (mean, rep) for i in (0, 1)]
    return Curves(ts, *parts, ok=np.asarray(ok))


def _observations_at(obs: Observations, ts: np.ndarray) -> Observations:
    known, se, mask, common = (np.asarray(x) for x in (obs.ts, obs.se, obs.mask, obs.common_se))
    measured = mask.any(0)
    at = np.zeros((2, len(ts), 2))
    for j in np.flatnonzero(measured):  # between checkpoints linear, beyond them as at the nearest one
        at[0, :, j] = np.interp(ts, known[mask[:, j]], se[mask[:, j], j])
        at[1, :, j] = np.interp(ts, known, common[:, j])
    return obs._replace(
        ts=jnp.asarray(ts, float),
        y=jnp.zeros((len(ts), 2)),
        mask=jnp.broadcast_to(jnp.asarray(measured), (len(ts), 2)),
        se=jnp.asarray(at[0], float),
        common_se=jnp.asarray(at[1], float),
        corr=jnp.asarray(np.interp(ts, known, np.asarray(obs.corr)), float),
    )
