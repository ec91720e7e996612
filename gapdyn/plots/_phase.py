"""The gap's motion against the gap."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from gapdyn._check import InputError
from gapdyn.data import Run
from gapdyn.decide import ceiling
from gapdyn.dynamics import ConstantResponse, GapLaw
from gapdyn.inference import Fit

from ._draws import central, check_level, draw_band, finite
from ._style import BLUE, GREY, INK, LOOKS, VERMILLION, Look, dress, legend, new_figure
from ._words import GAP_LIMIT, interval, plain, quantity, run_title, tall, unit_words

POINTS = 120
_LINE = Look(BLUE, "", "-", "", "")


def phase(fit: Fit, *, level: float = 0.9, size: str = "notebook") -> Figure:
    """Phase portrait of the gap: its velocity dG/dt against G, and the point where it comes to rest.

    For the shared-rate law each draw is the line dG/dt = -rate (G - gap_inf). Law and data are compared
    on the run's own prompts: the rest point carries their common error, as the measured gaps do.

    Parameters
    ----------
    fit : the posterior, of a law whose gap moves by the gap alone.
    level : probability of the outer band and of the rest point's interval, in (0, 1). The inner band is 50%.
    size : "notebook", "paper" (one column, 3.4 in) or "paper-wide" (two columns, 7 in).

    Returns
    -------
    Figure
        Points are differences of successive measured gaps over their time, at the middle gap: noisy, and the
        noise of neighbours is opposed.

    Raises
    ------
    InputError
        A law whose gap's velocity depends on more than the gap, a level outside (0, 1), an unknown size.
    """
    level = check_level(level)
    laws, run = fit.laws, fit.data
    parts = (laws.relaxation, laws.forcing, laws.round_length) if isinstance(laws, GapLaw) else ()
    if not (isinstance(laws, GapLaw) and isinstance(laws.response, ConstantResponse) and parts == (None,) * 3):
        raise InputError(
            f"phase shows laws whose gap moves by the gap alone, and the {fit.law.title} is not one. "
            "Use trajectory(fit)."
        )
    limit = ceiling(fit, prompts="same")
    rest = finite(limit.gap, "the gap's limit")
    shift = _shift(fit, limit.gap)
    middle, speed = _differences(run)
    gaps = _axis(fit, run, rest, level)
    lines = _velocities(laws, gaps, shift)
    figure, chosen = new_figure(size, 1.15)
    ax = figure.subplots()
    y = tall(f"$dG/dt$ ({unit_words(run)} per {run.clock})", chosen.narrow)
    title = run_title(run, chosen, plain(fit.law.title))
    dress(ax, chosen, x=quantity("gap $G=u_s-u_v$", run), y=y, title=title)
    ax.axhline(0, color=GREY, lw=0.9 * chosen.pen, zorder=1)
    draw_band(ax, gaps, lines, _LINE, chosen, level)
    look = LOOKS["gap"]
    ax.plot(middle, speed, ls="none", marker=look.marker, ms=3.4 * chosen.pen, mfc="white", mec=look.color,
            mew=0.9 * chosen.pen, zorder=4, label="differences")  # fmt: skip
    low, high = (float(x) for x in central(rest, level))
    centre = float(np.median(rest))
    ax.plot([low, high], [0, 0], color=VERMILLION, lw=3 * chosen.pen, solid_capstyle="butt", zorder=5)
    ax.plot([centre], [0], marker="o", ms=6 * chosen.pen, color=VERMILLION, mec="white", mew=chosen.pen, zorder=6)
    ax.set_xlim(gaps[0], gaps[-1])
    _set_range(ax, lines, speed, level)
    handles = [
        (Patch(color=BLUE, alpha=0.25, lw=0), Line2D([], [], color=BLUE, lw=1.3 * chosen.pen)),
        Line2D([], [], color=VERMILLION, marker="o", lw=3 * chosen.pen, ms=5 * chosen.pen, mec="white"),
        Line2D(
            [],
            [],
            color=INK,
            marker=look.marker if middle.size else "",
            ls="none",
            ms=3.4 * chosen.pen,
            mfc="white",
        ),
    ]
    labels = [
        f"posterior: median, 50% and {level:.0%}",
        f"rest point {GAP_LIMIT}: {interval(rest, low, high)} ({level:.0%})",
        "differences of measured gaps" if middle.size else "no two checkpoints with a measured gap",
    ]
    legend(figure, chosen, handles, labels, 1 if chosen.narrow else 2)
    return figure


def _shift(fit: Fit, gap: np.ndarray) -> np.ndarray:
    """Common error of the gap on the run's own prompts, (draw,)."""
    return gap - (fit["u_s_inf"] - fit["u_v_inf"])


def _differences(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Middle gap and velocity between successive checkpoints with a measured gap."""
    both = np.isfinite(run.gap)
    gap, t = run.gap[both], run.t[both]
    return 0.5 * (gap[1:] + gap[:-1]), np.diff(gap) / np.diff(t)


def _velocities(laws: GapLaw, gaps: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """dG/dt of each draw at measured gaps, (draw, gaps)."""

    def one(law: GapLaw, gap: jax.Array) -> jax.Array:
        down_s, down_v = law.vector_field(law.t0, (gap, jnp.zeros_like(gap)))
        return down_s - down_v

    at = jnp.asarray(gaps[None, :] - shift[:, None], float)
    return np.asarray(jax.vmap(jax.vmap(one, in_axes=(None, 0)))(laws, at), np.float64)


def _axis(fit: Fit, run: Run, rest: np.ndarray, level: float) -> np.ndarray:
    """Gaps from the rest point to the start, measured ones included."""
    start = fit["u_s0"] - fit["u_v0"]
    ends = np.r_[run.gap[np.isfinite(run.gap)], np.median(start), np.median(rest)]
    low, high = float(ends.min()), float(ends.max())
    span = (high - low) or abs(high) or 1.0
    left, right = central(rest, level)  # an open rest point may not squeeze the data
    low, high = min(low, max(float(left), low - span)), max(high, min(float(right), high + span))
    margin = 0.08 * (high - low)
    return np.linspace(low - margin, high + margin, POINTS)


def _set_range(ax: Axes, lines: np.ndarray, speed: np.ndarray, level: float) -> None:
    """All points; of the band, as much as does not flatten them."""
    middle = np.median(lines, axis=0)
    core = np.r_[speed, middle, 0.0]
    low, high = float(core.min()), float(core.max())
    span = (high - low) or 1.0
    below, above = central(lines, level)
    low, high = max(min(low, float(below.min())), low - span), min(max(high, float(above.max())), high + span)
    ax.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
