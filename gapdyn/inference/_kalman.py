"""Errors of checkpoints about a course that wanders itself: an exact likelihood by a Kalman filter.

The deviation from the mean course (see `dynamics._deviation`) and the two common errors of the evaluation prompts are
the state; both series of a checkpoint are one measurement. Draws of the state given the data are a simulated state plus
the smoothed difference to the data (Durbin and Koopman 2002), which needs no inverse of a covariance that may be
singular.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import constraints

from ..dynamics._deviation import Deviation
from ._likelihood import CheckpointErrors, Weighed
from ._small import root


def strays_as_path(errors: CheckpointErrors, common: bool = True) -> PathErrors:
    """Errors of a run that strays, with what it strays by as the deviation of a path."""
    assert errors.strays is not None
    q = errors.strays[:, None, None] * jnp.eye(2)
    return PathErrors(errors.without_strays(), Deviation(jnp.broadcast_to(jnp.eye(2), q.shape), q), common)


class _Step(NamedTuple):
    """What the backward pass needs of one step of the filter."""

    mean: Any  # (n,), predicted
    cov: Any  # (n, n), predicted
    off: Any  # (2,), what was measured less its prediction
    innovation: Any  # (2,), that over its covariance
    gain: Any  # (2, n), H over the innovation's covariance
    log_norm: Any  # log density of nothing off


class PathErrors(dist.Distribution):
    """Both series of a run whose course wanders, event shape (times, 2): Gaussian.

    Parameters
    ----------
    errors : what checkpoints scatter by about the course; its mean is the mean course.
    deviation : transitions of the course's deviation from it.
    common : whether there are common errors; without them the state is smaller.
    """

    arg_constraints = {}  # noqa: RUF012  (NumPyro's own form)
    support: Any = constraints.real_matrix
    pytree_data_fields = ("errors", "deviation")
    pytree_aux_fields = ("common",)

    def __init__(self, errors: CheckpointErrors, deviation: Deviation, common: bool = True):
        self.errors, self.deviation, self.common = errors, deviation, common
        super().__init__((), errors.event_shape, validate_args=False)

    @property
    def offset(self) -> Any:
        """The common errors, where known."""
        return self.errors.offset

    def given(self, offset: Any) -> PathErrors:
        """The same errors with the common ones known."""
        return PathErrors(self.errors.given(offset), self.deviation, self.common)

    def about(self, path: Any) -> CheckpointErrors:
        """The errors about one path, the deviation (times, 2) being known."""
        return self.errors.about(self.errors.mean_ + path)

    def _start(self) -> tuple[Any, Any]:
        """Mean and covariance of the state at the start: no deviation, the prior of the common errors."""
        n = self.deviation.phi.shape[-1]
        if not self.common:
            return jnp.zeros(n), jnp.zeros((n, n))
        cov = jnp.zeros((n + 2, n + 2)).at[n:, n:].set(self.errors.offset_cov())
        return jnp.zeros(n + 2), cov if self.offset is None else jnp.zeros_like(cov)

    def _transitions(self) -> tuple[Any, Any]:
        """Those of the whole state, (times, n + 2, n + 2) each: common errors stay."""
        if not self.common:
            return self.deviation.phi, self.deviation.q
        pad = [(0, 0), (0, 2), (0, 2)]
        phi, q = (jnp.pad(x, pad) for x in self.deviation)
        return phi + jnp.diag(jnp.pad(jnp.ones(2), (phi.shape[-1] - 2, 0))), q

    def _loadings(self) -> Any:
        """Measurement of the state, (times, 2, n + 2); rows of 0 where nothing was measured."""
        n, mask = self.deviation.phi.shape[-1], self.errors.mask_[:, :, None]
        h = jnp.broadcast_to(jnp.eye(2, n), (*mask.shape[:2], n))
        if self.common:
            h = jnp.concatenate([h, self.errors.common()[:, :, None] * jnp.eye(2)], -1)
        return jnp.where(mask, h, 0.0)

    def _filter(self, residual: Any) -> tuple[_Step, Any, Any, Any]:
        phi, q = self._transitions()
        h, r = self._loadings(), self.errors.noise_cov()
        counts = jnp.sum(self.errors.mask_, -1)

        def step(carry: tuple[Any, Any], x: Any) -> tuple[tuple[Any, Any], _Step]:
            phi, q, h, r, y, count = x
            mean, cov = phi @ carry[0], phi @ carry[1] @ phi.T + q
            s = h @ cov @ h.T + r
            det = s[0, 0] * s[1, 1] - s[0, 1] * s[1, 0]
            inverse = jnp.stack([s[1, 1], -s[0, 1], -s[1, 0], s[0, 0]]).reshape(2, 2) / det
            v = y - h @ mean
            u, gain = inverse @ v, inverse @ h
            log_norm = -0.5 * (jnp.log(det) + count * math.log(2 * math.pi))
            after = cov - cov @ h.T @ gain @ cov
            return (mean + cov @ h.T @ u, 0.5 * (after + after.T)), _Step(mean, cov, v, u, gain, log_norm)

        _, steps = jax.lax.scan(step, self._start(), (phi, q, h, r, residual, counts))
        return steps, phi, q, h

    def _residual(self, value: Any) -> Any:
        return jnp.where(self.errors.mask_, value - self.errors.centre(), 0.0)

    def checkpoint_log_prob(self, value: Any) -> Any:
        """log p of each checkpoint given the earlier ones, (times,)."""
        steps = self._filter(self._residual(value))[0]
        return steps.log_norm - 0.5 * jnp.sum(steps.off * steps.innovation, -1)

    def log_prob(self, value: Any) -> Any:
        return jnp.sum(self.checkpoint_log_prob(value))

    def ahead(self, value: Any) -> tuple[Any, Any]:
        """Mean (times, 2) and covariance (times, 2, 2) of the deviation at each time given the data before it."""
        steps = self._filter(self._residual(value))[0]
        return steps.mean[:, :2], steps.cov[:, :2, :2]

    def weighed(self, rows: Any) -> Weighed:
        """Rows (n, times, 2) of residuals, the common errors unknown."""
        # vmap knows that the covariances are those of one row
        steps = jax.vmap(lambda row: self._filter(row)[0])(jnp.where(self.errors.mask_, rows, 0.0))
        return Weighed(steps.off, steps.innovation, jnp.sum(steps.log_norm[0]))

    def _simulate(self, key: Any) -> tuple[Any, Any]:
        """A state at all times, (times, n + 2), and measurements of it, (times, 2)."""
        k_state, k_start, k_noise = jax.random.split(key, 3)
        phi, q = self._transitions()
        mean, cov = self._start()
        begin = mean + root(cov) @ jax.random.normal(k_start, mean.shape, mean.dtype)
        moves = jnp.einsum("tij,tj->ti", jax.vmap(root)(q), jax.random.normal(k_state, q.shape[:2], q.dtype))

        def step(x: Any, move: Any) -> tuple[Any, Any]:
            x = move[0] @ x + move[1]
            return x, x

        _, states = jax.lax.scan(step, begin, (phi, moves))
        noise = jax.vmap(root)(self.errors.noise_cov())
        e = jax.random.normal(k_noise, self.event_shape, states.dtype)
        measured = jnp.einsum("tij,tj->ti", self._loadings(), states) + jnp.einsum("tij,tj->ti", noise, e)
        return states, jnp.where(self.errors.mask_, measured, 0.0)

    def draw_states(self, key: Any, value: Any) -> Any:
        """One draw of the state at all times given the data, (times, n + 2)."""
        states, measured = self._simulate(key)
        steps, phi, _, h = self._filter(self._residual(value) - measured)

        def back(later: Any, x: Any) -> tuple[Any, Any]:
            step, phi_next, h = x
            carried = phi_next.T @ later  # phi to the next time
            here = h.T @ step.innovation + carried - step.gain.T @ (h @ (step.cov @ carried))
            return here, step.mean + step.cov @ here

        following = jnp.concatenate([phi[1:], jnp.zeros_like(phi[:1])])
        _, smooth = jax.lax.scan(back, jnp.zeros(phi.shape[-1], phi.dtype), (steps, following, h), reverse=True)
        return states + smooth

    def draw_new_path(self, key: Any) -> Any:
        """One deviation of another run, (times, 2)."""
        return self._simulate(key)[0][:, :2]

    def draw_path(self, key: Any, value: Any) -> Any:
        """One draw of the deviation given the data (and the common errors, where known), (times, 2)."""
        return self.draw_states(key, value)[:, :2]

    def offset_from(self, key: Any, value: Any) -> Any:
        """One draw (2,) of the common errors given the data, from a key: the course is drawn with them."""
        return self.draw_states(key, value)[-1, -2:] if self.common else jnp.zeros(2)

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> Any:
        """Replicated series of a new path."""
        if sample_shape:
            count = math.prod(sample_shape)
            return jax.vmap(self.sample)(jax.random.split(key, count)).reshape(*sample_shape, *self.event_shape)
        k_path, k_errors = jax.random.split(key)
        return self.about(self.draw_new_path(k_path)).sample(k_errors)
