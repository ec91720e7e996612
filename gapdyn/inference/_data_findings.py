"""What a run's posterior says about the run: too short, impossible values, missing measurements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .._finding import Finding
from ..data import Run
from ..dynamics import LawSpec


def data_findings(
    run: Run, law: LawSpec, draws: Mapping[str, Any], last: Any, series: str | None = None
) -> list[Finding]:
    """Findings about the data behind a fit, from its posterior draws.

    Parameters
    ----------
    run, law : what was fitted.
    draws : parameter -> (draw,).
    last : (draw,), u_s by the law at the last checkpoint.
    series : the one series that was fitted, if it was one.
    """
    found: list[Finding] = []
    free = len(law.coordinates.names) - len(law.fixed)
    if len(run) <= free:
        text = f"Run {run.name!r} has {len(run)} checkpoints; the {_kind(law)} has {free} numbers to find."
        found.append(Finding("warning", "few_checkpoints", text, "The priors decide much of this; measure more often."))
    if series is None:
        found += _measured_findings(run)
        if np.nansum(run.external) > 0 and law.home == "laws" and law.forcing is None:
            text = f"Run {run.name!r} took in external data, and this law does not know of it."
            remedy = "Give the law a forcing, such as gd.forcings.impulse() or gd.forcings.additive_impulse()."
            found.append(Finding("warning", "external_data", text, remedy))
    for x in "sv":
        z = float(np.mean(draws[f"offset_{x}"])) if f"offset_{x}" in draws else 0.0
        if abs(z) > 2.5:
            name = series or f"u_{x}"
            text = f"The common error of {name} is put at {z:.3g} standard errors: the law mends its misfit with it."
            remedy = "Read the ceiling for the same prompts beside that for new ones; try gd.Likelihood(shared=0.0)."
            found.append(Finding("warning", f"common_error_{x}", text, remedy))
    return found + _limit_findings(run, law, draws, last, series)


def _kind(law: LawSpec) -> str:
    return "law" if law.home == "laws" else "curve"


def _measured_findings(run: Run) -> list[Finding]:
    if "u_v" not in run.measured or "u_s" not in run.measured:
        missing = "u_v" if "u_s" in run.measured else "u_s"
        text = f"{missing} is not measured: its parameters, and the gap's, come from the prior."
        return [Finding("warning", f"no_{missing}", text, f"Log {missing} beside the other series.")]
    if not np.isfinite(run.se_s).any() and not np.isfinite(run.se_v).any():
        text = "The run has no standard errors: the ceiling is for these evaluation prompts, not for new ones."
        return [Finding("info", "no_standard_errors", text, "Add se_s and se_v (over prompts).")]
    return []


def _limit_findings(run: Run, law: LawSpec, draws: Mapping[str, Any], last: Any, series: str | None) -> list[Finding]:
    if "u_s_inf" not in draws:
        return []
    every, start = np.asarray(draws["u_s_inf"]), np.asarray(draws["u_s0"])
    settles = np.isfinite(every)
    share = float(np.mean(settles))
    found: list[Finding] = []
    if share < 0.99:
        text = f"In {1 - share:.0%} of the posterior this law has no limit: the gap does not close."
        remedy = "Ceilings are of the other draws. Train on, or state rho or gap_inf more closely."
        found.append(Finding("warning", "no_limit", text, remedy))
    if share == 0:
        return found
    ends, start = every[settles], start[settles]
    low, high = np.quantile(ends, [0.05, 0.95])
    seen = abs(float(np.median(start - np.asarray(last)[settles])))
    way = "fall" if series is None else "way"
    if high - low > seen:
        text = (
            f"The ceiling of run {run.name!r} is open: the 90% interval ({high - low:.3g}) is wider than the {way} "
            f"seen so far ({seen:.3g})."
        )
        remedy = "Train on, or state what you know of the limit as a prior."
        found.append(Finding("warning", "short_run", text, remedy))
    if series is not None:
        return found
    below = float(np.mean(ends < 0))
    if run.unit != "arbitrary" and below > 0.05:
        text = f"{below:.0%} of the ceiling's posterior lies below 0 {run.unit}, which no likelihood reaches."
        remedy = "The run does not say where it ends. Measure on."
        if "u_s_inf" in law.names:
            prior = f"gd.{law.home}.{law.name}(u_s_inf=numpyro.distributions.HalfNormal(1))"
            remedy = f"The run does not say where it ends. Put that knowledge into a prior, {prior}, or measure on."
        found.append(Finding("warning", "ceiling_below_zero", text, remedy))
    rises = float(np.mean(ends > start))
    if rises > 0.5:
        text = f"Solver uncertainty rises towards its limit (probability {rises:.0%}): this loop does not improve."
        found.append(Finding("warning", "solver_rises", text, "Look at the accuracy of the run before training on."))
    return found
