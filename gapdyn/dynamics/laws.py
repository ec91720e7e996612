"""Laws by name. Each function takes, for any parameter, nothing (an example number in `solve`, a default prior in
`fit`), a number (held fixed) or a NumPyro distribution (its prior), and a `forcing` of `gapdyn.forcings` for external
data. It returns a `LawSpec`.

Common parameters: `rate` > 0, 1/time, the rate k(alpha - beta) at which the gap closes (at the start, where it is not
constant); `rho` in [0, 1), the ratio beta/alpha; `gap_inf`, the gap at which the potential vanishes, unit of u; `u_s0`,
`u_v0`, the start at the run's first checkpoint. `u_s_inf`, `u_v_inf`, the limits, may be given in place of others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from .._check import InputError
from ..data import Run
from ._law import GapLaw
from ._potential import LinearPotential, NeuralPotential, PowerPotential, SaturatingPotential
from ._response import ClockedResponse, ConstantResponse, DriftingResponse, PowerClock, ScheduleClock
from ._spec import LawSpec, Values
from ._stated import OURS, SUN, alpha_of, assemble, conserving, linear_law, relaxing_law, speeds, start_size

BENDS = tuple(f"bend_{i}" for i in range(1, 5))


def shared_rate(
    *, rate: Any = None, rho: Any = None, gap_inf: Any = None, u_s0: Any = None, u_v0: Any = None, u_s_inf: Any = None,
    u_v_inf: Any = None, alpha: Any = None, beta: Any = None, b: Any = None, k: float = 1.0, forcing: Any = None,
) -> LawSpec:  # fmt: skip
    """The law of Sun et al. with linear potential: solver, verifier and gap relax at one shared rate.

    dU_s/dt = -alpha (k G - b), dU_v/dt = -beta (k G - b), so that with rate = k (alpha - beta), rho = beta/alpha,
    G_inf = b/k: G = G_inf + (G_0 - G_inf) exp(-rate t)  (arXiv:2507.00075, section 3).

    Parameters
    ----------
    rate : > 0, 1/time.
    rho : verifier-to-solver ratio beta/alpha, in [0, 1).
    gap_inf : the gap's limit, unit of u.
    u_s0, u_v0 : start at the run's first checkpoint.
    u_s_inf, u_v_inf : the limits, to fix them or put priors on them directly (instead of gap_inf and rho; without
        forcing).
    alpha, beta, b : the paper's coefficients in the gauge `k` (instead of rate, rho, gap_inf).
    k : the gauge, a number.
    forcing : external data, see `gapdyn.forcings`.
    """
    # the gauge is not a parameter of the likelihood: it only says how alpha, beta and b are written
    gauge = float(k)
    if not (math.isfinite(gauge) and gauge > 0):
        raise InputError(f"law 'shared_rate': the gauge k={k!r} must be a positive number.")
    given = {"rate": rate, "rho": rho, "gap_inf": gap_inf, "u_s0": u_s0, "u_v0": u_v0, "u_s_inf": u_s_inf,
             "u_v_inf": u_v_inf, "alpha": alpha, "beta": beta, "b": b}  # fmt: skip
    return linear_law("shared_rate", "shared-rate law", "G = G_inf + (G_0 - G_inf) exp(-rate t); U_s, U_v relax at the "
                       "same rate", SUN, given, forcing, gauge)  # fmt: skip


def power_potential(
    *, m: Any = None, rate: Any = None, rho: Any = None, gap_inf: Any = None, u_s0: Any = None, u_v0: Any = None,
    u_s_inf: Any = None, u_v_inf: Any = None, alpha: Any = None, one_sided: bool = False, forcing: Any = None,
) -> LawSpec:  # fmt: skip
    """A potential that flattens towards rest, E ~ x |x|^(m-1), x = G - G_inf: the gap closes with a long tail.

    x = x_0 (1 + (m - 1) rate t)^(-1/(m - 1)); `rate` is that of the start, m = 1 is the shared-rate law.

    Parameters
    ----------
    m : exponent, >= 1.
    one_sided : no drive below rest.
    rate, rho, gap_inf, u_s0, u_v0, u_s_inf, u_v_inf, alpha, forcing : see the module.
    """

    def build(v: Values) -> GapLaw:
        potential = PowerPotential(1.0, v["gap_inf"], v["m"], start_size(v), one_sided)
        return assemble(v, potential, ConstantResponse(alpha_of(v), v["rho"] * alpha_of(v)), spec.forcing)

    given = {"m": m, "rate": rate, "rho": rho, "gap_inf": gap_inf, "u_s0": u_s0, "u_v0": u_v0, "u_s_inf": u_s_inf,
             "u_v_inf": u_v_inf, "alpha": alpha}  # fmt: skip
    spec = conserving("power_potential", "power-potential law", "E = k x |x/x_0|^(m-1), x = G - G_inf", OURS, build,
                       given, forcing, {"m": 1.8}, static=(one_sided,),
                       affine=forcing is None and not one_sided)  # fmt: skip
    return spec


def saturating_potential(
    *, s: Any = None, rate: Any = None, rho: Any = None, gap_inf: Any = None, u_s0: Any = None, u_v0: Any = None,
    u_s_inf: Any = None, u_v_inf: Any = None, alpha: Any = None, forcing: Any = None,
) -> LawSpec:  # fmt: skip
    """A potential that a wide gap saturates, E = k s tanh(x/s), x = G - G_inf: straight at first, then exponential.

    `rate` is that near rest; s -> infinity is the shared-rate law.

    Parameters
    ----------
    s : > 0, the gap beyond rest at which the drive saturates, unit of u.
    rate, rho, gap_inf, u_s0, u_v0, u_s_inf, u_v_inf, alpha, forcing : see the module.
    """

    def build(v: Values) -> GapLaw:
        response = ConstantResponse(alpha_of(v), v["rho"] * alpha_of(v))
        return assemble(v, SaturatingPotential(1.0, v["gap_inf"], v["s"]), response, spec.forcing)

    given = {"s": s, "rate": rate, "rho": rho, "gap_inf": gap_inf, "u_s0": u_s0, "u_v0": u_v0, "u_s_inf": u_s_inf,
             "u_v_inf": u_v_inf, "alpha": alpha}  # fmt: skip
    spec = conserving("saturating_potential", "saturating-potential law", "E = k s tanh(x/s), x = G - G_inf", OURS,
                       build, given, forcing, {"s": 0.2}, affine=False)  # fmt: skip
    return spec


def neural_potential(
    *, bend_1: Any = None, bend_2: Any = None, bend_3: Any = None, bend_4: Any = None, rate: Any = None,
    rho: Any = None, gap_inf: Any = None, u_s0: Any = None, u_v0: Any = None, u_s_inf: Any = None, u_v_inf: Any = None,
    alpha: Any = None, forcing: Any = None,
) -> LawSpec:  # fmt: skip
    """A potential of any increasing shape: a monotone network, for criticism of the others.

    `rate` is the chord's between start and rest. Four units stand at x/x_0 = 0, 1/3, 2/3, 1.

    Parameters
    ----------
    bend_1 .. bend_4 : log weights of the units; far below 0 a unit is absent, and without units the law is linear.
    rate, rho, gap_inf, u_s0, u_v0, u_s_inf, u_v_inf, alpha, forcing : see the module.
    """

    def build(v: Values) -> GapLaw:
        weights = jnp.stack([jnp.asarray(v[n], float) for n in BENDS])
        slopes, centres = jnp.full(len(BENDS), math.log(4.0)), jnp.linspace(0.0, 1.0, len(BENDS))
        potential = NeuralPotential(1.0, v["gap_inf"], start_size(v), weights, slopes, centres)
        return assemble(v, potential, ConstantResponse(alpha_of(v), v["rho"] * alpha_of(v)), spec.forcing)

    given = {"bend_1": bend_1, "bend_2": bend_2, "bend_3": bend_3, "bend_4": bend_4, "rate": rate, "rho": rho,
             "gap_inf": gap_inf, "u_s0": u_s0, "u_v0": u_v0, "u_s_inf": u_s_inf, "u_v_inf": u_v_inf,
             "alpha": alpha}  # fmt: skip
    spec = conserving("neural_potential", "neural-potential law", "E = k x_0 (N(x/x_0) - N(0))/(N(1) - N(0)), N rising",
                       OURS, build, given, forcing, dict(zip(BENDS, (-1.0, -2.0, -1.0, 0.0), strict=True)),
                       affine=False)  # fmt: skip
    return spec


def relaxing_verifier(
    *, kappa: Any = None, rate: Any = None, rho: Any = None, gap_inf: Any = None, u_s0: Any = None, u_v0: Any = None,
    u_s_inf: Any = None, u_v_inf: Any = None, forcing: Any = None,
) -> LawSpec:  # fmt: skip
    """The verifier also settles by itself, dU_v/dt = -beta E(G) - kappa (U_v - U_v,inf): two time scales.

    The ceiling U_s,inf = U_v,inf + G_inf does not depend on the start, and what external data did is forgotten. kappa =
    0 is the shared-rate law.

    Parameters
    ----------
    kappa : >= 0, 1/time.
    u_v_inf, u_s_inf : the verifier's target, or the ceiling in its place (or instead of gap_inf).
    rate, rho, gap_inf, u_s0, u_v0, forcing : see the module; `rate` is k(alpha - beta), the gap's without kappa.
    """
    given = {"kappa": kappa, "rate": rate, "rho": rho, "gap_inf": gap_inf, "u_s0": u_s0, "u_v0": u_v0,
             "u_s_inf": u_s_inf, "u_v_inf": u_v_inf}  # fmt: skip
    return relaxing_law("relaxing_verifier", "relaxing-verifier law", "dU_v/dt = -beta E(G) - kappa (U_v - U_v,inf)",
                     {"rate": 0.5, "rho": 0.3, "kappa": 0.15}, given, forcing)  # fmt: skip


def chasing_solver(
    *, kappa: Any = None, rate: Any = None, gap_inf: Any = None, u_s0: Any = None, u_v0: Any = None,
    u_s_inf: Any = None, u_v_inf: Any = None, forcing: Any = None,
) -> LawSpec:  # fmt: skip
    """The verifier settles by itself and the solver runs after it: the relaxing-verifier law with beta = 0.

    Parameters
    ----------
    kappa : >= 0, 1/time.
    u_v_inf, u_s_inf : the verifier's target, or the ceiling in its place (or instead of gap_inf).
    rate, gap_inf, u_s0, u_v0, forcing : see the module; `rate` is k alpha.
    """
    given = {"kappa": kappa, "rate": rate, "gap_inf": gap_inf, "u_s0": u_s0, "u_v0": u_v0, "u_s_inf": u_s_inf,
             "u_v_inf": u_v_inf}  # fmt: skip
    return relaxing_law("chasing_solver", "chasing-solver law",
                        "dU_s/dt = -alpha E(G), dU_v/dt = -kappa (U_v - U_v,inf)",
                        {"rate": 0.5, "kappa": 0.15}, given, forcing)  # fmt: skip


def drifting_response(
    *, tau: Any = None, q: Any = None, rate: Any = None, rho: Any = None, gap_inf: Any = None, u_s0: Any = None,
    u_v0: Any = None, alpha: Any = None, forcing: Any = None,
) -> LawSpec:  # fmt: skip
    """The ratio drifts, rho(t) = rho (1 + t/tau)^q: the verifier falls behind (q < 0) or catches up (q > 0). q = 0 is
    the shared-rate law.

    Parameters
    ----------
    tau : > 0, time.
    q : exponent. For q > 0 the ratio reaches 1 one day and stays there, and there is no limit.
    rate, rho : at the start.
    gap_inf, u_s0, u_v0, alpha, forcing : see the module.
    """

    def build(v: Values) -> GapLaw:
        response = DriftingResponse(alpha_of(v), v["rho"], v["tau"], v["q"], v.get("t0", 0.0))
        return assemble(v, LinearPotential(1.0, v["gap_inf"]), response, spec.forcing)

    given = {"tau": tau, "q": q, "rate": rate, "rho": rho, "gap_inf": gap_inf, "u_s0": u_s0, "u_v0": u_v0,
             "alpha": alpha}  # fmt: skip
    spec = conserving("drifting_response", "drifting-response law", "beta/alpha = rho (1 + t/tau)^q", OURS, build,
                      given, forcing, {"tau": 2.0, "q": -0.5})  # fmt: skip
    return spec


def decaying_response(
    *, tau: Any = None, p: Any = None, rate: Any = None, rho: Any = None, gap_inf: Any = None, u_s0: Any = None,
    u_v0: Any = None, alpha: Any = None, forcing: Any = None,
) -> LawSpec:  # fmt: skip
    """All rates decay, alpha, beta ~ (1 + t/tau)^(-p): the shared-rate law on a clock that slows down.

    For p > 1 the clock stops, and the run with it, short of its rest.

    Parameters
    ----------
    tau : > 0, time.
    p : >= 0; 0 is the shared-rate law.
    rate : at the start.
    rho, gap_inf, u_s0, u_v0, alpha, forcing : see the module.
    """

    def build(v: Values) -> GapLaw:
        clock = PowerClock(v["tau"], v["p"], v.get("t0", 0.0))
        response = ClockedResponse(alpha_of(v), v["rho"] * alpha_of(v), clock)
        return assemble(v, LinearPotential(1.0, v["gap_inf"]), response, spec.forcing)

    given = {"tau": tau, "p": p, "rate": rate, "rho": rho, "gap_inf": gap_inf, "u_s0": u_s0, "u_v0": u_v0,
             "alpha": alpha}  # fmt: skip
    spec = conserving("decaying_response", "decaying-response law", "alpha, beta ~ (1 + t/tau)^(-p)", OURS, build,
                      given, forcing, {"tau": 2.0, "p": 0.8})  # fmt: skip
    return spec


LR_COLUMNS = ("learning_rate", "lr")


def lr_clock(
    *, times: Any = None, lr: Any = None, rate: Any = None, rho: Any = None, gap_inf: Any = None, u_s0: Any = None,
    u_v0: Any = None, alpha: Any = None, forcing: Any = None,
) -> LawSpec:  # fmt: skip
    """All rates follow the learning rate: the shared-rate law on the clock s(t) = integral of lr.

    The learning rate is linear between its times and constant beyond them; it is taken relative to its mean over them,
    so that `rate` is that at the mean learning rate. A schedule that ends at 0 stops the run where it is.

    Parameters
    ----------
    times, lr : (knots,) each, the schedule in the run's clock; None: the run's column `learning_rate` or `lr`.
    rate, rho, gap_inf, u_s0, u_v0, alpha, forcing : see the module.
    """
    if (times is None) != (lr is None):
        raise InputError("law 'lr_clock': give times and lr together, or neither (the run's own column).")
    stated = None if times is None else speeds(np.asarray(times, np.float64), np.asarray(lr, np.float64), "lr_clock")

    def from_run(run: Run | None) -> Mapping[str, Any]:
        if stated is not None:
            return stated
        if run is None:  # an example: warm-up, then a linear fall
            return speeds(np.asarray([0.0, 2.0, 20.0]), np.asarray([0.0, 1.0, 0.1]), "the example")
        column = next((c for c in LR_COLUMNS if c in run.extra), None)
        if column is None:
            raise InputError(
                f"run {run.name!r} has no learning rates. Log a column 'learning_rate', or give the schedule: "
                "gd.laws.lr_clock(times=[...], lr=[...])."
            )
        known = np.isfinite(run.extra[column])
        return speeds(run.t[known], run.extra[column][known], f"run {run.name!r}, column {column!r}")

    def build(v: Values) -> GapLaw:
        clock = ScheduleClock(v["clock_times"], v["clock_speeds"])
        response = ClockedResponse(alpha_of(v), v["rho"] * alpha_of(v), clock)
        return assemble(v, LinearPotential(1.0, v["gap_inf"]), response, spec.forcing)

    given = {"rate": rate, "rho": rho, "gap_inf": gap_inf, "u_s0": u_s0, "u_v0": u_v0, "alpha": alpha}
    spec = conserving("lr_clock", "learning-rate clock", "the shared-rate law in s(t) = integral of lr", OURS, build,
                       given, forcing, from_run=from_run)  # fmt: skip
    return spec


def rounds(
    *, length: Any = 1.0, rate: Any = None, rho: Any = None, gap_inf: Any = None, u_s0: Any = None, u_v0: Any = None,
    u_s_inf: Any = None, u_v_inf: Any = None, alpha: Any = None, beta: Any = None, b: Any = None, forcing: Any = None,
) -> LawSpec:  # fmt: skip
    """The shared-rate law on a map, U_{n+1} = U_n - length (alpha, beta) E(G_n): rounds instead of a flow.

    G_n = G_inf + (G_0 - G_inf) (1 - rate length)^n. Between rounds linear; length -> 0 is the shared-rate law.

    Parameters
    ----------
    length : of a round in the run's clock, a number.
    rate, rho, gap_inf, u_s0, u_v0, u_s_inf, u_v_inf, alpha, beta, b, forcing : as in `shared_rate` (k = 1).
    """
    if isinstance(length, bool) or not (isinstance(length, int | float) and math.isfinite(length) and length > 0):
        raise InputError(f"law 'rounds': length={length!r} must be a positive number, a round's in the run's clock.")
    given = {"rate": rate, "rho": rho, "gap_inf": gap_inf, "u_s0": u_s0, "u_v0": u_v0, "u_s_inf": u_s_inf,
             "u_v_inf": u_v_inf, "alpha": alpha, "beta": beta, "b": b}  # fmt: skip
    return linear_law("rounds", "shared-rate law in rounds", "U_{n+1} = U_n - (alpha, beta) E(G_n)", OURS, given,
                      forcing, constants={"round_length": float(length)})  # fmt: skip


def stochastic(
    *, diffusion: Any = None, rate: Any = None, rho: Any = None, gap_inf: Any = None, u_s0: Any = None,
    u_v0: Any = None, u_s_inf: Any = None, u_v_inf: Any = None, alpha: Any = None, beta: Any = None, b: Any = None,
    forcing: Any = None,
) -> LawSpec:  # fmt: skip
    """The shared-rate law with process noise: a run that wanders about its course, and not only its measurements.

    dU = f(U) dt + diffusion dW in U_s and in U_v, independent; linear and Gaussian, so `fit` has its exact likelihood
    by a Kalman filter. `solve` gives the mean. The limits are those of the mean course; a path wanders on about them.

    Parameters
    ----------
    diffusion : > 0, sd of the process noise of each series, unit of u per square root of time.
    rate, rho, gap_inf, u_s0, u_v0, u_s_inf, u_v_inf, alpha, beta, b, forcing : as in `shared_rate` (k = 1).
    """
    given = {"diffusion": diffusion, "rate": rate, "rho": rho, "gap_inf": gap_inf, "u_s0": u_s0, "u_v0": u_v0,
             "u_s_inf": u_s_inf, "u_v_inf": u_v_inf, "alpha": alpha, "beta": beta, "b": b}  # fmt: skip
    return linear_law("stochastic", "stochastic shared-rate law", "dU = f(U) dt + diffusion dW", OURS, given, forcing,
                       extra={"diffusion": 0.02})  # fmt: skip


ALL_LAWS: dict[str, Callable[..., LawSpec]] = {
    law.__name__: law
    for law in (
        shared_rate, power_potential, saturating_potential, neural_potential, relaxing_verifier, chasing_solver,
        drifting_response, decaying_response, lr_clock, rounds, stochastic,
    )
}  # fmt: skip


def all() -> dict[str, LawSpec]:
    """Every law with its defaults, by name."""
    return {name: law() for name, law in ALL_LAWS.items()}
