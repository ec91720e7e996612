"""Forcings by name: what external data do to the verifier, for the `forcing` of any law.

    gd.laws.shared_rate(forcing=gd.forcings.impulse(gd.forcings.early(8)))

A forcing is a schedule (when, how much) and a way of acting. Without a schedule it takes the `external` column of the
run that is fitted. Its strength is a parameter like any other: left out (a default prior in `fit`, an example in
`solve`), a number, or a NumPyro distribution. Multiplicative forcings (strength `gamma`) shrink U_v towards zero
uncertainty; additive ones (`dose`) lower it by an amount.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from .._check import InputError
from ..data import Run
from ._forcing import AbstractForcing, ImpulseForcing, RampForcing, StepForcing
from ._schedule import Schedule as Schedule
from ._schedule import as_schedule, uniform
from ._schedule import early as early
from ._schedule import from_run as from_run
from ._schedule import late as late
from ._schedule import one_shot as one_shot

_PAPER = "Sun et al. 2025, arXiv:2507.00075, section 4"
_OURS = "gapdyn, after arXiv:2507.00075, section 4"


@dataclasses.dataclass(frozen=True, eq=False)
class ForcingSpec:
    """A forcing to be put into a law, made by the functions of `gapdyn.forcings`.

    Attributes
    ----------
    name, title, equation, source : what it is and where it comes from.
    parameter : "gamma" or "dose", the name of its strength.
    strength : what was said of it: None, a number or a distribution.
    schedule : when and how much; None: the `external` column of the run.
    """

    name: str
    title: str
    equation: str
    source: str
    kind: type[AbstractForcing]
    multiplicative: bool
    strength: Any = None
    schedule: Schedule | None = None

    @property
    def parameter(self) -> str:
        return "gamma" if self.multiplicative else "dose"

    def bind(self, run: Run | None) -> ForcingSpec:
        """With a schedule: its own, the run's, or without a run an example's (uniform over 8 rounds)."""
        if self.multiplicative and run is not None and run.unit == "arbitrary":
            raise InputError(
                f"run {run.name!r} is in arbitrary units, whose zero has no meaning, and the {self.title} is a factor "
                "on the distance from zero. Use an additive one, such as gd.forcings.additive_impulse()."
            )
        if self.schedule is not None:
            return self
        return dataclasses.replace(self, schedule=uniform(8) if run is None else Schedule.from_run(run))

    @property
    def constants(self) -> dict[str, Any]:
        """The numbers of the schedule, by the names that `build` takes."""
        schedule = self.bind(None).schedule
        assert schedule is not None
        if self.kind is RampForcing and schedule.times.size < 2:
            raise InputError(
                f"the {self.title} is linear between arrivals, and this schedule has one. Give two or more."
            )
        ends = {"forcing_end": schedule.end} if self.kind is StepForcing else {}
        zero = {"zero": 0.0} if self.multiplicative else {}
        return {"forcing_times": schedule.times, "forcing_amounts": schedule.amounts, **ends, **zero}

    def build(self, v: Mapping[str, Any]) -> AbstractForcing:
        """The forcing with numbers."""
        ends = {"end": v["forcing_end"]} if self.kind is StepForcing else {}
        return self.kind(  # pyright: ignore[reportCallIssue]
            times=v["forcing_times"], amounts=v["forcing_amounts"], strength=v[self.parameter],
            zero=v.get("zero", 0.0), multiplicative=self.multiplicative, **ends,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"gapdyn.forcings.{self.name}(...)"


def impulse(schedule: Any = None, *, gamma: Any = None) -> ForcingSpec:
    """Items of a round at its start: U_v <- U_v/(1 + gamma eta), the paper's form.

    Parameters
    ----------
    schedule : when and how much; None: the run's `external` column.
    gamma : strength, >= 0; the factor on U_v of all data at once is 1/(1 + gamma).
    """
    return ForcingSpec("impulse", "multiplicative impulse", "U_v <- U_v/(1 + gamma eta)", _PAPER, ImpulseForcing, True,
                       gamma, as_schedule(schedule))  # fmt: skip


def additive_impulse(schedule: Any = None, *, dose: Any = None) -> ForcingSpec:
    """Items of a round at its start: U_v <- U_v - dose eta. Under the shared-rate law its timing does not matter.

    Parameters
    ----------
    schedule : when and how much; None: the run's `external` column.
    dose : the fall of U_v by all data, unit of u.
    """
    return ForcingSpec("additive_impulse", "additive impulse", "U_v <- U_v - dose eta", _OURS, ImpulseForcing, False,
                       dose, as_schedule(schedule))  # fmt: skip


def rate(schedule: Any = None, *, gamma: Any = None) -> ForcingSpec:
    """Items evenly over their round: dU_v/dt += -gamma eta(t) U_v, eta piecewise constant.

    Parameters
    ----------
    schedule : when and how much; None: the run's `external` column.
    gamma : strength, >= 0; all data together multiply U_v by exp(-gamma).
    """
    return ForcingSpec("rate", "multiplicative rate", "dU_v/dt += -gamma eta(t) U_v, eta in steps", _OURS, StepForcing,
                       True, gamma, as_schedule(schedule))  # fmt: skip


def additive_rate(schedule: Any = None, *, dose: Any = None) -> ForcingSpec:
    """Items evenly over their round: dU_v/dt += -dose eta(t), eta piecewise constant.

    Parameters
    ----------
    schedule : when and how much; None: the run's `external` column.
    dose : the fall of U_v by all data, unit of u.
    """
    return ForcingSpec("additive_rate", "additive rate", "dU_v/dt += -dose eta(t), eta in steps", _OURS, StepForcing,
                       False, dose, as_schedule(schedule))  # fmt: skip


def ramp(schedule: Any = None, *, gamma: Any = None) -> ForcingSpec:
    """dU_v/dt += -gamma eta(t) U_v, eta linear between the arrivals (at least two).

    Parameters
    ----------
    schedule : when and how much; None: the run's `external` column.
    gamma : strength, >= 0; all data together multiply U_v by exp(-gamma).
    """
    return ForcingSpec("ramp", "multiplicative ramp", "dU_v/dt += -gamma eta(t) U_v, eta interpolated", _OURS,
                       RampForcing, True, gamma, as_schedule(schedule))  # fmt: skip


def additive_ramp(schedule: Any = None, *, dose: Any = None) -> ForcingSpec:
    """dU_v/dt += -dose eta(t), eta linear between the arrivals (at least two).

    Parameters
    ----------
    schedule : when and how much; None: the run's `external` column.
    dose : the fall of U_v by all data, unit of u.
    """
    return ForcingSpec("additive_ramp", "additive ramp", "dU_v/dt += -dose eta(t), eta interpolated", _OURS,
                       RampForcing, False, dose, as_schedule(schedule))  # fmt: skip


ALL_FORCINGS: dict[str, Callable[..., ForcingSpec]] = {
    f.__name__: f for f in (impulse, additive_impulse, rate, additive_rate, ramp, additive_ramp)
}


def all() -> dict[str, ForcingSpec]:
    """Every forcing with its defaults, by name."""
    return {name: forcing() for name, forcing in ALL_FORCINGS.items()}
