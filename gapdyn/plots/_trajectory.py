"""A run, its fitted curves, and where they go."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import blended_transform_factory

from gapdyn._check import InputError
from gapdyn.data import Run
from gapdyn.decide import ceiling
from gapdyn.inference import Curves, Fit

from ._draws import central, check_level, draw_band, finite
from ._style import GREEN, GREY, LOOKS, VERMILLION, Size, dress, legend, new_figure
from ._words import CEILING, GAP_LIMIT, interval, plain, quantity, run_title, tall

POINTS = (160, 80)  # of the time grid: within the data, beyond them
DRAWS = 2000


def trajectory(
    fit: Fit,
    *,
    until: float | None = None,
    gap: bool | None = None,
    level: float = 0.9,
    size: str = "notebook",
) -> Figure:
    """Measured uncertainties, the posterior of their curves, the forecast and the ceiling.

    Curves and ceiling belong to the run's own evaluation prompts (``prompts="same"``), as the measured points
    do; the ceiling of the capability, over prompts, is in `ceiling_density`.

    Parameters
    ----------
    fit : the posterior.
    until : end of the forecast, in the run's clock; default half the run's span after the last checkpoint.
    gap : whether a lower panel shows the gap and its limit; default: if both series are measured.
    level : probability of the outer band and of the intervals of ceiling and limit, in (0, 1). The inner band
        is 50%.
    size : "notebook", "paper" (one column, 3.4 in) or "paper-wide" (two columns, 7 in).

    Returns
    -------
    Figure
        Points are measurements, their bars one standard error (where known; at the gap only where `corr` is
        known).

    Raises
    ------
    InputError
        `until` before the last checkpoint, a level outside (0, 1), an unknown size.
    """
    run, level = fit.data, check_level(level)
    end = _end(run, until)
    with_gap = set(run.measured) == {"u_s", "u_v"} if gap is None else bool(gap)
    figure, chosen = new_figure(size, 1.6 if with_gap else 1.15)
    axes = figure.subplots(2 if with_gap else 1, sharex=True, squeeze=False, height_ratios=[2, 1] if with_gap else [1])
    ts = np.unique(np.r_[np.linspace(run.t[0], run.t[-1], POINTS[0]), np.linspace(run.t[-1], end, POINTS[1])])
    curves = _solved(fit.curves(ts, draws=DRAWS))
    limit = ceiling(fit, prompts="same") if fit.has_limit else None
    top = axes[0, 0]
    dress(
        top,
        chosen,
        y=tall(quantity("uncertainty", run) if fit.series is None else plain(fit.series), chosen.narrow),
        title=run_title(run, chosen, plain(fit.law.title)),
    )
    handles, labels = _series(top, run, curves, chosen, level, fit.series)
    handles.append(_key(GREY, chosen, "-"))
    labels.append(f"posterior: median, 50% and {level:.0%}")
    if limit is None:
        _set_range(top, run, ("u_s", "u_v"), curves, None, level)
    else:
        ends, name = finite(limit.u_s, "the ceiling"), CEILING if fit.series is None else "limit"
        text = _limit(top, ends, level, chosen, GREEN)
        handles.append(_key(GREEN, chosen, ":"))
        labels.append(
            f"ceiling {CEILING}: {text} ({level:.0%})" if fit.series is None else f"limit: {text} ({level:.0%})"
        )
        _set_range(top, run, ("u_s", "u_v"), curves, ends, level)
        _name_limit(top, ends, level, name, GREEN, chosen)
    if with_gap:
        bottom = axes[1, 0]
        dress(bottom, chosen, y=tall(quantity("gap", run), True))
        _points(bottom, run, "gap", chosen)
        draw_band(bottom, curves.ts, curves.gap, LOOKS["gap"], chosen, level)
        ends = None if limit is None else finite(limit.gap, "the gap's limit")
        _set_range(bottom, run, ("gap",), curves, ends, level)
        if ends is not None:
            text = _limit(bottom, ends, level, chosen, VERMILLION)
            _name_limit(bottom, ends, level, GAP_LIMIT, VERMILLION, chosen)
            handles.append(_key(VERMILLION, chosen, ":"))
            labels.append(f"limit of the gap {GAP_LIMIT}: {text} ({level:.0%})")
    last = axes[-1, 0]
    last.set_xlabel(run.clock, fontsize=chosen.font)
    margin = 0.02 * (end - run.t[0])
    last.set_xlim(run.t[0] - margin, end + (margin if end == run.t[-1] else 0))
    for ax in axes[:, 0]:
        _mark_forecast(ax, run.t[-1], end, chosen, word=ax is top)
    legend(figure, chosen, handles, labels, 1 if chosen.narrow else 2)
    return figure


def _end(run: Run, until: float | None) -> float:
    last = float(run.t[-1])
    if until is None:
        return last + 0.5 * (last - float(run.t[0]))
    if not np.isfinite(until) or until < last:
        raise InputError(
            f"until={until!r}: give a time at or after the last checkpoint of run {run.name!r} ({run.clock} {last:g})."
        )
    return float(until)


def _solved(curves: Curves) -> Curves:
    """The draws whose solve succeeded; at least one."""
    if not curves.ok.any():
        raise InputError("no draw of this fit could be solved at these times. Give an earlier `until`.")
    draws = {f.name: getattr(curves, f.name)[curves.ok] for f in dataclasses.fields(curves) if f.name != "ts"}
    return dataclasses.replace(curves, **draws)


def _series(ax: Axes, run: Run, curves: Curves, size: Size, level: float, one: str | None) -> tuple[list, list[str]]:
    handles, labels = [], []
    for name in run.measured:
        look = LOOKS[name]
        draw_band(ax, curves.ts, getattr(curves, name), look, size, level)
        barred = _points(ax, run, name, size)
        style: dict[str, Any] = {"color": look.color, "ls": look.line, "marker": look.marker, "mfc": "white"}
        handles.append(Line2D([], [], lw=1.3 * size.pen, ms=4 * size.pen, **style))
        what = f"{look.who} {look.label}" if one is None else plain(one)
        labels.append(what + (" (± 1 se)" if barred else ""))
    return handles, labels


def _points(ax: Axes, run: Run, name: str, size: Size) -> bool:
    """Measured values with standard errors where known; whether there are any."""
    look, y = LOOKS[name], getattr(run, name)
    seen = np.isfinite(y)
    if name == "gap":  # without their correlation, the errors of two series at one checkpoint say little
        error = np.sqrt(run.se_s**2 + run.se_v**2 - 2 * run.corr * run.se_s * run.se_v)
    else:
        error = getattr(run, f"se_{name[-1]}")
    known = seen & np.isfinite(error)
    ax.errorbar(
        run.t[known], y[known], error[known], fmt="none", ecolor=look.color, elinewidth=0.7 * size.pen,
        capsize=0, alpha=0.6, zorder=4,
    )  # fmt: skip
    ax.plot(
        run.t[seen], y[seen], ls="none", marker=look.marker, ms=3.2 * size.pen, mfc="white", mec=look.color,
        mew=0.9 * size.pen, zorder=5, label=name,
    )  # fmt: skip
    return bool(known.any())


def _limit(ax: Axes, draws: np.ndarray, level: float, size: Size, color: str) -> str:
    low, high = (float(x) for x in central(draws, level))
    ax.axhspan(low, high, color=color, alpha=0.18, lw=0, zorder=1)
    for y, line in ((low, ":"), (high, ":")):
        ax.axhline(y, color=color, lw=0.8 * size.pen, ls=line, zorder=1)
    return interval(draws, low, high)


def _name_limit(ax: Axes, draws: np.ndarray, level: float, name: str, color: str, size: Size) -> None:
    """Its symbol beside the visible part of the band, right of the panel."""
    bottom, top = ax.get_ylim()
    low, high = np.clip(central(draws, level), bottom, top)
    place = blended_transform_factory(ax.transAxes, ax.transData)
    ax.text(1.01, 0.5 * (low + high), name, transform=place, va="center", fontsize=size.font, color=color)


def _set_range(
    ax: Axes, run: Run, names: tuple[str, ...], curves: Curves, limit: np.ndarray | None, level: float
) -> None:
    """Data and median in full; bands and limits as far as three times that, lest open ones flatten it."""
    shown = [n for n in names if n == "gap" or n in run.measured]
    inside = curves.ts <= run.t[-1]
    core, wide = [], [] if limit is None else [*central(limit, level)]
    for name in shown:
        y = getattr(run, name)
        se = np.zeros(len(run)) if name == "gap" else np.nan_to_num(getattr(run, f"se_{name[-1]}"))
        core += [y - se, y + se, np.median(getattr(curves, name)[:, inside], axis=0)]
        wide += [*central(getattr(curves, name), level)]
    low, high = (float(f(np.concatenate(core))) for f in (np.nanmin, np.nanmax))
    span = (high - low) or abs(high) or 1.0
    reach = np.concatenate([np.atleast_1d(x) for x in wide])
    low = min(low, max(float(reach.min()), low - span))
    high = max(high, min(float(reach.max()), high + span))
    ax.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))


def _mark_forecast(ax: Axes, last: float, end: float, size: Size, *, word: bool) -> None:
    if end == last:
        return
    ax.axvspan(last, end, color=GREY, alpha=0.08, lw=0, zorder=0)
    ax.axvline(last, color=GREY, lw=0.8 * size.pen, ls=(0, (4, 3)), zorder=1)
    if word:  # above the panel, where no curve goes
        place = blended_transform_factory(ax.transData, ax.transAxes)
        ax.text(end, 1.01, "forecast", transform=place, ha="right", va="bottom", fontsize=size.small, color=GREY)


def _key(color: str, size: Size, line: str) -> tuple[Patch, Line2D]:
    """A band with a line, for the legend."""
    return Patch(color=color, alpha=0.25, lw=0), Line2D([], [], color=color, lw=size.pen, ls=line)
