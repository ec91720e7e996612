"""Curves and replicated measurements of posterior (or prior) draws, at any times."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._check import choose
from .._compile import quick_jit
from .._random import as_key, generator, split
from ..dynamics._solve import Route
from ._kalman import PathErrors, strays_as_path
from ._model import Model, Observations, in_standard_units, known_offset
from ._padding import padded
from ._scale import Scale


@dataclasses.dataclass(frozen=True, eq=False)
class Curves:
    """Draws of both series at times.

    Attributes
    ----------
    ts : (times,), the run's clock.
    u_s, u_v : (draw, times), the law with the common error of these prompts (or of new ones).
    run_s, run_v : (draw, times), the same with what a run strays from its law: where the run itself is.
    rep_s, rep_v : (draw, times), the same with independent and excess noise: what a measurement would show.
    ok : (draw,), whether the solve succeeded.
    """

    ts: np.ndarray
    u_s: np.ndarray
    u_v: np.ndarray
    run_s: np.ndarray
    run_v: np.ndarray
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


class _Path(NamedTuple):
    """What process noise, or excess noise with memory, is drawn from: the data, on a grid that has the asked times."""

    obs: Observations  # at the checkpoints and at the asked times; the latter have no data
    places: Any  # (times,), where the asked times are


class _Chance(NamedTuple):
    """Random numbers of each draw. NumPy makes them: a random generator inside would take longest to compile."""

    offset: Any  # (draw, 2), normal
    noise: Any  # (draw, times, 2), normal
    chi2: Any  # (draw, times), for Student-t errors
    path: Any  # (draw,), keys of the process noise, where the law has it

    @classmethod
    def of(cls, key: Any, draws: int, times: int, nu: Any, wanders: bool) -> _Chance:
        k_path, k_rest = split(key, 2)
        random = generator(k_rest)
        return cls(
            random.standard_normal((draws, 2)),
            random.standard_normal((draws, times, 2)),
            None if nu is None else random.chisquare(np.asarray(nu)[:, None], (draws, times)),
            jax.random.split(as_key(k_path), draws) if wanders else None,
        )


# (share of the run's own common error, share of another): which prompts the curves are measured on
_PROMPTS = {"same": (1.0, 0.0), "new": (0.0, 1.0), "law": (0.0, 0.0)}


@quick_jit(static_argnums=(0, 1), keep=True, seldom=True)
def _curves(
    model: Model, route: Route, values: dict[str, Any], obs: Observations, prompts: Any, path: _Path | None, chance: Any
) -> Any:
    def one(v: dict[str, Any], chance: _Chance) -> Any:
        own = known_offset(v)
        grid = obs if path is None else path.obs
        trajectory = model.solve_at(v, grid.ts, grid, route)
        course = jnp.stack([trajectory.u_s, trajectory.u_v], -1)
        carried = jnp.zeros((len(obs.ts), 2))
        if path is not None:
            whole = model.errors(course, v, grid)
            whole = whole if isinstance(whole, PathErrors) else strays_as_path(whole, model.has_common_errors)
            carried = whole.given(own).draw_path(chance.path, grid.y)[path.places]
            course = course[path.places]
        if model.wanders:  # the deviation is the course's own; else it is noise about it
            course, carried = course + carried, 0 * carried
        errors = model.errors_about(course, v, obs)
        errors = errors.given(prompts[0] * own + prompts[1] * errors.new_offset_from(chance.offset))
        centre = errors.centre()
        if path is not None and not model.wanders:
            errors = errors.without_strays()
        return centre, centre + carried, carried + errors.measured_from(chance.noise, chance.chi2), trajectory.ok

    return jax.vmap(one)(values, chance)


def curves(
    model: Model,
    obs: Observations,
    scale: Scale,
    draws: dict[str, Any],
    ts: Any,
    key: Any,
    prompts: str = "same",
    seen: bool = True,
    anew: bool = False,
) -> Curves:
    """Curves at the run-clock times `ts` for flat draws (draw,) in the run's units.

    `prompts`: "same" carries the common error of the run's own evaluation prompts, "new" draws another, "law" is the
    law itself. Times beyond the data carry the last checkpoint's standard errors and correlation. A course with process
    noise is one that the data allow, or with `seen` False any. A run that strays goes on from the data; with `anew`, or
    `seen` False, it is another that does.
    """
    choose(prompts, _PROMPTS, "value of prompts")
    ts = np.asarray(ts, np.float64)
    standard = in_standard_units(scale, draws)
    count = len(next(iter(standard.values())))
    obs = obs.unpadded()
    at = _observations_at(obs, padded(scale.times(ts), scale.times(ts[-1])))
    strays = "stray" in model.noise_sites and seen and not anew
    path = _Path(*observed_and_asked(obs, at.ts, seen)) if model.wanders or strays else None
    route = model.plan(at.ts if path is None else path.obs.ts, at)
    chance = _Chance.of(key, count, len(at.ts), standard.get("nu"), path is not None)
    shares = jnp.asarray(_PROMPTS[prompts], float)
    *found, ok = _curves(model, route, standard, at, shares, path, jax.tree.map(jnp.asarray, chance))
    arrays = (np.asarray(x, np.float64)[:, : len(ts)] for x in found)
    parts = [scale.origin + scale.size * a[:, :, i] for a in arrays for i in (0, 1)]
    return Curves(ts, *parts, ok=np.asarray(ok))


def observed_and_asked(obs: Observations, ts: np.ndarray, seen: bool = True) -> tuple[Observations, np.ndarray]:
    """Unpadded observations with the asked times among theirs, without data (all, unless `seen`), and their places."""
    grid = np.union1d(obs.ts, ts)
    grid = padded(grid, grid[-1])
    y, mask = np.zeros((len(grid), 2)), np.zeros((len(grid), 2), bool)
    there = np.searchsorted(grid, obs.ts)
    y[there], mask[there] = obs.y, obs.mask & seen
    at = _observations_at(obs, grid)
    at.se[there] = obs.se  # a checkpoint's own errors, not those interpolated across values that were not measured
    return at._replace(y=_floats(y), mask=mask), np.searchsorted(grid, ts)


def _observations_at(obs: Observations, ts: np.ndarray) -> Observations:
    """Observations without data at `ts`, NumPy, from unpadded ones."""
    known, measured = obs.ts, obs.mask.any(0)
    at = np.zeros((2, len(ts), 2))
    for j in np.flatnonzero(measured):  # between checkpoints linear, beyond them as at the nearest one
        at[0, :, j] = np.interp(ts, known[obs.mask[:, j]], obs.se[obs.mask[:, j], j])
        at[1, :, j] = np.interp(ts, known, obs.common_se[:, j])
    return obs._replace(
        real=np.ones(len(ts), bool),
        ts=_floats(ts),
        y=_floats(np.zeros((len(ts), 2))),
        mask=np.tile(measured, (len(ts), 1)),
        se=_floats(at[0]),
        common_se=_floats(at[1]),
        corr=_floats(np.interp(ts, known, obs.corr)),
    )


def _floats(x: Any) -> np.ndarray:
    return np.array(x, jnp.result_type(float))
