"""A NumPyro distribution as a PyTree whose leaves keep their order."""

from __future__ import annotations

from typing import Any

import jax
import numpyro.distributions as dist


@jax.tree_util.register_pytree_node_class
class Held:
    """Holds a distribution across a `jax.jit` boundary.

    NumPyro orders a distribution's leaves by a set of names, so by the process's hash seed: the same program would have
    another form in every process, and JAX's persistent compilation cache would never find it. Here they are sorted.
    """

    def __init__(self, distribution: dist.Distribution):
        self.distribution = distribution

    def tree_flatten(self) -> tuple[tuple[Any, ...], Any]:
        kind = type(self.distribution)
        names = kind.gather_pytree_data_fields()
        children, aux = self.distribution.tree_flatten()
        order = tuple(sorted(range(len(names)), key=names.__getitem__))
        return tuple(_held(children[i]) for i in order), (kind, aux, order)

    @classmethod
    def tree_unflatten(cls, static: Any, children: Any) -> Held:
        kind, aux, order = static
        original: list[Any] = [None] * len(order)
        for i, child in zip(order, children, strict=True):
            original[i] = child.distribution if isinstance(child, Held) else child
        return cls(kind.tree_unflatten(aux, tuple(original)))


def _held(child: Any) -> Any:
    return Held(child) if isinstance(child, dist.Distribution) else child
