"""A triangular factor of what scatters the checkpoints: it makes residuals independent, and noise of normal numbers.

Checkpoints that scatter independently have a 2x2 factor each. Where a run also strays from its law on a random walk,
the factor is that of a Kalman filter, written out for its two numbers; no matrix of all checkpoints is ever made.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


def steps(ts: Any) -> Any:
    """Time since the checkpoint before, (times,); 0 at the first."""
    return jnp.diff(ts, prepend=ts[:1])


class Factor(NamedTuple):
    """L of the covariance L L' of both series at all checkpoints.

    l11, l21, l22 : (times,), of the covariance of a checkpoint given the earlier ones.
    mask : (times, 2), False where not measured; such entries count as white noise of variance 1 beside the others.
    gain : (times, 2, 2), what each whitened number says of how far the run has strayed; None where it does not.
    """

    l11: Any
    l21: Any
    l22: Any
    mask: Any
    gain: Any = None

    @property
    def log_det(self) -> Any:
        """Log determinant of each checkpoint's covariance given the earlier ones, (times,)."""
        return 2 * (jnp.log(self.l11) + jnp.log(self.l22))

    def whiten(self, rows: Any) -> Any:
        """L^-1 of residuals (..., times, 2)."""
        rows = jnp.where(self.mask, rows, 0.0)
        if self.gain is None:
            return _whitened(self.l11, self.l21, self.l22, rows)

        def step(mean: Any, x: Any) -> tuple[Any, Any]:
            row, (l11, l21, l22, mask, gain) = x
            white = _whitened(l11, l21, l22, row - jnp.where(mask, mean, 0.0))
            return mean + white @ gain.T, white

        start = jnp.zeros((*rows.shape[:-2], 2), rows.dtype)
        _, white = jax.lax.scan(step, start, (jnp.moveaxis(rows, -2, 0), self))
        return jnp.moveaxis(white, 0, -2)

    def colour(self, e: Any) -> Any:
        """L of standard normal numbers (times, 2); 0 where not measured."""
        own = jnp.stack([self.l11 * e[:, 0], self.l21 * e[:, 0] + self.l22 * e[:, 1]], -1)
        if self.gain is not None:

            def step(mean: Any, x: Any) -> tuple[Any, Any]:
                e, gain = x
                return mean + gain @ e, mean

            _, carried = jax.lax.scan(step, jnp.zeros(2, e.dtype), (e, self.gain))
            own = own + carried
        return jnp.where(self.mask, own, 0.0)


def _whitened(l11: Any, l21: Any, l22: Any, rows: Any) -> Any:
    # one division per checkpoint, not one per row
    first = rows[..., 0] * (1 / l11)
    return jnp.stack([first, (rows[..., 1] - l21 * first) * (1 / l22)], -1)


def factor(b11: Any, b12: Any, b22: Any, mask: Any) -> Factor:
    """Of checkpoints that are independent, with covariances (b11, b12; b12, b22), each (times,)."""
    l11 = jnp.sqrt(b11)
    l21 = b12 / l11
    return Factor(l11, l21, jnp.sqrt(b22 - l21**2), mask)


def straying_factor(b11: Any, b12: Any, b22: Any, mask: Any, strays: Any) -> Factor:
    """The same where both series also stray, by steps of variances `strays` (times,), each step before a checkpoint."""

    def step(p: Any, x: Any) -> tuple[Any, Any]:
        b11, b12, b22, (m_s, m_v), moved = x
        p11, p12, p22 = p[0] + moved, p[1], p[2] + moved
        l11 = jnp.sqrt(b11 + jnp.where(m_s, p11, 0.0))
        l21 = (b12 + jnp.where(m_s & m_v, p12, 0.0)) / l11
        l22 = jnp.sqrt(b22 + jnp.where(m_v, p22, 0.0) - l21**2)
        g11, g21 = jnp.where(m_s, p11, 0.0) / l11, jnp.where(m_s, p12, 0.0) / l11
        g12 = (jnp.where(m_v, p12, 0.0) - l21 * g11) / l22
        g22 = (jnp.where(m_v, p22, 0.0) - l21 * g21) / l22
        after = (p11 - g11**2 - g12**2, p12 - g11 * g21 - g12 * g22, p22 - g21**2 - g22**2)
        return after, (l11, l21, l22, jnp.stack([g11, g12, g21, g22]).reshape(2, 2))

    zero = jnp.zeros((), b11.dtype)
    _, (l11, l21, l22, gain) = jax.lax.scan(step, (zero, zero, zero), (b11, b12, b22, mask, strays))
    return Factor(l11, l21, l22, mask, gain)
