"""`gv_scaling`: does the relative gap rise with the compute that models were pre-trained with, and how fast?

Song et al. (arXiv:2412.02674, definition 2.2 and figure 1) find the relative gap to rise with log pre-training FLOPs,
about linearly. Here gap_i = a + b (log10 C_i - mean) + scatter + error, the errors known, the scatter not: the line's
posterior is Gaussian given the scatter, whose own posterior is one integral, on a grid.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import ndtr

from .._check import InputError
from .._finding import AbstractResult, Finding
from ..data._text import listing, show
from ._gv_gap import GvGap

FEWEST = 3  # models: two are always on a line
FEW = 5
GRID = 800  # standard deviations of the scatter
KINDS = ("relative", "absolute", "ratio_of_means")


@dataclasses.dataclass(frozen=True, eq=False)
class GvScaling(AbstractResult):
    """A line of gaps against log10 FLOPs. Made by `gapdyn.gv_scaling`; prints itself.

    Attributes
    ----------
    names, flops, gaps, se : (n,), the models, in the order of their FLOPs.
    level : of the intervals.
    scatter_grid, weights : (grid,), standard deviations of the scatter and their posterior probabilities.
    mean, cov : (grid, 2) and (grid, 2, 2), of level and slope given the scatter.
    findings : what to know before using the line.
    """

    names: tuple[str, ...]
    flops: np.ndarray
    gaps: np.ndarray
    se: np.ndarray
    level: float
    scatter_grid: np.ndarray
    weights: np.ndarray
    mean: np.ndarray
    cov: np.ndarray
    findings: tuple[Finding, ...]

    @property
    def centre(self) -> float:
        """The mean of log10 FLOPs, at which the line's level is stated."""
        return float(np.log10(self.flops).mean())

    @cached_property
    def slope(self) -> np.ndarray:
        """Lower end, median and upper end of the slope: gap per factor of ten in FLOPs."""
        return self._interval(np.array([[0.0, 1.0]]))[:, 0]

    @cached_property
    def rising(self) -> float:
        """P(slope > 0)."""
        sd = np.sqrt(self.cov[:, 1, 1])
        return float(self.weights @ ndtr(self.mean[:, 1] / sd))

    @cached_property
    def scatter(self) -> np.ndarray:
        """Lower end, median and upper end of the standard deviation of models about the line, beyond their errors."""
        below = np.cumsum(self.weights) - self.weights / 2
        return np.interp(self._shares, below, self.scatter_grid)

    def line(self, flops: Any, *, new: bool = False) -> np.ndarray:
        """Lower end, median and upper end of the line at FLOPs (k,): (3, k).

        Parameters
        ----------
        flops : positive numbers.
        new : of the gap of a model yet to come, scatter included, rather than of the line.
        """
        x = np.log10(np.atleast_1d(np.asarray(flops, float))) - self.centre
        return self._interval(np.column_stack([np.ones_like(x), x]), self.scatter_grid**2 if new else 0.0)

    @property
    def _shares(self) -> tuple[float, float, float]:
        return (1 - self.level) / 2, 0.5, (1 + self.level) / 2

    def _interval(self, of: np.ndarray, more: Any = 0.0) -> np.ndarray:
        """(3, k) quantiles of linear functions (k, 2) of level and slope: of mixtures of Gaussians, by bisection."""
        centre = self.mean @ of.T
        sd = np.sqrt(np.einsum("ki,gij,kj->gk", of, self.cov, of) + np.reshape(more, (-1, 1)))
        found = []
        for share in self._shares:
            low, high = (centre - 40 * sd).min(0), (centre + 40 * sd).max(0)
            for _ in range(60):
                middle = (low + high) / 2
                short = self.weights @ ndtr((middle - centre) / sd) < share
                low, high = np.where(short, middle, low), np.where(short, high, middle)
            found.append((low + high) / 2)
        return np.stack(found)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        models = {n: getattr(self, n).tolist() for n in ("flops", "gaps", "se")}
        ends = {"slope": self.slope, "scatter": self.scatter, "level_at_centre": self.line(10**self.centre)[:, 0]}
        named = {n: dict(zip(("low", "median", "high"), map(float, e), strict=True)) for n, e in ends.items()}
        about = {"level": self.level, "centre": self.centre, "rising": self.rising}
        return {"names": list(self.names), **models, **named, **about, "findings": [f.to_dict() for f in self.findings]}

    def table(self) -> str:
        """The models beside the line, and what the line says."""
        low, middle, high = self.line(self.flops)
        lines = [f"{'':20s}{'FLOPs':>10s}{'gap':>10s}{'se':>9s}{'line':>10s}  {self.level:.0%} interval"]
        for i, name in enumerate(self.names):
            cells = f"{self.flops[i]:>10.3g}{self.gaps[i]:>10.4f}{self.se[i]:>9.4f}{middle[i]:>10.4f}"
            lines.append(f"{name:20s}{cells}  [{low[i]:.4f}, {high[i]:.4f}]")
        for what, (low, middle, high) in (("per factor of ten", self.slope), ("scatter of models", self.scatter)):
            lines.append(f"{what}: {middle:.4f} [{low:.4f}, {high:.4f}]")
        lines.append(f"P(rising): {self.rising:.3f}")
        return "\n".join(lines)


def gv_scaling(
    gaps: GvGap | Sequence[float],
    flops: Mapping[str, float] | Sequence[float],
    *,
    se: Sequence[float] | None = None,
    names: Sequence[str] | None = None,
    kind: str = "relative",
    level: float = 0.9,
) -> GvScaling:
    """The line of generation-verification gaps against log10 FLOPs, with its posterior.

    The prior is flat in level and slope and Jeffreys' in the scatter. Errors count as independent between models: what
    evaluation prompts in common add to all of them moves the level, not the slope.

    Parameters
    ----------
    gaps
        A `gapdyn.gv_gap` of several models, one run each, of which the last checkpoints are taken; or their gaps, (n,).
    flops
        Pre-training FLOPs of each: run -> FLOPs for a `GvGap`, else (n,).
    se
        Standard errors of gaps given as numbers, (n,).
    names
        Of models given as numbers.
    kind
        Which gap of a `GvGap`: "relative", "absolute" or "ratio_of_means".
    level
        Of the intervals.

    Raises
    ------
    InputError
        Fewer than three models, FLOPs that are not positive or all alike, a model without a gap or standard error.

    Examples
    --------
    >>> line = gv_scaling([0.01, 0.06, 0.09, 0.14], [1e21, 1e22, 1e23, 1e24], se=[0.01] * 4)
    >>> line.slope.round(3)
    array([0.027, 0.042, 0.057])
    """
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0.5 <= level <= 0.999:
        raise InputError(f"level={show(level)}: give a number from 0.5 to 0.999.")
    if isinstance(gaps, GvGap):
        who, c, y, error = _of_runs(gaps, flops, se, kind)
    else:
        who, c, y, error = _of_numbers(gaps, flops, se, names)
    for name, *row in zip(who, c, y, error, strict=True):
        if not (np.isfinite(row).all() and row[0] > 0 and row[2] > 0):
            seen = f"FLOPs {row[0]:g}, gap {row[1]:g}, standard error {row[2]:g}"
            raise InputError(f"model {show(name)}: {seen}. FLOPs and errors must be positive; leave it out if unknown.")
    if len(who) < FEWEST or np.ptp(np.log10(c)) == 0:
        raise InputError(f"{len(who)} models are no line to fit. Give {FEWEST} or more, of different FLOPs.")
    order = np.argsort(c, kind="stable")
    c, y, error = c[order], y[order], error[order]
    posterior = _posterior(np.log10(c) - np.log10(c).mean(), y, error)
    line = GvScaling(tuple(who[i] for i in order), c, y, error, float(level), *posterior, ())
    return dataclasses.replace(line, findings=_find(line))


def _of_runs(gaps: GvGap, flops: Any, se: Any, kind: str) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    if kind not in KINDS:
        raise InputError(f"unknown kind {show(kind)}. Kinds: {', '.join(KINDS)}.")
    if se is not None or not isinstance(flops, Mapping):
        raise InputError("of a gv_gap the standard errors are known: leave out se, and give flops as run -> FLOPs.")
    runs = {run.name: getattr(run, kind) for run in gaps.runs}
    lacking = [name for name in runs if name not in flops]
    if lacking:
        raise InputError(f"flops lacks the runs {listing(lacking)}. Give the pre-training FLOPs of each.")
    y, error = (np.array([getattr(e, part)[-1] for e in runs.values()]) for part in ("value", "se"))
    return list(runs), _numbers("flops", [flops[name] for name in runs]), y, error


def _of_numbers(gaps: Any, flops: Any, se: Any, names: Any) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    if se is None:
        raise InputError("gaps given as numbers need their standard errors: pass se.")
    y, c, error = (_numbers(what, x) for what, x in (("gaps", gaps), ("flops", flops), ("se", se)))
    who = [str(name) for name in names] if names is not None else [f"model {i + 1}" for i in range(len(y))]
    if not len(y) == len(c) == len(error) == len(who):
        seen = f"there are {len(y)} gaps, {len(c)} flops, {len(error)} se and {len(who)} names"
        raise InputError(f"{seen}. Give one for each model.")
    return who, c, y, error


def _numbers(what: str, x: Any) -> np.ndarray:
    try:
        array = np.asarray(x, float)
    except (TypeError, ValueError):
        array = np.zeros((0, 0))
    if array.ndim != 1:
        raise InputError(f"{what}: {show(x)} are not numbers, one for each model.")
    return array


def _posterior(x: np.ndarray, y: np.ndarray, se: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Grid of the scatter with its weights, and mean and covariance of (level, slope) at each; x is centred."""
    u = (np.arange(GRID) + 0.5) / GRID
    scatter = max(float(np.std(y)), float(1 / np.sqrt(np.mean(1 / se**2)))) * 2 * u / (1 - u)
    design = np.column_stack([np.ones_like(x), x])
    variance = se**2 + scatter[:, None] ** 2
    precision = np.einsum("ni,gn,nj->gij", design, 1 / variance, design)
    cov = np.linalg.inv(precision)
    mean = np.einsum("gij,nj,gn->gi", cov, design, y / variance)
    misfit = ((y - mean @ design.T) ** 2 / variance).sum(1)
    log_like = -0.5 * (np.log(variance).sum(1) + np.log(np.linalg.det(precision)) + misfit)
    prior = np.log(scatter) + 0.5 * np.log((variance**-2).sum(1))  # Jeffreys'
    log_weight = log_like + prior - 2 * np.log1p(-u)  # the grid is even in u, not in the scatter
    weight = np.exp(log_weight - log_weight.max())
    return scatter, weight / weight.sum(), mean, cov


def _find(line: GvScaling) -> tuple[Finding, ...]:
    found = []
    if len(line.names) < FEW:
        text = f"{len(line.names)} models say little of how models scatter about the line, so its interval is wide."
        found.append(Finding("info", "few_models", text, f"Measure {FEW} or more."))
    if line.slope[0] <= 0 <= line.slope[2]:
        text = f"The {line.level:.0%} interval of the slope holds 0: P(rising) is {line.rising:.2f}."
        found.append(Finding("info", "slope_not_told", text, "Take models further apart in FLOPs, or more prompts."))
    if line.scatter[1] > 2 * np.median(line.se):
        seen = f"{line.scatter[1]:.3g}, more than their errors of {np.median(line.se):.3g}"
        text = f"Models scatter about the line by {seen}."
        remedy = "More prompts will not help: something else than FLOPs differs (data, post-training)."
        found.append(Finding("warning", "scatter", text, remedy))
    return tuple(found)
