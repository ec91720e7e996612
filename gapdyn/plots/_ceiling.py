"""The posterior of the ceiling."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from gapdyn._check import InputError
from gapdyn.decide import Ceiling, ceiling
from gapdyn.inference import Fit

from ._draws import central, check_level, density, finite, is_constant, shown_range
from ._style import BLUE, GREEN, INK, dress, legend, new_figure
from ._words import CEILING, interval, one, plain, quantity, run_title


def ceiling_density(result: Ceiling | Fit, *, level: float = 0.9, size: str = "notebook") -> Figure:
    """Posterior density of the ceiling U_s,inf, with its median, an interval and the last measured u_s.

    Parameters
    ----------
    result : a `Ceiling`, or a `Fit`, whose ceiling over new prompts is then shown.
    level : probability of the marked interval, in (0, 1).
    size : "notebook", "paper" (one column, 3.4 in) or "paper-wide" (two columns, 7 in).

    Returns
    -------
    Figure
        The central 99% of the draws is displayed, further if the last measured u_s lies outside.

    Raises
    ------
    InputError
        Something that has no ceiling, a level outside (0, 1), an unknown size.
    """
    if not isinstance(result, Ceiling | Fit):
        raise InputError(f"ceiling_density takes a Ceiling or a Fit; it was given a {type(result).__name__}.")
    level = check_level(level)
    limit = ceiling(result) if isinstance(result, Fit) else result
    run, draws = limit.run, finite(limit.u_s, "the ceiling")
    figure, chosen = new_figure(size, 1.0)
    ax = figure.subplots()
    series = limit.series
    x = f"ceiling {CEILING}, {limit.prompts} prompts" if series is None else f"limit of {plain(series)}"
    dress(ax, chosen, x=quantity(x, run) if series is None else x, y="posterior density", title=run_title(run, chosen))
    ax.set_yticks([])
    low, high = (float(q) for q in central(draws, level))
    middle = float(np.median(draws))
    measured = run.u_s[np.isfinite(run.u_s)]
    left, right = shown_range(draws, keep=_in_reach(measured[-1:], draws))
    if is_constant(draws):
        shape = ax.axvspan(middle, middle, color=GREEN, alpha=0.4)
    else:
        grid = np.linspace(left, right, 512)
        y = density(draws, grid)
        ax.fill_between(grid, y, color=GREEN, alpha=0.15, lw=0)
        inner = np.unique(np.r_[low, grid[(grid > low) & (grid < high)], high])
        shape = ax.fill_between(inner, np.interp(inner, grid, y), color=GREEN, alpha=0.35, lw=0)
        ax.plot(grid, y, color=GREEN, lw=1.2 * chosen.pen)
    line = ax.axvline(middle, color=INK, lw=1.4 * chosen.pen)
    handles, labels = [line, shape], ["median", f"{level:.0%} interval: {interval(draws, low, high)}"]
    if measured.size:
        handles.append(ax.axvline(measured[-1], color=BLUE, lw=1.4 * chosen.pen, ls="--"))
        name = "$u_s$" if series is None else plain(series)
        labels.append(f"last measured {name}: {one(measured[-1])}")
    ax.set_xlim(left, right)
    ax.set_ylim(bottom=0)
    lost = 1 - draws.size / limit.u_s.size
    if lost > 0:
        ax.set_title(f"{lost:.1%} of the draws without a limit", loc="right", fontsize=chosen.small)
    legend(figure, chosen, handles, labels, 1 if chosen.narrow else 3)
    return figure


def _in_reach(measured: np.ndarray, draws: np.ndarray) -> tuple[float, ...]:
    """The last measurement, unless showing it would squeeze the density into a corner."""
    low, high = np.quantile(draws, [0.005, 0.995])
    width = high - low
    near = width == 0 or (measured.size and low - 3 * width < measured[0] < high + 3 * width)
    return (float(measured[0]),) if measured.size and near else ()
