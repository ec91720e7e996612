"""The joint posterior of parameters, two at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator

from gapdyn._check import InputError, did_you_mean
from gapdyn.inference import Fit

from ._draws import finite, is_constant, shown_range
from ._style import BLUE, INK, VERMILLION, Size, dress, legend, new_figure
from ._words import parameter_label, plain, power_of, run_title, tall

NAMES = ("rate", "rho", "gap_inf", "u_s_inf")
DOTS = 500
GRID = 48


def pairs(fit: Fit, names: Sequence[str] | None = None, *, size: str = "notebook") -> Figure:
    """Histograms of parameters; below the diagonal, draws of each two, contours around 50% and 90% of them.

    Parameters
    ----------
    fit : the posterior.
    names : parameters; default rate, rho, gap_inf and u_s_inf, as far as the law has them.
    size : "notebook", "paper" (one column, 3.4 in) or "paper-wide" (two columns, 7 in).

    Returns
    -------
    Figure
        The central 99% of each parameter is displayed; divergent draws are marked with crosses.

    Raises
    ------
    InputError
        A name that the fit does not have, no name or the same one twice, an unknown size.
    """
    chosen_names = _names(fit, names)
    count = len(chosen_names)
    figure, chosen = new_figure(
        size, (1.9 if size == "notebook" else 1.7 if size == "paper" else 2.2) if count > 2 else 1.2
    )
    axes = figure.subplots(count, count, squeeze=False)
    powers = {name: power_of(*shown_range(finite(fit[name], name))) for name in chosen_names}
    draws = {name: fit[name] / 10.0**power for name, power in powers.items()}
    good = np.all([np.isfinite(x) for x in draws.values()], axis=0)
    diverging = np.asarray(fit.stats.get("diverging", np.zeros(good.shape)), bool).reshape(-1) & good
    ranges = {name: shown_range(x[np.isfinite(x)]) for name, x in draws.items()}
    for i, low in enumerate(chosen_names):
        for j, left in enumerate(chosen_names):
            ax: Axes = axes[i, j]
            if j > i:
                ax.set_axis_off()
                continue
            dress(ax, chosen)
            ax.xaxis.set_major_locator(_ticks(*ranges[left], chosen))
            ax.set_xlim(*ranges[left])
            if i == j:
                _histogram(ax, draws[left][good], ranges[left], chosen)
            else:
                ax.yaxis.set_major_locator(_ticks(*ranges[low], chosen))
                ax.set_ylim(*ranges[low])
                _scatter(ax, draws[left], draws[low], good, diverging, chosen)
            labels = [tall(parameter_label(n, fit.data, powers[n]), True) for n in (left, low)]
            _label(ax, labels, chosen, bottom=i == count - 1, first=j == 0, diagonal=i == j)
    figure.align_labels()
    _legend(figure, fit, chosen, count, int(diverging.sum()))
    return figure


def _names(fit: Fit, names: Sequence[str] | None) -> tuple[str, ...]:
    if names is None:
        return tuple(n for n in NAMES if n in fit.draws) or tuple(fit.draws)[:4]
    given = (names,) if isinstance(names, str) else tuple(names)
    for name in given:
        if name not in fit.draws:
            raise InputError(f"this fit has no parameter {name!r}. {did_you_mean(str(name), fit.draws)}")
    if not given or len(set(given)) < len(given):
        raise InputError(f"names={given!r}: give at least one parameter, and each once.")
    return given


def _histogram(ax: Axes, draws: np.ndarray, shown: tuple[float, float], size: Size) -> None:
    ax.hist(draws, bins=32, range=shown, color=BLUE, alpha=0.35, lw=0)
    ax.hist(draws, bins=32, range=shown, color=BLUE, histtype="step", lw=0.8 * size.pen)
    ax.axvline(float(np.median(draws)), color=INK, lw=0.9 * size.pen)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)


def _scatter(ax: Axes, x: np.ndarray, y: np.ndarray, good: np.ndarray, diverging: np.ndarray, size: Size) -> None:
    calm = np.flatnonzero(good & ~diverging)
    pick = calm[np.linspace(0, len(calm) - 1, min(DOTS, len(calm))).astype(int)]
    dots = {"ls": "none", "rasterized": True}
    ax.plot(x[pick], y[pick], marker="o", ms=1.3 * size.pen, mew=0, color=BLUE, alpha=0.4, zorder=1, **dots)
    ax.plot(
        x[diverging], y[diverging], ls="none", marker="x", ms=4.5 * size.pen, mew=1.1 * size.pen,
        color=VERMILLION, zorder=4, label="divergent",
    )  # fmt: skip
    if not (is_constant(x[good]) or is_constant(y[good])):
        _contours(ax, x[good], y[good], size)


def _contours(ax: Axes, x: np.ndarray, y: np.ndarray, size: Size) -> None:
    """Lines of equal density around 50% and 90% of the draws."""
    xs, ys = (np.linspace(*limits, GRID) for limits in (ax.get_xlim(), ax.get_ylim()))
    counts = np.histogram2d(x, y, bins=[_edges(xs), _edges(ys)])[0]
    heights = _smooth(counts, len(x))
    order = np.sort(heights.ravel())[::-1]
    inside = np.cumsum(order) / order.sum()
    levels = [float(order[np.searchsorted(inside, share)]) for share in (0.9, 0.5)]
    if levels[0] < levels[1] < order[0]:
        style = {"colors": INK, "linewidths": 0.8 * size.pen, "linestyles": ["--", "-"], "zorder": 3}
        ax.contour(xs, ys, heights.T, levels=levels, **style)


def _edges(centres: np.ndarray) -> np.ndarray:
    half = 0.5 * (centres[1] - centres[0])
    return np.r_[centres - half, centres[-1] + half]


def _smooth(counts: np.ndarray, draws: int) -> np.ndarray:
    """Counts with a Gaussian kernel, whose width follows the spread of the draws by Scott's rule."""
    from scipy.ndimage import gaussian_filter

    cells = np.arange(GRID)
    widths = []
    for margin in (counts.sum(1), counts.sum(0)):
        mean = np.average(cells, weights=margin)
        widths.append(max(0.8, float(np.sqrt(np.average((cells - mean) ** 2, weights=margin))) * draws ** (-1 / 6)))
    return gaussian_filter(counts, widths, mode="constant")


def _ticks(low: float, high: float, size: Size) -> FixedLocator:
    """A few round numbers, far enough apart; the outer two where panels are small."""
    ticks = np.array([low, high])
    for bins in range(1, 9):
        locator = MaxNLocator(nbins=bins, steps=[1, 2, 2.5, 5, 10], min_n_ticks=1)
        ticks = np.asarray(locator.tick_values(low, high))
        ticks = ticks[(ticks >= low) & (ticks <= high)]
        if len(ticks) >= 2 and ticks[-1] - ticks[0] > (0.6 if size.narrow else 0.45) * (high - low):
            break
    return FixedLocator(list(ticks[[0, -1]]) if size.narrow and len(ticks) > 2 else list(ticks))


def _label(ax: Axes, labels: list[str], size: Size, *, bottom: bool, first: bool, diagonal: bool) -> None:
    x, y = (_broken(label) if size.narrow else label for label in labels)
    ax.tick_params(labelbottom=bottom, labelleft=first and not diagonal)
    ax.set_xlabel(x if bottom else "", fontsize=size.small)
    ax.set_ylabel(y if first and not diagonal else "", fontsize=size.small)
    for axis, shown in ((ax.xaxis, bottom), (ax.yaxis, first)):
        axis.get_offset_text().set_visible(shown)


def _broken(label: str) -> str:
    """A long unit on several lines."""
    *start, unit = label.split("\n")
    return "\n".join([*start, unit.replace("s/", "s/\n").replace(" ", "\n") if len(unit) > 11 else unit])


def _legend(figure: Figure, fit: Fit, size: Size, count: int, divergent: int) -> None:
    handles = [Line2D([], [], color=INK, lw=0.9 * size.pen)]
    labels = ["median"]
    if count > 1:
        handles = [Line2D([], [], color=INK, lw=0.9 * size.pen, ls=line) for line in ("-", "--")]
        labels = ["median; contour of 50%", "contour of 90%"]
    if divergent:
        handles.append(Line2D([], [], color=VERMILLION, marker="x", ls="none", ms=4.5 * size.pen))
        labels.append(f"divergent draws ({divergent})")
    title = run_title(fit.data, size, plain(fit.law.title))
    legend(figure, size, handles, labels, 2 if size.narrow else 3, title=title)
