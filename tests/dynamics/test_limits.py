"""Limits, what is left, how long it takes, and what the ceiling depends on (theory.md section 2)."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gapdyn as gd
from gapdyn.dynamics import ConstantResponse, GapLaw, LinearPotential, from_paper, remaining, to_paper

A, B, K, BB = 0.9, 0.3, 1.0, 0.06
LAW = GapLaw(LinearPotential(K, BB), ConstantResponse(A, B), 1.0, 0.6)


def test_limits_equal_the_long_run():
    ends, late = gd.limits(LAW), gd.solve(LAW, [1000.0])
    assert float(ends.u_s_inf) == pytest.approx(float(late.u_s[0]), abs=1e-12)
    assert float(ends.u_v_inf) == pytest.approx(float(late.u_v[0]), abs=1e-12)
    assert float(ends.gap_inf) == pytest.approx(BB / K)
    assert float(ends.time_constant) == pytest.approx(1 / (K * (A - B)))


def test_ceiling_in_the_papers_coefficients():
    assert float(gd.limits(LAW).u_s_inf) == pytest.approx((A * 0.6 - B * 1.0 + A * BB / K) / (A - B))


@pytest.mark.parametrize(
    ("alpha", "beta", "gap", "expected"),
    [(0.5, 0.5, 0.3, np.nan), (0.2, 0.5, 0.3, np.nan), (0.2, 0.5, 0.06, 1.0)],
)
def test_a_gap_that_does_not_shrink_has_no_limit_unless_at_rest(alpha, beta, gap, expected):
    law = GapLaw(LinearPotential(1.0, 0.06), ConstantResponse(alpha, beta), 1.0, 1.0 - gap)
    if gap == 0.06:
        law = GapLaw(LinearPotential(1.0, 0.0), ConstantResponse(alpha, beta), 1.0, 1.0)
    assert float(gd.limits(law).u_s_inf) == pytest.approx(expected, nan_ok=True)
    assert float(gd.time_to(law, 0.01)) == (0.0 if expected == 1.0 else np.inf)


@settings(max_examples=40)
@given(st.floats(0.05, 2), st.floats(0, 0.95), st.floats(0.001, 0.3), st.sampled_from(["gap", "u_s", "u_v"]))
def test_after_time_to_the_rest_is_the_tolerance(rate, rho, tolerance, of):
    law = gd.laws.shared_rate(rate=rate, rho=rho).law()
    t = float(gd.time_to(law, tolerance, of=of))
    rest = abs(float(remaining(law, [t], of=of)[0]))
    assert rest == pytest.approx(tolerance, rel=1e-6) if t > 0 else rest <= tolerance * (1 + 1e-12)


@given(st.floats(0.05, 2), st.floats(0, 0.95), st.floats(-1, 1), st.floats(0.1, 10))
def test_paper_coefficients_round_trip_in_every_gauge(rate, rho, gap_inf, k):
    back = from_paper(*to_paper(rate, rho, gap_inf, k=k))
    np.testing.assert_allclose(back, (rate, rho, gap_inf), rtol=1e-12, atol=1e-12)
    one, other = (
        gd.solve(GapLaw(LinearPotential(c.k, c.b), ConstantResponse(c.alpha, c.beta), 1.0, 0.6), [0.0, 3.0]).u_s
        for c in (to_paper(rate, rho, gap_inf), to_paper(rate, rho, gap_inf, k=k))
    )
    np.testing.assert_allclose(one, other, rtol=1e-9)


def test_what_is_held_fixed_matters():
    at_v = gd.sensitivity(LAW, "u_s_inf", "gap_0 at fixed u_v0")
    at_s = gd.sensitivity(LAW, "u_s_inf", "gap_0 at fixed u_s0")
    assert at_v["gap_0"] == pytest.approx(-B / (A - B))
    assert at_s["gap_0"] == pytest.approx(-A / (A - B))
    assert "at fixed alpha, beta, k, b, u_v0" in str(at_v)


@pytest.mark.parametrize("of", ["u_s_inf", "u_v_inf", "gap_inf", "time_constant"])
def test_sensitivities_equal_finite_differences(of):
    found = gd.sensitivity(LAW, of, "coefficients")
    x = {"alpha": A, "beta": B, "k": K, "b": BB, "u_s0": 1.0, "u_v0": 0.6}
    for name in x:
        low, high = ({**x, name: x[name] + h} for h in (-1e-6, 1e-6))
        ends = [
            float(
                getattr(
                    gd.limits(
                        GapLaw(
                            LinearPotential(v["k"], v["b"]),
                            ConstantResponse(v["alpha"], v["beta"]),
                            v["u_s0"],
                            v["u_v0"],
                        )
                    ),
                    of,
                )
            )
            for v in (low, high)
        ]
        assert found[name] == pytest.approx((ends[1] - ends[0]) / 2e-6, abs=1e-6)


def test_the_gauge_has_no_effect_on_the_ceiling():
    s = gd.sensitivity(LAW, "u_s_inf", "coefficients")
    # along the gauge direction (k, alpha, beta, b) -> (c k, alpha/c, beta/c, c b) the derivative vanishes
    assert K * s["k"] - A * s["alpha"] - B * s["beta"] + BB * s["b"] == pytest.approx(0, abs=1e-12)


def test_limits_of_a_batch():
    laws = GapLaw(
        LinearPotential(jnp.ones(3), jnp.full(3, BB)),
        ConstantResponse(jnp.full(3, A), jnp.asarray([0.1, 0.3, 0.9])),
        jnp.ones(3),
        jnp.full(3, 0.6),
    )
    ends = gd.limits(laws)
    assert ends.u_s_inf.shape == (3,)
    assert np.isnan(ends.u_s_inf[2])
    assert float(ends.u_s_inf[1]) == pytest.approx(float(gd.limits(LAW).u_s_inf))


@pytest.mark.parametrize(
    "call",
    [
        lambda: gd.sensitivity(LAW, "ceiling"),
        lambda: gd.sensitivity(LAW, "u_s_inf", "polar"),
        lambda: gd.time_to(LAW, 0.1, of="accuracy"),
        lambda: remaining(LAW, [1.0], of="loss"),
    ],
)
def test_unknown_names_are_refused_with_the_known_ones(call):
    with pytest.raises(gd.InputError, match="Allowed: "):
        call()
