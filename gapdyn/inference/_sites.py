"""THE table of parameter names. Priors, conversions of units, result tables and README's glossary follow it."""

from __future__ import annotations

import dataclasses
import enum


class Dimension(enum.Enum):
    """How a number changes with the units of uncertainty and time."""

    LEVEL = "level"  # unit of u, shifts with the origin
    DIFFERENCE = "difference"  # unit of u
    RATE = "rate"  # 1/time
    TIME = "time"
    PURE = "pure"


@dataclasses.dataclass(frozen=True)
class Site:
    """One parameter: what it is called, means and is measured in; its support and default prior.

    Default priors are in the run's standard units (see `Scale`): u in units of the run's size S counted from the
    solver's first checkpoints, time in units of the run's span T from its first checkpoint.
    """

    name: str
    symbol: str
    meaning: str
    dimension: Dimension
    support: str
    prior: str
    source: str


_LAW = "arXiv:2507.00075, section 3"
_OURS = "theory.md section 1"

SITES: dict[str, Site] = {
    s.name: s
    for s in (
        Site("rate", "λ", "shared relaxation rate k(α-β)", Dimension.RATE, "> 0", "LogNormal(log 1.5, 1.25)", _LAW),
        Site("rho", "ρ", "verifier-to-solver ratio β/α", Dimension.PURE, "[0, 1)", "Uniform(0, 1)", _LAW),
        Site("gap_inf", "G∞", "limit of the gap, b/k", Dimension.DIFFERENCE, "real", "Normal(0, 1)", _LAW),
        Site("u_s0", "U_s0", "solver uncertainty at the first checkpoint", Dimension.LEVEL, "real",
             "Normal(median of u_s at the first 3 checkpoints, 1)", _LAW),
        Site("u_v0", "U_v0", "verifier uncertainty at the first checkpoint", Dimension.LEVEL, "real",
             "Normal(median of u_v at the first 3 checkpoints, 1)", _LAW),
        Site("u_s_inf", "U_s∞", "limit of solver uncertainty: the ceiling", Dimension.LEVEL, "real",
             "follows; if given a prior, it replaces G∞ or ρ", _LAW),
        Site("u_v_inf", "U_v∞", "limit of verifier uncertainty", Dimension.LEVEL, "real",
             "follows; if given a prior, it replaces ρ or G∞", _LAW),
        Site("alpha", "α", "solver response in the stated gauge k", Dimension.RATE, "> 0",
             "follows; if given a prior, LogNormal(log 2, 1.25) stands beside it", _LAW),
        Site("beta", "β", "verifier response in the stated gauge k", Dimension.RATE, ">= 0",
             "follows; if given a prior, LogNormal(log 0.5, 1.25) stands beside it", _LAW),
        Site("b", "b", "offset of the potential kG - b, in the stated gauge k", Dimension.DIFFERENCE, "real",
             "follows; as G∞ times k", _LAW),
        Site("sigma", "σ", "excess noise of both series, sd per checkpoint", Dimension.DIFFERENCE, "> 0",
             "HalfCauchy(0.05), or HalfCauchy(0.1 x median se) where se_s, se_v are given", _OURS),
        Site("sigma_s", "σ_s", "excess noise of u_s alone, with Likelihood(excess='separate')", Dimension.DIFFERENCE,
             "> 0", "as σ, from se_s", _OURS),
        Site("sigma_v", "σ_v", "excess noise of u_v alone, with Likelihood(excess='separate')", Dimension.DIFFERENCE,
             "> 0", "as σ, from se_v", _OURS),
        Site("shared_s", "c_s", "share of se_s² that all checkpoints have in common", Dimension.PURE, "[0, 1]",
             "Beta(0.5, 0.5)", _OURS),
        Site("shared_v", "c_v", "share of se_v² that all checkpoints have in common", Dimension.PURE, "[0, 1]",
             "Beta(0.5, 0.5)", _OURS),
        Site("nu", "ν", "degrees of freedom of the Student-t noise", Dimension.PURE, "> 0", "Gamma(2, 0.1)",
             "Juárez and Steel 2010"),
        Site("offset_s", "z_s", "common error of u_s in units of √c_s se_s", Dimension.PURE, "real", "Normal(0, 1)",
             _OURS),
        Site("offset_v", "z_v", "common error of u_v in units of √c_v se_v", Dimension.PURE, "real", "Normal(0, 1)",
             _OURS),
    )
}  # fmt: skip


def is_noise(name: str) -> bool:
    """Whether a parameter is of the error model, not of the law."""
    return name == "nu" or name.startswith(("sigma", "shared_", "offset_"))
