"""What an engine samples: the posterior of a NumPyro model, as a density on vectors of unconstrained numbers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


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
