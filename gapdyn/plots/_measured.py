"""Pictures of what was measured on samples: the verifier, its gaps, pass@k, scores and lengths."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gapdyn._check import InputError
from gapdyn.measurement import Estimate, MeasuredRun, Measurement, ScoreCorrelation

from ._style import BLUE, GREEN, GREY, INK, ORANGE, VERMILLION, Size, dress, legend, new_figure
from ._words import minus, plain

FIRST, LAST = BLUE, ORANGE
SHADE = 0.18
RARE, PALE = 0.01, 0.3  # share of responses below which a bin says little, and how strongly it is drawn
MARKED = 12  # checkpoints that bear a marker and an interval where all of them would lie on each other
KS_COLOURS = (BLUE, GREEN, ORANGE, VERMILLION, INK, GREY)
KS_MARKERS = "os^xDv"


def reliability(result: Measurement | MeasuredRun, *, size: str = "notebook") -> Figure:
    """Share of right responses against the score, at a run's first and last checkpoint, with their intervals.

    A calibrated score lies on the diagonal. Bins with less than a hundredth of the responses are pale. Below, which
    share of the responses has which score.

    Parameters
    ----------
    result : a `gapdyn.measure` of one run, or one of its runs.
    size : "notebook", "paper" (one column, 3.4 in) or "paper-wide" (two columns, 7 in).

    Raises
    ------
    InputError
        Another result, several runs, samples without scores or grades, an unknown size.
    """
    run = _one(result, "reliability")
    if run.reliability is None:
        raise InputError(f"run {run.name!r} was measured without scores or grades: there is no reliability to draw.")
    curve = run.reliability
    figure, chosen = new_figure(size, 1.3)
    ax, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [3, 1]})
    ax.plot([0, 1], [0, 1], color=GREY, lw=0.8 * chosen.pen, ls=":")
    handles = []
    for i, color, marker in _ends(run):
        share = curve.count[i] / curve.count[i].sum()
        for there, alpha in (((share > 0) & (share < RARE), PALE), (share >= RARE, 1.0)):
            points = _at(curve.right, i, there)
            drawn = _points(ax, chosen, curve.mean_score[i][there], points, color, marker, alpha=alpha)
        handles.append(drawn)
        below.stairs(share, np.arange(11) / 10, color=color, lw=1.2 * chosen.pen)
    dress(ax, chosen, y="share that is right", title=_title(run))
    dress(below, chosen, x="score", y="share of all")
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    legend(figure, chosen, handles, _when(run), 2)
    return figure


def gap_by_threshold(result: Measurement | MeasuredRun, *, size: str = "notebook") -> Figure:
    """The relative and absolute generation-verification gap against the threshold, first and last checkpoint.

    Shades are intervals; a vertical line marks the best threshold over all prompts (its worth on other prompts is
    `best_gap`), which the legend states.

    Parameters
    ----------
    result, size : as for `reliability`.

    Raises
    ------
    InputError
        As `reliability`.
    """
    run = _one(result, "gap_by_threshold")
    if run.sweep is None:
        raise InputError(f"run {run.name!r} was measured without scores or grades: there is no gap to draw.")
    sweep = run.sweep
    figure, chosen = new_figure(size, 1.5 if size != "paper-wide" else 1.0)
    axes = figure.subplots(1, 2) if size == "paper-wide" else figure.subplots(2, 1, sharex=True)
    handles: list[Any] = []
    for ax, e, y in zip(axes, (sweep.absolute, sweep.relative), ("gap", "relative gap"), strict=True):
        ax.axhline(0, color=GREY, lw=0.7 * chosen.pen, ls=":")
        handles = [_band(ax, chosen, sweep.taus, _at(e, i), color, marker) for i, color, marker in _ends(run)]
        for i, color, _ in _ends(run):
            ax.axvline(sweep.best[i], color=color, lw=0.8 * chosen.pen, ls="--")
        dress(ax, chosen, x="threshold" if ax is axes[-1] or size == "paper-wide" else "", y=y,
              title=_title(run) if ax is axes[0] else "")  # fmt: skip
    labels = [f"{when} (best: {sweep.best[i]:g})" for when, (i, _, _) in zip(_when(run), _ends(run), strict=True)]
    legend(figure, chosen, handles, labels, 2)
    return figure


def pass_k(result: Measurement | MeasuredRun, *, size: str = "notebook") -> Figure:
    """pass@k over a run, for each k that the samples allow (at most six), with intervals.

    Parameters
    ----------
    result, size : as for `reliability`.

    Raises
    ------
    InputError
        As `reliability`; samples without grades.
    """
    run = _one(result, "pass_k")
    if run.pass_k is None:
        raise InputError(f"run {run.name!r} was measured without grades: there is no pass@k to draw.")
    figure, chosen = new_figure(size, 1.0)
    ax = figure.subplots()
    shown = list(range(len(run.ks)))[:: -(-len(run.ks) // len(KS_COLOURS))]
    handles = [
        _band(ax, chosen, run.t, run.pass_k.part(i), color, marker)
        for i, color, marker in zip(shown, KS_COLOURS, KS_MARKERS, strict=False)
    ]
    dress(ax, chosen, x=run.clock, y="pass@k", title=_title(run))
    legend(figure, chosen, handles, [f"k = {run.ks[i]}" for i in shown], 3 if chosen.narrow else 6)
    return figure


def score_correlation(result: ScoreCorrelation, *, run: str | None = None, size: str = "notebook") -> Figure:
    """Correlations of verifiers' scores as a grid: over all responses, and within right and wrong ones (lower left).

    Parameters
    ----------
    result : a `gapdyn.score_correlation`.
    run : which run, where there are several; default the first.
    size : as for `reliability`.

    Raises
    ------
    InputError
        Another result, an unknown run or size.
    """
    if not isinstance(result, ScoreCorrelation):
        raise InputError(f"score_correlation takes a gapdyn.score_correlation; it was given a {type(result).__name__}.")
    if run is not None and run not in result.runs:
        raise InputError(f"there is no run {run!r}. Runs: {', '.join(result.runs)}.")
    i = result.runs.index(run) if run else 0
    names = [plain(n.removeprefix("score_")) for n in result.names]
    v = len(names)
    upper = np.triu(np.ones((v, v), bool), 1)
    values = np.where(upper, result.all.value[i], result.given.value[i])
    np.fill_diagonal(values, np.nan)
    figure, chosen = new_figure(size, 1.0)
    ax = figure.subplots()
    image = ax.imshow(values, cmap=matplotlib.colormaps["RdBu_r"], vmin=-1, vmax=1)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            ink = "white" if abs(value) > 0.6 else INK
            ax.text(column, row, minus(f"{value:.2f}"), ha="center", va="center", fontsize=chosen.small, color=ink)
    dress(ax, chosen, title=f"{plain(result.runs[i])} · above: all, below: given the truth")
    ax.set_xticks(range(v), names)
    ax.set_yticks(range(v), names)
    bar = figure.colorbar(image, ax=ax, shrink=0.8)
    bar.ax.tick_params(labelsize=chosen.small)
    bar.set_label("correlation", fontsize=chosen.font, color=INK)
    return figure


def length_uncertainty(result: Measurement | MeasuredRun, *, size: str = "notebook") -> Figure:
    """Uncertainty per response against mean length, checkpoint by checkpoint, of the solver and of the best of N.

    A run that only gets shorter moves along a ray through the origin (dotted: the first checkpoint's nats per token).

    Parameters
    ----------
    result, size : as for `reliability`.

    Raises
    ------
    InputError
        As `reliability`.
    """
    run = _one(result, "length_uncertainty")
    if "u_s" not in run.estimates:
        raise InputError(f"run {run.name!r} was measured without log-probabilities: there is no uncertainty to draw.")
    suffix = "_response" if run.unit == "nats/token" else ""
    figure, chosen = new_figure(size, 1.0)
    ax = figure.subplots()
    handles, labels = [], []
    for who, color, marker, label in (("s", FIRST, "o", "solver"), ("v", LAST, "s", "best of N")):
        if f"u_{who}{suffix}" not in run.estimates:
            continue
        y = run.estimates[f"u_{who}{suffix}"]
        known = np.isfinite(y.value)
        x, y = run.estimates[f"len_{who}"].value[known], y.part(known)
        every = -(-len(x) // MARKED)
        handles.append(_points(ax, chosen, x, y, color, marker, ls="-", errorevery=every, markevery=every))
        labels.append(label)
        ax.plot(x[-1], y.value[-1], marker=marker, color=color, ms=6 * chosen.pen)
        far = np.array([0.0, max(x.max(), x[0]) * 1.05])
        ax.plot(far, far * y.value[0] / x[0], color=color, lw=0.7 * chosen.pen, ls=":")
    dress(ax, chosen, x="mean length (tokens)", y="uncertainty (nats/response)", title=f"{_title(run)} (filled: last)")
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    legend(figure, chosen, handles, labels, 2)
    return figure


def _one(result: Any, what: str) -> MeasuredRun:
    if not isinstance(result, Measurement | MeasuredRun):
        raise InputError(f"{what} takes a gapdyn.measure or one of its runs; it was given a {type(result).__name__}.")
    return result if isinstance(result, MeasuredRun) else result.only


def _ends(run: MeasuredRun) -> list[tuple[int, str, str]]:
    """(index, colour, marker) of the first and the last checkpoint."""
    return [(0, FIRST, "o"), (len(run.t) - 1, LAST, "s")][: len(run.t)]


def _when(run: MeasuredRun) -> list[str]:
    return [f"{run.clock} {run.t[i]:g}" for i, _, _ in _ends(run)]


def _title(run: MeasuredRun) -> str:
    return plain(run.name)


def _at(e: Estimate, i: int, there: Any = slice(None)) -> Estimate:
    """The estimate at one checkpoint, of some entries."""
    return Estimate(e.value[i][there], e.se[i][there], e.low[i][there], e.high[i][there])


def _points(ax: Axes, size: Size, x: np.ndarray, e: Estimate, color: str, marker: str, **more: Any) -> Any:
    wide = np.clip([e.value - e.low, e.high - e.value], 0, None)
    style: dict[str, Any] = {"color": color, "marker": marker, "mfc": "white", "ls": "none", **more}
    pen = {"ms": 3.6 * size.pen, "lw": 0.9 * size.pen, "elinewidth": 0.8 * size.pen, "mew": 0.9 * size.pen}
    return ax.errorbar(x, e.value, yerr=wide, **pen, **style)


def _band(ax: Axes, size: Size, x: np.ndarray, e: Estimate, color: str, marker: str) -> Any:
    ax.fill_between(x, e.low, e.high, color=color, alpha=SHADE, lw=0)
    style: dict[str, Any] = {"color": color, "marker": marker, "ms": 3.2 * size.pen, "lw": 1.1 * size.pen}
    return ax.plot(x, e.value, mfc="white", mew=0.8 * size.pen, **style)[0]
