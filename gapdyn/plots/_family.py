"""Laws side by side: their courses, and what their ceilings depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from gapdyn._check import InputError, choose
from gapdyn.dynamics import LawSpec, limits, sensitivity, solve
from gapdyn.inference import SITES

from ._style import BLUE, GREEN, GREY, INK, LOOKS, ORANGE, VERMILLION, Size, dress, legend, new_figure
from ._words import LETTER, plain, symbol

SERIES = ("u_s", "u_v", "gap")
SKY, PINK, YELLOW = "#56B4E9", "#CC79A7", "#B8A000"
COLORS = (INK, BLUE, ORANGE, GREEN, VERMILLION, SKY, PINK, YELLOW, GREY)
_LINES = ("-", "--", "-.", (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5, 1, 1.5)))
POINTS = 400
_SHIFTED = ("level", "difference")  # dimensions that are moved by a part of the gap, the others by a part of themselves
PART = 0.1

Laws = Mapping[str, Any] | Sequence[LawSpec]


def family(laws: Laws, until: float, *, of: Sequence[str] = SERIES, size: str = "notebook") -> Figure:
    """Courses of several laws or curves side by side, one panel for each quantity.

    Parameters
    ----------
    laws : label -> law (a `LawSpec` with numbers, a `GapLaw` or a curve), or specifications, labelled by name.
    until : end of the time axis, in the laws' clock; it starts at 0.
    of : any of "u_s", "u_v" and "gap".
    size : "notebook", "paper" (one column, 3.4 in) or "paper-wide" (two columns, 7 in).

    Returns
    -------
    Figure
        A mark at the right end of a panel is a limit.

    Raises
    ------
    InputError
        No law, an end that is not positive, an unknown quantity or size, laws that have priors instead of numbers.
    """
    named = _named(laws)
    if not (np.isfinite(until) and until > 0):
        raise InputError(f"until={until!r}: give a positive time, in the laws' clock.")
    names = [choose(name, SERIES, "quantity") for name in of]
    figure, chosen = new_figure(size, 0.95 if size == "notebook" or len(names) == 1 else 1.2)
    rows = len(names) if chosen.narrow else 1
    axes = figure.subplots(rows, -(-len(names) // rows), squeeze=False).reshape(-1)
    ts = np.linspace(0.0, until, POINTS)
    for i, law in enumerate(named.values()):
        style: dict[str, Any] = {"color": COLORS[i % len(COLORS)], "ls": _LINES[i % len(_LINES)]}
        trajectory, ends = solve(law, ts), limits(law)
        for ax, name in zip(axes, names, strict=True):
            ax.plot(ts, np.asarray(getattr(trajectory, name)), lw=1.3 * chosen.pen, **style)
            end = float(getattr(ends, f"{name}_inf"))
            if np.isfinite(end):
                mark = {"marker": "<", "ms": 4.5 * chosen.pen, "color": style["color"], "clip_on": False}
                ax.plot([until], [end], ls="none", zorder=4, **mark)
    for ax, name in zip(axes, names, strict=True):
        look = LOOKS[name]
        dress(ax, chosen, x="time", title=f"{look.who} {look.label}")
        ax.set_xlim(0, until)
    styles = [(COLORS[i % len(COLORS)], _LINES[i % len(_LINES)]) for i in range(len(named))]
    handles = [Line2D([], [], color=color, ls=line, lw=1.3 * chosen.pen) for color, line in styles]
    longest = LETTER * chosen.small * (6 + max(len(label) for label in named)) / 72  # with its line, in inches
    columns = int(np.clip(chosen.width / longest, 1, 4))
    legend(figure, chosen, handles, [plain(label) for label in named], columns)
    return figure


def dependence(laws: Laws, *, of: str = "u_s_inf", size: str = "notebook") -> Figure:
    """What the ceiling of each law depends on: how far it moves when one parameter does, the others held fixed.

    Levels and differences of uncertainty are raised by a tenth of the initial gap, all other parameters by a tenth of
    themselves; the change is the first-order one (`gapdyn.sensitivity`). A dot at zero is a parameter that the ceiling
    has forgotten; one without a dot is not of that law.

    Parameters
    ----------
    laws : label -> `LawSpec` with numbers, or specifications, labelled by name.
    of : "u_s_inf", "u_v_inf" or "gap_inf".
    size : "notebook", "paper" (one column, 3.4 in) or "paper-wide" (two columns, 7 in).

    Raises
    ------
    InputError
        No law, laws that have priors instead of numbers, an unknown quantity or size.
    """
    named = _named(laws)
    shifts = {label: _shifts(law, of) for label, law in named.items()}
    rows = [name for name in SITES if any(name in s for s in shifts.values())]
    figure, chosen = new_figure(size, max(0.6, 0.09 * len(rows) + 0.25))
    panels = figure.subplots(1, len(named), squeeze=False, sharey=True, sharex=True)[0]
    reach = max((abs(x) for s in shifts.values() for x in s.values() if np.isfinite(x)), default=1.0) or 1.0
    for ax, (label, moved) in zip(panels, shifts.items(), strict=True):
        dress(ax, chosen, title=_broken(plain(label), chosen))
        ax.axvline(0, color=GREY, lw=0.7 * chosen.pen)
        for row, name in enumerate(rows):
            x = moved.get(name, np.nan)
            color = GREY if abs(x) < 1e-9 * reach else BLUE
            ax.plot([0, x], [row, row], color=color, lw=1.6 * chosen.pen, solid_capstyle="butt")
            ax.plot([x], [row], ls="none", marker="o", ms=4 * chosen.pen, mec=color, mfc="white" if x == 0 else color)
        ax.set_xlim(-1.15 * reach, 1.15 * reach)
        ax.xaxis.set_major_locator(MaxNLocator(nbins=2, steps=[1, 2, 5, 10], symmetric=True))
        ax.set_ylim(len(rows) - 0.4, -0.6)
        ax.set_yticks(range(len(rows)), [symbol(name) for name in rows], fontsize=chosen.small)
    what = symbol(of)
    figure.supxlabel(f"shift of {what} when a level rises by 10% of the gap, another by 10%", fontsize=chosen.small)
    return figure


def _shifts(law: Any, of: str) -> dict[str, float]:
    """Parameter -> first-order shift of the limit."""
    if not isinstance(law, LawSpec):
        raise InputError(f"dependence takes laws by name, such as gd.laws.shared_rate(), not a {type(law).__name__}.")
    start = law.law()
    gap = abs(float(start.u_s0 - start.u_v0))
    numbers, found = law.numbers, sensitivity(law, of, coordinates="own").values
    return {
        name: found[name] * PART * (gap if SITES[name].dimension.value in _SHIFTED else abs(numbers[name]))
        for name in found
    }


def _named(laws: Laws) -> dict[str, Any]:
    named = dict(laws) if isinstance(laws, Mapping) else {law.name: law for law in laws}
    if not named:
        raise InputError("give at least one law.")
    return named


def _broken(label: str, size: Size) -> str:
    """A long label on several lines."""
    return label.replace(" ", "\n").replace("_", "\n") if size.narrow or len(label) > 14 else label
