"""Numbers behind the pictures: bands, densities, ranges that heavy tails cannot stretch."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from gapdyn._check import InputError

from ._style import Look, Size

SHOWN = (0.005, 0.995)  # the part of a density that is displayed


def check_level(level: float) -> float:
    """`level` if it is a probability that a band can have."""
    if not (isinstance(level, float | int) and 0 < level < 1):
        raise InputError(f"level={level!r}: give the probability of the outer band, between 0 and 1, such as 0.9.")
    return float(level)


def central(draws: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the central interval of draws over the first axis."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def draw_band(ax: Axes, x: np.ndarray, draws: np.ndarray, look: Look, size: Size, level: float) -> None:
    """Median line with the central 50% and `level` bands of draws (draw, len(x))."""
    for share, alpha in ((level, 0.18), (0.5, 0.30)):
        ax.fill_between(x, *central(draws, share), color=look.color, alpha=alpha, lw=0, zorder=2)
    ax.plot(x, np.median(draws, axis=0), color=look.color, ls=look.line, lw=1.3 * size.pen, zorder=3)


def finite(draws: np.ndarray, what: str) -> np.ndarray:
    """The finite draws, flat; at least one."""
    kept = draws[np.isfinite(draws)]
    if kept.size == 0:
        raise InputError(f"no draw of {what} is finite: there is nothing to show. Look at the fit's findings.")
    return kept


def shown_range(draws: np.ndarray, *, keep: tuple[float, ...] = ()) -> tuple[float, float]:
    """A display range: the central 99% of the draws, what must be `keep`-t in sight, and a margin."""
    low, high = np.quantile(draws, SHOWN)
    low, high = min(low, *keep, low), max(high, *keep, high)
    width = high - low
    if width <= 1e-12 * max(abs(low), abs(high)):  # constant
        width = max(abs(low), abs(high)) or 1.0
    return float(low - 0.04 * width), float(high + 0.04 * width)


def is_constant(draws: np.ndarray) -> bool:
    """Whether draws do not differ beyond rounding."""
    return bool(np.ptp(draws) <= 1e-12 * np.max(np.abs(draws)))


def density(draws: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Kernel density of the draws at `grid`, with a bandwidth that heavy tails cannot widen."""
    from scipy.stats import gaussian_kde

    middle = np.median(draws)
    quartiles = np.quantile(draws, [0.25, 0.75])
    robust = float(quartiles[1] - quartiles[0]) / 1.349
    spread = min(robust, float(np.std(draws))) or float(np.std(draws))
    z = (draws - middle) / spread  # order one: a kernel of 1e-12 squared is next to nothing
    z = z[np.abs(z) < 50]
    factor = 0.9 * len(z) ** -0.2 / float(np.std(z))
    return gaussian_kde(z, bw_method=factor)((grid - middle) / spread) / spread
