"""Closed form, Diffrax and SciPy agree: values to 1e-6, gradients to 1e-4, degenerate limits included."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import gapdyn as gd
from gapdyn.dynamics import ConstantResponse, GapLaw, LinearPotential
from gapdyn.dynamics._exact import EXACT
from gapdyn.dynamics._smooth import saturation

TS = np.linspace(0.0, 10.0, 21)
numbers = st.floats(-2, 2).filter(lambda x: x == 0 or abs(x) > 1e-3)
rates = st.floats(0.01, 1.5)


def law_of(alpha, beta, k, b, u_s0, u_v0) -> GapLaw:
    return GapLaw(LinearPotential(k, b), ConstantResponse(alpha, beta), u_s0, u_v0)


def scipy_solution(law: GapLaw, ts) -> np.ndarray:
    alpha, beta = float(law.response.a), float(law.response.b)
    k, b = float(law.potential.k), float(law.potential.b)

    def field(t, y):
        drive = k * (y[0] - y[1]) - b
        return [-alpha * drive, -beta * drive]

    start = [float(law.u_s0), float(law.u_v0)]
    return solve_ivp(field, (ts[0], ts[-1]), start, "DOP853", ts, rtol=1e-12, atol=1e-12).y


@settings(max_examples=40)
@given(rates, rates, st.floats(0.2, 1.5), numbers, numbers, numbers)
def test_exact_agrees_with_scipy(alpha, beta, k, b, u_s0, u_v0):
    law = law_of(alpha, beta, k, b, u_s0, u_v0)
    exact, other = gd.solve(law, TS, "exact"), scipy_solution(law, TS)
    scale = 1 + np.abs(other).max()
    assert exact.route == "exact"
    np.testing.assert_allclose(np.stack([exact.u_s, exact.u_v]) / scale, other / scale, atol=1e-9)


@functools.partial(jax.jit, static_argnums=1)
def two_values_and_gradients(x, route):
    def pick(x):
        t = gd.solve(law_of(*x), TS, route)
        return t.u_s[-1] + 2 * t.u_v[7]

    return jax.value_and_grad(pick)(x)


@settings(max_examples=60)
@given(rates, rates, st.floats(0.2, 1.5), numbers, numbers, numbers)
def test_exact_agrees_with_diffrax_values_and_gradients(alpha, beta, k, b, u_s0, u_v0):
    x = jnp.asarray([alpha, beta, k, b, u_s0, u_v0])
    value = {r: two_values_and_gradients(x, r) for r in ("exact", "ode")}
    size = 1 + abs(value["exact"][0]) + np.abs(value["exact"][1]).max()
    np.testing.assert_allclose(value["ode"][0] / size, value["exact"][0] / size, atol=1e-6)
    np.testing.assert_allclose(value["ode"][1] / size, value["exact"][1] / size, atol=1e-4)


@functools.partial(jax.jit, static_argnums=1)
def total(x, route):
    t = gd.solve(law_of(*x), TS, route)
    return jnp.sum(t.u_s) + jnp.sum(t.u_v)


DEGENERATE = {
    "equal rates": (0.7, 0.7, 1.0, 0.1, 1.0, 0.6),
    "no response": (0.0, 0.0, 1.0, 0.1, 1.0, 0.6),
    "no gap": (0.7, 0.2, 1.0, 0.0, 1.0, 1.0),
    "at rest": (0.7, 0.2, 1.0, 0.4, 1.0, 0.6),
    "still verifier": (0.7, 0.0, 1.0, 0.05, 1.0, 0.6),
    "verifier faster": (0.2, 0.5, 1.0, 0.05, 1.0, 0.6),
    "nearly equal rates": (0.7, 0.7 - 1e-9, 1.0, 0.1, 1.0, 0.6),
}


@pytest.mark.parametrize("x", DEGENERATE.values(), ids=DEGENERATE.keys())
def test_degenerate_limits_are_right_in_value_and_gradient(x):
    x = jnp.asarray(x)
    np.testing.assert_allclose(
        np.stack([gd.solve(law_of(*x), TS).u_s, gd.solve(law_of(*x), TS).u_v]),
        scipy_solution(law_of(*x), TS),
        atol=1e-8,
    )
    exact, ode = (jax.grad(total)(x, r) for r in ("exact", "ode"))
    assert np.isfinite(exact).all()
    np.testing.assert_allclose(ode, exact, rtol=1e-4, atol=1e-4)
    steps = jnp.eye(6) * 1e-5
    central = [(total(x + h, "exact") - total(x - h, "exact")) / 2e-5 for h in steps]
    np.testing.assert_allclose(exact, np.asarray(central), rtol=1e-5, atol=1e-5)


@given(st.floats(-1e-3, 1e-3), st.floats(0, 10))
def test_saturation_is_smooth_through_zero(rate, t):
    x = rate * t
    # below the normal numbers x itself has lost its digits, and the limit is exact
    expected = t if abs(x) < 1e-300 else -np.expm1(-x) / rate
    assert float(saturation(jnp.asarray(rate), jnp.asarray(t))) == pytest.approx(expected, rel=1e-12, abs=1e-300)


@settings(max_examples=30)
@given(rates, st.floats(0, 0.95), numbers, numbers, numbers)
def test_the_conserved_quantity(rate, rho, gap_inf, u_s0, u_v0):
    law = gd.laws.shared_rate(rate=rate, rho=rho, gap_inf=gap_inf, u_s0=u_s0, u_v0=u_v0).law()
    t = gd.solve(law, TS)
    conserved = law.response.b * t.u_s - law.response.a * t.u_v  # beta U_s - alpha U_v
    np.testing.assert_allclose(conserved, conserved[0], atol=1e-9 * float(1 + law.response.a))


def test_every_closed_form_is_listed_by_exact_types():
    class Steeper(LinearPotential):
        pass

    law = GapLaw(Steeper(1.0, 0.1), ConstantResponse(0.7, 0.2), 1.0, 0.6)
    assert gd.solve(law, TS).route == "fixed"
    assert all(isinstance(t, type) for key in EXACT for t in key)
