"""Is it learning? Uncertainty beside accuracy, the verifier and the lengths of responses."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gapdyn._check import InputError
from gapdyn.criticism import Progress, progress
from gapdyn.criticism._progress import column
from gapdyn.data import Run

from ._style import BLUE, GREEN, GREY, INK, LOOKS, ORANGE, VERMILLION, Size, dress, legend, new_figure
from ._words import quantity, run_title, tall

# column -> colour, marker, label
SHARES = {
    "acc_s": (BLUE, "o", "solver accuracy"),
    "acc_v": (ORANGE, "s", "best of N"),
    "pass_n": (GREEN, "^", "any of N (pass@N)"),
    "auc": (VERMILLION, "x", "verifier AUC"),
}


def learning(result: Progress | Run, *, size: str = "notebook") -> Figure:
    """A run's uncertainties, and below what was measured beside them: accuracy, pass@N, the verifier's AUC, lengths.

    Parameters
    ----------
    result : a `gapdyn.progress`, or a run, which is then judged.
    size : "notebook", "paper" (one column, 3.4 in) or "paper-wide" (two columns, 7 in).

    Returns
    -------
    Figure
        Panels share the clock; those of which nothing was measured are left out. The title has the verdict.

    Raises
    ------
    InputError
        Something else than a `Progress` or a run with u_s or u_v, an unknown size.
    """
    if not isinstance(result, Progress | Run):
        raise InputError(f"learning takes a Progress or a Run; it was given a {type(result).__name__}.")
    judged = progress(result) if isinstance(result, Run) else result
    run = judged.run
    if not run.measured:
        raise InputError(f"run {run.name!r} measures neither u_s nor u_v: there is nothing to hold against accuracy.")
    shares = {name: x for name in SHARES if np.isfinite(x := column(run, name)).any()}
    lengths = bool(np.isfinite(run.len_s).any()) and np.nanmax(run.len_s) > np.nanmin(run.len_s)
    shown = [(1.0, ""), *([(1.0, "share")] if shares else []), *([(0.6, "tokens")] if lengths else [])]
    heights = [height for height, _ in shown]
    figure, chosen = new_figure(size, 0.75 * sum(heights))
    made = figure.subplots(len(heights), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights})
    panels = list(cast(np.ndarray, made).ravel())
    handles: list[Any] = []
    labels: list[str] = []
    for i, (ax, (_, y)) in enumerate(zip(panels, shown, strict=True)):
        x = run.clock if i == len(panels) - 1 else ""
        y = y or tall(quantity("uncertainty", run), chosen.narrow)
        dress(ax, chosen, x=x, y=y, title=run_title(run, chosen, judged.verdict) if i == 0 else "")
    for name in run.measured:
        look = LOOKS[name]
        handles.append(_line(panels[0], chosen, run.t, getattr(run, name), look.color, look.marker))
        labels.append(look.label)
    if shares:
        ax = panels[1]
        for name, x in shares.items():
            color, marker, label = SHARES[name]
            handles.append(_line(ax, chosen, run.t, x, color, marker))
            labels.append(label)
        if "auc" in shares:
            ax.axhline(0.5, color=GREY, lw=0.7 * chosen.pen, ls=":")
        ax.set_ylim(-0.02, 1.02)
    if lengths:
        _line(panels[-1], chosen, run.t, run.len_s, INK, "o")
    legend(figure, chosen, handles, labels, 2 if chosen.narrow else 6)
    return figure


def _line(ax: Axes, size: Size, t: np.ndarray, x: np.ndarray, color: str, marker: str) -> Line2D:
    seen = np.isfinite(x)
    style: dict[str, Any] = {"color": color, "marker": marker, "ms": 3.4 * size.pen, "lw": 0.9 * size.pen}
    return ax.plot(t[seen], x[seen], mfc="white", mew=0.8 * size.pen, **style)[0]
