"""Ceilings of pooled runs beside those that they have alone."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from gapdyn._check import InputError
from gapdyn.fleets import PooledFit

from ._style import BLUE, GREY, dress, legend, new_figure
from ._words import CEILING, plain, quantity

ROW = 0.075  # of a panel's height
MOST = 60  # runs that can be told apart in one picture
APART = 0.16  # of a row: pooled above, alone below
MARGIN = 0.06


def shrinkage(result: PooledFit, *, by: str = "", size: str = "notebook") -> Figure:
    """What pooling does to the runs' ceilings: pooled in blue, alone in grey, 90% intervals; the band is typical.

    Parameters
    ----------
    result : a pooled fit, of 60 runs or fewer.
    by : a group by which runs are put together; "" puts them in the order of their ceilings.
    size : "notebook", "paper" (one column, 3.4 in) or "paper-wide" (two columns, 7 in).

    Returns
    -------
    Figure
        The axis is that of the pooled intervals; one of a run alone that goes on beyond it ends in an arrow.

    Raises
    ------
    InputError
        Another result, a group that the fit does not have, too many runs, an unknown size.
    """
    if not isinstance(result, PooledFit):
        raise InputError(f"shrinkage shows a pooled fit; it was given a {type(result).__name__}.")
    if by and by not in result.members:
        raise InputError(f"by={by!r}: runs are grouped by {', '.join(result.members) or 'nothing'}.")
    frame = result.frame()
    if len(frame) > MOST:
        raise InputError(f"{len(frame)} runs are too many to tell apart, {MOST} are not. Pool a part, or use frame().")
    frame = frame.sort([*([by] if by else []), "ceiling_q50"])
    figure, chosen = new_figure(size, 0.4 + ROW * len(frame))
    ax = figure.subplots()
    dress(ax, chosen, x=quantity(f"ceiling {CEILING}", result.fleet.runs[0]))
    low, high = (frame[f"ceiling_{q}"].to_numpy() for q in ("q05", "q95"))
    margin = MARGIN * float(high.max() - low.min())
    left, right = float(low.min()) - margin, float(high.max()) + margin
    band = result.summary.get("typical_u_s_inf")
    if band is not None:
        ax.axvspan(band.q05, band.q95, color=GREY, alpha=0.15, lw=0)
    for row, one in enumerate(frame.iter_rows(named=True)):
        for kind, color, shift in (("ceiling", BLUE, -APART), ("alone", GREY, APART)):
            ends = np.clip([one[f"{kind}_q05"], one[f"{kind}_q95"]], left, right)
            ax.plot(ends, [row + shift] * 2, color=color, lw=1.3 * chosen.pen, solid_capstyle="butt")
            for beyond, at, marker in (
                (one[f"{kind}_q05"] < left, left, "<"),
                (one[f"{kind}_q95"] > right, right, ">"),
            ):
                if beyond:
                    ax.plot([at], [row + shift], marker=marker, color=color, ms=3 * chosen.pen, clip_on=False)
            if left <= one[f"{kind}_q50"] <= right:
                ax.plot([one[f"{kind}_q50"]], [row + shift], marker="o", color=color, mfc="white", ms=3.5 * chosen.pen,
                        mew=0.9 * chosen.pen)  # fmt: skip
    names = [f"{one[by]}: {one['run']}" if by else one["run"] for one in frame.iter_rows(named=True)]
    ax.set_yticks(range(len(names)), [plain(n) for n in names], fontsize=chosen.small)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlim(left, right)
    handles = [Line2D([], [], color=c, marker="o", mfc="white", lw=1.3 * chosen.pen) for c in (BLUE, GREY)]
    labels = ["pooled, 90%", "alone, 90%"]
    if band is not None:
        handles.append(Patch(color=GREY, alpha=0.15, lw=0))  # pyright: ignore[reportArgumentType]
        labels.append("typical run")
    legend(figure, chosen, handles, labels, 3)
    return figure
