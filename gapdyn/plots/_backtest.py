"""What was foretold, and what came."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gapdyn._check import InputError
from gapdyn.criticism import Backtest, Origin
from gapdyn.data import Run

from ._draws import check_level, draw_band
from ._style import GREY, LOOKS, Size, dress, legend, new_figure
from ._words import quantity, run_title, tall

COUNTS = 0.05  # weight from which a law's own forecast is drawn


def backtest(result: Backtest, *, level: float = 0.9, size: str = "notebook") -> Figure:
    """The weighted forecast from each origin of a backtest beside what was measured later.

    Parameters
    ----------
    result : a `gapdyn.backtest`.
    level : probability of the outer band, in (0, 1); the inner one is of 50%.
    size : "notebook", "paper" (one column, 3.4 in) or "paper-wide" (two columns, 7 in).

    Returns
    -------
    Figure
        One panel per origin: full points were fitted, hollow ones came later; grey lines are the medians of the laws
        with a weight of 0.05 or more. The axis is that of the measurements: bands beyond it are cut.

    Raises
    ------
    InputError
        Something else than a `Backtest`, a level outside (0, 1), an unknown size.
    """
    if not isinstance(result, Backtest):
        raise InputError(f"backtest shows a Backtest; it was given a {type(result).__name__}. See gd.backtest.")
    level, run, origins = check_level(level), result.run, result.origins
    columns = (
        1 if size == "paper" else min(2 if len(origins) == 4 else 3, len(origins))
    )  # beside one another, where there is room
    rows = -(-len(origins) // columns)
    figure, chosen = new_figure(size, 0.15 + 0.75 * rows)
    panels = list(cast(np.ndarray, figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)).ravel())
    for i, (ax, origin) in enumerate(zip(panels, origins, strict=False)):
        below = i + columns >= len(origins)
        y = tall(quantity("uncertainty", run), columns > 1 or chosen.narrow) if i % columns == 0 else ""
        dress(ax, chosen, x=run.clock if below else "", y=y, title=f"fitted to {origin.train} checkpoints")
        ax.tick_params(labelbottom=below)
        _panel(ax, run, origin, chosen, level)
    for ax in panels[len(origins) :]:
        ax.set_visible(False)
    _set_range(panels[0], run)
    measured = list(run.measured)
    handles: list[Any] = [_key(LOOKS[name], chosen) for name in measured]
    labels = [f"{LOOKS[name].who} {LOOKS[name].label}" for name in measured]
    handles.append(Line2D([], [], color=GREY, lw=0.8 * chosen.pen))
    legend(figure, chosen, handles, [*labels, "single laws"], 1 if chosen.narrow else 3,
           title=f"{run_title(run, chosen)}: weighted forecast, median, 50% and {level:.0%}")  # fmt: skip
    return figure


def _panel(ax: Axes, run: Run, origin: Origin, size: Size, level: float) -> None:
    for i, name in enumerate(("u_s", "u_v")):
        if name not in run.measured:
            continue
        look, y = LOOKS[name], getattr(run, name)
        for law, weight in origin.weights.items():
            if weight >= COUNTS:
                median = np.median(origin.laws[law].ahead.rep[:, :, i], 0)
                ax.plot(origin.ts, median, color=GREY, lw=0.8 * size.pen, zorder=2.5)
        draw_band(ax, origin.ts, origin.rep[:, :, i], look, size, level)
        for part, fill in ((slice(None, origin.train), look.color), (slice(origin.train, None), "white")):
            seen = np.isfinite(y[part])
            ax.plot(run.t[part][seen], y[part][seen], ls="none", marker=look.marker, ms=3.2 * size.pen, mfc=fill,
                    mec=look.color, mew=0.9 * size.pen, zorder=5)  # fmt: skip
    ax.axvline(run.t[origin.train - 1], color=GREY, lw=0.8 * size.pen, ls=(0, (4, 3)), zorder=1)


def _set_range(ax: Axes, run: Run) -> None:
    measured = np.concatenate([getattr(run, name) for name in run.measured])
    low, high = np.nanmin(measured), np.nanmax(measured)
    margin = 0.15 * (high - low) or 1.0
    ax.set_ylim(low - margin, high + margin)


def _key(look: Any, size: Size) -> Line2D:
    return Line2D([], [], color=look.color, ls=look.line, marker=look.marker, mfc=look.color,
                  lw=1.3 * size.pen, ms=4 * size.pen)  # fmt: skip
