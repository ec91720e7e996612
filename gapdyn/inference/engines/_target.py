"""What an engine samples: the posterior of a NumPyro model, as a density on vectors of unconstrained numbers."""

from __future__ import annotations

import dataclasses
import math
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..._compile import quick_jit

BLOCK = 512  # points that are evaluated at once
_TRACING = threading.Lock()  # NumPyro's stack of handlers is one for all threads


@dataclasses.dataclass(frozen=True)
class Target:
    """A NumPyro model with the layout of its unconstrained sites. Hashable: a static argument of compiled code.

    Parameters
    ----------
    model : the model; `model(*args)` states the joint density, with the data among `args`.
    sites : (name, unconstrained shape) of each sampled site, in the order of the vector.
    variances : (size,), a first guess of each number's posterior variance; () for 1 each.
    given_rest : for sites that are Gaussian given all others: their values from standard normal numbers, and the log
        density of the posterior of both, `given_rest(rest, e, *args) -> ({site: value}, log density)`, with `sites`
        their names. None: there are none.
    in_numpy : for one that is quick to evaluate without a compiler: `in_numpy(args, x)` -> what `Collapsed.both` gives.
        None: it is not.
    outright : for a posterior that needs no search: `outright(args, random, count)` -> that many `Weighted` points of
        it. None: it does.
    """

    model: Callable[..., None]
    sites: tuple[tuple[str, tuple[int, ...]], ...]
    variances: tuple[float, ...] = ()
    given_rest: Any = None
    in_numpy: Any = None
    outright: Any = None

    @property
    def size(self) -> int:
        """Numbers in all."""
        return _count(self.sites)

    @property
    def rest(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """The sites that the others are given by."""
        given = () if self.given_rest is None else self.given_rest.sites
        return tuple(s for s in self.sites if s[0] not in given)

    def split(self, x: Any) -> dict[str, Any]:
        """Site -> (..., *shape) of vectors (..., size)."""
        return _split(self.sites, x)

    def join(self, z: dict[str, Any]) -> Any:
        """The vector (size,) of sites."""
        return jnp.concatenate([jnp.ravel(z[name]) for name, _ in self.sites])

    def log_density(self, args: tuple[Any, ...]) -> Callable[[Any], Any]:
        """x (size,) -> log posterior density, up to the evidence; -inf where it is not a number."""
        from numpyro.infer.util import potential_energy

        def at(x: Any) -> Any:
            with _TRACING:
                return _number(-potential_energy(self.model, args, {}, self.split(x)))

        return at

    def collapsed_log_density(self, args: tuple[Any, ...]) -> Callable[[Any], tuple[Any, Any]]:
        """(rest, e) (size,) -> log posterior density of this point, and the target's own vector (size,)."""
        density, count = self.log_density(args), _count(self.rest)

        def at(x: Any) -> tuple[Any, Any]:
            if self.given_rest is None:
                return density(x), x
            rest = _split(self.rest, x[:count])
            with _TRACING:
                given, value = self.given_rest(rest, x[count:], *args)
            return _number(value), self.join({**rest, **given})

        return at

    def values(self, args: tuple[Any, ...]) -> Callable[[Any], np.ndarray]:
        """x (n, size), NumPy -> log posterior densities (n,), in blocks of one size: compiled once."""
        return self.whole(args).values

    def whole(self, args: tuple[Any, ...]) -> Collapsed:
        """The posterior in its own coordinates."""
        return Collapsed(dataclasses.replace(self, given_rest=None, in_numpy=None), args)

    def collapsed(self, args: tuple[Any, ...]) -> Collapsed:
        """The same posterior in coordinates of which the last ones are all but standard normal."""
        return Collapsed(self, args)


class Start(NamedTuple):
    """Where chains begin, x (chains, size), and each one's first guess of the posterior's covariance (chains, size,
    size), or of its diagonal (chains, size).
    """

    x: Any
    metric: Any


@dataclasses.dataclass(frozen=True)
class Collapsed:
    """A target's posterior on points (rest, e): e gives the sites of `given_rest` (none: e is empty).

    Where these are exactly Gaussian, its density is that of the rest alone times a standard normal one of e. Where they
    are not it is the same posterior still, for the Jacobian is in it.
    """

    target: Target
    args: tuple[Any, ...]

    @property
    def size(self) -> int:
        """Numbers of the rest."""
        return _count(self.target.rest)

    @property
    def extra(self) -> int:
        """Numbers that are all but standard normal."""
        return self.target.size - self.size

    def values(self, x: Any) -> np.ndarray:
        """Log densities (n,) at x (n, size + extra)."""
        return self.both(x)[0]

    def back(self, x: Any) -> np.ndarray:
        """The target's own vectors (n, its size) at x (n, size + extra)."""
        if self.target.given_rest is None:  # they are the points themselves: nothing to compile or evaluate
            return np.asarray(x, np.float64)
        return self.both(x)[1]

    def both(self, x: Any) -> tuple[np.ndarray, np.ndarray]:
        """Log densities (n,) and the target's own vectors (n, its size) at x (n, size + extra)."""
        if self.target.in_numpy is not None:
            return self.target.in_numpy(self.args, np.asarray(x, np.float64))
        whole = -(-len(x) // BLOCK) * BLOCK
        padded = np.concatenate([x, np.broadcast_to(x[:1], (whole - len(x), x.shape[1]))])
        parts = np.split(padded, whole // BLOCK)
        leaves, tree = jax.tree.flatten(self.args)  # once: NumPyro takes its time over a distribution's
        kind = jnp.result_type(float)
        blocks = [_at(self.target, tree, np.asarray(part, kind), leaves) for part in parts]
        found = np.concatenate([np.asarray(b, np.float64) for b in blocks])[: len(x)]
        return found[:, 0], found[:, 1:]


def _number(log_density: Any) -> Any:
    """-inf where it is not a number."""
    return jnp.where(jnp.isnan(log_density), -jnp.inf, log_density)


def _count(sites: tuple[tuple[str, tuple[int, ...]], ...]) -> int:
    return sum(math.prod(shape) for _, shape in sites)


def _split(sites: tuple[tuple[str, tuple[int, ...]], ...], x: Any) -> dict[str, Any]:
    out, at = {}, 0
    for name, shape in sites:
        count = math.prod(shape)
        out[name] = x[..., at : at + count].reshape(*x.shape[:-1], *shape)
        at += count
    return out


@quick_jit(static_argnums=(0, 1), keep=True)
def _at(target: Target, tree: Any, x: Any, leaves: list[Any]) -> Any:
    at = target.collapsed_log_density(jax.tree.unflatten(tree, leaves))
    return jax.vmap(lambda x: jnp.append(*at(x)))(x)
