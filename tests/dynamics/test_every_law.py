"""What holds for every law with every forcing, and for every reference curve."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from quick import quick_jit

import gapdyn as gd
from gapdyn.dynamics import curves, forcings, laws, limits, solve

TS = np.linspace(0.0, 12.0, 65)
WEIGHTS = np.cos(np.arange(2.0 * TS.size)).reshape(2, -1)
ROUNDS = 400
# when a law with example numbers has reached its limit: tails are exponential, algebraic, or on a clock that slows down
ARRIVED = {"power_potential": 1e9, "decaying_response": 1e5}
FORCINGS = {"none": lambda: None, **forcings.ALL_FORCINGS}


def pairs(kept: Any) -> list[Any]:
    """Every law with every forcing; those that are not kept wait for --slow."""
    return [
        pytest.param(law, forcing, id=f"{law}-{forcing}", marks=() if kept(i, j) else pytest.mark.slow)
        for i, law in enumerate(laws.ALL_LAWS)
        for j, forcing in enumerate(FORCINGS)
    ]


def unlike_others(i: int, j: int) -> bool:
    """Each pair is a program to compile: an additive forcing is the multiplicative one but for a line, a ramp is like
    steps in code, and two laws are the equation of another with other numbers.
    """
    law, forcing = list(laws.ALL_LAWS)[i], list(FORCINGS)[j]
    if law in ("chasing_solver", "stochastic"):
        return forcing in ("none", "impulse")
    if law in ("shared_rate", "rounds"):
        return True
    seldom = "additive" in forcing or (forcing == "ramp" and law not in ("power_potential", "lr_clock"))
    return not seldom


def one_of_each(i: int, j: int) -> bool:
    return i % len(FORCINGS) == j


def path(spec: Any, rate: Any, ts: Any, route: str) -> Any:
    law = spec.build({**spec.example, **spec.constants, "rate": rate})
    t = solve(law, ts, route, steps=None if law.round_length is None else ROUNDS)
    return jnp.stack([t.u_s, t.u_v]), t.status


@pytest.fixture(scope="module", autouse=True)
def programs_are_dropped():
    yield
    jax.clear_caches()


@pytest.mark.parametrize(("name", "forcing"), pairs(unlike_others))
def test_every_law_with_every_forcing_solves_and_ends_at_its_limits(name, forcing):
    spec = laws.ALL_LAWS[name](forcing=FORCINGS[forcing]()).bind(None)
    far = np.append(TS, ARRIVED.get(name, 400.0))

    def solved(rate: Any) -> Any:
        ends = limits(spec.build({**spec.example, **spec.constants, "rate": rate}))
        return path(spec, rate, TS, "auto"), path(spec, rate, far, "map" if name == "rounds" else "ode"), ends

    (y, status), (other, failed), ends = quick_jit(solved)(spec.example["rate"])
    assert status == 0
    assert not failed
    assert np.isfinite(y).all()
    np.testing.assert_allclose(y, other[:, :-1], atol=1e-6)
    np.testing.assert_allclose([ends.u_s_inf, ends.u_v_inf], other[:, -1], atol=1e-6)
    assert 0 <= ends.error < 1e-6
    assert ends.gap_inf == pytest.approx(float(ends.u_s_inf - ends.u_v_inf))


@pytest.mark.parametrize(("name", "forcing"), pairs(one_of_each))
def test_forward_and_reverse_mode_agree(name, forcing):
    spec = laws.ALL_LAWS[name](forcing=FORCINGS[forcing]()).bind(None)

    def modes(rate: Any) -> Any:
        _, forward = jax.linearize(lambda rate: path(spec, rate, TS, "auto")[0], rate)
        (reverse,) = jax.linear_transpose(forward, rate)(jnp.asarray(WEIGHTS))
        return jnp.sum(WEIGHTS * forward(1.0)), reverse

    forward, reverse = quick_jit(modes)(spec.example["rate"])
    assert forward == pytest.approx(float(reverse), rel=1e-9)
    assert abs(forward) > 1e-3


@pytest.mark.parametrize("name", curves.ALL_CURVES)
def test_every_curve_starts_at_its_start_and_approaches_its_limit(name):
    t0 = 3.0
    spec = curves.ALL_CURVES[name]()
    curve = spec.build({**spec.example, **spec.constants, "t0": t0})
    t = solve(curve, t0 + np.append(TS, 1e10))
    assert (t.route, int(t.status)) == ("exact", 0)
    assert (t.u_s[0], t.u_v[0]) == (spec.example["u_s0"], spec.example["u_v0"])
    ends = limits(curve)
    if "u_s_inf" in spec.example:
        assert (ends.u_s_inf, ends.u_v_inf) == (spec.example["u_s_inf"], spec.example["u_v_inf"])
        assert (t.u_s[-1], t.u_v[-1]) == pytest.approx((float(ends.u_s_inf), float(ends.u_v_inf)), abs=1e-8)
        assert abs(t.u_s[-2] - ends.u_s_inf) < 0.5 * abs(t.u_s[0] - ends.u_s_inf)
    else:
        assert np.isnan([ends.u_s_inf, ends.u_v_inf, ends.gap_inf]).all()


@pytest.mark.parametrize("name", curves.ALL_CURVES)
def test_gradients_of_every_curve_are_finite_at_its_start(name):
    spec = curves.ALL_CURVES[name]()

    def total(example: dict[str, Any]) -> Any:
        t = solve(spec.build({**example, **spec.constants}), TS)
        return jnp.sum(WEIGHTS * jnp.stack([t.u_s, t.u_v]))

    example = {n: jnp.asarray(float(x)) for n, x in spec.example.items()}
    gradient = jax.jit(jax.grad(total))(example)
    assert np.isfinite(list(gradient.values())).all()
    # process noise does not bend the mean, and a jump between two times is the same at any; everything else must
    still = {n for n in example if n.startswith(("wander", "turn")) or (name, n) == ("jump", "change")}
    assert {n for n, x in gradient.items() if x == 0} == still


@pytest.mark.parametrize("route", ["ode", "fixed", "map"])
def test_a_curve_has_no_other_route_than_its_formula(route):
    with pytest.raises(gd.InputError, match="a curve is a formula"):
        solve(curves.exponential(), TS, route)


@pytest.mark.parametrize("name", ["shared_rate", "neural_potential"])
@pytest.mark.parametrize("times", [np.asarray, jnp.asarray], ids=["NumPy", "JAX"])
def test_a_law_and_times_from_outside_may_be_used_in_compiled_code(name, times):
    law, ts = laws.ALL_LAWS[name]().law(), times(TS)

    def last(u_s0: Any) -> Any:
        return solve(eqx.tree_at(lambda law: law.u_s0, law, u_s0), ts).u_s[-1]

    assert jax.jit(last)(law.u_s0) == pytest.approx(float(last(law.u_s0)), abs=1e-9)
