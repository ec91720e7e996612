"""The ceiling by law and over laws."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gapdyn._check import InputError
from gapdyn.decide import Ceiling

from ._draws import central, check_level, finite
from ._style import BLUE, GREEN, GREY, INK, dress, legend, new_figure
from ._words import CEILING, quantity, run_title

ROW = 0.11  # of a panel's height


def ceilings(result: Ceiling, *, level: float = 0.9, size: str = "notebook") -> Figure:
    """The ceiling by each law of a comparison, the heaviest first, and over all of them.

    Parameters
    ----------
    result : `gapdyn.ceiling(comparison)`.
    level : probability of the outer intervals, in (0, 1); inner ones are of 50%.
    size : "notebook", "paper" (one column, 3.4 in) or "paper-wide" (two columns, 7 in).

    Returns
    -------
    Figure
        One row per law with its weight, and the last measured u_s as a line. The axis is that of laws with a weight
        of 0.05 or more; an interval that goes on beyond it ends in an arrow.

    Raises
    ------
    InputError
        A ceiling of one law, a level outside (0, 1), an unknown size.
    """
    if not isinstance(result, Ceiling) or not result.laws:
        raise InputError("ceilings shows a ceiling over laws: give it gd.ceiling(gd.compare(run, key=0)).")
    level = check_level(level)
    order = sorted(result.laws, key=lambda name: -result.weights[name])
    rows: list[tuple[str, np.ndarray | None]] = [("over laws", finite(result.u_s, "the ceiling"))]
    rows += [(name, _draws(result.laws[name])) for name in order]
    figure, size_ = new_figure(size, 0.35 + ROW * len(rows))
    ax = figure.subplots()
    x = quantity(f"ceiling {CEILING}, {result.prompts} prompts", result.run)
    dress(ax, size_, x=x, title=run_title(result.run, size_))
    heavy = [draws for name, draws in rows if draws is not None and result.weights.get(name, 1.0) >= 0.05]
    measured = result.run.u_s[np.isfinite(result.run.u_s)][-1:]
    ends = np.concatenate([*(np.asarray(central(d, level)) for d in heavy), measured])
    margin = 0.06 * np.ptp(ends)
    left, right = ends.min() - margin, ends.max() + margin
    for row, (name, draws) in enumerate(rows):
        color = GREEN if row == 0 else (INK if result.weights[name] >= 0.05 else GREY)
        if draws is None:
            ax.text(0.5, row, "no limit", transform=ax.get_yaxis_transform(), va="center", ha="center",
                    color=GREY, fontsize=size_.small)  # fmt: skip
            continue
        for share, pen in ((level, 1.0), (0.5, 3.0)):
            low, high = (float(np.clip(q, left, right)) for q in central(draws, share))
            ax.plot([low, high], [row, row], color=color, lw=pen * size_.pen, solid_capstyle="butt")
        low, high = central(draws, level)
        for beyond, at, marker in ((low < left, left, "<"), (high > right, right, ">")):
            if beyond:
                ax.plot([at], [row], marker=marker, color=color, ms=3.5 * size_.pen, clip_on=False)
        middle = float(np.median(draws))
        if left <= middle <= right:
            ax.plot([middle], [row], marker="o", color=color, mfc="white", ms=4.5 * size_.pen, mew=size_.pen)
    names = [name if row == 0 else f"{name} ({result.weights[name]:.2f})" for row, (name, _) in enumerate(rows)]
    ax.set_yticks(range(len(rows)), names, fontsize=size_.small)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlim(left, right)
    handles = [Line2D([], [], color=INK, marker="o", mfc="white", lw=size_.pen)]
    labels = [f"median, 50% and {level:.0%} interval"]
    if measured.size:
        handles.append(ax.axvline(measured[0], color=BLUE, lw=1.2 * size_.pen, ls="--"))
        labels.append("last measured $u_s$")
    legend(figure, size_, handles, labels, 1 if size_.narrow else 2)
    return figure


def _draws(limit: Ceiling | None) -> np.ndarray | None:
    return None if limit is None else finite(limit.u_s, "the ceiling")
