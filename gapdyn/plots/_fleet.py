"""Many runs at a glance: small multiples of their trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from gapdyn._check import InputError
from gapdyn.fleets import FleetFit
from gapdyn.inference import Fit

from ._draws import central, check_level
from ._style import GREEN, GREY, INK, LOOKS, ORANGE, VERMILLION, Size, dress, legend, new_figure
from ._words import CEILING, plain, unit_words

MOST = 24  # panels
POINTS = 60
ALIKE = 4.0  # panels share their axis where the runs' ranges are within that factor
STATUS = {"trusted": GREEN, "wide": ORANGE, "declined": VERMILLION, "not computed": GREY}  # colours


def fleet(fitted: FleetFit, runs: Sequence[str] | None = None, *, level: float = 0.9, size: str = "notebook") -> Figure:
    """Measured uncertainties of many runs with the posterior of their curves, a panel for each.

    Curves belong to the run's own evaluation prompts, as the measured points do, and go on to where the longest run
    ends, or half as far again where panels have axes of their own. The green band is the interval of the ceiling.

    Parameters
    ----------
    fitted : the fit of a fleet.
    runs : names, at most 24; default the first 24 that have a posterior.
    level : probability of the bands and of the ceiling's interval, in (0, 1).
    size : "notebook", "paper" (one column, 3.4 in) or "paper-wide" (two columns, 7 in).

    Returns
    -------
    Figure
        Panels share their axes where the runs have one clock and unit and alike ranges. The colour of a name says
        whether its ceiling is trusted or wide.

    Raises
    ------
    InputError
        More than 24 runs, an unknown one or one without posterior, a level outside (0, 1), an unknown size.
    """
    if not isinstance(fitted, FleetFit):
        raise InputError(f"fleet takes the fit of a fleet; it was given a {type(fitted).__name__}.")
    level = check_level(level)
    names = _chosen(fitted, runs)
    fits = [fitted[name] for name in names]
    columns = next((c for c in (1, 2, 3) if len(names) <= c * min(c, 2)), 3 if size == "paper" else 4)
    columns = 6 if len(names) > 12 and size != "paper" else columns
    rows = -(-len(names) // columns)
    figure, chosen = new_figure(size, (0.7 if columns < 3 else 0.4) * rows + 0.35)
    alike = _alike(fits)
    last = max(float(fit.data.t[-1]) for fit in fits) if alike else None
    axes = figure.subplots(rows, columns, squeeze=False, sharex=alike, sharey=alike)
    panels: list[Axes] = list(axes.reshape(-1))
    ranges: list[tuple[float, float]] = []
    for place, (ax, name, fit) in enumerate(zip(panels, names, fits, strict=False)):
        dress(ax, chosen)
        ranges.append(_panel(ax, fit, last, chosen, level))
        status = str(fitted.status[fitted.names.index(name)])
        room = max(6, int(13 * chosen.width / columns / (0.145 * chosen.small)))
        title = name if len(name) <= room else f"{name[: room - 1]}…"
        ax.set_title(plain(title), loc="left", fontsize=chosen.small, color=STATUS[status], pad=2)
        if alike:
            ax.tick_params(labelbottom=place + columns >= len(names), labelleft=place % columns == 0)
        ax.tick_params(labelsize=chosen.small - 1)
        ax.locator_params(nbins=3)
    every = (min(low for low, _ in ranges), max(high for _, high in ranges))
    for ax, own in zip(panels, ranges, strict=False):
        low, high = every if alike else own
        margin = 0.08 * ((high - low) or 1.0)
        ax.set_ylim(low - margin, high + margin)
    for ax in panels[len(names) :]:
        ax.set_visible(False)
    one = {(fit.data.clock, unit_words(fit.data)) for fit in fits}
    clock, unit = next(iter(one)) if len(one) == 1 else ("time", "each run's unit")
    figure.supxlabel(clock, fontsize=chosen.font)
    what = "uncertainty" if fits[0].series is None else plain(fits[0].series)
    figure.supylabel(f"{what} ({unit})" if fits[0].series is None else what, fontsize=chosen.font)
    _legend(figure, chosen, fits, [str(fitted.status[fitted.names.index(name)]) for name in names], level)
    return figure


def _chosen(fitted: FleetFit, runs: Sequence[str] | None) -> list[str]:
    if runs is None:
        known = [
            name for name, status in zip(fitted.names, fitted.status, strict=True) if status in ("trusted", "wide")
        ]
        if not known:
            raise InputError("no run of this fleet has a posterior, so there is nothing to show. Look at its findings.")
        return known[:MOST]
    if not len(runs):
        raise InputError("runs is empty. Name some, or leave it out.")
    if len(runs) > MOST:
        raise InputError(f"{len(runs)} runs are more panels than a page holds. Name {MOST} or fewer.")
    return list(runs)


def _alike(fits: Sequence[Fit]) -> bool:
    """Whether the runs can be shown on one pair of axes."""
    one = len({(fit.data.clock, fit.data.unit) for fit in fits}) == 1
    spans = [float(fit.data.t[-1] - fit.data.t[0]) for fit in fits]
    ranges = [fit.scale.size for fit in fits]
    levels = [fit.scale.origin for fit in fits]
    near = float(np.ptp(levels)) <= ALIKE * max(ranges)
    return one and near and max(spans) <= ALIKE * min(spans) and max(ranges) <= ALIKE * min(ranges)


def _panel(ax: Axes, fit: Fit, last: float | None, size: Size, level: float) -> tuple[float, float]:
    """Draw a run up to `last`, or half as far again as it went; the range of its data and medians."""
    run = fit.data
    end = float(run.t[-1] + 0.5 * (run.t[-1] - run.t[0])) if last is None else last
    ts = np.linspace(run.t[0], end, POINTS)
    curves = fit.curves(ts)
    core: list[np.ndarray] = []
    for name in run.measured:
        look, draws, y = LOOKS[name], getattr(curves, name)[curves.ok], getattr(run, name)
        low, high = central(draws, level)
        middle = np.median(draws, axis=0)
        ax.fill_between(ts, low, high, color=look.color, alpha=0.25, lw=0, zorder=2)
        ax.plot(ts, middle, color=look.color, ls=look.line, lw=size.pen, zorder=3)
        ax.plot(run.t, y, ls="none", marker=look.marker, ms=2.2 * size.pen, mfc="white", mec=look.color,
                mew=0.6 * size.pen, zorder=4)  # fmt: skip
        core += [y[np.isfinite(y)], middle]
    if end > run.t[-1]:
        ax.axvline(run.t[-1], color=GREY, lw=0.5 * size.pen, ls=":", zorder=1)
    if fit.has_limit:
        ends = fit["u_s_inf"]
        ax.axhspan(
            *(float(x) for x in central(ends[np.isfinite(ends)], level)), color=GREEN, alpha=0.22, lw=0, zorder=0
        )
    every = np.concatenate(core)
    return float(every.min()), float(every.max())


def _legend(figure: Figure, size: Size, fits: Sequence[Fit], status: Sequence[str], level: float) -> None:
    handles: list[Any] = []
    labels: list[str] = []
    for name in dict.fromkeys(name for fit in fits for name in fit.data.measured):
        look = LOOKS[name]
        style: dict[str, Any] = {"color": look.color, "ls": look.line, "marker": look.marker, "mfc": "white"}
        handles.append(Line2D([], [], lw=size.pen, ms=3.5 * size.pen, **style))
        labels.append(f"{look.who} {look.label}" if fits[0].series is None else plain(fits[0].series))
    handles.append(Patch(color=INK, alpha=0.25, lw=0))
    labels.append(f"{level:.0%}")
    if any(fit.has_limit for fit in fits):
        handles.append(Patch(color=GREEN, alpha=0.3, lw=0))
        labels.append(f"ceiling {CEILING if fits[0].series is None else ''} ({level:.0%})".replace("  ", " "))
    for word in dict.fromkeys(status):
        handles.append(Line2D([], [], ls="none", marker="s", color=STATUS[word], ms=4 * size.pen))
        labels.append(word)
    legend(figure, size, handles, labels, 2 if size.narrow else 6)
