"""The accuracy link: accuracy against uncertainty, and over time with its limit."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.special import expit

from gapdyn._check import InputError
from gapdyn.decide import Accuracy, Link
from gapdyn.decide import accuracy as linked
from gapdyn.inference import Fit

from ._draws import central, check_level, draw_band, finite
from ._style import BLUE, GREY, LOOKS, ORANGE, Look, Size, dress, legend, new_figure
from ._words import interval, quantity, run_title

# series -> look, and what its uncertainty is called
SERIES = {
    "acc_s": (Look(BLUE, "o", "-", "solver", "u_s"), LOOKS["u_s"].label),
    "acc_v": (Look(ORANGE, "s", "--", "verifier", "u_v"), LOOKS["u_v"].label),
}
POINTS = 80
BEYOND = 0.15  # of the range of uncertainty, by which the link is drawn on where uncertainty falls to
SPACE = 0.12  # of the run's span, kept free for limits


def accuracy(result: Accuracy | Fit, *, level: float = 0.9, size: str = "notebook") -> Figure:
    """Accuracy against uncertainty with the link's band, and over time with the limit.

    Parameters
    ----------
    result : a `gapdyn.accuracy`, or a fit, whose accuracy on its own prompts is then shown.
    level : probability of the outer bands, in (0, 1); inner ones are of 50%.
    size : "notebook", "paper" (one column, 3.4 in) or "paper-wide" (two columns, 7 in).

    Returns
    -------
    Figure
        Uncertainty falls to the right, as time runs. Limits are shown of links that hold; the legend says what speaks
        against the others.

    Raises
    ------
    InputError
        Something else than an `Accuracy` or a fit with accuracies, a level outside (0, 1), an unknown size.
    """
    if not isinstance(result, Accuracy | Fit):
        raise InputError(f"accuracy takes an Accuracy or a Fit; it was given a {type(result).__name__}.")
    level = check_level(level)
    found = linked(result, prompts="same") if isinstance(result, Fit) else result
    run = found.run
    shape = (2, 1) if new_figure(size, 1.0)[1].narrow else (1, 2)
    figure, chosen = new_figure(size, 1.0 * shape[0])
    left, right = cast(Any, figure.subplots(*shape, sharey=True)).ravel()
    dress(left, chosen, x=quantity("uncertainty", run), y="accuracy", title=run_title(run, chosen))
    dress(right, chosen, x=run.clock, y="accuracy" if chosen.narrow else "")
    handles: list[Any] = []
    labels: list[str] = []
    for name, link in found.links.items():
        look, u = SERIES[name]
        _against_uncertainty(left, found, link, look, chosen, level)
        _over_time(right, found, link, look, chosen, level)
        style: dict[str, Any] = {"color": look.color, "ls": look.line, "marker": look.marker, "mfc": "white"}
        handles.append(Line2D([], [], lw=1.3 * chosen.pen, ms=4 * chosen.pen, **style))
        labels.append(f"{look.label} ({u}): {_said(found, link, level)}")
    left.invert_xaxis()
    low, high = right.get_ylim()
    right.set_ylim(max(low, -0.02), min(high, 1.02))
    last, span = run.t[-1], np.ptp(run.t)
    right.set_xlim(run.t[0] - 0.02 * span, last + SPACE * span)
    right.axvline(last, color=GREY, lw=0.8 * chosen.pen, ls=(0, (4, 3)), zorder=1)
    legend(figure, chosen, handles, labels, 1)
    return figure


def _against_uncertainty(ax: Axes, found: Accuracy, link: Link, look: Look, size: Size, level: float) -> None:
    u, acc = getattr(found.run, look.who), getattr(found.run, link.series)
    both = np.isfinite(u) & np.isfinite(acc)
    low, high = np.min(u[both]), np.max(u[both])
    grid = np.linspace(low - BEYOND * (high - low), high, POINTS)
    draw_band(ax, grid, expit(link.a[:, None] - link.c[:, None] * grid), look, size, level)
    ax.plot(u[both], acc[both], color=look.color, lw=0.5 * size.pen, alpha=0.5, zorder=2)  # in order of time
    _points(ax, u[both], acc[both], look, size)


def _over_time(ax: Axes, found: Accuracy, link: Link, look: Look, size: Size, level: float) -> None:
    run, acc = found.run, getattr(found.run, link.series)
    draw_band(ax, run.t, link.fitted, look, size, level)
    seen = np.isfinite(acc)
    _points(ax, run.t[seen], acc[seen], look, size)
    if not (link.holds and np.isfinite(link.limit).any()):
        return
    low, high = central(finite(link.limit, "the limit"), level)
    end = [run.t[-1], run.t[-1] + SPACE * np.ptp(run.t)]
    ax.fill_between(end, low, high, color=look.color, alpha=0.3, lw=0)
    ax.plot(end, [np.nanmedian(link.limit)] * 2, color=look.color, ls=":", lw=1.3 * size.pen)


def _points(ax: Axes, x: np.ndarray, y: np.ndarray, look: Look, size: Size) -> None:
    ax.plot(x, y, ls="none", marker=look.marker, ms=3.4 * size.pen, mfc="white", mec=look.color, mew=0.9 * size.pen,
            zorder=5, label=look.label)  # fmt: skip


def _said(found: Accuracy, link: Link, level: float) -> str:
    if not link.holds:
        return f"no limit stated ({', '.join(f.code.replace('_', ' ') for f in link.findings)})"
    if not np.isfinite(link.limit).any():
        return "the law has no limit"
    draws = finite(link.limit, "the limit")
    low, high = (float(x) for x in central(draws, level))
    return f"limit {interval(draws, low, high)} ({level:.0%}, {found.prompts} prompts)"
