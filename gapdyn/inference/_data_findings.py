"""What a run's posterior says about the run: too short, impossible values, missing measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .._finding import Finding
from ..data import Run
from ..dynamics import LawSpec

SETTLED, BELOW, RISES = 0.99, 0.05, 0.5  # least share of draws with a limit, largest below 0 and above the start
COMMON = 2.5  # standard errors of a common error that are much


class Ends(NamedTuple):
    """What posteriors say of the limit of u_s, (runs,) each.

    settles : share of the draws that have a limit; the rest is of these, NaN where there are none.
    low, high : 5% and 95% quantiles of it.
    fall : size of what u_s has fallen by, by the law, at the last checkpoint: the median.
    below : share of the limits below 0.
    rises : share of the limits above the start.
    """

    settles: np.ndarray
    low: np.ndarray
    high: np.ndarray
    fall: np.ndarray
    below: np.ndarray
    rises: np.ndarray

    @classmethod
    def of(cls, draws: Mapping[str, Any], last: Any, interval: Sequence[Any] | None = None) -> Ends | None:
        """Of draws, parameter -> (runs, draws), and u_s by the law at the last checkpoint (runs, draws); `interval`:
        the limit's 5% and 95% quantiles, where they are known already. None where the law has no such limit.
        """
        if "u_s_inf" not in draws:
            return None
        ends, start, last = (np.asarray(x) for x in (draws["u_s_inf"], draws["u_s0"], last))
        there = np.isfinite(ends)
        if there.all():
            low, high = interval or (_quantile(ends, q) for q in (0.05, 0.95))
            fall = np.abs(_quantile(start - last, 0.5))
            return cls(np.ones(len(ends)), low, high, fall, np.mean(ends < 0, axis=1), np.mean(ends > start, axis=1))
        every = []
        for k, x, y, z in zip(there, ends, start, last, strict=True):
            one = {"u_s_inf": x[None, k], "u_s0": y[None, k]}
            found = cls.of(one, z[None, k]) if k.any() else None
            rest = [np.nan] * 5 if found is None else [float(v[0]) for v in found[1:]]
            every.append([np.mean(k), *rest])
        return cls(*np.transpose(every))

    def row(self, run: int) -> Ends:
        """Those of one run, as numbers."""
        return Ends(*(x[run] for x in self))

    @property
    def open(self) -> np.ndarray:
        """Whether the limit is known no better than by the fall seen so far, (runs,)."""
        return self.high - self.low > self.fall

    @property
    def marks(self) -> np.ndarray:
        """What decides which findings there are, (runs, 5): nothing is said of a limit without any."""
        return np.stack([self.settles < SETTLED, self.settles == 0, self.open, self.below > BELOW, self.rises > RISES],
                        -1)  # fmt: skip


def _quantile(x: np.ndarray, q: float) -> np.ndarray:
    """Along the second axis, as `np.quantile` and `np.median`, which take several times as long."""
    last = x.shape[1] - 1
    place = int(q * last)
    parted, part = np.partition(x, place, axis=1), q * last - place
    after = parted[:, min(place + 1, last) :].min(1)
    return (1 - part) * parted[:, place] + part * after


def findings_of_draws(
    run: Run, law: LawSpec, draws: Mapping[str, Any], last: Any, series: str | None = None
) -> list[Finding]:
    """`data_findings` from a run's draws: parameter -> (draw,), u_s by the law at the last checkpoint (draw,)."""
    rows = {name: np.asarray(draws[name])[None] for name in ("u_s0", "u_s_inf") if name in draws}
    ends = Ends.of(rows, np.asarray(last)[None])
    offsets = {x: float(np.mean(draws[f"offset_{x}"])) for x in "sv" if f"offset_{x}" in draws}
    return data_findings(run, law, ends and ends.row(0), offsets, series)


def data_findings(
    run: Run, law: LawSpec, ends: Ends | None, offsets: Mapping[str, float], series: str | None = None
) -> list[Finding]:
    """Findings about the data behind a fit.

    Parameters
    ----------
    run, law : what was fitted.
    ends : what the posterior says of the limit of u_s, numbers; None where there is none.
    offsets : "s", "v" -> the mean of that series' common error, in standard errors, where there is one.
    series : the one series that was fitted, if it was one.
    """
    found: list[Finding] = []
    free = len(law.coordinates.names) - len(law.fixed)
    if len(run) <= free:
        text = f"Run {run.name!r} has {len(run)} checkpoints; the {_kind(law)} has {free} numbers to find."
        found.append(Finding("warning", "few_checkpoints", text, "The priors decide much of this; measure more often."))
    if series is None:
        found += _measured_findings(run)
        if law.home == "laws" and law.forcing is None and np.any(run.external > 0):
            text = f"Run {run.name!r} took in external data, and this law does not know of it."
            remedy = "Give the law a forcing, such as gd.forcings.impulse() or gd.forcings.additive_impulse()."
            found.append(Finding("warning", "external_data", text, remedy))
    for x in "sv":
        z = offsets.get(x, 0.0)
        if abs(z) > COMMON:
            name = series or f"u_{x}"
            text = f"The common error of {name} is put at {z:.3g} standard errors: the law mends its misfit with it."
            remedy = "Read the ceiling for the same prompts beside that for new ones; try gd.Likelihood(shared=0.0)."
            found.append(Finding("warning", f"common_error_{x}", text, remedy))
    return found if ends is None else found + _limit_findings(run, law, ends, series)


def _kind(law: LawSpec) -> str:
    return "law" if law.home == "laws" else "curve"


def _measured_findings(run: Run) -> list[Finding]:
    if "u_v" not in run.measured or "u_s" not in run.measured:
        missing = "u_v" if "u_s" in run.measured else "u_s"
        text = f"{missing} is not measured: its parameters, and the gap's, come from the prior."
        return [Finding("warning", f"no_{missing}", text, f"Log {missing} beside the other series.")]
    if not run.stated:
        text = "The run has no standard errors: the ceiling is for these evaluation prompts, not for new ones."
        return [Finding("info", "no_standard_errors", text, "Add se_s and se_v (over prompts).")]
    return []


def short_run(run: Run, ends: Ends, series: str | None) -> Finding:
    """That the ceiling is open."""
    way = "fall" if series is None else "way"
    wide = ends.high - ends.low
    text = (
        f"The ceiling of run {run.name!r} is open: the 90% interval ({wide:.3g}) is wider than the {way} "
        f"seen so far ({ends.fall:.3g})."
    )
    return Finding("warning", "short_run", text, "Train on, or state what you know of the limit as a prior.")


def _limit_findings(run: Run, law: LawSpec, ends: Ends, series: str | None) -> list[Finding]:
    found: list[Finding] = []
    unsettled, without, is_open, below, rises = ends.marks
    if unsettled:
        text = f"In {1 - ends.settles:.0%} of the posterior this law has no limit: the gap does not close."
        remedy = "Ceilings are of the other draws. Train on, or state rho or gap_inf more closely."
        found.append(Finding("warning", "no_limit", text, remedy))
    if without:
        return found
    if is_open:
        found.append(short_run(run, ends, series))
    if series is not None:
        return found
    if run.unit != "arbitrary" and below:
        text = f"{ends.below:.0%} of the ceiling's posterior lies below 0 {run.unit}, which no likelihood reaches."
        remedy = "The run does not say where it ends. Measure on."
        if "u_s_inf" in law.names:
            prior = f"gd.{law.home}.{law.name}(u_s_inf=numpyro.distributions.HalfNormal(1))"
            remedy = f"The run does not say where it ends. Put that knowledge into a prior, {prior}, or measure on."
        found.append(Finding("warning", "ceiling_below_zero", text, remedy))
    if rises:
        text = f"Solver uncertainty rises towards its limit (probability {ends.rises:.0%}): this loop does not improve."
        found.append(Finding("warning", "solver_rises", text, "Look at the accuracy of the run before training on."))
    return found
