"""Sums over the checkpoints that there are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gapdyn.fleets._tiles import TILES, summed


def whole(x, mask, t, y):
    """What `summed` shall come to."""
    return jnp.sum(jnp.where(mask, jnp.sin(x * t)[:, None] * y, 0.0), 0)


def in_tiles(x, mask, t, y):
    return summed(lambda t, y: jnp.sin(x * t) @ y, mask, t, y)


def data(runs: int, length: int):
    rng = np.random.default_rng(length)
    mask = np.arange(length)[:, None] < rng.integers(1, length + 1, (runs, 1, 1))
    mask = mask & (rng.uniform(size=(runs, length, 2)) < 0.8)
    return mask, rng.normal(size=(runs, length)), np.where(mask, rng.normal(size=(runs, length, 2)), 0.0)


@pytest.mark.parametrize("length", [8, 12, 16, 24, 32, 48, 64, 96])
def test_sums_are_those_over_all_checkpoints(length: int):
    mask, t, y = data(5, length)
    x = np.linspace(0.1, 2.0, 7)
    both = [jax.jit(jax.vmap(lambda *a, f=f: jax.vmap(lambda x: f(x, *a))(x)))(mask, t, y) for f in (whole, in_tiles)]
    np.testing.assert_allclose(both[1], both[0], rtol=1e-12, atol=1e-12)


def test_a_runs_sums_do_not_depend_on_the_runs_beside_it():
    mask, t, y = data(6, 48)
    mask[0, 5:], y[0, 5:] = False, 0.0
    mask[1, -1] = True  # to the end, where the first one has nothing
    many = jax.jit(jax.vmap(in_tiles, (None, 0, 0, 0)))(0.7, mask, t, y)
    alone = jax.jit(jax.vmap(in_tiles, (None, 0, 0, 0)))(0.7, mask[:1], t[:1], y[:1])
    np.testing.assert_array_equal(many[0], alone[0])


def test_tiles_without_a_checkpoint_are_not_looked_at():
    seen = []

    def part(t, y):
        jax.debug.callback(lambda t: seen.append(np.asarray(t)), t)
        return y.sum(0)

    mask, t, y = data(1, 48)
    mask[0, TILES[0] :] = False
    jax.block_until_ready(summed(part, mask[0], jnp.asarray(t[0]), jnp.asarray(y[0])))
    jax.effects_barrier()
    assert [len(x) for x in seen] == [TILES[0]]
    np.testing.assert_array_equal(summed(part, np.zeros_like(mask[0]), jnp.asarray(t[0]), jnp.asarray(y[0])), 0.0)
