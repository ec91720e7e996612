"""A NumPyro distribution as a PyTree whose leaves keep their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpyro.distributions as dist


@jax.tree_util.register_pytree_node_class
class Held:
    """Holds a distribution across a `jax.jit` boundary.

    NumPyro orders what a distribution is made of by a set of names, so by the process's hash seed: the same program
    would have another form in every process, and nothing that is kept of it would ever be found. Here it is sorted.
    """

    def __init__(self, distribution: dist.Distribution):
        self.distribution = distribution

    def tree_flatten(self) -> tuple[tuple[Any, ...], Any]:
        kind = type(self.distribution)
        children, aux = self.distribution.tree_flatten()
        by_name, aux_by_name = _orders(kind)
        return tuple(_held(children[i]) for i in by_name), (kind, tuple(aux[i] for i in aux_by_name))

    @classmethod
    def tree_unflatten(cls, static: Any, children: Any) -> Held:
        kind, aux = static
        by_name, aux_by_name = _orders(kind)
        plain = [child.distribution if isinstance(child, Held) else child for child in children]
        return cls(kind.tree_unflatten(_back(aux, aux_by_name), _back(plain, by_name)))


def _orders(kind: type[dist.Distribution]) -> tuple[list[int], list[int]]:
    """Places of a distribution's leaves and of its other parts, each by name."""
    fields = kind.gather_pytree_data_fields(), kind.gather_pytree_aux_fields()
    data, aux = (sorted(range(len(names)), key=names.__getitem__) for names in fields)
    return data, aux


def _back(values: Sequence[Any], places: Sequence[int]) -> tuple[Any, ...]:
    """What stood at these places, in their order."""
    return tuple(value for _, value in sorted(zip(places, values, strict=True), key=lambda pair: pair[0]))


def _held(child: Any) -> Any:
    return Held(child) if isinstance(child, dist.Distribution) else child
