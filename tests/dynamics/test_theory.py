"""What theory.md says of the laws: proved here before anything relies on it."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quick import quick_jit
from scipy.integrate import quad

from gapdyn.dynamics import (
    ClockedResponse,
    ConstantResponse,
    DriftingResponse,
    GapLaw,
    ImpulseForcing,
    LinearPotential,
    NeuralPotential,
    PowerClock,
    PowerPotential,
    RelaxingVerifier,
    SaturatingPotential,
    ScheduleClock,
    StepForcing,
    forcings,
    laws,
    limits,
    solve,
)

TS = np.linspace(0.0, 12.0, 13)
RATE, RHO, GAP_INF, U_S0, U_V0 = 0.5, 0.3, 0.05, 1.0, 0.6
LAW = {"rate": RATE, "rho": RHO, "gap_inf": GAP_INF, "u_s0": U_S0, "u_v0": U_V0}
ALPHA = RATE / (1 - RHO)
REACH = 1 / (1 - RHO)  # alpha/(alpha - beta): what a fall of U_v by 1 takes off the ceiling


def shared_rate(clock: Any) -> np.ndarray:
    """(U_s, U_v) of the law of Sun et al. as theory.md section 2 writes it, at times of its own clock."""
    fallen = (U_S0 - U_V0 - GAP_INF) * REACH * -np.expm1(-RATE * np.asarray(clock))
    return np.stack([U_S0 - fallen, U_V0 - RHO * fallen])


@functools.partial(quick_jit, static_argnames=("route", "steps"))
def solved(law: GapLaw, ts: Any, route: str, steps: int | None) -> Any:
    t = solve(law, ts, route, steps=steps, max_steps=100_000)
    return jnp.stack([t.u_s, t.u_v]), t.status


def path(law: Any, ts: Any = TS, route: str = "auto", steps: int | None = None) -> np.ndarray:
    """(U_s, U_v) at ts; `steps` is the number of rounds of a law in rounds."""
    y, status = solved(law if isinstance(law, GapLaw) else law.law(), jnp.asarray(ts, float), route, steps)
    assert status == 0
    return np.asarray(y)


compiled_limits = quick_jit(limits)


def ends_of(law: Any) -> Any:
    return compiled_limits(law if isinstance(law, GapLaw) else law.law())


def ceiling(law: Any) -> float:
    return float(ends_of(law).u_s_inf)


@pytest.fixture(scope="module", autouse=True)
def programs_are_dropped():
    yield
    jax.clear_caches()


# external data -------------------------------------------------------------------------------------------------------

UNEVEN_TIMES = np.cumsum([0.0, 0.3, 5.0, 0.1, 0.1, 2.0, 9.0, 7.0])
SCHEDULES = {
    "early": forcings.early(8),
    "uniform": forcings.uniform(8),
    "late": forcings.late(8),
    "after the run": forcings.uniform(8, start=30.0),
    "uneven": forcings.Schedule(UNEVEN_TIMES, np.roll(np.arange(8.0), 3) / 28),
    "one shot": forcings.one_shot(3.0),
}


@pytest.mark.parametrize("name", ["additive_impulse", "additive_rate", "additive_ramp"])
def test_additive_data_shift_the_ceiling_by_the_same_whenever_they_come(name):
    dose = 0.17
    for when, schedule in SCHEDULES.items():
        if (name, when) != ("additive_ramp", "one shot"):  # a ramp has two ends
            law = laws.shared_rate(**LAW, forcing=forcings.ALL_FORCINGS[name](schedule, dose=dose))
            assert ceiling(law) == pytest.approx(shared_rate(np.inf)[0] - REACH * dose, abs=1e-10), when


@quick_jit
def forced_ends(times: Any, amounts: Any, rate: Any, rho: Any, dose: Any) -> Any:
    forcing = ImpulseForcing(times, amounts, dose, multiplicative=False)
    response = ConstantResponse(rate / (1 - rho), rho * rate / (1 - rho))
    return limits(GapLaw(LinearPotential(1.0, GAP_INF), response, U_S0, U_V0, 0.0, None, forcing))


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.floats(1e-3, 30), st.floats(0, 1)), min_size=5, max_size=5),
    st.floats(0.01, 3),
    st.floats(0, 0.9),
    st.floats(0, 1),
)
def test_any_schedule_of_additive_data_shifts_the_ceiling_by_its_total(arrivals, rate, rho, dose):
    waits, amounts = np.asarray(arrivals).T
    forced, free = (forced_ends(np.cumsum(waits), a, rate, rho, dose) for a in (amounts, 0 * amounts))
    shift = -dose * amounts.sum() / (1 - rho)
    np.testing.assert_allclose(forced.u_s_inf - free.u_s_inf, shift, atol=1e-10)
    np.testing.assert_allclose(forced.u_v_inf - free.u_v_inf, shift, atol=1e-10)


def test_a_multiplicative_impulse_shifts_the_ceiling_by_what_it_takes_from_the_verifier():
    gamma = 0.6
    for when, data in SCHEDULES.items():
        law = laws.shared_rate(**LAW, forcing=forcings.impulse(data, gamma=gamma)).law()
        before = path(law, data.times)[1]  # at its own time an impulse has not acted yet
        fall = before * gamma * data.amounts / (1 + gamma * data.amounts)
        assert ceiling(law) == pytest.approx(shared_rate(np.inf)[0] - REACH * fall.sum(), abs=1e-10), when


def test_the_timing_of_multiplicative_data_matters():
    first, last = (ceiling(laws.shared_rate(**LAW, forcing=forcings.impulse(forcings.one_shot(t)))) for t in (0.0, 9.0))
    assert last - first > 0.01  # U_v is smaller later, so that the same factor takes less


def test_all_at_once_the_factor_is_1_plus_gamma_and_in_small_parts_e_to_gamma():
    gamma = 0.6
    still = {**LAW, "rate": 1e-12}  # nothing but data moves the verifier
    for n, factor in ((1, 1 + gamma), (4, (1 + gamma / 4) ** 4), (4000, np.exp(gamma))):
        law = laws.shared_rate(**still, forcing=forcings.impulse(forcings.uniform(n), gamma=gamma))
        assert path(law, [0.0, 5e3])[1, 1] == pytest.approx(U_V0 / factor, rel=1e-4)


def test_many_small_impulses_converge_to_the_rate_at_first_order():
    def of(forcing: Any, n: int) -> np.ndarray:
        data = forcings.uniform(n, length=8 / n)
        return path(laws.shared_rate(**LAW, forcing=forcing(data, gamma=0.6)), [0.0, 8.0, 12.0])

    smooth = of(forcings.rate, 8)
    errors = [np.abs(of(forcings.impulse, n) - smooth).max() for n in (64, 128, 256)]
    assert errors[-1] < 1e-3
    np.testing.assert_allclose([a / b for a, b in itertools.pairwise(errors)], 2, rtol=0.1)


# laws that nest the shared-rate law ----------------------------------------------------------------------------------

# law, its parameter at the shared-rate law, and nearly so
NESTED = {
    "relaxing_verifier": ({"kappa": 0.0, "u_v_inf": 0.1}, {"kappa": 1e-8, "u_v_inf": 0.1}),
    "power_potential": ({"m": 1.0}, {"m": 1 + 1e-8}),
    "saturating_potential": ({"s": 1e9}, {"s": 1e5}),
    "neural_potential": ({f"bend_{i}": -60.0 for i in range(1, 5)}, {f"bend_{i}": -20.0 for i in range(1, 5)}),
    "drifting_response": ({"q": 0.0}, {"q": -1e-8}),
    "decaying_response": ({"p": 0.0}, {"p": 1e-8}),
    "lr_clock": ({"times": [0.0, 5.0, 20.0], "lr": [3.0] * 3}, {"times": [0.0, 5.0, 20.0], "lr": [3.0, 3 + 1e-8, 3.0]}),
    "stochastic": ({"diffusion": 0.1}, {"diffusion": 1e-8}),
}
# however slowly the verifier relaxes, in the end it has
ANOTHER_CEILING = [("relaxing_verifier", "nearly")]


@pytest.mark.parametrize("name", NESTED)
def test_special_numbers_recover_the_shared_rate_law(name):
    for how, numbers, tolerance in zip(("exactly", "nearly"), NESTED[name], (1e-9, 1e-6), strict=True):
        law = laws.ALL_LAWS[name](**LAW, **numbers).law()
        np.testing.assert_allclose(path(law), shared_rate(TS), atol=tolerance, err_msg=how)
        ends = ends_of(law)
        if (name, how) not in ANOTHER_CEILING:
            np.testing.assert_allclose([ends.u_s_inf, ends.u_v_inf], shared_rate(np.inf), atol=1e-6, err_msg=how)
        if how == "exactly":
            assert ends.time_constant == pytest.approx(1 / RATE)


def test_a_chasing_solver_is_a_relaxing_verifier_with_beta_0():
    common = {"rate": 0.5, "kappa": 0.15, "gap_inf": 0.05, "u_v_inf": 0.35, "u_s0": 1.0, "u_v0": 0.6}
    chasing, relaxing = path(laws.chasing_solver(**common)), path(laws.relaxing_verifier(rho=0.0, **common))
    np.testing.assert_array_equal(chasing, relaxing)
    np.testing.assert_allclose(chasing[1], 0.35 + 0.25 * np.exp(-0.15 * TS))


# clocks --------------------------------------------------------------------------------------------------------------


def test_a_learning_rate_schedule_is_a_change_of_clock():
    times, lr = [0.0, 2.0, 7.0, 10.0], [0.0, 3e-4, 2e-4, 5e-5]
    mean = quad(np.interp, 0, 10, args=(times, lr), points=times)[0] / 10
    clock = [quad(np.interp, 0, t, args=(times, lr), points=times)[0] / mean for t in TS]
    law = laws.lr_clock(times=times, lr=lr, **LAW)
    for route in ("exact", "fixed", "ode"):
        np.testing.assert_allclose(path(law, route=route), shared_rate(clock), atol=1e-7, err_msg=route)


@pytest.mark.parametrize("p", [0.0, 0.6, 1.0, 1.0 + 1e-7, 2.5])
def test_decaying_rates_are_a_change_of_clock(p):
    tau = 1.7

    def clock(t: float) -> float:
        return quad(lambda t: (1 + t / tau) ** -p, 0, t)[0]

    law = laws.decaying_response(tau=tau, p=p, **LAW)
    np.testing.assert_allclose(path(law), shared_rate([clock(t) for t in TS]), atol=1e-9)
    # for p > 1 the clock stops, and the run short of its rest, if not by much for p near 1
    assert ceiling(law) == pytest.approx(shared_rate(clock(np.inf) if p == 2.5 else np.inf)[0], abs=1e-9)


def test_a_learning_rate_that_ends_at_0_stops_the_run_where_it_is():
    law = laws.lr_clock(times=[0.0, 4.0], lr=[1.0, 0.0], **LAW)
    ends, stopped = ends_of(law), shared_rate(4.0)
    np.testing.assert_allclose([ends.u_s_inf, ends.u_v_inf], stopped, atol=1e-12)
    np.testing.assert_allclose(path(law)[:, TS >= 4] - stopped[:, None], 0, atol=1e-12)


# rounds --------------------------------------------------------------------------------------------------------------


def test_the_map_closes_the_gap_by_the_same_factor_each_round():
    length = 1.5
    u_s, u_v = path(laws.rounds(length=length, **LAW), length * np.arange(9), steps=8)
    gap = GAP_INF + (U_S0 - U_V0 - GAP_INF) * (1 - RATE * length) ** np.arange(9)
    np.testing.assert_allclose(u_s - u_v, gap, atol=1e-12)
    np.testing.assert_allclose(u_s, U_S0 - REACH * (gap[0] - gap), atol=1e-12)


@pytest.mark.parametrize("forcing", [None, "impulse", "ramp"])
def test_the_map_converges_to_the_flow_at_first_order(forcing):
    data = None if forcing is None else forcings.ALL_FORCINGS[forcing](forcings.early(4, length=2.0))
    ts = [9.0, 12.0]
    flow = path(laws.shared_rate(**LAW, forcing=data), ts)
    errors = [
        np.abs(path(laws.rounds(length=12 / n, **LAW, forcing=data), ts, steps=n) - flow) for n in (384, 768, 1536)
    ]
    for longer, shorter in itertools.pairwise(errors):
        np.testing.assert_allclose(longer / shorter, 2, rtol=0.1)


def test_rounds_that_overshoot_have_no_limit():
    assert np.isfinite(ceiling(laws.rounds(rate=1.99)))
    assert np.isnan(ceiling(laws.rounds(rate=2.01)))


# what is conserved, and what is forgotten ----------------------------------------------------------------------------

CONSERVING = [n for n in laws.ALL_LAWS if n not in ("relaxing_verifier", "chasing_solver", "drifting_response")]


@pytest.mark.parametrize("name", CONSERVING)
def test_beta_u_s_minus_alpha_u_v_is_conserved(name):
    law = laws.ALL_LAWS[name](**LAW).law()
    ends = ends_of(law)
    u_s, u_v = np.hstack([path(law, steps=12 if name == "rounds" else None), [[ends.u_s_inf], [ends.u_v_inf]]])
    np.testing.assert_allclose(RHO * u_s - u_v, RHO * U_S0 - U_V0, atol=1e-12)
    assert np.ptp(u_v) > 0.01  # the law moved


@pytest.mark.parametrize("name", ["relaxing_verifier", "chasing_solver", "drifting_response"])
def test_other_laws_conserve_it_not(name):
    u_s, u_v = path(laws.ALL_LAWS[name]())
    assert np.ptp(RHO * u_s - u_v) > 0.01


def ceiling_gradient(name: str) -> dict[str, float]:
    spec = laws.ALL_LAWS[name](forcing=forcings.impulse(forcings.early(4))).bind(None)
    example = {n: jnp.asarray(float(x)) for n, x in spec.example.items()}
    found = quick_jit(jax.jacfwd(lambda v: limits(spec.build({**v, **spec.constants})).u_s_inf))(example)
    return {n: float(x) for n, x in found.items()}


@pytest.mark.parametrize("name", ["relaxing_verifier", "chasing_solver"])
def test_a_relaxing_verifier_forgets_its_start_and_what_data_did(name):
    gradient = ceiling_gradient(name)
    assert [gradient[n] for n in ("u_s0", "u_v0", "gamma", "rate", "kappa")] == [0.0] * 5
    assert (gradient["u_v_inf"], gradient["gap_inf"]) == (1.0, 1.0)


def test_the_shared_rate_law_remembers_its_start_and_what_data_did():
    gradient = ceiling_gradient("shared_rate")
    assert gradient["gamma"] < -0.1
    assert min(abs(gradient[n]) for n in ("u_s0", "u_v0", "rate", "rho", "gap_inf")) > 0.01


# limits --------------------------------------------------------------------------------------------------------------

LINEAR, CONSTANT = LinearPotential(1.0, GAP_INF), ConstantResponse(ALPHA, RHO * ALPHA)
NEURAL = NeuralPotential(1.0, GAP_INF, 0.4, jnp.zeros(2), jnp.ones(2), jnp.asarray([0.2, 0.8]))
POWER, SATURATING = PowerPotential(1.0, GAP_INF, 1.5, 0.4), SaturatingPotential(1.0, GAP_INF, 0.2)
ONE_SIDED = PowerPotential(1.0, 0.5, 1.5, 0.4, one_sided=True)
DATA = (jnp.asarray([1.0, 3.0]), jnp.asarray([0.4, 0.6]), 0.5)
RELAXING = RelaxingVerifier(0.4, 0.3)
STOPPING = ClockedResponse(ALPHA, RHO * ALPHA, PowerClock(2.0, 3.0))
ENDING = ClockedResponse(ALPHA, RHO * ALPHA, ScheduleClock(jnp.asarray([0.0, 5.0]), jnp.asarray([1.0, 0.0])))
FALLING_BEHIND = DriftingResponse(ALPHA, RHO, 2.0, -0.5)

# what can be put together beyond the named laws: potential, response, relaxation, forcing, and when it has arrived
COMPOSED = {
    "saturating, relaxing, steps": (SATURATING, CONSTANT, RELAXING, StepForcing(*DATA, end=5.0), 400.0),
    "power, a clock that stops": (POWER, STOPPING, None, None, 1e5),
    "linear, relaxing, a clock that stops": (LINEAR, STOPPING, RELAXING, None, 1e5),
    "linear, drifting, relaxing": (LINEAR, FALLING_BEHIND, RELAXING, None, 400.0),
    "below a one-sided rest": (ONE_SIDED, CONSTANT, None, None, 400.0),
    "across a one-sided rest": (ONE_SIDED, CONSTANT, None, ImpulseForcing(*DATA), 1e5),
    "power, relaxing": (POWER, CONSTANT, RELAXING, None, 1e4),
    "power, drifting": (POWER, FALLING_BEHIND, None, None, 1e5),
    "neural, a clock that stops": (NEURAL, STOPPING, None, None, 1e5),
    "neural, a learning rate that ends, impulses": (NEURAL, ENDING, None, ImpulseForcing(*DATA), 400.0),
    "saturating, relaxing, a clock that stops": (SATURATING, STOPPING, RELAXING, None, 1e5),
}
WITHOUT_A_FORMULA = list(COMPOSED)[-5:]


@pytest.mark.parametrize("name", COMPOSED)
def test_limits_of_a_composed_law_are_where_it_goes_or_not_given(name):
    potential, response, relaxation, forcing, far = COMPOSED[name]
    law = GapLaw(potential, response, U_S0, U_V0, 0.0, relaxation, forcing)
    ends = ends_of(law)
    found, truth = np.asarray([ends.u_s_inf, ends.u_v_inf]), path(law, [0.0, far], "ode")[:, -1]
    if name not in WITHOUT_A_FORMULA or not np.isnan(found).all():
        np.testing.assert_allclose(found, truth, atol=1e-5)


DRIFTS = [(0.3, -0.5, 2.0), (0.9, -0.05, 0.5), (0.99, -1.0, 30.0), (0.6, -3.0, 0.1), (0.0, 0.4, 1.0)]


@pytest.mark.parametrize(("rho", "q", "tau"), DRIFTS)
def test_the_tail_of_a_drifting_ratio_is_a_quadrature_with_an_honest_error(rho, q, tau):
    alpha = RATE / (1 - rho)

    def left(t: float) -> float:
        drift = tau * np.expm1((1 + q) * np.log1p(t / tau)) / (1 + q) if q != -1 else tau * np.log1p(t / tau)
        return np.exp(-alpha * (t - rho * drift))

    pieces = [0, *np.geomspace(1e-2, 1e6, 41) / alpha]
    area = sum(quad(left, a, b, epsabs=1e-13, epsrel=1e-12)[0] for a, b in itertools.pairwise(pieces))
    truth = U_S0 - alpha * (U_S0 - U_V0 - GAP_INF) * area
    ends = ends_of(laws.drifting_response(**{**LAW, "rho": rho}, tau=tau, q=q))
    assert abs(ends.u_s_inf - truth) <= ends.error + 1e-9
    assert ends.error < 1e-2 * abs(U_S0 - truth)


WITHOUT_CLOSED_FORM = [("neural_potential", "impulse"), ("drifting_response", "rate"), ("lr_clock", "ramp")]


@pytest.mark.parametrize(("name", "forcing"), WITHOUT_CLOSED_FORM)
def test_limits_are_right_however_late_the_last_data_come(name, forcing):
    wrong = []
    for last in (20.0, 100.0, 1000.0):
        data = forcings.Schedule([2.0, last], [0.5, 0.5])
        law = laws.ALL_LAWS[name](forcing=forcings.ALL_FORCINGS[forcing](data)).law()
        ends, truth = ends_of(law), path(law, [0.0, 2 * last + 400.0], "ode")[0, -1]
        if not abs(ends.u_s_inf - truth) <= ends.error + 1e-7 <= 1e-3:
            wrong.append(f"last data at {last}: {ends.u_s_inf} +- {ends.error}, truth {truth}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("name", "forcing"), WITHOUT_CLOSED_FORM)
def test_data_after_the_last_time_do_not_matter_to_a_solve(name, forcing):
    for last in (20.0, 1000.0):
        data = forcings.Schedule([2.0, 3.0, last], [0.4, 0.1, 0.5])
        law = laws.ALL_LAWS[name](forcing=forcings.ALL_FORCINGS[forcing](data)).law()
        np.testing.assert_allclose(path(law), path(law, route="ode"), atol=1e-6)
