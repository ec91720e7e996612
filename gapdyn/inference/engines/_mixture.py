"""A mixture of multivariate Student-t densities: the proposal of importance sampling, and how it adapts."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

NU = 5  # tails heavier than those of any posterior that data have begun to shape
PRIOR = 20.0  # effective draws that the shape of all weighs in the shape of one component


class Mixture(NamedTuple):
    """log_weight (components,), mean (components, size), factor (components, size, size), lower triangular."""

    log_weight: Any
    mean: Any
    factor: Any

    def log_prob(self, x: Any) -> Any:
        """Log density at x (draws, size); -inf where it is none in numbers."""
        size, whiten = x.shape[-1], np.linalg.inv(self.factor)
        # in place: half of the time of these large arrays is that of getting their memory
        e = (whiten.reshape(-1, size) @ x.T).reshape(*self.mean.shape, -1)
        e -= np.einsum("kij,kj->ki", whiten, self.mean)[..., None]
        height, top = self._heights()
        with np.errstate(divide="ignore"):
            log = np.log(height @ _tails(np.einsum("kin,kin->kn", e, e), size)[1])
        norm = math.lgamma((NU + size) / 2) - math.lgamma(NU / 2) - size / 2 * math.log(NU * math.pi)
        return log + (top + norm)

    def _heights(self) -> tuple[Any, float]:
        """What each component has at its mean, (components,), over the highest, and the log of that one."""
        log = self.log_weight - np.sum(np.log(np.einsum("kii->ki", self.factor)), 1)
        top = np.max(log)
        return np.exp(log - top), float(top)

    def sample(self, random: np.random.Generator, count: int) -> Any:
        """(count, size) in random order; each component gets its share, to one draw."""
        which = systematic(np.exp(self.log_weight), count, random)
        e = random.standard_normal((count, self.mean.shape[-1]))
        e *= np.sqrt(NU / random.chisquare(NU, (count, 1)))
        edges = np.searchsorted(which, np.arange(len(self.mean) + 1))
        parts = [m + e[a:b] @ f.T for m, f, a, b in zip(self.mean, self.factor, edges[:-1], edges[1:], strict=True)]
        return random.permutation(np.concatenate(parts))

    def improved(self, moments: Moments, weight: Any, spread: Any) -> Mixture:
        """One step of weighted expectation-maximisation on points; `weight` (draws,) sums to 1.

        `spread` (size, size) is the covariance that a component with few draws falls back to.
        """
        whiten = np.linalg.inv(self.factor)
        base, part = _tails(moments.distances(whiten.transpose(0, 2, 1) @ whiten, self.mean), moments.size)
        part *= self._heights()[0][:, None]
        share = part * (weight / (np.sum(part, 0) + 1e-300))
        pull = share * base * ((NU + moments.size) / NU)
        mean, scatter = moments.scatters(pull)
        held = PRIOR * np.sum(weight**2)  # in units of the sum of all weights
        total = np.sum(share, 1)
        cov = (scatter + held * spread) / (total + held)[:, None, None]
        log_weight = np.log(total + held / len(self.log_weight))
        return Mixture(log_weight - log_sum(log_weight), mean, factor_of(cov))

    def seen_from(self, loc: Any, scale: Any) -> Mixture:
        """That of loc + scale x, `scale` (size, size) lower triangular, where this one is of x."""
        return Mixture(self.log_weight, loc + self.mean @ scale.T, scale @ self.factor)


class Moments:
    """Points (draws, size) with their products, of which distances and covariances are sums. For points of which all
    together have mean 0 and covariance 1: far from 0 the products have no digits left.
    """

    def __init__(self, x: Any):
        self.size = x.shape[1]
        self._rows, self._columns = np.tril_indices(self.size)
        products = x.T[self._rows] * x.T[self._columns]
        self._every = np.concatenate([np.ones((1, len(x))), x.T, products])  # (sums, draws)

    def distances(self, precision: Any, mean: Any) -> Any:
        """Squared, (components, draws), by precisions (components, size, size)."""
        pulled = np.einsum("kij,kj->ki", precision, mean)
        twice = np.where(self._rows == self._columns, 1.0, 2.0) * precision[:, self._rows, self._columns]
        own = np.einsum("ki,ki->k", pulled, mean)[:, None]
        return np.maximum(np.concatenate([own, -2 * pulled, twice], 1) @ self._every, 0.0)

    def scatters(self, weight: Any) -> tuple[Any, Any]:
        """Means (components, size) by weights (components, draws), and sums of squares about them."""
        sums = weight @ self._every.T
        total, first = sums[:, :1], sums[:, 1 : self.size + 1]
        mean = first / (total + 1e-300)
        square = np.empty((len(weight), self.size, self.size))
        square[:, self._rows, self._columns] = square[:, self._columns, self._rows] = sums[:, self.size + 1 :]
        return mean, square - mean[:, :, None] * first[:, None, :]


def _tails(square: Any, size: int) -> tuple[Any, Any]:
    """1 / (1 + square / NU) and its power (NU + size) / 2, by products, in a third of the time of logarithms."""
    base = square / NU
    base += 1
    np.reciprocal(base, out=base)
    whole, odd = divmod(NU + size, 2)
    power = np.sqrt(base) if odd else np.ones_like(base)
    for _ in range(whole):
        power *= base
    return base, power


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
