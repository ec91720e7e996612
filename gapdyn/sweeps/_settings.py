"""Settings of a sweep, made by their number inside compiled code: a hundred million of them take no memory."""

from __future__ import annotations

import abc
import hashlib
import math
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._check import InputError
from .._typing import Array
from ..dynamics import Schedule

SCHEDULE = "schedule"
MOST = 2**32 - 1  # settings are counted in 32 bits
LISTED = 10_000  # values of an axis that a manifest lists


class AbstractSettings(eqx.Module):
    """Many settings of some parameters.

    `a * b` is every setting of `a` with every one of `b`, those of `b` running fastest.

    Attributes
    ----------
    names : the parameters that are set.
    dims : dimension -> its labels, or None where settings are only counted; their product is the number of settings.
    """

    names: eqx.AbstractVar[tuple[str, ...]]

    @property
    @abc.abstractmethod
    def dims(self) -> dict[str, np.ndarray | int]:
        """Dimension -> labels (n,), or the number of settings along it."""

    @abc.abstractmethod
    def at(self, i: Array) -> dict[str, Array]:
        """Name -> values (n,) of the settings number `i` (n,), counted from 0."""

    @property
    def schedules(self) -> dict[str, Schedule]:
        """Label -> schedule of external data, where that is set."""
        return {}

    @abc.abstractmethod
    def describe(self) -> dict[str, Any]:
        """What tells these settings from others, in plain data."""

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """The number of settings."""

    def __len__(self) -> int:
        return self.size

    def __mul__(self, other: AbstractSettings) -> AbstractSettings:
        return checked_size(Product((*self.names, *other.names), self, other))


class Grid(AbstractSettings):
    """Every combination of the values of each parameter, the last running fastest."""

    names: tuple[str, ...] = eqx.field(static=True)
    values: tuple[Any, ...]
    named: tuple[tuple[str, Schedule], ...] = eqx.field(static=True, default=())

    @property
    def size(self) -> int:
        return math.prod(x.shape[0] for x in self.values)

    @property
    def schedules(self) -> dict[str, Schedule]:
        return dict(self.named)

    @property
    def dims(self) -> dict[str, np.ndarray | int]:
        known: dict[str, np.ndarray | int] = {n: np.asarray(x) for n, x in zip(self.names, self.values, strict=True)}
        return {**known, SCHEDULE: np.asarray(list(self.schedules))} if self.named else known

    def at(self, i: Array) -> dict[str, Array]:
        out = {}
        for name, x in zip(reversed(self.names), reversed(self.values), strict=True):
            n = jnp.uint32(x.shape[0])
            out[name] = jnp.asarray(x, float)[i % n]
            i = i // n
        return dict(reversed(out.items()))

    def describe(self) -> dict[str, Any]:
        values = {n: plain(x) for n, x in zip(self.names, self.values, strict=True)}
        when = {n: {"times": plain(s.times), "amounts": plain(s.amounts), "end": s.end} for n, s in self.named}
        return {"kind": "grid", "values": values, **({"schedules": when} if when else {})}


class Points(AbstractSettings):
    """Settings listed one by one, such as the draws of a posterior."""

    names: tuple[str, ...] = eqx.field(static=True)
    values: tuple[Any, ...]
    dim: str = eqx.field(static=True, default="setting")

    @property
    def size(self) -> int:
        return self.values[0].shape[0]

    @property
    def dims(self) -> dict[str, np.ndarray | int]:
        return {self.dim: self.size}

    def at(self, i: Array) -> dict[str, Array]:
        return {name: jnp.asarray(x, float)[i] for name, x in zip(self.names, self.values, strict=True)}

    def describe(self) -> dict[str, Any]:
        values = {n: plain(x) for n, x in zip(self.names, self.values, strict=True)}
        return {"kind": "points", "dim": self.dim, "values": values}


class Product(AbstractSettings):
    """Every setting of the first with every one of the second."""

    names: tuple[str, ...] = eqx.field(static=True)
    first: AbstractSettings
    second: AbstractSettings

    def __check_init__(self) -> None:
        for what, a, b in (("parameter", self.first.names, self.second.names),
                           ("dimension", self.first.dims, self.second.dims)):  # fmt: skip
            both = [name for name in a if name in b]
            if both:
                raise InputError(f"settings: {what} {both[0]!r} is in both factors of a product. Keep one of the two.")

    @property
    def size(self) -> int:
        return self.first.size * self.second.size

    @property
    def dims(self) -> dict[str, np.ndarray | int]:
        return {**self.first.dims, **self.second.dims}

    @property
    def schedules(self) -> dict[str, Schedule]:
        return {**self.first.schedules, **self.second.schedules}

    def at(self, i: Array) -> dict[str, Array]:
        n = jnp.uint32(self.second.size)
        return {**self.first.at(i // n), **self.second.at(i % n)}

    def describe(self) -> dict[str, Any]:
        return {"kind": "product", "first": self.first.describe(), "second": self.second.describe()}


def plain(x: Any) -> Any:
    """Values as a list, or their count and hash where a list would be long."""
    x = np.asarray(x)
    if x.size <= LISTED:
        return x.tolist()
    return {"size": x.size, "sha256": hashlib.sha256(np.ascontiguousarray(x).tobytes()).hexdigest()}


def _vector(name: str, values: Any) -> np.ndarray:
    try:
        x = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise InputError(f"settings: values of {name!r} must be numbers; got {values!r}.") from None
    if x.ndim == 0:
        x = x[None]
    if x.ndim != 1 or x.size == 0:
        raise InputError(f"settings: values of {name!r} must be a list of at least one number; got shape {x.shape}.")
    return x  # NumPy: making settings starts no device


def checked_size(settings: AbstractSettings) -> AbstractSettings:
    """The settings themselves, if they can be counted in 32 bits."""
    if settings.size > MOST:
        raise InputError(
            f"a sweep of {settings.size:.3g} settings; at most {MOST:,} are counted. Split it into several sweeps."
        )
    return settings


def grid(values: Mapping[str, Any]) -> AbstractSettings:
    """Every combination of the values of each parameter.

    Parameters
    ----------
    values : parameter -> its values (n,), or one number; the last parameter runs fastest. `NAME_factor` multiplies a
        parameter that is set elsewhere; "schedule" takes label -> `gapdyn.forcings.Schedule`; one number of a schedule
        is `forcing_amounts[0]` or `forcing_times[2]`.
    """
    if not values:
        raise InputError("settings: a grid needs at least one parameter with its values.")
    named: tuple[tuple[str, Schedule], ...] = ()
    made = {}
    for name, x in values.items():
        if name == SCHEDULE:
            named = _schedules(x)
            x = np.arange(len(named))
        made[name] = _vector(name, x)
    return checked_size(Grid(tuple(made), tuple(made.values()), named))


def _schedules(given: Any) -> tuple[tuple[str, Schedule], ...]:
    if not (isinstance(given, Mapping) and given and all(isinstance(s, Schedule) for s in given.values())):
        raise InputError(
            "settings: 'schedule' takes labels with schedules, such as "
            "{'early': gd.forcings.early(8), 'late': gd.forcings.late(8)}."
        )
    return tuple((str(label), s) for label, s in given.items())


def points(values: Mapping[str, Any], dim: str = "setting") -> AbstractSettings:
    """Settings listed one by one.

    Parameters
    ----------
    values : parameter -> (n,), the same n for all.
    dim : what the settings are called as a dimension.
    """
    if not values:
        raise InputError("settings: points need at least one parameter with its values.")
    made = {n: _vector(n, x) for n, x in values.items()}
    lengths = {n: x.shape[0] for n, x in made.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"settings: points need as many values of each parameter; got {lengths}.")
    return checked_size(Points(tuple(made), tuple(made.values()), dim))
