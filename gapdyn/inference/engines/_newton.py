"""Newton's method with a trust in the curvature that it earns: modes of a log density from several starts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

STEPS = 100
DECREMENT = 1e-6  # of the log density that another step would gain: far below what any draw can tell
LOOSEST = 0.05  # least curvature: beyond it a direction is as wide as a default prior


class Mode(NamedTuple):
    """A maximum: x (size,), its log density, the Hessian's eigenvalues and vectors (of minus it), and convergence."""

    x: Any
    log_density: Any
    curvature: Any
    vectors: Any
    converged: Any

    @property
    def covariance(self) -> Any:
        """The Laplace approximation's covariance, (..., size, size); flat or bent-up directions get `LOOSEST`."""
        scaled = self.vectors / jnp.maximum(self.curvature, LOOSEST)[..., None, :]
        return scaled @ jnp.swapaxes(self.vectors, -1, -2)

    @property
    def log_evidence(self) -> Any:
        """The Laplace approximation's log normalising constant, up to a constant."""
        return self.log_density - 0.5 * jnp.sum(jnp.log(jnp.maximum(self.curvature, LOOSEST)), -1)


class _State(NamedTuple):
    here: Mode
    slope: Any
    move: Any
    damping: Any
    count: Any


def climb(log_density: Callable[[Any], Any], start: Any) -> Mode:
    """The maximum uphill of `start` (size,)."""
    size = start.shape[0]
    value_and_slope = jax.value_and_grad(log_density)

    def everything(x: Any) -> tuple[Any, Any, Any]:
        """Value, gradient and Hessian, with the density written out only once (its compilation is what takes time)."""
        slope, push, value = jax.linearize(lambda x: value_and_slope(x)[::-1], x, has_aux=True)
        return value, slope, jax.vmap(push)(jnp.eye(size, dtype=x.dtype))

    def step(state: _State) -> _State:
        here, slope, move, damping, count = state
        there = here.x + move
        value, new_slope, hessian = everything(there)
        curvature, vectors = jnp.linalg.eigh(-hessian)
        better = (value >= here.log_density) & jnp.all(jnp.isfinite(new_slope))
        gain = slope @ move
        # a lost step says that the curvature holds in a smaller neighbourhood only
        damping = jnp.where(better, damping / 10, jnp.maximum(damping, 1e-3) * 10)
        done = (better & (gain < DECREMENT) & (count > 0)) | (damping > 1e12)
        new = Mode(there, value, curvature, vectors, done)
        here = jax.tree.map(lambda a, b: jnp.where(better, a, b), new, here._replace(converged=done))
        slope = jnp.where(better, new_slope, slope)
        move = here.vectors @ ((here.vectors.T @ slope) / (jnp.abs(here.curvature) + damping))
        return _State(here, slope, move, damping, count + 1)

    none = jnp.zeros(size, start.dtype)
    lost = Mode(start, jnp.asarray(-jnp.inf, start.dtype), none + 1, jnp.eye(size, dtype=start.dtype), False)
    first = _State(lost, none, none, jnp.ones((), start.dtype), 0)
    found = jax.lax.while_loop(lambda s: (s.count < STEPS) & ~s.here.converged, step, first).here
    return found._replace(converged=found.converged & jnp.isfinite(found.log_density))
