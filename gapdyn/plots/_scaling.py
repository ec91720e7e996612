"""Generation-verification gaps of models against the compute of their pre-training."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from gapdyn._check import InputError
from gapdyn.measurement import GvScaling

from ._style import BLUE, GREY, INK, dress, legend, new_figure
from ._words import minus, plain

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
    low, middle, high = result.line(flops)
    ax.axhline(0, color=GREY, lw=0.7 * chosen.pen, ls=":")
    ax.fill_between(flops, low, high, color=BLUE, alpha=SHADE, lw=0)
    (line,) = ax.plot(flops, middle, color=BLUE, lw=1.3 * chosen.pen)
    least, _, most = result.line(flops, new=True)
    for edge in (least, most):
        ax.plot(flops, edge, color=BLUE, lw=0.8 * chosen.pen, ls=(0, (1, 2)))
    ax.errorbar(result.flops, result.gaps, yerr=result.se, ls="none", marker="o", ms=4 * chosen.pen, mfc="white",
                color=INK, elinewidth=0.8 * chosen.pen, mew=0.9 * chosen.pen, zorder=5)  # fmt: skip
    for name, x, y in zip(result.names, result.flops, result.gaps, strict=True):
        right = np.log10(x) < logs.mean()  # of the point; in the right half left of it, where there is room
        note = ax.annotate(plain(name), (x, y), xytext=(5 if right else -5, 5), textcoords="offset points",
                           ha="left" if right else "right", fontsize=chosen.small, color=INK, zorder=6)  # fmt: skip
        note.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
    dress(ax, chosen, x="pre-training FLOPs", y="gap")
    ax.set_xscale("log")
    ax.set_xlim(flops[0], flops[-1])
    ax.tick_params(axis="x", which="minor", length=0)
    slope = minus("{1:.3g} [{0:.3g}, {2:.3g}]".format(*result.slope))
    handles = [
        Line2D([], [], color=INK, marker="o", mfc="white", ls="none", ms=4 * chosen.pen),
        line,
        Patch(color=BLUE, alpha=SHADE, lw=0),
        Line2D([], [], color=BLUE, ls=(0, (1, 2)), lw=0.8 * chosen.pen),
    ]
    labels = ["models (± 1 se)", f"per factor of ten: {slope}", f"line, {result.level:.0%}", "another model"]
    legend(figure, chosen, handles, labels, 2)
    return figure
