"""Linear algebra of a handful of numbers, written out.

LAPACK's calls, batched inside a compiled loop, can leave XLA's threads waiting for one another, and take longer to call
than such matrices to factor. Single numbers, not rows or columns, and one division for each pivot: XLA joins them to
fewer operations, gradient included, and a sampler's time on a CPU is that of starting operations.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

Entries = dict[tuple[int, int], Any]  # (row, column) -> number, of the lower triangle


def root(cov: Any) -> Any:
    """A square root (n, n), lower triangular, of a covariance that may be singular."""
    n = cov.shape[-1]
    return _matrix(lower_root({(i, j): cov[i, j] for i in range(n) for j in range(i + 1)}, n), n)


def lower_root(cov: Entries, n: int) -> Entries:
    """The same, of single numbers."""
    lower: Entries = {}
    for j in range(n):
        left = cov[j, j] - sum(lower[j, k] ** 2 for k in range(j))
        known = left > 1e-14 * cov[j, j]
        size = jnp.sqrt(jnp.where(known, left, 1.0))
        scale = 1 / size
        lower[j, j] = jnp.where(known, size, 0.0)
        for i in range(j + 1, n):
            rest = cov[i, j] - sum(lower[i, k] * lower[j, k] for k in range(j))
            lower[i, j] = jnp.where(known, rest * scale, 0.0)
    return lower


def inverse_of_root(lower: Any) -> Any:
    """The inverse (n, n) of a lower triangular matrix with no 0 on its diagonal."""
    n = lower.shape[-1]
    return _matrix(lower_inverse({(i, j): lower[i, j] for i in range(n) for j in range(i + 1)}, n), n)


def lower_inverse(lower: Entries, n: int) -> Entries:
    """The same, of single numbers."""
    inverse: Entries = {}
    for i in range(n):
        inverse[i, i] = 1 / lower[i, i]
        for j in range(i):
            inverse[i, j] = -sum(lower[i, k] * inverse[k, j] for k in range(j, i)) * inverse[i, i]
    return inverse


def _matrix(lower: Entries, n: int) -> Any:
    zero = jnp.zeros_like(lower[0, 0])
    return jnp.stack([lower.get((i, j), zero) for i in range(n) for j in range(n)]).reshape(n, n)


def inverse_2x2(a: Any) -> tuple[Any, Any]:
    """The inverse of a (2, 2) matrix, and its determinant."""
    det = a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0]
    return jnp.stack([a[1, 1], -a[0, 1], -a[1, 0], a[0, 0]]).reshape(2, 2) / det, det
