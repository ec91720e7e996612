"""Is this ceiling the data's or the prior's? Power scaling, by ArviZ."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from .._check import InputError
from .._finding import AbstractResult
from ..inference import Finding, Fit

MATTERS = 0.05  # sensitivity from which a parameter counts as moved (Kallioinen et al. 2024)


@dataclasses.dataclass(frozen=True, eq=False)
class PriorSensitivity(AbstractResult):
    """How a posterior moves when its prior, or its likelihood, counts a little more. Prints itself.

    Attributes
    ----------
    prior, likelihood : parameter -> sensitivity, the rate at which its distribution changes (cumulative Jensen-Shannon
        distance per doubling) as that part is raised to a power; from 0.05 on it matters.
    findings : `prior_and_data` or `prior_driven` where the ceiling moves with the prior.
    """

    fit: Fit = dataclasses.field(repr=False)
    prior: dict[str, float]
    likelihood: dict[str, float]
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        rows = {name: {"prior": p, "likelihood": self.likelihood[name]} for name, p in self.prior.items()}
        return {"parameters": rows, "findings": [f.to_dict() for f in self.findings]}

    def table(self) -> str:
        """The sensitivities as a table, without the findings."""
        lines = [f"power scaling of {self.fit.data.name}, {self.fit.law.title}"]
        lines.append(f"{'':10s}{'prior':>8s}{'data':>8s}")
        for name, p in self.prior.items():
            mark = "  <- the prior matters" if p >= MATTERS else ""
            lines.append(f"{name:10s}{p:>8.3f}{self.likelihood[name]:>8.3f}{mark}")
        return "\n".join(lines)


def prior_sensitivity(fit: Fit) -> PriorSensitivity:
    """Power-scaling sensitivity of every parameter and limit to the priors and to the data.

    Draws are reweighted to the posterior with the prior (or the likelihood) raised to 0.99 and to 1.01, without a new
    fit (Kallioinen, Paananen, Bürkner, Vehtari 2024; `arviz_stats.psense`).
    """
    if not fit.observations.priors:
        raise InputError(
            f"the fit of run {fit.data.name!r} is one of a pooled fleet: its prior is what the other runs say. Look at "
            "the scatter of the population instead, or fit the run alone."
        )
    from arviz_stats import psense  # pyright: ignore[reportPrivateImportUsage]  (takes long to load)

    tree = fit.to_arviz()
    finite = [name for name, x in fit.draws.items() if np.isfinite(x).all() and np.ptp(x) > 0]
    prior, likelihood = (
        {name: float(found[name]) for name in finite}
        for found in (psense(tree, var_names=finite, group=group) for group in ("prior", "likelihood"))
    )
    return PriorSensitivity(fit, prior, likelihood, tuple(_findings(fit, prior, likelihood)))


def _findings(fit: Fit, prior: dict[str, float], likelihood: dict[str, float]) -> list[Finding]:
    if prior.get("u_s_inf", 0.0) < MATTERS:
        return []
    p, data = prior["u_s_inf"], likelihood["u_s_inf"]
    if data >= MATTERS:
        text = f"The ceiling moves with the data ({data:.2f}) and with the priors ({p:.2f}): both hold it."
        remedy = "State the priors that you believe, and say so beside the ceiling; or train on."
        return [Finding("info", "prior_and_data", text, remedy)]
    text = f"The ceiling moves with the priors ({p:.2f}) and hardly with the data ({data:.2f}): it is the priors'."
    return [Finding("warning", "prior_driven", text, "Train on: this run has not yet said where it ends.")]
