"""Labels: names of parameters as symbols, units, numbers of any size."""

from __future__ import annotations

import re

import numpy as np

from ..data import Run
from ..inference import SITES
from ..inference._model import unit_of

CEILING = r"$U_{s,\infty}$"
GAP_LIMIT = r"$G_\infty$"
NAME_LENGTH = 32


def unit_words(run: Run) -> str:
    """The unit of uncertainty in words."""
    return "arbitrary units" if run.unit == "arbitrary" else run.unit


def quantity(what: str, run: Run) -> str:
    """'uncertainty (nats/response)'."""
    return f"{what} ({unit_words(run)})"


def parameter_label(name: str, run: Run) -> str:
    """Symbol and unit of a parameter, for an axis."""
    if name not in SITES:
        return plain(name)
    unit = unit_of(name, run)
    if not unit and SITES[name].dimension.value in ("level", "difference"):
        unit = unit_words(run)
    return f"{symbol(name)} ({unit})" if unit else symbol(name)


def symbol(name: str) -> str:
    r"""The symbol of a parameter in mathtext: 'u_s_inf' gives $U_{s,\infty}$."""
    base, letter, end = re.fullmatch(r"([^_∞0]+)(?:_([a-z]))?(0|∞)?", SITES[name].symbol).groups()
    below = ",".join(x for x in (letter, {"∞": r"\infty"}.get(end, end)) if x)
    return f"${base}_{{{below}}}$" if below else f"${base}$"


def run_title(run: Run, more: str = "") -> str:
    """Name of the run, shortened, and what else to say."""
    name = run.name if len(run.name) <= NAME_LENGTH else f"{run.name[: NAME_LENGTH - 1]}…"
    return plain(name) + (f" · {more}" if more else "")


def plain(text: str) -> str:
    """`text` for Matplotlib, where a dollar sign would start mathematics."""
    return text.replace("$", r"\$")


def interval(values: np.ndarray, low: float, high: float) -> str:
    """'0.533 [0.500, 0.554]': the median and an interval of draws, to the digits that the interval deserves."""
    middle = float(np.median(values))
    numbers = (middle, low, high)
    width = high - low
    largest = max(abs(x) for x in numbers)
    if not np.isfinite(width) or largest == 0:
        return f"{middle:.3g} [{low:.3g}, {high:.3g}]"
    power = int(np.floor(np.log10(largest)))
    if -4 <= power <= 4:
        power = 0
    scale = 10.0**power
    digits = 2 if width == 0 else int(np.clip(1 - np.floor(np.log10(width / scale)), 0, 6))
    text = "{:.{d}f} [{:.{d}f}, {:.{d}f}]".format(*(_zero(x / scale, digits) for x in numbers), d=digits)
    return text if power == 0 else rf"{text} $\times 10^{{{power}}}$"


def _zero(x: float, digits: int) -> float:
    """No '-0.00'."""
    return 0.0 if abs(x) < 0.5 * 10.0**-digits else x
