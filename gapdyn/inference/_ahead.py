"""What a fit of a run's beginning says of the checkpoints that came later, and how likely it held what they showed."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._compile import quick_jit
from .._random import as_seed, generator
from ..data import Run
from ..dynamics._solve import Route
from ._kalman import PathErrors, strays_as_path
from ._model import SERIES, Model, Observations, in_standard_units, known_offset
from ._predict import observed_and_asked
from ._result import Fit
from ._small import inverse_2x2, root


@dataclasses.dataclass(frozen=True, eq=False)
class Ahead:
    """Draws of a fit at later checkpoints, and the log densities of what was measured there.

    Attributes
    ----------
    ts : (times,), the later checkpoints.
    y : (times, 2), u_s and u_v measured there; NaN where not.
    rep : (draw, times, 2), what a measurement would show, each time by itself.
    log_lik : (draw, times), log density of a checkpoint given the draw and the data that were fitted.
    log_lik_next : (draw, times), given the later checkpoints before it, too: what reweights the draws to a longer run.
    log_lik_seen : (draw,), of the checkpoints that were not fitted and are known: log weights of the draws.
    """

    ts: np.ndarray
    y: np.ndarray
    rep: np.ndarray
    log_lik: np.ndarray
    log_lik_next: np.ndarray
    log_lik_seen: np.ndarray


@quick_jit(static_argnums=(0, 1), keep=True, seldom=True)
def _ahead(model: Model, route: Route, values: dict[str, Any], grid: Observations, later: Any, e: Any) -> Any:
    """`grid` has the data of the fitted checkpoints alone; `later` = y, what was measured and what is asked for
    (times, 2), of all checkpoints.
    """
    y, measured, asked = later

    def one(v: dict[str, Any], e: Any) -> Any:
        trajectory = model.solve_at(v, grid.ts, grid, route)
        course = jnp.stack([trajectory.u_s, trajectory.u_v], -1)
        own = known_offset(v)
        errors = model.errors(course, v, grid._replace(mask=measured)).given(own)
        whole = model.errors_about(course, v, grid._replace(mask=asked)).given(own)
        following = errors.checkpoint_log_prob(y)
        if not isinstance(errors, PathErrors) and errors.strays is None:
            return whole.measured_from(e[:, :2], e[:, 2]), following, following
        seen = model.errors(course, v, grid)
        path = seen if isinstance(seen, PathErrors) else strays_as_path(seen, model.has_common_errors)
        mean, cov = path.given(own).ahead(grid.y)
        fresh = whole if model.wanders else whole.without_strays()  # what the path does not carry
        centre, cov = whole.centre() + mean, cov + fresh.noise_cov()
        rep = centre + jnp.einsum("tij,tj->ti", jax.vmap(root)(cov), e[:, :2])
        return rep, _log_normal(y - centre, cov, measured), following

    return jax.vmap(one)(values, e)


def _log_normal(r: Any, cov: Any, measured: Any) -> Any:
    """Log densities (times,) of residuals (times, 2) with covariances (times, 2, 2), of what was measured."""
    both = measured[:, :, None] & measured[:, None, :]
    inverse, det = jax.vmap(inverse_2x2)(jnp.where(both, cov, jnp.eye(2)))
    r = jnp.where(measured, r, 0.0)
    square = jnp.einsum("ti,tij,tj->t", r, inverse, r)
    return -0.5 * (square + jnp.log(det) + jnp.sum(measured, -1) * math.log(2 * math.pi))


def ahead(fit: Fit, run: Run, *, seen: int | None = None, key: Any = 0, draws: int | None = None) -> Ahead:
    """What `fit`, of the first checkpoints of `run`, says of its later ones.

    Parameters
    ----------
    seen : checkpoints that are known; None: those that were fitted. With more, the draws are those of the fit still and
        are to be weighted by `Ahead.log_lik_seen`.
    draws : use this many draws, evenly thinned; None is all.

    Standard errors of the later checkpoints count as those of the last one that was fitted.
    """
    scale, model = fit.scale, fit.model
    fitted = len(fit.data)
    after = fitted if seen is None else seen
    ts = run.t[fitted:]
    standard = in_standard_units(scale, fit.thinned(draws))
    total = len(next(iter(standard.values())))
    grid, places = observed_and_asked(fit.observations.unpadded(), scale.times(ts))
    known = np.asarray([s in fit.data.measured for s in SERIES])  # a series that the fit knows nothing of: not judged
    values = np.stack([getattr(run, s)[fitted:] for s in SERIES], -1)
    values[:, ~known] = np.nan
    y, measured, asked = (np.array(x) for x in (grid.y, grid.mask, grid.mask))
    y[places] = np.nan_to_num((values - scale.origin) / scale.size)
    measured[places], asked[places] = np.isfinite(values), known
    between = places[: after - fitted]
    grid.mask[between], grid.y[between] = measured[between], y[between]
    e = _chance(standard.get("nu"), (total, len(grid.ts)), key)
    route = model.plan(grid.ts, grid)
    device = jax.tree.map(jnp.asarray, (grid, (y, measured, asked), e))
    rep, log_lik, following = (np.asarray(x, np.float64)[:, places] for x in _ahead(model, route, standard, *device))
    jacobian = np.sum(np.isfinite(values), -1) * np.log(scale.size)
    rep, log_lik, following = scale.origin + scale.size * rep, log_lik - jacobian, following - jacobian
    new = slice(after - fitted, None)
    weight = np.sum(following[:, : after - fitted], 1)
    return Ahead(ts[new], values[new], rep[:, new], log_lik[:, new], following[:, new], weight)


def _chance(nu: Any, shape: tuple[int, int], key: Any) -> np.ndarray:
    """Two normal numbers and, with `nu`, a chi-squared one for each draw and time."""
    random = generator(as_seed(key))
    e = random.standard_normal((*shape, 3))
    if nu is not None:
        e[:, :, 2] = random.chisquare(np.asarray(nu)[:, None], shape)
    return np.asarray(e, jnp.result_type(float))
