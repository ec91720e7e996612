"""A law as a user states it: its name, its parameters, and what was said about them."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from .._check import InputError, did_you_mean
from ._law import GapLaw

Values = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Coordinates:
    """One set of names that fixes a law, and the way from it to the law's own parameters.

    A prior may be put on the members of any one set: on coefficients or on limits.
    """

    names: tuple[str, ...]
    resolve: Callable[[Values], dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class Centring:
    """`name` sampled as an increasing affine function of itself, (loc, scale) given by the other parameters.

    It applies where a law is stated by `name` and all of `needs`. A sampler's matter only: `as_name` = loc + scale *
    `name` varies little with the other parameters where data speak, `name` does not. The posterior is the same.
    """

    name: str
    as_name: str
    needs: tuple[str, ...]
    affine: Callable[[Values], tuple[Any, Any]]


@dataclasses.dataclass(frozen=True, eq=False)
class LawSpec:
    """A law to be solved or fitted, made by the functions of `gapdyn.laws`.

    Attributes
    ----------
    name, title, equation, source
        What it is and where it comes from.
    given
        What the user said: parameter name -> a number (held fixed) or a NumPyro distribution (its prior).
        Everything else has a default prior in `fit` and an example number in `solve`.
    coordinates
        The names that are sampled or fixed, chosen by what was given.
    """

    name: str
    title: str
    equation: str
    source: str
    example: Mapping[str, float]
    supports: Mapping[str, str]
    family: tuple[Coordinates, ...]
    build: Callable[[Values], GapLaw]
    outputs: Callable[[GapLaw], dict[str, Any]]
    centring: Centring | None
    given: Mapping[str, Any]
    coordinates: Coordinates = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        given = {k: v for k, v in self.given.items() if v is not None}
        known = {n for c in self.family for n in c.names}
        for name, value in given.items():
            if name not in known:
                raise InputError(f"law {self.name!r} has no parameter {name!r}. {did_you_mean(name, known)}")
            given[name] = _number_or_prior(self.name, name, value)
            if isinstance(given[name], float):
                self._check_support(name, given[name])
        chosen = next((c for c in self.family if set(given) <= set(c.names)), None)
        if chosen is None:
            sets = "; ".join("(" + ", ".join(c.names) + ")" for c in self.family)
            raise InputError(
                f"law {self.name!r}: {', '.join(given)} cannot be given together, they do not belong to one set of "
                f"coordinates. Choose all from one of: {sets}."
            )
        object.__setattr__(self, "given", MappingProxyType(given))
        object.__setattr__(self, "coordinates", chosen)

    def _check_support(self, name: str, value: float) -> None:
        if not self._supported(name, value):
            raise InputError(f"law {self.name!r}: {name}={value:g}, but it must be {self.supports[name]}.")

    def _supported(self, name: str, value: float) -> bool:
        return name not in self.supports or _SUPPORTED[self.supports[name]](value)

    @property
    def fixed(self) -> dict[str, float]:
        """The parameters that were given as numbers."""
        return {k: v for k, v in self.given.items() if isinstance(v, float)}

    @property
    def priors(self) -> dict[str, Any]:
        """The parameters that were given as distributions."""
        return {k: v for k, v in self.given.items() if not isinstance(v, float)}

    def replace(self, **given: Any) -> LawSpec:
        """This law with more (or other) numbers and priors given."""
        return dataclasses.replace(self, given={**self.given, **given})

    def law(self, **numbers: Any) -> GapLaw:
        """The law with numbers: those given here, those given before, else the example's.

        Example numbers are those of one illustrative law, converted into the coordinates in use.
        """
        spec = self.replace(**numbers) if numbers else self
        if spec.priors:
            name = next(iter(spec.priors))
            raise InputError(
                f"law {self.name!r} has a prior on {name!r}, so it has no one trajectory. "
                f"Give a number, .law({name}=...), or fit it."
            )
        example = self.build(self.example)
        everything = {**self.example, **{k: float(v) for k, v in self.outputs(example).items()}}
        values = {n: spec.fixed.get(n, everything.get(n)) for n in spec.coordinates.names}
        stated = ", ".join(f"{k}={v:g}" for k, v in values.items())
        try:
            canonical = spec.coordinates.resolve(values)
        except ZeroDivisionError:
            raise InputError(f"law {self.name!r}: no law has {stated} (a division by zero). Change one.") from None
        for name, value in canonical.items():
            if not self._supported(name, value):
                makes = f"{stated} make {name}={value:g}"
                raise InputError(f"law {self.name!r}: {makes}, but it must be {self.supports[name]}. Change one.")
        return self.build(canonical)

    def __repr__(self) -> str:
        inside = ", ".join(f"{k}={_short(v)}" for k, v in self.given.items())
        return f"gapdyn.laws.{self.name}({inside})"


_SUPPORTED: dict[str, Callable[[float], bool]] = {
    "> 0": lambda x: x > 0,
    ">= 0": lambda x: x >= 0,
    "in [0, 1)": lambda x: 0 <= x < 1,
}


def _number_or_prior(law: str, name: str, value: Any) -> Any:
    if isinstance(value, bool | str):
        raise InputError(f"law {law!r}: {name}={value!r} is neither a number nor a NumPyro distribution.")
    if isinstance(value, numbers.Real) or (hasattr(value, "__array__") and getattr(value, "ndim", 1) == 0):
        if not math.isfinite(float(value)):
            raise InputError(f"law {law!r}: {name}={value} is not finite.")
        return float(value)
    if hasattr(value, "log_prob") and hasattr(value, "support"):
        return value
    raise InputError(
        f"law {law!r}: {name}={value!r} is neither a number nor a NumPyro distribution "
        "(such as numpyro.distributions.Normal(0, 1))."
    )


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    arguments = ", ".join(f"{float(getattr(value, k)):g}" for k in getattr(value, "arg_constraints", {}))
    return f"{type(value).__name__}({arguments})"
