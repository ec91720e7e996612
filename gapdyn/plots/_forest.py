"""A number of every run with its interval, run by run, by group, and with the runs pooled beside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gapdyn._check import InputError, did_you_mean
from gapdyn.data import Run
from gapdyn.fleets import FleetFit, labels

from ._fleet import STATUS
from ._style import GREY, INK, Size, dress, legend, new_figure
from ._words import parameter_label, plain

MOST = 60  # rows
ROW = 0.055  # of a panel's height
WIDEST = 3.0  # the axis goes no further beyond the medians than so many times their range


def forest(
    fitted: FleetFit,
    of: str = "u_s_inf",
    *,
    by: Sequence[str] = (),
    beside: Any = None,
    names: tuple[str, str] = ("each run alone", "pooled"),
    size: str = "notebook",
) -> Figure:
    """The ceiling, or another parameter, of every run: median and 90% interval, a row for each.

    Parameters
    ----------
    fitted : the fit of a fleet.
    of : a parameter.
    by : labels that group the runs, such as ["model"]; groups stand apart, by name.
    beside : another fit of these runs, to be drawn next to it: one that pools them, or another law's. It has its runs
        by name, `beside["a"]`.
    names : what the two are called in the legend.
    size : "notebook", "paper" (one column, 3.4 in) or "paper-wide" (two columns, 7 in).

    Returns
    -------
    Figure
        Of more than 60 runs those are shown that stand evenly among all by their medians, group by group. The axis is
        that of the medians; an interval that goes on beyond it ends in an arrow.

    Raises
    ------
    InputError
        An unknown parameter, label or size; no run that has it.
    """
    if not isinstance(fitted, FleetFit):
        raise InputError(f"forest takes the fit of a fleet; it was given a {type(fitted).__name__}.")
    s = fitted.parameter(of)
    known = np.flatnonzero(np.isfinite(s.q50))
    if not known.size:
        raise InputError(f"no run of this fleet has a posterior of {of!r}, so there is nothing to show.")
    groups = labels(fitted.fleet, by) if by else [()] * len(fitted)
    order = sorted(known, key=lambda i: (groups[i], s.q50[i]))
    shown = [order[k] for k in np.unique(np.linspace(0, len(order) - 1, MOST).astype(int))]
    rows = _places(shown, groups)
    other = None if beside is None else [_figures(beside, fitted.names[i], of) for i in shown]
    figure, chosen = new_figure(size, ROW * max(rows) * (1.3 if other else 1.0) + 0.45)
    ax = figure.subplots()
    run = fitted.fleet.runs[shown[0]]
    same = len({(r.clock, r.unit) for r in fitted.fleet}) == 1
    few = f"{len(shown)} of {len(known):,} runs" if len(shown) < len(known) else f"{len(shown)} runs"
    dress(ax, chosen, x=parameter_label(of, run) if same else bare(of, run), title=few)
    medians = np.asarray([s.q50[i] for i in shown] + [x[1] for x in other or [] if x is not None])
    ends = np.asarray([(s.q05[i], s.q95[i]) for i in shown])
    left, right = _range(medians, ends)
    up = -0.2 if other else 0.0
    for place, i in zip(rows, shown, strict=True):
        figures = (float(s.q05[i]), float(s.q50[i]), float(s.q95[i]))
        _bar(ax, place + up, figures, (left, right), STATUS[str(fitted.status[i])], "o", chosen)
    for place, x in zip(rows, other or [], strict=False):
        if x is not None:
            _bar(ax, place - up, x, (left, right), INK, "D", chosen)
    _rows(ax, rows, [fitted.names[i] for i in shown], [groups[i] for i in shown], chosen)
    ax.set_xlim(left, right)
    line: dict[str, Any] = {"mfc": "white", "lw": chosen.pen, "ms": 4 * chosen.pen}
    words = dict.fromkeys(str(fitted.status[i]) for i in shown)
    handles = [Line2D([], [], color=STATUS[word], marker="o", **line) for word in words]
    texts = [f"{names[0]}, {word}" if other else f"{word}: median, 90% interval" for word in words]
    if other:
        handles.append(Line2D([], [], color=INK, marker="D", **line))
        texts.append(names[1])
    legend(figure, chosen, handles, texts, 1 if chosen.narrow else 3)
    return figure


def bare(of: str, run: Run) -> str:
    """A parameter's symbol, where runs have several units."""
    return parameter_label(of, run).split(" (")[0]


def _places(shown: Sequence[int], groups: Sequence[tuple[str, ...]]) -> list[float]:
    """The row of each run, with a gap where another group begins."""
    places, at = [], 0.0
    for k, i in enumerate(shown):
        if k and groups[i] != groups[shown[k - 1]]:
            at += 1.0
        places.append(at)
        at += 1.0
    return places


def _figures(beside: Any, name: str, of: str) -> tuple[float, float, float] | None:
    """Lower end, median and upper end of a parameter by the other fit; None where it has no such run."""
    try:
        summary = beside[name].summary
    except InputError:
        return None
    if of not in summary:
        raise InputError(f"the fit beside has no parameter {of!r}. {did_you_mean(of, summary)}")
    return summary[of].q05, summary[of].q50, summary[of].q95


def _range(medians: np.ndarray, ends: np.ndarray) -> tuple[float, float]:
    """From the lowest to the highest end, but not so far that the medians are squeezed together."""
    low, high = float(medians.min()), float(medians.max())
    width = max(high - low, float(np.median(ends[:, 1] - ends[:, 0])), 1e-9 * max(abs(low), abs(high)))
    left, right = max(float(ends.min()), low - WIDEST * width), min(float(ends.max()), high + WIDEST * width)
    margin = 0.04 * ((right - left) or 1.0)
    return left - margin, right + margin


def _bar(
    ax: Any, y: float, figures: tuple[float, float, float], shown: tuple[float, float], color: str, marker: str,
    size: Size,
) -> None:  # fmt: skip
    low, middle, high = figures
    ax.plot(np.clip([low, high], *shown), [y, y], color=color, lw=1.1 * size.pen, solid_capstyle="butt", zorder=2)
    if shown[0] <= middle <= shown[1]:
        ax.plot([middle], [y], ls="none", marker=marker, color=color, mfc="white", ms=3 * size.pen, mew=0.8 * size.pen,
                zorder=3)  # fmt: skip
    for beyond, at, arrow in ((low < shown[0], shown[0], "<"), (high > shown[1], shown[1], ">")):
        if beyond:
            ax.plot([at], [y], marker=arrow, color=color, ms=3 * size.pen, clip_on=False)


def _rows(ax: Any, rows: Sequence[float], names: Sequence[str], groups: Sequence[tuple[str, ...]], size: Size) -> None:
    """Names of runs at the left, of groups at the right."""
    small = size.small if len(rows) <= 25 else size.small - 2 - (len(rows) > 40)
    cut = [name if len(name) <= 24 else f"{name[:23]}…" for name in names]
    ax.set_yticks(rows, [plain(name) for name in cut], fontsize=small)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(max(rows) + 0.7, -0.7)
    for group in dict.fromkeys(groups):
        if group:
            own = [row for row, g in zip(rows, groups, strict=True) if g == group]
            ax.text(1.01, float(np.mean(own)), plain(", ".join(group)), transform=ax.get_yaxis_transform(), va="center",
                    fontsize=size.small, color=INK)  # fmt: skip
            if max(own) < max(rows):
                ax.axhline(max(own) + 1.0, color=GREY, lw=0.5 * size.pen, ls=":")
