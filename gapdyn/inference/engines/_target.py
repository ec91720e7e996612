"""What an engine samples: the posterior of a NumPyro model, as a density on vectors of unconstrained numbers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..._compile import quick_jit

BLOCK = 512  # points that are evaluated at once


@dataclasses.dataclass(frozen=True)
class Target:
    """A NumPyro model with the layout of its unconstrained sites. Hashable: a static argument of compiled code.

    Parameters
    ----------
    model : the model; `model(*args)` states the joint density, with the data among `args`.
    sites : (name, unconstrained shape) of each sampled site, in the order of the vector.
    variances : (size,), a first guess of each number's posterior variance; () for 1 each.
    """

    model: Callable[..., None]
    sites: tuple[tuple[str, tuple[int, ...]], ...]
    variances: tuple[float, ...] = ()

    @property
    def size(self) -> int:
        """Numbers in all."""
        return sum(math.prod(shape) for _, shape in self.sites)

    def split(self, x: Any) -> dict[str, Any]:
        """Site -> (..., *shape) of vectors (..., size)."""
        out, at = {}, 0
        for name, shape in self.sites:
            count = math.prod(shape)
            out[name] = x[..., at : at + count].reshape(*x.shape[:-1], *shape)
            at += count
        return out

    def join(self, z: dict[str, Any]) -> Any:
        """The vector (size,) of sites."""
        return jnp.concatenate([jnp.ravel(z[name]) for name, _ in self.sites])

    def log_density(self, args: tuple[Any, ...]) -> Callable[[Any], Any]:
        """x (size,) -> log posterior density, up to the evidence; -inf where it is not a number."""
        from numpyro.infer.util import potential_energy

        def safe(x: Any) -> Any:
            value = -potential_energy(self.model, args, {}, self.split(x))
            return jnp.where(jnp.isnan(value), -jnp.inf, value)

        return jax.jit(safe)

    def values(self, args: tuple[Any, ...]) -> Callable[[Any], np.ndarray]:
        """x (n, size), NumPy -> log posterior densities (n,), in blocks of one size: compiled once."""

        def of(x: Any) -> np.ndarray:
            whole = -(-len(x) // BLOCK) * BLOCK
            padded = np.concatenate([x, np.broadcast_to(x[:1], (whole - len(x), self.size))])
            blocks = [_values(self, jnp.asarray(b, float), args) for b in np.split(padded, whole // BLOCK)]
            return np.concatenate([np.asarray(b, np.float64) for b in blocks])[: len(x)]

        return of


@quick_jit(static_argnums=0)
def _values(target: Target, x: Any, args: tuple[Any, ...]) -> Any:
    return jax.vmap(target.log_density(args))(x)
