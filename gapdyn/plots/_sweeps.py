"""Sweeps: a quantity over two parameters, and what a quantity depends on."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from gapdyn._check import InputError, choose
from gapdyn.inference import SITES
from gapdyn.sweeps import GlobalSensitivity, Sweep

from ._style import BLUE, GREY, INK, ORANGE, PALE, dress, legend, new_figure
from ._words import minus, plain, symbol

LINES = 7  # contour lines, about


def phase_diagram(
    sweep: Sweep, of: str | None = None, *, x: str | None = None, y: str | None = None,
    at: dict[str, Any] | None = None, size: str = "notebook",
) -> Figure:  # fmt: skip
    """A quantity over two swept parameters: colours, contour lines, and where there is none.

    Parameters
    ----------
    sweep : over a grid of two parameters, or of more with the others picked by `at`; of one law.
    of : the quantity, one number for each setting; None: the sweep's first.
    x, y : the parameters of the axes; None: the two dimensions that are left, the last along x.
    at : other dimension -> the label or the value nearest to which it is cut.
    size : "notebook", "paper" (one column, 3.4 in) or "paper-wide" (two columns, 7 in).

    Returns
    -------
    Figure
        Settings outside the support, without a limit or whose solve failed are grey.

    Raises
    ------
    InputError
        A sweep that is not over a grid, or over several laws; unknown names; dimensions that are left over.
    """
    numbers = list(sweep.summary)  # all but trajectories, without reading any
    of = numbers[0] if of is None and numbers else choose(str(of), numbers, "quantity")
    if len(sweep.laws) > 1:
        raise InputError("phase_diagram shows one law. Sweep each law alone, and compare the pictures.")
    cut = _cut(sweep, of, x, y, at or {})
    y, x = (str(d) for d in cut.dims)
    left, low = (np.asarray(cut[d], float) for d in (x, y))
    z = np.asarray(cut, float)
    if not np.isfinite(z).any():
        raise InputError(f"{of} is defined nowhere in this sweep: there is nothing to show. {sweep.findings[0].text}")
    figure, chosen = new_figure(size, 1.2)
    ax = figure.subplots()
    dress(ax, chosen, x=_name(x), y=_name(y), title=plain(next(iter(sweep.laws.values()))) if not chosen.narrow else "")
    mesh = ax.pcolormesh(left, low, np.ma.masked_invalid(z), cmap="cividis", shading="nearest", rasterized=True)
    lost = ~np.isfinite(z)
    if lost.any():
        grey = ListedColormap([PALE])
        ax.pcolormesh(left, low, np.ma.masked_where(~lost, np.ones_like(z)), cmap=grey,
                      shading="nearest", rasterized=True)  # fmt: skip
        legend(figure, chosen, [Patch(color=PALE, lw=0)], [f"none ({lost.mean():.0%} of the settings)"], 1)
    if np.ptp(z[~lost]) > 0 and min(z.shape) > 1:
        lines = ax.contour(left, low, np.ma.masked_invalid(z), LINES, colors="white", linewidths=0.8 * chosen.pen)
        ax.clabel(lines, fontsize=chosen.small - 1, fmt=lambda v: minus(f"{v:.3g}"))
    bar = figure.colorbar(mesh, ax=ax, pad=0.02)
    bar.set_label(_name(of), fontsize=chosen.font, color=INK)
    bar.ax.tick_params(labelsize=chosen.small, colors=INK)
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    return figure


def _cut(sweep: Sweep, of: str, x: str | None, y: str | None, at: dict[str, Any]) -> Any:
    """The quantity along y and x, in that order."""
    dims = next(iter(sweep.dims.values()))
    axes = [n for n, labels in dims.items() if not isinstance(labels, int) and np.asarray(labels).dtype.kind == "f"]
    for name in (*at, *([x] if x else []), *([y] if y else [])):
        choose(name, dims, "dimension")
    left = [n for n in axes if n not in at and n not in (x, y)]
    x = x or (left.pop() if left else None)
    y = y or (left.pop() if left else None)
    over = [n for n in dims if n not in (x, y) and n not in at]
    if x is None or y is None or x == y or over:
        said = f"; {', '.join(over)} is left over: pass at={{{over[0]!r}: ...}}" if over and x and y else ""
        raise InputError(f"phase_diagram needs a grid of two parameters; this sweep has {', '.join(dims)}{said}.")
    cells = sweep.to_xarray()[of]
    for name, value in at.items():
        cells = cells.sel({name: value}, method=None if isinstance(value, str) else "nearest")
    return cells.transpose(y, x)


def tornado(found: GlobalSensitivity, *, size: str = "notebook") -> Figure:
    """What a quantity depends on: its swing with each parameter, and the shares of its variance.

    Parameters
    ----------
    found : made by `gapdyn.global_sensitivity`.
    size : "notebook", "paper" (one column, 3.4 in) or "paper-wide" (two columns, 7 in).

    Returns
    -------
    Figure
        Left: the quantity as one parameter goes from its 5% to its 95% point, the others at their medians. Right: Sobol
        indices with 90% intervals; what the total has beyond the first order are interactions.
    """
    rows = found.order
    figure, chosen = new_figure(size, max(0.6, 0.12 * len(rows) + 0.35) * (2 if size == "paper" else 1))
    shape = (2, 1) if chosen.narrow else (1, 2)
    swing, share = figure.subplots(*shape, squeeze=False).reshape(-1)
    dress(swing, chosen, x=_name(found.of), title="from the 5% to the 95% point of one")
    dress(share, chosen, x="share of the variance", title="Sobol indices")
    for row, name in enumerate(rows):
        for end, color in zip(found.swing[name], (ORANGE, BLUE), strict=True):
            if np.isfinite(end):
                swing.barh(row, end - found.middle, left=found.middle, height=0.6, color=color)
        for kind, shift, color in (("first", -0.15, BLUE), ("total", 0.15, INK)):
            value, (low, high) = getattr(found, kind)[name], found.interval[kind][name]
            share.plot([low, high], [row + shift] * 2, color=color, lw=1.6 * chosen.pen, solid_capstyle="butt")
            share.plot([value], [row + shift], ls="none", marker="o" if kind == "first" else "s", color=color,
                       ms=4 * chosen.pen)  # fmt: skip
    swing.axvline(found.middle, color=GREY, lw=0.8 * chosen.pen)
    share.set_xlim(min(0.0, share.get_xlim()[0]), max(1.0, share.get_xlim()[1]))
    for ax in (swing, share):
        ax.set_ylim(len(rows) - 0.5, -0.5)
        ax.set_yticks(range(len(rows)), [_name(n) for n in rows], fontsize=chosen.font)
    line: dict[str, Any] = {"ms": 4 * chosen.pen, "lw": 1.6 * chosen.pen}
    handles = [Patch(color=ORANGE, lw=0), Patch(color=BLUE, lw=0), Line2D([], [], color=BLUE, marker="o", **line),
               Line2D([], [], color=INK, marker="s", **line)]  # fmt: skip
    legend(figure, chosen, handles, ["at 5%", "at 95%", "first order", "total"], 2 if chosen.narrow else 4)
    return figure


def _name(name: str) -> str:
    """A parameter or a quantity as a symbol, where it has one."""
    return symbol(name) if name in SITES else plain(name)
