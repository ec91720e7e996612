"""A mixture of multivariate Student-t densities: the proposal of importance sampling, and how it adapts."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

NU = 5.0  # tails heavier than those of any posterior that data have begun to shape
PRIOR = 20.0  # effective draws that the shape of all weighs in the shape of one component


class Mixture(NamedTuple):
    """log_weight (components,), mean (components, size), factor (components, size, size), lower triangular."""

    log_weight: Any
    mean: Any
    factor: Any

    def _parts(self, x: Any) -> tuple[Any, Any]:
        """log of weight times density (components, draws), and squared distances."""
        size, whiten = x.shape[-1], np.linalg.inv(self.factor)
        # in place: half of the time of these large arrays is that of getting their memory
        e = (whiten.reshape(-1, size) @ x.T).reshape(*self.mean.shape, -1)
        e -= np.einsum("kij,kj->ki", whiten, self.mean)[..., None]
        square = np.einsum("kin,kin->kn", e, e)
        log_det = np.sum(np.log(np.einsum("kii->ki", self.factor)), 1)
        norm = math.lgamma((NU + size) / 2) - math.lgamma(NU / 2) - size / 2 * np.log(NU * np.pi)
        log_part = square / NU
        np.log1p(log_part, out=log_part)
        log_part *= -(NU + size) / 2
        log_part += (self.log_weight - log_det + norm)[:, None]
        return log_part, square

    def log_prob(self, x: Any) -> Any:
        """Log density at x (draws, size)."""
        return log_sum(self._parts(x)[0])

    def sample(self, random: np.random.Generator, count: int) -> Any:
        """(count, size) in random order; each component gets its share, to one draw."""
        which = systematic(np.exp(self.log_weight), count, random)
        e = random.standard_normal((count, self.mean.shape[-1]))
        e *= np.sqrt(NU / random.chisquare(NU, (count, 1)))
        edges = np.searchsorted(which, np.arange(len(self.mean) + 1))
        parts = [m + e[a:b] @ f.T for m, f, a, b in zip(self.mean, self.factor, edges[:-1], edges[1:], strict=True)]
        return random.permutation(np.concatenate(parts))

    def improved(self, x: Any, weight: Any, spread: Any) -> Mixture:
        """One step of weighted expectation-maximisation on x (draws, size); `weight` sums to 1.

        `spread` (size, size) is the covariance that a component with few draws falls back to.
        """
        log_part, square = self._parts(x)
        share = np.exp(log_part - log_sum(log_part)) * weight
        pull = share * (NU + x.shape[-1]) / (NU + square)
        mean = pull @ x / (np.sum(pull, 1)[:, None] + 1e-300)
        scatter = np.stack([(p[:, None] * (x - m)).T @ (x - m) for p, m in zip(pull, mean, strict=True)])
        held = PRIOR * np.sum(weight**2)  # in units of the sum of all weights
        total = np.sum(share, 1)
        cov = (scatter + held * spread) / (total + held)[:, None, None]
        log_weight = np.log(total + held / len(self.log_weight))
        return Mixture(log_weight - log_sum(log_weight), mean, factor_of(cov))


def joined(one: Mixture, other: Mixture) -> Mixture:
    """Half of either."""
    whole = Mixture(*(np.concatenate(parts) for parts in zip(one, other, strict=True)))
    return whole._replace(log_weight=whole.log_weight - np.log(2))


def log_sum(x: Any) -> Any:
    """log of the sum of exp(x) over the first axis, where that holds finite numbers: SciPy's takes twice as long."""
    top = np.max(x, 0)
    return np.log(np.sum(np.exp(x - top), 0)) + top


def systematic(weight: Any, count: int, random: np.random.Generator) -> Any:
    """Indices (count,), rising: each as often as its weight says, to one; `weight` sums to 1."""
    place = (np.arange(count) + random.uniform()) / count
    return np.searchsorted(np.cumsum(weight)[:-1], place)


def factor_of(cov: Any) -> Any:
    """Cholesky factor of covariances (..., size, size), of nearly singular ones too."""
    scale = np.sqrt(np.diagonal(cov, axis1=-2, axis2=-1)) + 1e-12
    corr = cov / scale[..., None] / scale[..., None, :]
    return scale[..., None] * np.linalg.cholesky(corr + 1e-8 * np.eye(cov.shape[-1]))
