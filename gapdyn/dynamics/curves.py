"""Reference curves by name: shapes without mechanism, to be compared with the laws.

They are used as the laws are: nothing, a number or a NumPyro distribution for each parameter; `solve`, `fit`,
`ceiling`, `forecast`. Parameters end in `_s` for u_s and in `_v` for u_v; `u_s0`, `u_v0` are the starts, `u_s_inf`,
`u_v_inf` the limits. They also fit one series of any quantity, rising or falling (accuracy, reward, pass@k):
`gd.fit(run, gd.curves.sigmoid(), series="acc_s", key=0)`; the parameters that end in `_s` are then that series'. Time
counts from the run's first checkpoint, in rounds, steps, tokens or whatever the run's clock is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from .._check import InputError
from ._shapes import Correction, Curve, Exponential, Line, PowerLaw, Sigmoid, TwoExponentials, TwoPhases
from ._spec import Coordinates, LawSpec, Values

_OURS = "gapdyn, for comparison"
_LEVELS = ("u_s", "u_v", "slope_", "later_slope_", "jump_")  # what every shape is affine in
_START = {"s": {"u_s0": 1.0, "u_s_inf": 0.5}, "v": {"u_v0": 0.6, "u_v_inf": 0.45}}


def _curve(
    name: str, title: str, equation: str, source: str, shape: Callable[[Values, str], Any], given: Mapping[str, Any],
    own: Mapping[str, tuple[float, float]], common: Mapping[str, float] | None = None, limits: bool = True,
    sides: str = "sv", **more: Any,
) -> LawSpec:  # fmt: skip
    """`own`: stem -> examples for u_s and u_v; `common`: parameters of both series -> example."""
    example: dict[str, float] = dict(common or {})
    for i, x in enumerate(sides):
        example |= {f"{stem}_{x}": values[i] for stem, values in own.items()}
        example |= {n: value for n, value in _START[x].items() if limits or n.endswith("0")}

    def build(v: Values) -> Curve:
        return Curve(v.get("t0", 0.0), shape(v, "s"), shape(v, "v") if "v" in sides else None)

    def one_series() -> LawSpec:
        both = [n for n, value in given.items() if value is not None and n.endswith(("_v", "u_v0", "u_v_inf"))]
        if both and sides == "sv":
            raise InputError(
                f"curve {name!r}: {both[0]!r} belongs to a second series, and one is fitted. Leave it out."
            )
        left = {n: value for n, value in given.items() if not n.endswith("_v") and not n.startswith("u_v")}
        return _curve(name, title, equation, source, shape, left, own, common, limits, "s", **more)

    def nothing(curve: Curve) -> dict[str, Any]:
        return {}

    return LawSpec(
        name=name,
        title=title,
        equation=equation,
        source=source,
        example=example,
        family=(Coordinates(tuple(example), dict, tuple(n for n in example if n.startswith(_LEVELS))),),
        build=build,
        outputs=nothing,
        given=given,
        home="curves",
        one_series=one_series,
        **more,
    )


def _ends(v: Values, x: str) -> tuple[Any, Any]:
    return v[f"u_{x}0"], v[f"u_{x}_inf"]


def exponential(
    *, rate_s: Any = None, rate_v: Any = None, u_s0: Any = None, u_v0: Any = None, u_s_inf: Any = None,
    u_v_inf: Any = None,
) -> LawSpec:  # fmt: skip
    """Separate exponentials: u = u_inf + (u_0 - u_inf) exp(-rate t), each series with its own rate.

    Parameters
    ----------
    rate_s, rate_v : > 0, 1/time.
    u_s0, u_v0, u_s_inf, u_v_inf : starts and limits.
    """

    def shape(v: Values, x: str) -> Any:
        return Exponential(*_ends(v, x), v[f"rate_{x}"])

    given = {"rate_s": rate_s, "rate_v": rate_v, "u_s0": u_s0, "u_v0": u_v0, "u_s_inf": u_s_inf, "u_v_inf": u_v_inf}
    return _curve("exponential", "separate exponentials", "u = u_inf + (u_0 - u_inf) exp(-rate t)", _OURS, shape, given,
                  {"rate": (0.5, 0.3)})  # fmt: skip


def power_law(
    *, tau_s: Any = None, tau_v: Any = None, p_s: Any = None, p_v: Any = None, u_s0: Any = None, u_v0: Any = None,
    u_s_inf: Any = None, u_v_inf: Any = None,
) -> LawSpec:  # fmt: skip
    """Separate power laws: u = u_inf + (u_0 - u_inf) (1 + t/tau)^-p.

    Parameters
    ----------
    tau_s, tau_v : > 0, time.
    p_s, p_v : > 0.
    u_s0, u_v0, u_s_inf, u_v_inf : starts and limits.
    """

    def shape(v: Values, x: str) -> Any:
        return PowerLaw(*_ends(v, x), v[f"tau_{x}"], v[f"p_{x}"])

    given = {"tau_s": tau_s, "tau_v": tau_v, "p_s": p_s, "p_v": p_v, "u_s0": u_s0, "u_v0": u_v0, "u_s_inf": u_s_inf,
             "u_v_inf": u_v_inf}  # fmt: skip
    return _curve("power_law", "separate power laws", "u = u_inf + (u_0 - u_inf) (1 + t/tau)^-p", _OURS, shape, given,
                  {"tau": (2.0, 3.0), "p": (1.0, 1.0)})  # fmt: skip


def rank_two(
    *, rate_slow: Any = None, ratio: Any = None, slow_s: Any = None, slow_v: Any = None, u_s0: Any = None,
    u_v0: Any = None, u_s_inf: Any = None, u_v_inf: Any = None,
) -> LawSpec:  # fmt: skip
    """Two exponentials that both series share: what any linear law of two variables gives.

    u = u_inf + (u_0 - u_inf) ((1 - slow) exp(-ratio rate_slow t) + slow exp(-rate_slow t)).

    Parameters
    ----------
    rate_slow : > 0, 1/time.
    ratio : > 1, of the fast rate to the slow one.
    slow_s, slow_v : share of the slow exponential; outside [0, 1] a series overshoots.
    u_s0, u_v0, u_s_inf, u_v_inf : starts and limits.
    """

    def shape(v: Values, x: str) -> Any:
        return TwoExponentials(*_ends(v, x), v["rate_slow"] * v["ratio"], v["rate_slow"], v[f"slow_{x}"])

    given = {"rate_slow": rate_slow, "ratio": ratio, "slow_s": slow_s, "slow_v": slow_v, "u_s0": u_s0, "u_v0": u_v0,
             "u_s_inf": u_s_inf, "u_v_inf": u_v_inf}  # fmt: skip
    return _curve("rank_two", "rank-2 exponentials", "both series in exp(-rate_slow t), exp(-ratio rate_slow t)", _OURS,
                  shape, given, {"slow": (0.5, 0.7)}, {"rate_slow": 0.2, "ratio": 4.0})  # fmt: skip


def sigmoid(
    *, mid_s: Any = None, mid_v: Any = None, steepness_s: Any = None, steepness_v: Any = None, u_s0: Any = None,
    u_v0: Any = None, u_s_inf: Any = None, u_v_inf: Any = None,
) -> LawSpec:  # fmt: skip
    """A sigmoid in the logarithm of time or compute: u = u_inf + (u_0 - u_inf)/(1 + (t/mid)^steepness).

    Parameters
    ----------
    mid_s, mid_v : > 0, when half of the way is done.
    steepness_s, steepness_v : > 0.
    u_s0, u_v0, u_s_inf, u_v_inf : starts and limits.
    """

    def shape(v: Values, x: str) -> Any:
        return Sigmoid(*_ends(v, x), v[f"mid_{x}"], v[f"steepness_{x}"])

    given = {"mid_s": mid_s, "mid_v": mid_v, "steepness_s": steepness_s, "steepness_v": steepness_v, "u_s0": u_s0,
             "u_v0": u_v0, "u_s_inf": u_s_inf, "u_v_inf": u_v_inf}  # fmt: skip
    return _curve("sigmoid", "sigmoid in log compute", "u = u_inf + (u_0 - u_inf)/(1 + (t/mid)^steepness)",
                  "arXiv:2510.13786", shape, given, {"mid": (3.0, 4.0), "steepness": (1.5, 1.5)})  # fmt: skip


def self_correction(
    *, length: Any = 1.0, factor_s: Any = None, factor_v: Any = None, u_s0: Any = None, u_v0: Any = None,
    u_s_inf: Any = None, u_v_inf: Any = None,
) -> LawSpec:  # fmt: skip
    """Self-correction: each round leaves a share `factor` of the way, u = u_inf - factor^t (u_inf - u_0).

    Parameters
    ----------
    length : of a round in the run's clock, a number.
    factor_s, factor_v : in (0, 1).
    u_s0, u_v0, u_s_inf, u_v_inf : starts and limits.
    """
    if isinstance(length, bool) or not (isinstance(length, int | float) and math.isfinite(length) and length > 0):
        raise InputError(f"curve 'self_correction': length={length!r} must be a positive number, in the run's clock.")

    def shape(v: Values, x: str) -> Any:
        return Correction(*_ends(v, x), v[f"factor_{x}"], v["round_length"])

    given = {"factor_s": factor_s, "factor_v": factor_v, "u_s0": u_s0, "u_v0": u_v0, "u_s_inf": u_s_inf,
             "u_v_inf": u_v_inf}  # fmt: skip
    return _curve("self_correction", "self-correction", "u = u_inf - factor^t (u_inf - u_0)", "arXiv:2508.16456", shape,
                  given, {"factor": (0.6, 0.7)}, constants={"round_length": float(length)})  # fmt: skip


def two_phase(
    *, change: Any = None, slope_s: Any = None, slope_v: Any = None, later_slope_s: Any = None,
    later_slope_v: Any = None, u_s0: Any = None, u_v0: Any = None,
) -> LawSpec:  # fmt: skip
    """Two straight phases with one change point for both series; no limit.

    Parameters
    ----------
    change : > 0, time from the start to the change.
    slope_s, slope_v, later_slope_s, later_slope_v : unit of u per time.
    u_s0, u_v0 : starts.
    """

    def shape(v: Values, x: str) -> Any:
        return TwoPhases(v[f"u_{x}0"], v[f"slope_{x}"], v[f"later_slope_{x}"], v["change"])

    given = {"change": change, "slope_s": slope_s, "slope_v": slope_v, "later_slope_s": later_slope_s,
             "later_slope_v": later_slope_v, "u_s0": u_s0, "u_v0": u_v0}  # fmt: skip
    return _curve("two_phase", "two phases", "u = u_0 + slope t, then later_slope", _OURS, shape, given,
                  {"slope": (-0.1, -0.03), "later_slope": (-0.01, 0.0)}, {"change": 4.0}, limits=False)  # fmt: skip


def persistence(*, wander_s: Any = None, wander_v: Any = None, u_s0: Any = None, u_v0: Any = None) -> LawSpec:
    """It stays as it is: a random walk, whose forecast is the last level with a widening interval; no limit.

    Parameters
    ----------
    wander_s, wander_v : > 0, sd of the walk, unit of u per square root of time.
    u_s0, u_v0 : starts.
    """

    def shape(v: Values, x: str) -> Any:
        return Line(v[f"u_{x}0"], v[f"wander_{x}"])

    given = {"wander_s": wander_s, "wander_v": wander_v, "u_s0": u_s0, "u_v0": u_v0}
    return _curve("persistence", "persistence", "du = wander dW", _OURS, shape, given, {"wander": (0.05, 0.05)},
                  limits=False)  # fmt: skip


def jump(
    *, change: Any = None, jump_s: Any = None, jump_v: Any = None, wander_s: Any = None, wander_v: Any = None,
    u_s0: Any = None, u_v0: Any = None,
) -> LawSpec:  # fmt: skip
    """It stays as it is, but for one jump of both series: a random walk with a change of level; no limit.

    One jump would else count as what a random walk does at every checkpoint. The density is level in `change` between
    checkpoints and steps at them, which samplers by gradients do not see: engines by weights take it.

    Parameters
    ----------
    change : > 0, time from the start to the jump; checkpoints after it show it.
    jump_s, jump_v : of either series, unit of u.
    wander_s, wander_v : > 0, sd of the walk, unit of u per square root of time.
    u_s0, u_v0 : starts.
    """

    def shape(v: Values, x: str) -> Any:
        return Line(v[f"u_{x}0"], v[f"wander_{x}"], jump=v[f"jump_{x}"], change=v["change"])

    given = {"change": change, "jump_s": jump_s, "jump_v": jump_v, "wander_s": wander_s, "wander_v": wander_v,
             "u_s0": u_s0, "u_v0": u_v0}  # fmt: skip
    return _curve("jump", "persistence with a jump", "du = wander dW, and once a jump", _OURS, shape, given,
                  {"jump": (-0.5, -0.2), "wander": (0.05, 0.05)}, {"change": 4.0}, limits=False)  # fmt: skip


def local_linear(
    *, wander_s: Any = None, wander_v: Any = None, turn_s: Any = None, turn_v: Any = None, slope_s: Any = None,
    slope_v: Any = None, u_s0: Any = None, u_v0: Any = None,
) -> LawSpec:  # fmt: skip
    """The local linear trend: a level and a slope that both walk at random; no limit.

    du = slope dt + wander dW, d slope = turn dW'.

    Parameters
    ----------
    wander_s, wander_v : > 0, unit of u per square root of time.
    turn_s, turn_v : > 0, unit of u per time^(3/2).
    slope_s, slope_v : at the start, unit of u per time.
    u_s0, u_v0 : starts.
    """

    def shape(v: Values, x: str) -> Any:
        return Line(v[f"u_{x}0"], v[f"wander_{x}"], v[f"slope_{x}"], v[f"turn_{x}"])

    given = {"wander_s": wander_s, "wander_v": wander_v, "turn_s": turn_s, "turn_v": turn_v, "slope_s": slope_s,
             "slope_v": slope_v, "u_s0": u_s0, "u_v0": u_v0}  # fmt: skip
    return _curve("local_linear", "local linear trend", "du = slope dt + wander dW, d slope = turn dW'", _OURS, shape,
                  given, {"wander": (0.02, 0.02), "turn": (0.01, 0.01), "slope": (-0.05, -0.02)},
                  limits=False)  # fmt: skip


ALL_CURVES: dict[str, Callable[..., LawSpec]] = {
    curve.__name__: curve
    for curve in (
        exponential, power_law, rank_two, sigmoid, self_correction, two_phase, persistence, jump, local_linear,
    )
}  # fmt: skip


def all() -> dict[str, LawSpec]:
    """Every reference curve with its defaults, by name."""
    return {name: curve() for name, curve in ALL_CURVES.items()}
