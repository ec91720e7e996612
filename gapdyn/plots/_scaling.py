"""Gaps of models against the compute of their pre-training, and limits of runs against any covariate."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from gapdyn._check import InputError
from gapdyn.fleets import LimitScaling
from gapdyn.inference import SITES
from gapdyn.measurement import GvScaling

from ._style import BLUE, GREY, INK, Size, dress, legend, new_figure
from ._words import minus, plain, symbol

POINTS = 100
BEYOND = 0.08  # of the range of log FLOPs, by which the line is drawn on
SHADE = 0.2


def gv_scaling(result: GvScaling, *, size: str = "notebook") -> Figure:
    """Gaps of models against their pre-training FLOPs, with the line and its band; dotted, a model yet to come.

    Parameters
    ----------
    result : a `gapdyn.gv_scaling`.
    size : "notebook", "paper" (one column, 3.4 in) or "paper-wide" (two columns, 7 in).

    Raises
    ------
    InputError
        Another result, an unknown size.
    """
    if not isinstance(result, GvScaling):
        raise InputError(f"gv_scaling takes a gapdyn.gv_scaling; it was given a {type(result).__name__}.")
    figure, chosen = new_figure(size, 1.1)
    ax = figure.subplots()
    logs = np.log10(result.flops)
    more = BEYOND * np.ptp(logs)
    flops = np.logspace(logs[0] - more, logs[-1] + more, POINTS)
    ax.axhline(0, color=GREY, lw=0.7 * chosen.pen, ls=":")
    _draw_line(ax, chosen, flops, result.line(flops), result.line(flops, new=True))
    _draw_points(ax, chosen, result.flops, result.gaps, result.se)
    for name, x, y in zip(result.names, result.flops, result.gaps, strict=True):
        right = np.log10(x) < logs.mean()  # of the point; in the right half left of it, where there is room
        note = ax.annotate(plain(name), (x, y), xytext=(5 if right else -5, 5), textcoords="offset points",
                           ha="left" if right else "right", fontsize=chosen.small, color=INK, zorder=6)  # fmt: skip
        note.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
    dress(ax, chosen, x="pre-training FLOPs", y="gap")
    ax.set_xscale("log")
    ax.set_xlim(flops[0], flops[-1])
    ax.tick_params(axis="x", which="minor", length=0)
    slope = f"per factor of ten: {_interval(result.slope)}"
    labels = ["models (± 1 se)", slope, f"line, {result.level:.0%}", "another model"]
    legend(figure, chosen, _handles(chosen), labels, 2)
    return figure


def limit_scaling(result: LimitScaling, *, size: str = "notebook") -> Figure:
    """Limits of pooled runs against a covariate, with the typical run's line and its band; dotted, a run yet to come.

    Parameters
    ----------
    result : `fit.scaling(...)` of a pooled fit.
    size : "notebook", "paper" (one column, 3.4 in) or "paper-wide" (two columns, 7 in).

    Raises
    ------
    InputError
        Another result, an unknown size.
    """
    if not isinstance(result, LimitScaling):
        raise InputError(f"limit_scaling takes the scaling of a pooled fit; it was given a {type(result).__name__}.")
    figure, chosen = new_figure(size, 1.1)
    ax = figure.subplots()
    low, middle, high = result.values
    _draw_line(ax, chosen, result.at, result.line, result.another)
    _draw_points(ax, chosen, result.x, middle, np.abs([low - middle, high - middle]))
    symbol_of = symbol(result.of) if result.of in SITES else plain(result.of)
    unit = f" ({result.unit})" if result.unit else ""
    dress(ax, chosen, x=plain(result.by), y=symbol_of + unit)
    ax.set_xlim(result.at.min(), result.at.max())
    slope = f"per unit: {_interval(result.slope)}"
    labels = [f"runs, {result.level:.0%}", slope, f"typical run, {result.level:.0%}", "another run"]
    legend(figure, chosen, _handles(chosen), labels, 2)
    return figure


def _draw_line(ax: Axes, size: Size, x: np.ndarray, line: np.ndarray, another: np.ndarray) -> None:
    """Band and middle of a line (3, points), and dotted the ends (3, points) for a member yet to come."""
    low, middle, high = line
    ax.fill_between(x, low, high, color=BLUE, alpha=SHADE, lw=0)
    ax.plot(x, middle, color=BLUE, lw=1.3 * size.pen)
    for edge in (another[0], another[2]):
        ax.plot(x, edge, color=BLUE, lw=0.8 * size.pen, ls=(0, (1, 2)))


def _draw_points(ax: Axes, size: Size, x: np.ndarray, y: np.ndarray, error: np.ndarray) -> None:
    ax.errorbar(x, y, yerr=error, ls="none", marker="o", ms=4 * size.pen, mfc="white", color=INK,
                elinewidth=0.8 * size.pen, mew=0.9 * size.pen, zorder=5)  # fmt: skip


def _interval(ends: np.ndarray) -> str:
    return minus("{1:.3g} [{0:.3g}, {2:.3g}]".format(*ends))


def _handles(size: Size) -> list[Line2D | Patch]:
    return [
        Line2D([], [], color=INK, marker="o", mfc="white", ls="none", ms=4 * size.pen),
        Line2D([], [], color=BLUE, lw=1.3 * size.pen),
        Patch(color=BLUE, alpha=SHADE, lw=0),
        Line2D([], [], color=BLUE, ls=(0, (1, 2)), lw=0.8 * size.pen),
    ]
