"""Linear algebra of a handful of numbers, written out.

LAPACK's calls, batched inside a compiled loop, can leave XLA's threads waiting for one another, and take longer to call
than such matrices to factor.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp


def root(cov: Any) -> Any:
    """A square root (n, n), lower triangular, of a covariance that may be singular."""
    n = cov.shape[-1]
    columns: list[Any] = []
    for j in range(n):
        rest = cov[:, j] - sum((c * c[j] for c in columns), jnp.zeros(n, cov.dtype))
        known = rest[j] > 1e-14 * cov[j, j]
        size = jnp.sqrt(jnp.where(known, rest[j], 1.0))
        columns.append(jnp.where(known & (jnp.arange(n) >= j), rest / size, 0.0))
    return jnp.stack(columns, -1)


def inverse_of_root(lower: Any) -> Any:
    """The inverse (n, n) of a lower triangular matrix with no 0 on its diagonal."""
    n = lower.shape[-1]
    rows: list[Any] = []
    for i in range(n):
        rest = jnp.eye(n, dtype=lower.dtype)[i] - sum((lower[i, j] * r for j, r in enumerate(rows)), jnp.zeros(n))
        rows.append(rest / lower[i, i])
    return jnp.stack(rows)


def inverse_2x2(a: Any) -> tuple[Any, Any]:
    """The inverse of a (2, 2) matrix, and its determinant."""
    det = a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0]
    return jnp.stack([a[1, 1], -a[0, 1], -a[1, 0], a[0, 0]]).reshape(2, 2) / det, det
