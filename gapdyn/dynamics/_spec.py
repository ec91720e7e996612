"""A law as a user states it: its name, its parameters, and what was said about them."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .._check import InputError, did_you_mean
from ..data import Run
from ._parameters import in_words, supported
from .forcings import ForcingSpec

if TYPE_CHECKING:
    from ._curve import AbstractCurve
    from ._law import GapLaw

Values = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Coordinates:
    """One set of names that fixes a law, and the way from it to the law's own parameters.

    A prior may be put on the members of any one set: on coefficients or on limits. `affine` are the names in which, the
    others given, both series are affine at every time.
    """

    names: tuple[str, ...]
    resolve: Callable[[Values], dict[str, Any]]
    affine: tuple[str, ...] = ()


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
    """A law or a curve to be solved or fitted, made by the functions of `gapdyn.laws` and `gapdyn.curves`.

    Attributes
    ----------
    name, title, equation, source
        What it is and where it comes from.
    given
        What the user said: parameter name -> a number (held fixed) or a NumPyro distribution (its prior).
        Everything else has a default prior in `fit` and an example number in `solve`.
    coordinates
        The names that are sampled or fixed, chosen by what was given.
    constants
        Numbers that are not parameters (times of a schedule, a round's length), in the run's units.
    forcing
        External data, or None.
    from_run
        Makes further constants from the run to be fitted (None: an example's).
    static
        What selects code in `build` besides the name: laws that differ in it share no compiled program.
    one_series
        For curves: makes the same curve for a single series.
    """

    name: str
    title: str
    equation: str
    source: str
    example: Mapping[str, float]
    family: tuple[Coordinates, ...]
    build: Callable[[Values], Any]
    outputs: Callable[[Any], dict[str, Any]]
    given: Mapping[str, Any]
    centring: Centring | None = None
    constants: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    forcing: ForcingSpec | None = None
    from_run: Callable[[Run | None], Mapping[str, Any]] | None = None
    one_series: Callable[[], LawSpec] | None = None
    home: str = "laws"
    static: tuple[Any, ...] = ()
    coordinates: Coordinates = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        given = {k: v for k, v in self.given.items() if v is not None}
        for name, value in given.items():
            if name not in self.names:
                raise InputError(f"law {self.name!r} has no parameter {name!r}. {did_you_mean(name, self.names)}")
            given[name] = _number_or_prior(self.name, name, value)
            if isinstance(given[name], float) and not supported(name, given[name]):
                raise InputError(f"law {self.name!r}: {name}={given[name]:g}, but it must be {in_words(name)}.")
        chosen = next((c for c in self.family if set(given) <= set(c.names)), None)
        if chosen is None:
            sets = "; ".join("(" + ", ".join(c.names) + ")" for c in self.family)
            raise InputError(
                f"law {self.name!r}: {', '.join(given)} cannot be given together, they do not belong to one set of "
                f"coordinates. Choose all from one of: {sets}."
            )
        object.__setattr__(self, "given", MappingProxyType(given))
        object.__setattr__(self, "coordinates", chosen)

    @property
    def names(self) -> tuple[str, ...]:
        """Every parameter that may be given, in any coordinates."""
        return tuple(dict.fromkeys(n for c in self.family for n in c.names))

    @property
    def fixed(self) -> dict[str, float]:
        """The parameters that were given as numbers."""
        return {k: v for k, v in self.given.items() if isinstance(v, float)}

    @property
    def priors(self) -> dict[str, Any]:
        """The parameters that were given as distributions."""
        return {k: v for k, v in self.given.items() if not isinstance(v, float)}

    @property
    def ours(self) -> bool:
        """Whether all of its code is gapdyn's own, or Python's."""
        functions = [self.build, self.outputs, self.coordinates.resolve]
        functions += [self.centring.affine] if self.centring else []
        functions += [self.forcing.kind] if self.forcing else []
        return all(f.__module__.split(".")[0] in ("gapdyn", "builtins") for f in functions)

    def replace(self, **given: Any) -> LawSpec:
        """This law with more (or other) numbers and priors given."""
        return dataclasses.replace(self, given={**self.given, **given})

    def bind(self, run: Run | None) -> LawSpec:
        """This law with what it takes from a run (schedules); None: an example's."""
        forcing = None if self.forcing is None else self.forcing.bind(run)
        constants = dict(self.constants)
        if forcing is not None:
            constants |= forcing.constants
        if self.from_run is not None:
            constants |= self.from_run(run)
        return dataclasses.replace(self, forcing=forcing, constants=constants, from_run=None)

    @property
    def numbers(self) -> dict[str, Any]:
        """Parameter -> number, in the coordinates in use: those given, else the example's."""
        if self.priors:
            name = next(iter(self.priors))
            raise InputError(
                f"law {self.name!r} has a prior on {name!r}, so it has no one trajectory. "
                f"Give a number, .law({name}=...), or fit it."
            )
        everything = {**self.example}
        if not set(self.coordinates.names) <= set(everything):
            # limits and the paper's coefficients of the example: it is unforced, where they have formulas
            example = self.build({**self.example, **self.bind(None).constants})
            everything |= {k: float(v) for k, v in self.outputs(example).items()}
        return {n: self.fixed.get(n, everything.get(n)) for n in self.coordinates.names}

    def law(self, **numbers: Any) -> GapLaw | AbstractCurve:
        """The law with numbers: those given here, those given before, else the example's.

        Example numbers are those of one illustrative law, converted into the coordinates in use.
        """
        spec = (self.replace(**numbers) if numbers else self).bind(None)
        values = spec.numbers
        stated = ", ".join(f"{k}={v:g}" for k, v in values.items())
        try:
            canonical = spec.coordinates.resolve(values)
        except ZeroDivisionError:
            raise InputError(f"law {self.name!r}: no law has {stated} (a division by zero). Change one.") from None
        for name, value in canonical.items():
            if not supported(name, value):
                makes = f"{stated} make {name}={value:g}"
                raise InputError(f"law {self.name!r}: {makes}, but it must be {in_words(name)}. Change one.")
        return spec.build({**canonical, **spec.constants})

    def __repr__(self) -> str:
        forcing = {} if self.forcing is None else {"forcing": self.forcing}
        inside = ", ".join(f"{k}={_short(v)}" for k, v in {**self.given, **forcing}.items())
        return f"gapdyn.{self.home}.{self.name}({inside})"


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
    if isinstance(value, ForcingSpec):
        return repr(value)
    arguments = ", ".join(f"{float(getattr(value, k)):g}" for k in getattr(value, "arg_constraints", {}))
    return f"{type(value).__name__}({arguments})"
