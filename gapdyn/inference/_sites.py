"""THE table of parameter names. Priors, conversions of units, result tables and README's glossary follow it."""

from __future__ import annotations

import dataclasses
import enum

from ..dynamics import SUPPORTS


class Dimension(enum.Enum):
    """How a number changes with the units of uncertainty and time."""

    LEVEL = "level"  # unit of u, shifts with the origin
    DIFFERENCE = "difference"  # unit of u
    RATE = "rate"  # 1/time
    TIME = "time"
    POINT = "point"  # a time of the run's clock
    SLOPE = "slope"  # unit of u per time
    WANDER = "wander"  # unit of u per square root of time
    TURN = "turn"  # unit of u per time^(3/2)
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
_DATA = "arXiv:2507.00075, section 4"
_OURS = "gapdyn"
_KIN = "gapdyn, after arXiv:2507.00075"
_CURVE = "gapdyn, for comparison"


def _site(name: str, symbol: str, meaning: str, dimension: Dimension, prior: str, source: str) -> Site:
    """A parameter of a law or a curve: its support is stated in the dynamics."""
    return Site(name, symbol, meaning, dimension, SUPPORTS.get(name, "real"), prior, source)


def _both(stem: str, symbol: str, meaning: str, dimension: Dimension, prior: str) -> tuple[Site, Site]:
    """A curve's parameter of u_s (or of the one series that is fitted) and of u_v."""
    series = {"s": "u_s", "v": "u_v"}
    s, v = (_site(f"{stem}_{x}", f"{symbol}_{x}", meaning.format(series[x]), dimension, prior, _CURVE) for x in "sv")
    return s, v


SITES: dict[str, Site] = {
    s.name: s
    for s in (
        _site("rate", "λ", "shared relaxation rate k(α-β)", Dimension.RATE, "LogNormal(log 1.5, 1.25)", _LAW),
        _site("rho", "ρ", "verifier-to-solver ratio β/α", Dimension.PURE, "Uniform(0, 1)", _LAW),
        _site("gap_inf", "G∞", "limit of the gap, b/k", Dimension.DIFFERENCE, "Normal(0, 1)", _LAW),
        _site("u_s0", "U_s0", "solver uncertainty at the first checkpoint", Dimension.LEVEL,
             "Normal(median of u_s at the first 3 checkpoints, 1)", _LAW),
        _site("u_v0", "U_v0", "verifier uncertainty at the first checkpoint", Dimension.LEVEL,
             "Normal(median of u_v at the first 3 checkpoints, 1)", _LAW),
        _site("u_s_inf", "U_s∞", "limit of solver uncertainty: the ceiling", Dimension.LEVEL,
             "follows; if given a prior, it replaces G∞ or ρ (in curves Normal(start, 2))", _LAW),
        _site("u_v_inf", "U_v∞", "limit of verifier uncertainty", Dimension.LEVEL,
             "follows; if given a prior, it replaces ρ or G∞. Of a relaxing verifier Normal(start - 0.5, 0.5), in "
             "curves Normal(start, 2)", _LAW),
        _site("alpha", "α", "solver response in the stated gauge k", Dimension.RATE,
             "follows; if given a prior, LogNormal(log 2, 1.25) stands beside it", _LAW),
        _site("beta", "β", "verifier response in the stated gauge k", Dimension.RATE,
             "follows; if given a prior, LogNormal(log 0.5, 1.25) stands beside it", _LAW),
        _site("b", "b", "offset of the potential kG - b, in the stated gauge k", Dimension.DIFFERENCE,
             "follows; as G∞ times k", _LAW),
        _site("kappa", "κ", "rate at which the verifier settles by itself", Dimension.RATE,
              "LogNormal(0, 1)", _KIN),
        _site("m", "m", "exponent of the power potential", Dimension.PURE, "1 + HalfNormal(1)", _KIN),
        _site("s", "s", "gap beyond rest at which the drive saturates", Dimension.DIFFERENCE,
              "LogNormal(log 0.5, 1)", _KIN),
        _site("tau", "τ", "time on which ratio or rates change", Dimension.TIME, "LogNormal(log 0.3, 1)", _KIN),
        _site("q", "q", "exponent of the drifting ratio", Dimension.PURE, "Normal(0, 0.5)", _KIN),
        _site("p", "p", "exponent of the decaying rates", Dimension.PURE, "HalfNormal(1)", _KIN),
        *(_site(f"bend_{i}", f"w_{i}", f"log weight of unit {i} of the neural potential", Dimension.PURE,
                "Normal(-1, 1)", _KIN) for i in range(1, 5)),
        _site("diffusion", "d", "process noise of u_s and of u_v, sd per √time", Dimension.WANDER,
              "HalfCauchy(0.05)", _KIN),
        _site("gamma", "γ", "strength of multiplicative external data", Dimension.PURE, "HalfNormal(1)", _DATA),
        _site("dose", "D", "fall of U_v by additive external data", Dimension.DIFFERENCE, "Normal(0, 1)",
              "gapdyn, after arXiv:2507.00075, section 4"),
        *_both("rate", "r", "rate of the exponential of {}", Dimension.RATE, "LogNormal(log 1.5, 1.25)"),
        *_both("tau", "τ", "time on which the power law of {} bends", Dimension.TIME, "LogNormal(log 0.3, 1)"),
        *_both("p", "p", "exponent of the power law of {}", Dimension.PURE, "LogNormal(0, 0.75)"),
        _site("rate_slow", "r", "slower rate of the rank-2 curve", Dimension.RATE, "LogNormal(0, 1)", _CURVE),
        _site("ratio", "R", "ratio of its rates", Dimension.PURE, "1 + LogNormal(log 3, 0.75)", _CURVE),
        *_both("slow", "w", "share of the slow exponential in {}", Dimension.PURE, "Normal(0.5, 0.5)"),
        *_both("mid", "t½", "time at which half the sigmoid of {} is done", Dimension.TIME, "LogNormal(log 0.5, 1)"),
        *_both("steepness", "B", "steepness of the sigmoid of {}", Dimension.PURE, "LogNormal(log 1.5, 0.5)"),
        *_both("factor", "a", "share of the way of {} that a round leaves", Dimension.PURE, "Uniform(0, 1)"),
        _site("change", "t_c", "time from the start to the change of phase, or the jump", Dimension.TIME,
              "Uniform(0, 1)", _CURVE),
        *_both("jump", "J", "jump of {}", Dimension.DIFFERENCE, "Normal(0, 1)"),
        *_both("slope", "v", "slope of {} at the start", Dimension.SLOPE, "Normal(0, 2)"),
        *_both("later_slope", "v'", "slope of {} after the change", Dimension.SLOPE, "Normal(0, 1)"),
        *_both("wander", "w", "random walk of {}, sd per √time", Dimension.WANDER, "HalfCauchy(0.1)"),
        *_both("turn", "η", "random walk of the slope of {}", Dimension.TURN, "HalfCauchy(0.3)"),
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
        Site("stray", "ω", "random walk of the run about its law, sd per √time, with Likelihood(residuals='wander')",
             Dimension.WANDER, "> 0", "HalfCauchy(0.05)", _OURS),
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
    return name in ("nu", "stray") or name.startswith(("sigma", "shared_", "offset_"))


# numbers of a law that are not parameters (see `LawSpec.constants`)
CONSTANTS = {
    "t0": Dimension.POINT,
    "forcing_times": Dimension.POINT,
    "forcing_end": Dimension.POINT,
    "forcing_amounts": Dimension.PURE,
    "zero": Dimension.LEVEL,
    "round_length": Dimension.TIME,
    "clock_times": Dimension.POINT,
    "clock_speeds": Dimension.PURE,
}


def dimension(name: str) -> Dimension:
    """How a parameter or a constant changes with the units."""
    return SITES[name].dimension if name in SITES else CONSTANTS[name]
