"""Seeds: explicit everywhere, an integer or a JAX key. Inside they are NumPy's, which need no compiling."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from ._check import InputError

if TYPE_CHECKING:
    import jax


def as_seed(key: Any) -> np.random.SeedSequence:
    """A seed from an integer in [0, 2**63), a JAX key (old or new style), or a seed."""
    if isinstance(key, np.random.SeedSequence):
        return key
    if isinstance(key, int) and not isinstance(key, bool) and 0 <= key < 2**63:
        return np.random.SeedSequence(key)
    words = _words(key) if "jax" in sys.modules else None
    if words is not None:
        return np.random.SeedSequence(words)
    raise InputError(f"key={key!r} is not a seed. Pass an integer in [0, 2**63), such as key=0, or a JAX key.")


def _words(key: Any) -> list[int] | None:
    """The numbers in a JAX key."""
    import jax

    if isinstance(key, jax.Array):
        if jax.numpy.issubdtype(key.dtype, jax.dtypes.prng_key) and key.ndim == 0:
            return np.asarray(jax.random.key_data(key)).tolist()
        if key.shape == (2,) and key.dtype == jax.numpy.uint32:
            return np.asarray(key).tolist()
    return None


def split(key: Any, count: int) -> list[np.random.SeedSequence]:
    """Seeds that are independent of one another."""
    seed = as_seed(key)
    return [np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, i)) for i in range(count)]


def generator(key: Any) -> np.random.Generator:
    """NumPy's generator of a seed."""
    return np.random.default_rng(as_seed(key))


def as_key(key: Any) -> jax.Array:
    """The JAX key of a seed: that of the integer, or the key itself, where it was made of one."""
    import jax

    seed = as_seed(key)
    if not seed.spawn_key:
        if isinstance(seed.entropy, int):
            return jax.random.key(seed.entropy)
        return jax.random.wrap_key_data(jax.numpy.asarray(seed.entropy, "uint32"))
    return jax.random.wrap_key_data(jax.numpy.asarray(seed.generate_state(2, np.uint32)))
