"""Numbers of a law are arrays: a Python float in a PyTree would recompile at every new value."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp


def number(value: Any) -> Any:
    """`value` as a floating array of the default precision; arrays that are floating already stay as they are."""
    if isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jnp.floating):
        return value
    if isinstance(value, float | int | list | tuple) or hasattr(value, "__array__"):
        return jnp.asarray(value, float)
    return value  # a placeholder of a JAX transformation
