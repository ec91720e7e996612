"""Seeds: explicit everywhere, an integer or a JAX key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._check import InputError

if TYPE_CHECKING:
    import jax


def as_key(key: Any) -> jax.Array:
    """A typed JAX key from an integer seed in [0, 2**63) or from a JAX key (old or new style)."""
    import jax

    if isinstance(key, jax.Array):
        if jax.numpy.issubdtype(key.dtype, jax.dtypes.prng_key):
            return key
        if key.shape == (2,) and key.dtype == jax.numpy.uint32:
            return jax.random.wrap_key_data(key)
    elif isinstance(key, int) and not isinstance(key, bool) and 0 <= key < 2**63:
        return jax.random.key(key)
    raise InputError(f"key={key!r} is not a seed. Pass an integer in [0, 2**63), such as key=0, or a JAX key.")
