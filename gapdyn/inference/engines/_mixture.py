"""A mixture of multivariate Student-t densities: the proposal of importance sampling, and how it adapts."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from jax.scipy.special import gammaln, logsumexp

NU = 5.0  # tails heavier than those of any posterior that data have begun to shape
PRIOR = 20.0  # effective draws that the shape of all weighs in the shape of one component


class Mixture(NamedTuple):
    """log_weight (components,), mean (components, size), factor (components, size, size), lower triangular."""

    log_weight: Any
    mean: Any
    factor: Any

    def _parts(self, x: Any) -> tuple[Any, Any]:
        """log of weight times density (components, draws), and squared distances."""
        size = x.shape[-1]

        def one(mean: Any, factor: Any) -> tuple[Any, Any]:
            square = jnp.sum(solve_triangular(factor, (x - mean).T, lower=True) ** 2, 0)
            return square, jnp.sum(jnp.log(jnp.diag(factor)))

        square, log_det = jax.vmap(one)(self.mean, self.factor)
        norm = gammaln((NU + size) / 2) - gammaln(NU / 2) - size / 2 * np.log(NU * np.pi)
        tails = norm - (NU + size) / 2 * jnp.log1p(square / NU)
        return self.log_weight[:, None] + tails - log_det[:, None], square

    def log_prob(self, x: Any) -> Any:
        """Log density at x (draws, size)."""
        return logsumexp(self._parts(x)[0], axis=0)

    def sample(self, key: Any, count: int) -> Any:
        """(count, size); each component gets its share, to one draw."""
        k_which, k_normal, k_chi = jax.random.split(key, 3)
        place = (jnp.arange(count) + jax.random.uniform(k_which)) / count
        which = jnp.searchsorted(jnp.cumsum(jnp.exp(self.log_weight)), place)
        which = jnp.minimum(which, self.log_weight.shape[0] - 1)
        e = jax.random.normal(k_normal, (count, self.mean.shape[-1]), self.mean.dtype)
        chi2 = 2 * jax.random.gamma(k_chi, NU / 2, (count, 1), e.dtype)
        return self.mean[which] + jnp.einsum("nij,nj->ni", self.factor[which], e * jnp.sqrt(NU / chi2))

    def improved(self, x: Any, weight: Any, spread: Any) -> Mixture:
        """One step of weighted expectation-maximisation on x (draws, size); `weight` sums to 1.

        `spread` (size, size) is the covariance that a component with few draws falls back to.
        """
        log_part, square = self._parts(x)
        share = jax.nn.softmax(log_part, axis=0) * weight
        pull = share * (NU + x.shape[-1]) / (NU + square)
        mean = pull @ x / (jnp.sum(pull, 1)[:, None] + 1e-300)
        off = x[None] - mean[:, None]
        scatter = jnp.einsum("kn,kni,knj->kij", pull, off, off)
        held = PRIOR * jnp.sum(weight**2)  # in units of the sum of all weights
        total = jnp.sum(share, 1)
        cov = (scatter + held * spread) / (total + held)[:, None, None]
        log_weight = jnp.log(total + held / len(self.log_weight))
        return Mixture(jax.nn.log_softmax(log_weight), mean, factor_of(cov))


def factor_of(cov: Any) -> Any:
    """Cholesky factor of covariances (..., size, size), of nearly singular ones too."""
    scale = jnp.sqrt(jnp.diagonal(cov, axis1=-2, axis2=-1)) + 1e-12
    corr = cov / scale[..., None] / scale[..., None, :]
    return scale[..., None] * jnp.linalg.cholesky(corr + 1e-8 * jnp.eye(cov.shape[-1], dtype=cov.dtype))
