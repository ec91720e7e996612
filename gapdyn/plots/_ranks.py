"""Ranks of simulation-based calibration."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from gapdyn._check import choose
from gapdyn.criticism import Calibration

from ._style import BLUE, GREY, PALE, SIZES, VERMILLION, dress, legend, new_figure
from ._words import symbol


def ranks(calibration: Calibration, *, size: str = "notebook") -> Figure:
    """How far the truths' places among posterior draws are from uniform, one panel for each parameter.

    Parameters
    ----------
    calibration : from `gapdyn.calibrate`.
    size : "notebook", "paper" (one column, 3.4 in) or "paper-wide" (two columns, 7 in).

    Returns
    -------
    Figure
        The share of truths below each place, less that place. Within the band it stays with 95% for a sound engine.
        Below 0 and then above: intervals too wide; above and then below: too narrow; on one side: biased.

    Raises
    ------
    InputError
        An unknown size.
    """
    from scipy.stats import kstwo

    names = list(calibration.places)
    across = 2 if SIZES[choose(size, SIZES, "size")].narrow else 4
    rows = math.ceil(len(names) / across)
    figure, chosen = new_figure(size, 0.5 * rows + 0.1)
    axes = cast(np.ndarray, figure.subplots(rows, across, sharex=True, sharey=True, squeeze=False))
    n = calibration.simulations
    band = float(kstwo.ppf(0.95, n))
    for i, (ax, name) in enumerate(zip(axes.ravel(), names, strict=False)):
        u = np.sort(calibration.places[name])
        wrong = name in calibration.miscalibrated
        lowest = i + across >= len(names)
        dress(ax, chosen, x="place of the truth" if lowest else "", title=symbol(name))
        ax.tick_params(labelbottom=lowest)
        ax.axhspan(-band, band, color=PALE, alpha=0.5, lw=0, zorder=1)
        ax.axhline(0, color=GREY, lw=0.6 * chosen.pen, zorder=2)
        x = np.concatenate([[0.0], np.repeat(u, 2), [1.0]])
        share = np.repeat(np.arange(n + 1) / n, 2)
        ax.plot(x, share - x, color=VERMILLION if wrong else BLUE, lw=chosen.pen, zorder=3)
        ax.set_xlim(0, 1)
        ax.margins(y=0.12)
    for ax in axes.ravel()[len(names) :]:
        ax.set_visible(False)
    handles = [Line2D([], [], color=BLUE, lw=chosen.pen), Patch(color=PALE, alpha=0.5, lw=0)]
    title = f"calibration of the {calibration.law.title}, {n} simulated runs"
    labels = ["share of truths below, less the place", "95% of sound engines"]
    legend(figure, chosen, handles, labels, 1 if chosen.narrow else 2, title)
    return figure
