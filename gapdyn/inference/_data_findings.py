"""What a run's posterior says about the run: too short, impossible values, missing measurements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..data import Run
from ._findings import Finding


def data_findings(run: Run, draws: Mapping[str, Any]) -> list[Finding]:
    """Findings about the data behind a fit, from the posterior draws of a law with a ceiling."""
    found: list[Finding] = []
    if len(run) < 6:
        text = f"Run {run.name!r} has {len(run)} checkpoints; the law has 5 numbers to find."
        found.append(Finding("warning", "few_checkpoints", text, "The priors decide much of this; measure more often."))
    if "u_v" not in run.measured or "u_s" not in run.measured:
        missing = "u_v" if "u_s" in run.measured else "u_s"
        text = f"{missing} is not measured: its parameters, and the gap's, come from the prior."
        found.append(Finding("warning", f"no_{missing}", text, f"Log {missing} beside the other series."))
    elif not np.isfinite(run.se_s).any() and not np.isfinite(run.se_v).any():
        text = "The run has no standard errors: the ceiling is for these evaluation prompts, not for new ones."
        found.append(Finding("info", "no_standard_errors", text, "Add se_s and se_v (over prompts)."))
    found += _span_findings(run, draws)
    if np.nansum(run.external) > 0:
        text = f"Run {run.name!r} took in external data, and this law does not know of it."
        found.append(Finding("warning", "external_data", text, "Read the ceiling as that of the mixture, if at all."))
    for x in "sv":
        z = float(np.mean(draws[f"offset_{x}"])) if f"offset_{x}" in draws else 0.0
        if abs(z) > 2.5:
            text = (
                f"The common error of u_{x} is put at {z:.3g} standard errors: the law leans on it to mend its misfit."
            )
            remedy = "Read the ceiling for the same prompts beside that for new ones; try gd.Likelihood(shared=0.0)."
            found.append(Finding("warning", f"common_error_{x}", text, remedy))
    below = float(np.mean(draws["u_s_inf"] < 0))
    if run.unit != "arbitrary" and below > 0.05:
        text = f"{below:.0%} of the ceiling's posterior lies below 0 {run.unit}, which no likelihood reaches."
        remedy = (
            "The run does not say where it ends. Put that knowledge into a prior, "
            "gd.laws.shared_rate(u_s_inf=numpyro.distributions.HalfNormal(1)), or measure on."
        )
        found.append(Finding("warning", "ceiling_below_zero", text, remedy))
    rises = float(np.mean(draws["u_s_inf"] > draws["u_s0"]))
    if rises > 0.5:
        text = f"Solver uncertainty rises towards its limit (probability {rises:.0%}): this loop does not improve."
        found.append(Finding("warning", "solver_rises", text, "Look at the accuracy of the run before training on."))
    return found


def _span_findings(run: Run, draws: Mapping[str, Any]) -> list[Finding]:
    span = run.t[-1] - run.t[0]
    constants = float(np.median(draws["rate"])) * span
    seen = float(np.median(draws["u_s0"] - draws["u_s_inf"])) * -np.expm1(-constants)
    low, high = np.quantile(draws["u_s_inf"], [0.05, 0.95])
    if high - low > abs(seen):
        text = (
            f"The run spans {constants:.2g} time constants, its ceiling is open: the 90% interval ({high - low:.3g}) "
            f"is wider than the fall seen so far ({abs(seen):.3g})."
        )
        return [Finding("warning", "short_run", text, "Train on, or state what you know of the limit as a prior.")]
    return []
