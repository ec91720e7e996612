"""How a limit goes with a covariate, say with log FLOPs: the line that the population's posterior holds.

It is the hierarchical form of `gapdyn.gv_scaling`: errors of the runs' limits are those of their own posteriors, and
every other parameter goes with the covariate too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from .._check import InputError
from .._finding import AbstractResult, Finding
from .._random import generator
from ..data._text import show, suggest
from ..inference._model import unit_of
from ._pooled_data import Prepared
from ._pooled_new import predicted

POINTS = 41
BEYOND = 0.08  # of the runs' range, by which the line is drawn on
SEED = 0  # of the deviations that a run yet to come may have: the same line for the same fit


@dataclasses.dataclass(frozen=True, eq=False)
class LimitScaling(AbstractResult):
    """A limit against a covariate. Made by `PooledFit.scaling`; prints itself.

    Attributes
    ----------
    of, by : the number, and the covariate.
    names : (run,), the runs.
    x : (run,), their covariates.
    values : (3, run), lower end, median and upper end of the runs' own numbers, pooled.
    at : (points,), the covariate where the line is given.
    line : (3, points), of the typical run: lower end, median, upper end.
    another : (3, points), of a run yet to come (of a new member of each group), its own deviation included.
    slope : (3,), per unit of the covariate; of a number that is not pooled as it is, the mean one over the runs' range.
    centre : the mean of the covariate; `level_at_centre`: (3,), the line there.
    rising : P(slope > 0).
    level : of the intervals.
    unit : of the number.
    findings : what to know before using it.
    """

    of: str
    by: str
    names: tuple[str, ...]
    x: np.ndarray
    values: np.ndarray
    at: np.ndarray
    line: np.ndarray
    another: np.ndarray
    slope: np.ndarray
    centre: float
    level_at_centre: np.ndarray
    rising: float
    level: float
    unit: str
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        ends = {"slope": self.slope, "level_at_centre": self.level_at_centre}
        named = {n: dict(zip(("low", "median", "high"), map(float, e), strict=True)) for n, e in ends.items()}
        arrays = {n: getattr(self, n).tolist() for n in ("x", "values", "at", "line", "another")}
        about = {"of": self.of, "by": self.by, "centre": self.centre, "rising": self.rising, "level": self.level}
        return {**about, **named, "names": list(self.names), **arrays, "findings": [f.to_dict() for f in self.findings]}

    def table(self) -> str:
        """The line, without the findings."""
        low, middle, high = self.level_at_centre
        rows = [f"{self.of} by {self.by}, {len(self.names)} runs"]
        rows.append(f"at {self.by} {self.centre:.4g}: {middle:.4g} [{low:.4g}, {high:.4g}] {self.unit}".rstrip())
        low, middle, high = self.slope
        rows.append(f"per unit of {self.by}: {middle:.4g} [{low:.4g}, {high:.4g}], P(rising) {self.rising:.3f}")
        rows.append(f"{self.by:>14s}{'line':>10s}{'interval':>22s}{'another run':>24s}")
        for j in np.linspace(0, len(self.at) - 1, min(5, len(self.at))).astype(int):
            typical, other = (f"[{e[0, j]:.4g}, {e[2, j]:.4g}]" for e in (self.line, self.another))
            rows.append(f"{self.at[j]:>14.4g}{self.line[1, j]:>10.4g}{typical:>22s}{other:>24s}")
        return "\n".join(rows)


def scaling(
    prepared: Prepared, hyper: Mapping[str, np.ndarray], draws: Mapping[str, np.ndarray], of: str, by: str, at: Any,
    level: float,
) -> LimitScaling:  # fmt: skip
    """See `PooledFit.scaling`; `hyper` in standard units, `draws` (chain, draw, run) in the fleet's."""
    names = list(prepared.covariates)
    if not names:
        raise InputError("this fit has no covariate that a limit could go with. Fit with covariates=('log10_flops',).")
    by = by or names[0] if len(names) == 1 else by
    if by not in names:
        raise InputError(f"by={show(by)} is no covariate of this fit. {suggest(str(by), names)}")
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0.5 <= level <= 0.999:
        raise InputError(f"level={show(level)}: give a number from 0.5 to 0.999.")
    x = prepared.covariates[by]
    points = _points(x, at)
    mean, spread = prepared.centre
    j = names.index(by)
    places = np.concatenate([points, [mean[j], x.min(), x.max()]])
    standard = np.zeros((len(places), len(names)))
    standard[:, j] = (places - mean[j]) / spread[j]
    new: list[int | None] = [None] * len(prepared.labels)
    typical, other = (
        predicted(prepared, hyper, standard, new, generator(SEED), scattered) for scattered in (False, True)
    )
    if of not in typical:
        raise InputError(f"of={show(of)}: this law has no such number. {suggest(str(of), typical)}")
    shares = ((1 - level) / 2, 0.5, (1 + level) / 2)
    line, another = (np.nanquantile(v[of], shares, axis=0) for v in (typical, other))
    rise = typical[of][:, -1] - typical[of][:, -2]
    reach = float(np.ptp(x)) or 1.0
    slopes = rise / reach
    slope, rising = np.nanquantile(slopes, shares), float(np.mean(slopes > 0))
    values = np.nanquantile(draws[of].reshape(-1, len(x)), shares, axis=0)
    unit = unit_of(of, prepared.fleet.runs[0])
    found = _find(by, x, points, slope, rising, level)
    return LimitScaling(
        of, by, prepared.fleet.names, x, values, points, line[:, :-3], another[:, :-3], slope, float(mean[j]),
        line[:, -3], rising, float(level), unit, tuple(found),
    )  # fmt: skip


def _points(x: np.ndarray, at: Any) -> np.ndarray:
    if at is None:
        more = BEYOND * np.ptp(x)
        return np.linspace(x.min() - more, x.max() + more, POINTS)
    points = np.atleast_1d(np.asarray(at, float))
    if points.ndim != 1 or not np.isfinite(points).all():
        raise InputError(f"at={show(at)}: give finite numbers of the covariate.")
    return points


def _find(by: str, x: np.ndarray, points: np.ndarray, slope: np.ndarray, rising: float, level: float) -> list[Finding]:
    found = []
    if slope[0] <= 0 <= slope[2]:
        text = f"The {level:.0%} interval of the slope holds 0: P(rising) is {rising:.2f}."
        found.append(Finding("info", "slope_not_told", text, "Take runs further apart in it, or more of them."))
    far = np.ptp(x) * 0.5
    if points.min() < x.min() - far or points.max() > x.max() + far:
        text = f"The line is asked for far beyond the runs' own {by}, {x.min():g} to {x.max():g}."
        found.append(Finding("warning", "beyond_the_runs", text, "It is drawn on straight; believe it accordingly."))
    return found
