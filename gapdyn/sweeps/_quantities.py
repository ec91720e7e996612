"""What a sweep computes, by name: plain text, so that a file can ask for it too."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._check import InputError, did_you_mean
from ..dynamics import Trajectory, limits, time_to
from ..dynamics._limits import SERIES

LIMITS = (*(f"{s}_inf" for s in SERIES), "time_constant")
NAMES = (*LIMITS, *SERIES, "trajectory", "time_to(0.01)")
ALSO = {"ceiling": "u_s_inf"}
_TIME = re.compile(r"time_to\(\s*([^,()]+?)\s*(?:,\s*(\w+)\s*)?\)")
_DERIVATIVE = re.compile(r"d ([^/]+?)(?:\s*/\s*d (\S+))?")


@dataclasses.dataclass(frozen=True)
class Quantity:
    """One quantity of a law.

    Attributes
    ----------
    name : its name in the results.
    of : "u_s_inf", ..., "time_constant" (limits), "u_s", "u_v", "gap" (at the last time), "time_to", or "trajectory".
    series : of "time_to", the series that comes close.
    tolerance : of "time_to", how close.
    by : the parameter by which it is derived; None: the quantity itself.
    """

    name: str
    of: str
    series: str = "gap"
    tolerance: float = 0.0
    by: str | None = None

    @property
    def solved(self) -> bool:
        """Whether it takes a trajectory."""
        return self.of in (*SERIES, "trajectory")


def parse(names: Any, swept: Sequence[str], parameters: Sequence[str]) -> tuple[Quantity, ...]:
    """Quantities by name.

    Parameters
    ----------
    names : a name or several, see `gapdyn.sweep`.
    swept : the parameters that are set, by which "d u_s_inf" derives.
    parameters : all by which one may derive.
    """
    found: dict[str, Quantity] = {}
    for text in [names] if isinstance(names, str) else list(names):
        for quantity in _one(text, swept, parameters):
            found[quantity.name] = quantity
    if not found:
        raise InputError(f"quantities: name at least one of {', '.join(NAMES)}.")
    both = [n for n in ("u_s", "u_v") if n in found and "trajectory" in found]
    if both:
        raise InputError(f"quantities: {both[0]!r} at the end is the last of 'trajectory'. Keep one of the two.")
    return tuple(found.values())


def _one(text: Any, swept: Sequence[str], parameters: Sequence[str]) -> list[Quantity]:
    if not isinstance(text, str):
        raise InputError(f"quantities: {text!r} is not a name. {did_you_mean(str(text), NAMES)}")
    derived = _DERIVATIVE.fullmatch(text.strip())
    if derived is None:
        return [_plain(text)]
    base = _plain(derived[1])
    if base.of == "trajectory":
        raise InputError(f"quantity {text!r}: a trajectory has no one derivative. Derive u_s, u_v or gap.")
    by = [derived[2]] if derived[2] else [n for n in swept if n in parameters]
    if not by:
        raise InputError(f"quantity {text!r}: no parameter is swept by which it could be derived. Name one, such as "
                         f"{text.strip()}/d rho.")  # fmt: skip
    for name in by:
        if name not in parameters:
            raise InputError(f"quantity {text!r}: no parameter {name!r}. {did_you_mean(name, parameters)}")
    return [dataclasses.replace(base, name=f"d {base.name}/d {n}", by=n) for n in by]


def _plain(text: str) -> Quantity:
    text = ALSO.get(text.strip(), text.strip())
    if text in (*LIMITS, *SERIES, "trajectory"):
        return Quantity(text, text)
    waits = _TIME.fullmatch(text)
    if waits is None:
        raise InputError(f"unknown quantity {text!r}. {did_you_mean(text, (*NAMES, *ALSO))}")
    series = waits[2] or "gap"
    try:
        tolerance = float(waits[1])
    except ValueError:
        tolerance = np.nan
    if not (np.isfinite(tolerance) and tolerance > 0):
        raise InputError(f"quantity {text!r}: the tolerance must be a positive number, such as time_to(0.01).")
    if series not in SERIES:
        raise InputError(f"quantity {text!r}: {did_you_mean(series, SERIES)}")
    name = f"time_to({tolerance:g})" if series == "gap" else f"time_to({tolerance:g}, {series})"
    return Quantity(name, "time_to", series, tolerance)


def value(quantity: Quantity, law: Any, solved: Trajectory | None) -> Any:
    """A quantity's value for one law, (); a trajectory's are u_s and u_v, (times,) each."""
    if quantity.of in LIMITS:
        return getattr(limits(law), quantity.of)
    if quantity.of == "time_to":
        return time_to(law, quantity.tolerance, of=quantity.series)
    assert solved is not None
    return (solved.u_s, solved.u_v) if quantity.of == "trajectory" else getattr(solved, quantity.of)[-1]
