"""Labels: names of parameters as symbols, units, numbers of any size."""

from __future__ import annotations

import re

import numpy as np

from gapdyn.data import Run
from gapdyn.inference import SITES
from gapdyn.inference._model import unit_of

from ._style import Size

CEILING = r"$U_{s,\infty}$"
GAP_LIMIT = r"$G_\infty$"
LETTER = 0.58  # width of a letter by its height


def unit_words(run: Run) -> str:
    """The unit of uncertainty in words."""
    return "arbitrary units" if run.unit == "arbitrary" else run.unit


def quantity(what: str, run: Run) -> str:
    """'uncertainty (nats/response)'."""
    return f"{what} ({unit_words(run)})"


def tall(label: str, narrow: bool) -> str:
    """A label with its unit on a line of its own, where panels are small."""
    return label.replace(" (", "\n(") if narrow else label


def parameter_label(name: str, run: Run, power: int = 0) -> str:
    """Symbol and unit of a parameter that is shown in 10^power of its unit."""
    if name not in SITES:
        return plain(name) + (f" ({_ten(power)})" if power else "")
    unit = unit_of(name, run)
    if not unit and SITES[name].dimension.value in ("level", "difference"):
        unit = unit_words(run)
    unit = f"{_ten(power)} {unit}".strip() if power else unit
    return f"{symbol(name)} ({unit})" if unit else symbol(name)


def _ten(power: int) -> str:
    return f"$10^{{{power}}}$"


def power_of(low: float, high: float) -> int:
    """The power of ten to show numbers in: 0 for sizes that need none."""
    largest = max(abs(low), abs(high))
    power = int(np.floor(np.log10(largest))) if largest > 0 else 0
    return 0 if -3 < power < 4 else power


def symbol(name: str) -> str:
    r"""The symbol of a parameter in mathtext: 'u_s_inf' gives $U_{s,\infty}$."""
    base, letter, end = re.findall(r"^([^_∞0]+)_?([a-z1-9]?)([0∞]?)$", SITES[name].symbol)[0]
    below = ",".join(x for x in (letter, {"∞": r"\infty"}.get(end, end)) if x)
    return f"${base}_{{{below}}}$" if below else f"${base}$"


def run_title(run: Run, size: Size, more: str = "") -> str:
    """Name of the run, shortened to what has place over a panel, and what else to say."""
    room = max(8, int(0.75 * 72 * size.width / (LETTER * size.font)) - len(more) - 3)
    name = run.name if len(run.name) <= room else f"{run.name[: room - 1]}…"
    return plain(name) + (f" · {more}" if more else "")


def plain(text: str) -> str:
    """`text` for Matplotlib, where a dollar sign would start mathematics."""
    return text.replace("$", r"\$")


def interval(values: np.ndarray, low: float, high: float) -> str:
    """'0.533 [0.500, 0.554]': median and interval of draws, to the digits that the interval deserves."""
    middle = float(np.median(values))
    numbers = (middle, low, high)
    width = high - low
    largest = max(abs(x) for x in numbers)
    if not np.isfinite(width) or largest == 0:
        return minus(f"{middle:.3g} [{low:.3g}, {high:.3g}]")
    power = int(np.floor(np.log10(largest)))
    if -4 <= power <= 4:
        power = 0
    scale = 10.0**power
    digits = 2 if width == 0 else int(np.clip(1 - np.floor(np.log10(width / scale)), 0, 6))
    text = "{:.{d}f} [{:.{d}f}, {:.{d}f}]".format(*(_zero(x / scale, digits) for x in numbers), d=digits)
    return minus(text) if power == 0 else rf"{minus(text)} $\times 10^{{{power}}}$"


def minus(number: str) -> str:
    """A number with a minus sign, not a hyphen."""
    return number.replace("-", "−")


def one(value: float) -> str:
    """One number in a legend."""
    mantissa, _, power = f"{value:.3g}".partition("e")
    return minus(mantissa) + (rf" $\times 10^{{{int(power)}}}$" if power else "")


def _zero(x: float, digits: int) -> float:
    """No '-0.00'."""
    return 0.0 if abs(x) < 0.5 * 10.0**-digits else x
