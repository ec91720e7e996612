"""One law of a sweep with its settings, and the way from a setting to a law with numbers."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from .._check import InputError, did_you_mean
from ..dynamics import SUPPORTS, LawSpec, RampForcing, Schedule, bounds, to_paper
from ..dynamics.forcings import ForcingSpec
from ._settings import SCHEDULE, AbstractSettings

FACTOR = "_factor"
_ELEMENT = re.compile(r"(\w+)\[(\d+)\]")
# numbers that are known before compiling: they fix how many steps there are
STATIC = ("round_length", "t0")


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """A law, its settings, and the numbers that no setting names.

    Attributes
    ----------
    label : what it is called beside other laws of the sweep.
    spec : the law, bound, in the coordinates that hold every parameter which is set.
    settings : what is set; columns are parameters, `NAME_factor`, `schedule`, or `CONSTANT[i]`.
    numbers : parameter -> number, for those that are not set.
    safe : numbers of an example, in the same coordinates.
    schedules : label -> the forcing's constants, all of one shape, for settings of a schedule.
    """

    label: str
    spec: LawSpec
    settings: AbstractSettings
    numbers: Mapping[str, float]
    safe: Mapping[str, float]
    schedules: Mapping[str, Mapping[str, np.ndarray]]

    @property
    def parameters(self) -> tuple[str, ...]:
        """By what a quantity may be derived: the coordinates, and what else is set but a schedule."""
        more = [n for n in self.settings.names if n not in self.spec.coordinates.names and n != SCHEDULE]
        return (*self.spec.coordinates.names, *more)

    def complete(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """All that a law is made of, from one setting's columns: coordinates, factors, elements, the schedule."""
        return {**{n: jnp.asarray(x, float) for n, x in self.numbers.items()}, **columns}

    def build(self, values: Mapping[str, Any]) -> tuple[Any, Any]:
        """The law of one setting, and whether it is valid; one that is not is the example's."""
        valid = jnp.asarray(True)
        stated = {n: values[n] * values.get(n + FACTOR, 1.0) for n in self.spec.coordinates.names}
        for name, x in stated.items():
            valid = valid & _supported(name, x)
        stated = {n: jnp.where(valid, x, self.safe[n]) for n, x in stated.items()}
        canonical = self.spec.coordinates.resolve(stated)
        for name, x in canonical.items():
            valid = valid & _supported(name, x)
        constants, fit = self._constants(values)
        valid = valid & fit
        instead = {**self.spec.example, **self.spec.constants}
        made = {n: jnp.where(valid, x, jnp.asarray(instead[n], float)) for n, x in {**canonical, **constants}.items()}
        return self.spec.build(made), valid

    def _constants(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
        constants = {n: jnp.asarray(x, float) for n, x in self.spec.constants.items()}
        if SCHEDULE in values:
            for name in next(iter(self.schedules.values())):
                stacked = jnp.asarray(np.stack([s[name] for s in self.schedules.values()]), float)
                constants[name] = stacked[values[SCHEDULE].astype(int)]
        for name, x in values.items():
            element = _ELEMENT.fullmatch(name)
            if element:
                constants[element[1]] = constants[element[1]].at[int(element[2])].set(x)
            elif name in constants:
                constants[name] = x
        fit = jnp.asarray(True)
        for name, x in constants.items():
            fit = fit & jnp.all(jnp.isfinite(x))
            if name.endswith("times"):
                fit = fit & jnp.all(jnp.diff(x) > 0)
            if name.endswith(("amounts", "speeds")):
                fit = fit & jnp.all(x >= 0)
        if "forcing_end" in constants:
            fit = fit & (constants["forcing_end"] > constants["forcing_times"][-1])
        return constants, fit


def _supported(name: str, x: Any) -> Any:
    low, high, at_low, at_high = bounds(SUPPORTS.get(name, "real"))
    above = x >= low if at_low else x > low
    below = x <= high if at_high else x < high
    return above & below & jnp.isfinite(x)


def make_part(law: Any, settings: AbstractSettings, label: str = "") -> Part:
    """A part of a sweep, checked.

    Raises
    ------
    InputError
        Not a law, a setting that it does not have, parameters that do not belong together, or a prior on one that is
        not set.
    """
    if not isinstance(law, LawSpec):
        raise InputError(f"law={law!r}: give a law of gapdyn.laws or a curve of gapdyn.curves, or a fit.")
    spec, everything = law.bind(None), _everything(law)
    stems, swept = _stems(spec, settings), {}
    for name in settings.names:
        if name in spec.names:
            swept[name] = everything[name]
    spec = dataclasses.replace(spec, given={**spec.given, **swept})
    coordinates = spec.coordinates.names
    for stem in stems:
        if stem not in coordinates:
            raise InputError(f"settings: {stem + FACTOR!r} is a factor on {stem!r}, which is not one of this law's "
                             f"coordinates here. {did_you_mean(stem, coordinates)}")  # fmt: skip
    held = {n: x for n, x in spec.fixed.items() if n not in swept}
    for name in spec.priors:
        raise InputError(f"law {spec.name!r} has a prior on {name!r}, and no setting names it. Give it a number, or "
                         f"sweep it: gd.sweeps.sobol({{{name!r}: distribution}}, n).")  # fmt: skip
    numbers = {n: held.get(n, everything[n]) for n in coordinates if n not in swept}
    safe = {n: everything[n] for n in coordinates}
    schedules = aligned(spec.forcing, settings.schedules)
    if schedules:  # what is known of the law's shape is that of the schedules
        spec = dataclasses.replace(spec, constants={**spec.constants, **next(iter(schedules.values()))})
    return Part(label, spec, settings, numbers, safe, schedules)


def _everything(law: LawSpec) -> dict[str, float]:
    """Numbers of the law's example in all its coordinates."""
    plain = dataclasses.replace(law, given={}).bind(None)
    paper = {}
    if {"rate", "rho", "gap_inf"} <= set(law.example):
        gauge = next((float(x) for x in law.static if isinstance(x, float)), 1.0)
        paper = to_paper(*(law.example[n] for n in ("rate", "rho", "gap_inf")), k=gauge)._asdict()
    known = {**paper, **plain.outputs(plain.law()), **law.example}
    return {n: float(known[n]) for n in law.names}


def _stems(spec: LawSpec, settings: AbstractSettings) -> list[str]:
    """Names on which a factor is set; every name that is set is known."""
    stems = []
    constants = {n: np.asarray(x) for n, x in spec.constants.items() if n not in STATIC}
    for name in settings.names:
        element = _ELEMENT.fullmatch(name)
        if name in spec.names or (name in constants and constants[name].ndim == 0):
            continue
        if name == SCHEDULE:
            if spec.forcing is None:
                raise InputError(f"law {spec.name!r} has no forcing for a schedule to act by. Give it one, such as "
                                 "forcing=gd.forcings.impulse().")  # fmt: skip
        elif name.endswith(FACTOR) and name.removesuffix(FACTOR) in spec.names:
            stems.append(name.removesuffix(FACTOR))
        elif not (element and element[1] in constants and int(element[2]) < constants[element[1]].size):
            elements = [f"{n}[0]..[{x.size - 1}]" if x.ndim else n for n, x in constants.items()]
            allowed = (*spec.names, *elements)
            raise InputError(f"settings: law {spec.name!r} has no {name!r}. {did_you_mean(name, allowed)} Or one of "
                             f"them with {FACTOR} behind it, to multiply it.")  # fmt: skip
    return stems


def aligned(forcing: ForcingSpec | None, schedules: Mapping[str, Schedule]) -> dict[str, dict[str, np.ndarray]]:
    """Constants of each schedule, of one shape: shorter ones end in arrivals of nothing."""
    if forcing is None or not schedules:
        return {}
    most = max(s.times.size for s in schedules.values())
    made = {}
    for label, s in schedules.items():
        more = most - s.times.size
        if more and forcing.kind is RampForcing:
            raise InputError(f"schedules of a ramp need as many arrivals each; {label!r} has {s.times.size}, another "
                             f"{most}. Give all the same times.")  # fmt: skip
        if more:
            later = s.end + np.arange(more)
            times, amounts = np.append(s.times, later), np.append(s.amounts, np.zeros(more))
            s = Schedule(times, amounts, float(later[-1] + 1))
        constants = dataclasses.replace(forcing, schedule=s).constants
        made[label] = {n: np.asarray(x, float) for n, x in constants.items()}
    return made
