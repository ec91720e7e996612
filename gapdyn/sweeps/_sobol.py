"""Sobol points by their number: the sequence of SciPy, its direction numbers read off SciPy's own points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from scipy.stats import qmc

from .._check import InputError
from .._random import as_seed, generator
from .._typing import Array
from ..inference._held import Held
from ._settings import AbstractSettings, checked_size

BITS = 30


class Sobol(AbstractSettings):
    """Scrambled Sobol points in a box, or by the quantiles of distributions."""

    names: tuple[str, ...] = eqx.field(static=True)
    count: int = eqx.field(static=True)
    said: Any = eqx.field(static=True)  # what tells them from others, as text
    shift: Any  # (names,) uint32
    directions: Any  # (bits, names) uint32
    ranges: tuple[Any, ...]  # (low, high) or a distribution, for each name

    @property
    def size(self) -> int:
        return self.count

    @property
    def dims(self) -> dict[str, np.ndarray | int]:
        return {"setting": self.count}

    def unit(self, i: Array) -> list[Array]:
        """Points in the open unit interval, (n,) for each name: SciPy's, half a cell further."""
        gray = i ^ (i >> 1)
        shift, directions = jnp.asarray(self.shift), jnp.asarray(self.directions)
        out = []
        for d in range(len(self.names)):
            x = shift[d] ^ jnp.zeros_like(gray)
            for k in range(directions.shape[0]):
                x = x ^ (((gray >> k) & 1) * directions[k, d])
            u = (x.astype(float) + 0.5) * 2.0**-BITS
            out.append(jnp.minimum(u, 1 - jnp.finfo(u.dtype).epsneg))
        return out

    def at(self, i: Array) -> dict[str, Array]:
        return {n: _quantile(r, u) for n, u, r in zip(self.names, self.unit(i), self.ranges, strict=True)}

    def describe(self) -> dict[str, Any]:
        return {"kind": "sobol", "n": self.count, "ranges": dict(self.said[0]), "key": list(self.said[1])}


def sobol(ranges: Mapping[str, Any], n: int, *, key: Any = 0) -> AbstractSettings:
    """`n` points that fill a box evenly: SciPy's scrambled Sobol sequence, best with n a power of two.

    Parameters
    ----------
    ranges : parameter -> (low, high), or a NumPyro distribution with quantiles, such as LogUniform or Normal.
    n : number of points, at most 2^30.
    key : seed of the scrambling.
    """
    if not ranges:
        raise InputError("settings: Sobol points need at least one parameter with its range.")
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or not 1 <= n <= 2**BITS:
        raise InputError(f"settings: n={n!r} Sobol points; give a whole number from 1 to 2**{BITS}.")
    made, said = {}, []
    for name, r in ranges.items():
        made[name], text = _range(name, r)
        said.append((name, text))
    shift, directions = _directions(len(made), max(1, int(n - 1).bit_length()), key)
    words = tuple(int(w) for w in as_seed(key).generate_state(4))
    return checked_size(Sobol(tuple(made), int(n), (tuple(said), words), shift, directions, tuple(made.values())))


def quantiles(ranges: Mapping[str, Any], levels: tuple[float, ...]) -> dict[str, np.ndarray]:
    """Parameter -> quantiles (levels,) of its range or distribution."""
    return {n: np.asarray(_quantile(_range(n, r)[0], jnp.asarray(levels)), np.float64) for n, r in ranges.items()}


def _quantile(r: Any, u: Array) -> Array:
    return r.distribution.icdf(u) if isinstance(r, Held) else r[0] + (r[1] - r[0]) * u


def _range(name: str, r: Any) -> tuple[Any, str]:
    if hasattr(r, "icdf"):
        try:
            middle = float(r.icdf(np.asarray(0.5)))
        except Exception as error:  # each distribution says no in its own way
            raise InputError(
                f"settings: {type(r).__name__}, the distribution of {name!r}, has no quantiles here ({error}). "
                "Take Uniform, LogUniform, Normal, LogNormal or HalfNormal, or a range (low, high)."
            ) from None
        if not np.isfinite(middle):
            raise InputError(f"settings: the distribution of {name!r} has no finite median.")
        numbers = {k: float(getattr(r, k)) for k in type(r).arg_constraints}
        return Held(r), f"{type(r).__name__}({', '.join(f'{k}={v!r}' for k, v in numbers.items())})"
    try:
        low, high = (float(x) for x in r)
    except (TypeError, ValueError):
        raise InputError(
            f"settings: the range of {name!r} is (low, high) or a NumPyro distribution; got {r!r}."
        ) from None
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise InputError(f"settings: the range of {name!r} must have finite ends, low < high; got ({low:g}, {high:g}).")
    return (np.float64(low), np.float64(high)), f"({low!r}, {high!r})"


def _directions(d: int, bits: int, key: Any) -> tuple[np.ndarray, np.ndarray]:
    """Point 0 is the shift; point 2^k has Gray code 2^k + 2^(k-1), so that each gives one more direction."""
    sequence = qmc.Sobol(d, bits=BITS, seed=generator(key))  # pyright: ignore[reportCallIssue]  (older SciPy's name)

    def point(at: int) -> np.ndarray:
        if at > sequence.num_generated:
            sequence.fast_forward(at - sequence.num_generated)
        return np.rint(sequence.random(1)[0] * 2.0**BITS).astype(np.uint32)

    shift = point(0)
    directions = [point(1) ^ shift]
    for k in range(1, bits):
        directions.append(point(2**k) ^ shift ^ directions[-1])
    return shift, np.stack(directions)
