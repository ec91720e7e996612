"""Replicated runs against the measured one."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import blended_transform_factory

from gapdyn._check import choose
from gapdyn.criticism import Check

from ._draws import central
from ._style import GREY, INK, LOOKS, PALE, SIZES, VERMILLION, Size, dress, legend, new_figure
from ._words import quantity, run_title, tall

RUNS = 40  # replicated runs drawn as lines
EDGE = 0.9  # how far from its replicates' interval a statistic is shown, in units of the interval


def predictive(check: Check, *, size: str = "notebook") -> Figure:
    """Runs that the posterior (or prior) would produce, the measured run, and statistics of both.

    Parameters
    ----------
    check : from `gapdyn.check` or `gapdyn.prior_check`.
    size : "notebook", "paper" (one column, 3.4 in) or "paper-wide" (two columns, 7 in).

    Returns
    -------
    Figure
        Above, for each measured series, replicated runs (lines), their 50% and 90% bands and the data. Below,
        one row per statistic: the replicates' 90% interval and median, and the observed value, filled and
        with p in bold where it is surprising; an arrow where it lies further out than shown.

    Raises
    ------
    InputError
        An unknown size.
    """
    run, names = check.run, check.run.measured
    rows, narrow = len(check.statistics), SIZES[choose(size, SIZES, "size")].narrow
    lines = len(names) if narrow else 1
    heights = [lines * (0.85 if narrow else 1), 0.22 + 0.08 * rows]
    figure, chosen = new_figure(size, sum(heights))
    upper, lower = cast(np.ndarray, figure.subfigures(2, 1, height_ratios=heights))
    panels = upper.subplots(lines, len(names) // lines, sharex=True, squeeze=False).ravel()
    table = lower.subplots()
    for i, (ax, name) in enumerate(zip(panels, names, strict=True)):
        look = LOOKS[name]
        y = tall(quantity(f"{look.who} {look.label}", run), narrow)
        title = run_title(run, chosen, f"{check.kind} predictive check") if i == 0 else ""
        dress(ax, chosen, x=run.clock if not narrow or ax is panels[-1] else "", y=y, title=title)
        _replicates(ax, check, name, chosen)
    _strip(table, check, chosen)
    handles = [
        Line2D([], [], color=INK, marker="o", ls="none", ms=3.5 * chosen.pen, mfc="white"),
        Line2D([], [], color=GREY, lw=0.6 * chosen.pen, alpha=0.7),
        (Patch(color=GREY, alpha=0.2, lw=0), Line2D([], [], color=GREY, lw=4 * chosen.pen, alpha=0.4)),
    ]
    legend(figure, chosen, handles, ["measured", "replicated runs", "50% and 90% of them"], 3)
    return figure


def _replicates(ax: Axes, check: Check, name: str, size: Size) -> None:
    run, look = check.run, LOOKS[name]
    good = check.replicates.ok
    draws, y = getattr(check.replicates, f"rep_{name[-1]}"), getattr(run, name)
    draws = draws[good] if good.any() else draws
    for share, alpha in ((0.9, 0.18), (0.5, 0.30)):
        ax.fill_between(run.t, *central(draws, share), color=look.color, alpha=alpha, lw=0, zorder=2)
    pick = np.linspace(0, len(draws) - 1, min(RUNS, len(draws))).astype(int)
    ax.plot(run.t, draws[pick].T, color=GREY, lw=0.45 * size.pen, alpha=0.45, zorder=1)
    seen = np.isfinite(y)
    style: dict[str, Any] = {"marker": look.marker, "mfc": "white", "mec": look.color}
    ax.plot(run.t[seen], y[seen], ls="none", ms=3.4 * size.pen, mew=size.pen, zorder=5, label=name, **style)
    low, high = central(draws, 0.98)
    bottom, top = min(low.min(), y[seen].min()), max(high.max(), y[seen].max())
    margin = 0.05 * (top - bottom)
    ax.set_ylim(bottom - margin, top + margin)


def _strip(ax: Axes, check: Check, size: Size) -> None:
    """One row per statistic, each scaled so that the replicates' 90% interval goes from 0 to 1."""
    dress(ax, size)
    beside = blended_transform_factory(ax.transAxes, ax.transData)
    for row, s in enumerate(check.statistics.values()):
        middle, observed = (_scaled(x, s.q05, s.q95) for x in (s.q50, s.observed))
        color = VERMILLION if s.surprising else INK
        ax.plot([0, 1], [row, row], color=PALE, lw=5 * size.pen, solid_capstyle="butt", zorder=1)
        ax.plot([middle], [row], marker="|", color=GREY, ms=7 * size.pen, mew=1.2 * size.pen, zorder=2)
        inside = -EDGE <= observed <= 1 + EDGE
        marker = "o" if inside else ("<" if observed < 0 else ">")
        ax.plot(
            [np.clip(observed, -EDGE, 1 + EDGE)], [row], marker=marker, ls="none", color=color,
            ms=4.5 * size.pen, mfc=color if s.surprising else "white", mew=size.pen, zorder=3,
        )  # fmt: skip
        weight = "bold" if s.surprising else "normal"
        ax.text(1.01, row, _p(s.p), transform=beside, va="center", fontsize=size.small, color=color, weight=weight)
    rows = len(check.statistics)
    ax.set_ylim(rows - 0.4, -0.6)
    ax.set_xlim(-EDGE - 0.1, 1 + EDGE + 0.1)
    ax.set_yticks(range(rows), [_spoken(name) for name in check.statistics], fontsize=size.small)
    ax.set_xticks([0, 1], ["5%", "95%"])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("observed, on the scale of the replicates' quantiles", fontsize=size.font, color=INK)
    inside = ", ".join(f"{share:.0%} in {level:.0%}" for level, share in check.coverage.items())
    ax.set_title(f"data inside the bands: {inside}", loc="left", fontsize=size.small, color=INK, pad=3)


def _scaled(x: float, low: float, high: float) -> float:
    if high > low:
        return (x - low) / (high - low)
    return 0.5 if x == low else float(np.copysign(np.inf, x - low))


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else ("p > 0.999" if p > 0.999 else f"p = {p:.3f}")


def _spoken(name: str) -> str:
    """'early_slope_u_s' as 'early slope $u_s$'."""
    for series in ("u_s", "u_v"):
        if name.endswith(f"_{series}"):
            return f"{name[: -len(series)].replace('_', ' ')}{LOOKS[series].label}"
    return name.replace("_", " ")
