"""Sums over the checkpoints that there are: runs of a program are padded to one length, most of them are shorter."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

TILES = 24, 16  # checkpoints at a time, what divides a padded length best: fewer would be too many steps


def summed(part: Callable[..., Any], mask: Any, *along: Any) -> Any:
    """The sum of part(*along) over tiles of the checkpoints, arrays (times, ...), up to the last one that is measured
    in any of the runs that this is mapped over; `mask` (times, 2). Not for derivatives.
    """
    tile = max(math.gcd(len(mask), tile) for tile in TILES)

    def at(i: Any) -> Any:
        return part(*(jax.lax.dynamic_slice_in_dim(v, i * tile, tile) for v in along))

    nothing = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(at, 0))
    tiles = (_count(mask) + tile - 1) // tile
    return jax.lax.fori_loop(0, tiles, lambda i, total: jax.tree.map(jnp.add, total, at(i)), nothing)


@custom_vmap
def _count(mask: Any) -> Any:
    """Checkpoints up to the last one that is measured."""
    return jnp.max(jnp.where(jnp.any(mask, 1), jnp.arange(1, len(mask) + 1), 0))


@_count.def_vmap
def _most(size: int, batched: Any, mask: Any) -> tuple[Any, bool]:
    # one number for all of them: a loop that ends for each by itself is a slower one
    return _count(jnp.any(mask, 0)), False
