"""Adaptive importance sampling of many runs at once: where single runs take it step by step, here every step is one
compiled program for a block of runs.

The points of all runs come from one set of low-discrepancy numbers, which each run's proposal moves to where its
posterior is. As in `inference.engines`, no point is lost: its weight has the mean of all proposals below the line.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import gammaincinv, ndtri
from scipy.stats import qmc

from ..inference._small import lower_inverse, lower_root
from ..inference.engines._mixture import NU

STEPS = 8
REACH, LEAST_REACH = 0.02, 1e-6  # of the stencil, in widths of the density
LOOSEST = 0.05  # least curvature: beyond it a direction is as wide as a default prior
DAMPINGS = (0.0, 0.3, 10.0, 300.0, 1e4)  # tried side by side
WIDTH = 1.5  # sd of the wide density: more than a default prior's in most coordinates
NARROW, BROAD = 1.4, 9.0  # times the covariance at the mode
KEPT = 1.25  # times the covariance of the weighted points


class Mixture(NamedTuple):
    """Student-t proposals of one run: shares (k,), means (k, size), roots (k, size, size), lower triangular."""

    share: Any
    mean: Any
    root: Any


class Points(NamedTuple):
    """x (n, size); log densities of target and of all proposals together (n,)."""

    x: Any
    log_target: Any
    log_proposal: Any


def base(count: int, size: int, extra: int, seed: np.random.SeedSequence) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Low-discrepancy standard normal numbers (count, size) and (count, extra), and t's stretch (count,)."""
    sobol = qmc.Sobol(size + extra + 1, rng=np.random.default_rng(seed))
    u = np.clip(sobol.random_base2(math.ceil(math.log2(count)))[:count], 1e-12, 1 - 1e-12)
    z = ndtri(u[:, 1:])
    return z[:, :size], z[:, size:], np.sqrt(NU / (2 * gammaincinv(NU / 2, u[:, 0])))


def climbed(value: Any, starts: Any) -> tuple[Any, Any]:
    """A mode (size,) and a root (size, size) of the covariance there, uphill of `starts` (n, size)."""
    size = starts.shape[1]
    values = jax.vmap(lambda x: finite(value(tuple(x[i] for i in range(size)))))
    begin = Climb.at(jnp.full(size, 1e-3))
    ends = jax.vmap(lambda x: newton(values, begin._replace(x=x), STEPS))(starts)
    k = jnp.argmax(ends.top)
    return ends.x[k], spread(-ends.hessian[k])


class Climb(NamedTuple):
    """Where Newton's method is: x (size,), reach (size,) of its stencil, the value at x, and the curvature (size, size)
    of one step before, nothing to a proposal.
    """

    x: Any
    reach: Any
    top: Any
    hessian: Any

    @classmethod
    def at(cls, reach: Any) -> Climb:
        """About to begin."""
        size = len(reach)
        return cls(jnp.zeros(size), reach, jnp.zeros(()), jnp.zeros((size, size)))


def newton(values: Any, start: Climb, steps: int, dampings: tuple[float, ...] = DAMPINGS) -> Climb:
    """Newton's method on `values`, (n, size) -> (n,), alone: slopes and curvatures by central differences, as in
    `engines._newton`.
    """
    size = len(start.x)
    one = np.eye(size)
    i, j = np.triu_indices(size, 1)
    stencil = np.concatenate([0 * one[:1], one, -one, one[i] + one[j], -one[i] - one[j]])

    def derivatives(x: Any, reach: Any) -> tuple[Any, Any, Any]:
        top, up, down, both, neither = jnp.split(values(x + stencil * reach), np.cumsum([1, size, size, len(i)]))
        bend = up + down - 2 * top
        cross = (both + neither - 2 * top - bend[i] - bend[j]) / (2 * reach[i] * reach[j])
        hessian = jnp.zeros((size, size)).at[i, j].set(cross)
        return top[0], (up - down) / (2 * reach), hessian + hessian.T + jnp.diag(bend / reach**2)

    def step(_: Any, at: Climb) -> Climb:
        top, slope, hessian = derivatives(at.x, at.reach)
        steep = jnp.maximum(jnp.abs(jnp.diagonal(hessian)), LOOSEST)
        moved = jnp.stack([at.x + _solved(-hessian + d * jnp.diag(steep), slope) for d in dampings])
        moved = jnp.where(jnp.isfinite(moved), moved, at.x)
        there = values(moved)
        k = jnp.argmax(there)
        better = there[k] > top
        reach = jnp.clip(REACH / jnp.sqrt(steep), LEAST_REACH, None)
        return Climb(jnp.where(better, moved[k], at.x), reach, jnp.where(better, there[k], top), hessian)

    return jax.lax.fori_loop(0, steps, step, start)


def finite(x: Any) -> Any:
    """Log densities, far below all others where they are no numbers."""
    return jnp.where(jnp.isfinite(x), x, -1e300)


def _entries(a: Any) -> dict[tuple[int, int], Any]:
    return {(i, j): a[i, j] for i in range(a.shape[0]) for j in range(i + 1)}


def _dense(entries: dict[tuple[int, int], Any], size: int) -> Any:
    return jnp.stack(
        [jnp.stack([entries[i, j] if j <= i else jnp.zeros(()) for j in range(size)]) for i in range(size)]
    )


def _solved(a: Any, b: Any) -> Any:
    """a^-1 b for a positive definite a; not finite for others."""
    size = len(b)
    inverse = lower_inverse(lower_root(_entries(a), size), size)
    white = [sum(inverse[i, j] * b[j] for j in range(i + 1)) for i in range(size)]
    return jnp.stack([sum(inverse[i, j] * white[i] for i in range(j, size)) for j in range(size)])


def spread(curvature: Any) -> Any:
    """A root of the inverse of a curvature; of its diagonal where it bends up in some direction."""
    size = curvature.shape[0]
    diagonal = jnp.maximum(jnp.abs(jnp.diagonal(curvature)), LOOSEST)
    whole = curvature + LOOSEST * jnp.eye(size)
    covariance = jnp.stack([_solved(whole, e) for e in jnp.eye(size)])
    good = jnp.all(jnp.isfinite(covariance)) & jnp.all(jnp.diagonal(covariance) * diagonal < 1e3)
    return rooted(jnp.where(good, covariance, jnp.diag(1 / diagonal)))


def rooted(covariance: Any) -> Any:
    """A lower triangular root of a covariance, of a nearly singular one too."""
    size = covariance.shape[0]
    scale = jnp.sqrt(jnp.diagonal(covariance)) + 1e-12
    even = covariance / scale[:, None] / scale + 1e-8 * jnp.eye(size)
    return scale[:, None] * _dense(lower_root(_entries(even), size), size)


def proposed(mixture: Mixture, z: Any, stretch: Any) -> Any:
    """Points (n, size) of a mixture from normal numbers (n, size): each component has its share of them."""
    place = (jnp.arange(z.shape[0]) + 0.5) / z.shape[0]
    which = jnp.sum(place[:, None] > jnp.cumsum(mixture.share)[:-1], 1)
    chosen = which[:, None] == jnp.arange(len(mixture.share))
    mean = jnp.sum(jnp.where(chosen[:, :, None], mixture.mean, 0.0), 1)
    root = jnp.sum(jnp.where(chosen[:, :, None, None], mixture.root, 0.0), 1)
    return mean + stretch[:, None] * jnp.sum(root * z[:, None, :], -1)


def parts(mixture: Mixture, x: Any) -> tuple[Any, Any]:
    """log of share times density (k, n), and squared distances (k, n)."""
    size = x.shape[1]

    def one(share: Any, mean: Any, root: Any) -> tuple[Any, Any]:
        inverse = lower_inverse(_entries(root), size)
        apart = [x[:, i] - mean[i] for i in range(size)]
        square = sum(sum(inverse[i, j] * apart[j] for j in range(i + 1)) ** 2 for i in range(size))
        log_det = sum(jnp.log(root[i, i]) for i in range(size))
        return jnp.log(share) + log_t(square, log_det, size), square

    return jax.vmap(one)(*mixture)


def log_t(square: Any, log_det: Any, size: int) -> Any:
    """Log density of Student's t at squared distances, given the log determinant of the root."""
    norm = math.lgamma((NU + size) / 2) - math.lgamma(NU / 2) - size / 2 * math.log(NU * math.pi)
    return norm - log_det - 0.5 * (NU + size) * jnp.log1p(square / NU)


def log_density(mixture: Mixture, x: Any) -> Any:
    """Log density of a mixture at x (n, size)."""
    return jax.nn.logsumexp(parts(mixture, x)[0], 0)


def weighted_moments(x: Any, log_weight: Any, cap: float) -> tuple[Any, Any]:
    """Mean and covariance of points whose weights are cut at `cap` times their mean."""
    weight = jax.nn.softmax(log_weight)
    weight = jnp.minimum(weight, cap / x.shape[0])
    weight = weight / jnp.sum(weight)
    mean = weight @ x
    apart = x - mean
    return mean, (weight[:, None] * apart).T @ apart
