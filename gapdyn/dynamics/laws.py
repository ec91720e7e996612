"""Laws by name. Each function takes, for any parameter, nothing (an example number in `solve`, a default prior in
`fit`), a number (held fixed) or a NumPyro distribution (its prior), and returns a `LawSpec`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .._check import InputError
from ._coefficients import from_paper, to_paper
from ._law import GapLaw
from ._limits import limits
from ._potential import LinearPotential
from ._response import ConstantResponse
from ._spec import Centring, Coordinates, LawSpec, Values

_EXAMPLE = {"rate": 0.5, "rho": 0.3, "gap_inf": 0.05, "u_s0": 1.0, "u_v0": 0.6}
_START = ("u_s0", "u_v0")
_SUPPORTS = {"rate": "> 0", "rho": "in [0, 1)", "alpha": "> 0", "beta": ">= 0"}


def _canonical(values: Values, rate: Any, rho: Any, gap_inf: Any) -> dict[str, Any]:
    return {"rate": rate, "rho": rho, "gap_inf": gap_inf, "u_s0": values["u_s0"], "u_v0": values["u_v0"]}


def _gap_0(v: Values) -> Any:
    return v["u_s0"] - v["u_v0"]


def _from_limit_u_s(v: Values) -> dict[str, Any]:
    return _canonical(v, v["rate"], v["rho"], _gap_0(v) - (1 - v["rho"]) * (v["u_s0"] - v["u_s_inf"]))


def _from_limit_u_v(v: Values) -> dict[str, Any]:
    # U_v0 - U_v,inf = rho delta/(1 - rho), so U_s,inf = U_s0 - (U_v0 - U_v,inf)/rho
    return _from_limit_u_s({**v, "u_s_inf": v["u_s0"] - (v["u_v0"] - v["u_v_inf"]) / v["rho"]})


def _from_both_limits(v: Values) -> dict[str, Any]:
    rho = (v["u_v0"] - v["u_v_inf"]) / (v["u_s0"] - v["u_s_inf"])
    return _canonical(v, v["rate"], rho, v["u_s_inf"] - v["u_v_inf"])


def _from_gap_and_u_s(v: Values) -> dict[str, Any]:
    return _from_both_limits({**v, "u_v_inf": v["u_s_inf"] - v["gap_inf"]})


def _shared_rate_family(k: float) -> tuple[Coordinates, ...]:
    def from_alpha_rho(v: Values) -> dict[str, Any]:
        return _canonical(v, k * v["alpha"] * (1 - v["rho"]), v["rho"], v["gap_inf"])

    def from_coefficients(v: Values) -> dict[str, Any]:
        return _canonical(v, *from_paper(v["alpha"], v["beta"], k, v["b"]))

    return (
        Coordinates(("rate", "rho", "gap_inf", *_START), dict),
        Coordinates(("rate", "rho", "u_s_inf", *_START), _from_limit_u_s),
        Coordinates(("rate", "rho", "u_v_inf", *_START), _from_limit_u_v),
        Coordinates(("rate", "u_s_inf", "u_v_inf", *_START), _from_both_limits),
        Coordinates(("rate", "u_s_inf", "gap_inf", *_START), _from_gap_and_u_s),
        Coordinates(("alpha", "rho", "gap_inf", *_START), from_alpha_rho),
        Coordinates(("alpha", "beta", "b", *_START), from_coefficients),
    )


def _u_s_inf_from_gap_inf(v: Values) -> tuple[Any, Any]:
    """U_s,inf = U_s0 - (U_s0 - U_v0)/(1 - rho) + G_inf/(1 - rho): increasing and affine in G_inf."""
    scale = 1 / (1 - v["rho"])
    return v["u_s0"] - _gap_0(v) * scale, scale


def shared_rate(
    *,
    rate: Any = None,
    rho: Any = None,
    gap_inf: Any = None,
    u_s0: Any = None,
    u_v0: Any = None,
    u_s_inf: Any = None,
    u_v_inf: Any = None,
    alpha: Any = None,
    beta: Any = None,
    b: Any = None,
    k: float = 1.0,
) -> LawSpec:
    """The law of Sun et al. with linear potential: solver, verifier and gap relax at one shared rate.

    dU_s/dt = -alpha (k G - b), dU_v/dt = -beta (k G - b), so that with rate = k (alpha - beta), rho = beta/alpha,
    G_inf = b/k: G = G_inf + (G_0 - G_inf) exp(-rate t)  (arXiv:2507.00075, section 3).

    Parameters
    ----------
    rate : > 0, 1/time.
    rho : verifier-to-solver ratio beta/alpha, in [0, 1).
    gap_inf : the gap's limit, unit of u.
    u_s0, u_v0 : start at the run's first checkpoint.
    u_s_inf, u_v_inf : the limits, to fix them or put priors on them directly (instead of gap_inf and rho).
    alpha, beta, b : the paper's coefficients in the gauge `k` (instead of rate, rho, gap_inf).
    k : the gauge, a number.
    """
    # the gauge is not a parameter of the likelihood: it only says how alpha, beta and b are written
    gauge = float(k)
    if not (math.isfinite(gauge) and gauge > 0):
        raise InputError(f"law 'shared_rate': the gauge k={k!r} must be a positive number.")

    def build(v: Values) -> GapLaw:
        c = to_paper(v["rate"], v["rho"], v["gap_inf"], k=gauge)
        return GapLaw(LinearPotential(c.k, c.b), ConstantResponse(c.alpha, c.beta), v["u_s0"], v["u_v0"])

    def outputs(law: GapLaw) -> dict[str, Any]:
        ends = limits(law)
        assert isinstance(law.potential, LinearPotential)
        return {
            "u_s_inf": ends.u_s_inf,
            "u_v_inf": ends.u_v_inf,
            "alpha": law.response.alpha(law.t0),
            "beta": law.response.beta(law.t0),
            "b": law.potential.b,
        }

    given = {
        "rate": rate, "rho": rho, "gap_inf": gap_inf, "u_s0": u_s0, "u_v0": u_v0, "u_s_inf": u_s_inf,
        "u_v_inf": u_v_inf, "alpha": alpha, "beta": beta, "b": b,
    }  # fmt: skip
    return LawSpec(
        name="shared_rate",
        title="shared-rate law",
        equation="G = G_inf + (G_0 - G_inf) exp(-rate t); U_s, U_v relax at the same rate",
        source="Sun et al. 2025, arXiv:2507.00075, section 3",
        example=_EXAMPLE,
        supports=_SUPPORTS,
        family=_shared_rate_family(gauge),
        build=build,
        outputs=outputs,
        centring=Centring("gap_inf", "u_s_inf", ("rho", *_START), _u_s_inf_from_gap_inf),
        given=given,
    )


ALL_LAWS: dict[str, Callable[..., LawSpec]] = {"shared_rate": shared_rate}


def all() -> dict[str, LawSpec]:
    """Every law with its defaults, by name."""
    return {name: law() for name, law in ALL_LAWS.items()}
