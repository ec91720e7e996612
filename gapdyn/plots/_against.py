"""A limit, or another number of each run, against what the runs differ in: log FLOPs, data, a setting."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from gapdyn._check import InputError
from gapdyn.fleets import FleetFit, covariate, labels
from gapdyn.measurement import gv_scaling

from ._family import COLORS
from ._forest import bare
from ._style import BLUE, dress, legend, new_figure
from ._words import minus, parameter_label, plain

POINTS = 100
BEYOND = 0.06  # of the range, by which the line is drawn on
SHADE = 0.2
TOLD = 3.0  # the vertical axis goes no further beyond the medians than so many times their range
NORMAL90 = 3.29  # width of a normal's 90% interval by its sd


def against(
    fitted: FleetFit, by: str, of: str = "u_s_inf", *, group: Sequence[str] = (), size: str = "notebook"
) -> Figure:
    """The ceiling, or another parameter, of each run against a number of it, with a line and its 90% band.

    The line is that of `gapdyn.gv_scaling`: straight, through runs that scatter about it beyond their own errors, which
    are taken as normal. Runs whose ceilings are open have little weight. Runs that share groups are not independent:
    pool them to have the line's posterior.

    Parameters
    ----------
    fitted : the fit of a fleet.
    by : a number that holds for the whole of each run, such as "log_flops".
    of : a parameter, such as "u_s_inf" or "gap_inf".
    group : labels that tell runs apart by colour, such as ["model"].
    size : "notebook", "paper" (one column, 3.4 in) or "paper-wide" (two columns, 7 in).

    Returns
    -------
    Figure
        Medians with 90% intervals; no line through fewer than 3 runs, or through runs that all have one number.

    Raises
    ------
    InputError
        An unknown parameter, number, label or size; no run that has the parameter.
    """
    if not isinstance(fitted, FleetFit):
        raise InputError(f"against takes the fit of a fleet; it was given a {type(fitted).__name__}.")
    s, every = fitted.parameter(of), covariate(fitted.fleet, by)
    known = np.flatnonzero(np.isfinite(s.q50))
    if not known.size:
        raise InputError(f"no run of this fleet has a posterior of {of!r}, so there is nothing to show.")
    groups = labels(fitted.fleet, group) if group else [()] * len(fitted)
    figure, chosen = new_figure(size, 1.1)
    ax = figure.subplots()
    run = fitted.fleet.runs[int(known[0])]
    same = len({(r.clock, r.unit) for r in fitted.fleet}) == 1
    dress(ax, chosen, x=plain(by), y=parameter_label(of, run) if same else bare(of, run))
    handles, texts = [], []
    thin = 1.0 if known.size <= 60 else max(0.15, 60 / known.size)
    for k, own in enumerate(sorted({groups[int(i)] for i in known})):
        color = COLORS[k % len(COLORS)]
        which = np.asarray([i for i in known if groups[int(i)] == own])
        ends = np.abs(np.stack([s.q50 - s.q05, s.q95 - s.q50])[:, which])
        ax.errorbar(every[which], s.q50[which], ends, ls="none", color=color, elinewidth=0.7 * chosen.pen, alpha=thin)
        ax.plot(every[which], s.q50[which], ls="none", marker="o", ms=3.2 * chosen.pen, mfc="white", mec=color,
                mew=0.8 * chosen.pen, zorder=4)  # fmt: skip
        handles.append(Line2D([], [], ls="none", marker="o", mfc="white", color=color, ms=4 * chosen.pen))
        texts.append(plain(", ".join(own)) if own else "runs, 90% intervals")
    middle = s.q50[known]
    span = float(np.ptp(middle)) or float(np.median((s.q95 - s.q05)[known])) or 1.0
    low, high = max(s.q05[known].min(), middle.min() - TOLD * span), min(s.q95[known].max(), middle.max() + TOLD * span)
    ax.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    x, y, wide = every[known], middle, (s.q95 - s.q05)[known]
    if known.size >= 3 and np.ptp(x) > 0 and (wide > 0).all():
        centre, unit = float(x.mean()), float(np.ptp(x))
        line = gv_scaling(
            y.tolist(), (10.0 ** ((x - centre) / unit)).tolist(), se=(wide / NORMAL90).tolist(), level=0.9
        )
        at = np.linspace(x.min() - BEYOND * unit, x.max() + BEYOND * unit, POINTS)
        below, through, above = line.line(10.0 ** ((at - centre) / unit))
        ax.fill_between(at, below, above, color=BLUE, alpha=SHADE, lw=0, zorder=1)
        (drawn,) = ax.plot(at, through, color=BLUE, lw=1.3 * chosen.pen, zorder=3)
        slope = minus("{1:.3g} [{0:.3g}, {2:.3g}]".format(*(line.slope / unit)))
        handles += [drawn, Patch(color=BLUE, alpha=SHADE, lw=0)]
        texts += [f"per unit: {slope}", "line, 90%"]
    legend(figure, chosen, handles, texts, 1 if chosen.narrow else 3)
    return figure
