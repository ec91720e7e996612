"""Gradients with respect to a schedule of 50 amounts: right, and for less than three solves of the run."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gapdyn.dynamics import forcings, laws, limits, solve

ARRIVALS = 50
AMOUNTS = jnp.asarray(np.random.default_rng(0).dirichlet(np.ones(ARRIVALS)))
ROUNDS = np.arange(ARRIVALS + 1.0)


def path(law: Any) -> Any:
    t = solve(law, ROUNDS)
    return t.u_s, t.u_v


def of_amounts(name: str, value: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`value` of the law whose impulses have these amounts."""
    law = laws.ALL_LAWS[name](forcing=forcings.impulse(forcings.uniform(ARRIVALS))).law()
    return jax.jit(lambda amounts: value(eqx.tree_at(lambda law: law.forcing.amounts, law, amounts)))


def ceiling(law: Any) -> Any:
    return limits(law).u_s_inf


def u_s_at_the_end(law: Any) -> Any:
    return solve(law, ROUNDS).u_s[-1]


# a relaxing verifier's ceiling forgets all data; its way there does not
CASES = [("shared_rate", ceiling), ("power_potential", ceiling), ("relaxing_verifier", u_s_at_the_end)]
both = pytest.mark.parametrize(("name", "value"), CASES, ids=[f"{name}-{value.__name__}" for name, value in CASES])


@both
def test_the_gradient_equals_central_finite_differences(name, value):
    function = of_amounts(name, value)
    gradient = jax.grad(function)(AMOUNTS)
    steps = 1e-5 * jnp.eye(ARRIVALS)
    central = (jax.vmap(function)(AMOUNTS + steps) - jax.vmap(function)(AMOUNTS - steps)) / 2e-5
    np.testing.assert_allclose(gradient, central, atol=1e-6)
    assert np.abs(gradient).max() > 1e-2  # data matter


def test_the_ceiling_of_a_relaxing_verifier_has_no_gradient_in_the_schedule():
    assert not jax.grad(of_amounts("relaxing_verifier", ceiling))(AMOUNTS).any()


def seconds(*functions: Callable[[Any], Any]) -> list[float]:
    """The median of many warm calls of each, in turns, so that a busy machine slows all of them alike."""
    for function in functions:
        jax.block_until_ready(function(AMOUNTS))
    took: list[list[float]] = [[] for _ in functions]
    gc.disable()
    for _ in range(300):
        for function, times in zip(functions, took, strict=True):
            start = time.perf_counter()
            jax.block_until_ready(function(AMOUNTS))
            times.append(time.perf_counter() - start)
    gc.enable()
    return [float(np.median(times)) for times in took]


@pytest.mark.slow  # a time, if a relative one
@pytest.mark.parametrize("name", ["shared_rate", "power_potential"])
def test_the_gradient_of_a_ceiling_costs_less_than_three_solves(name):
    one, gradient = seconds(of_amounts(name, path), jax.jit(jax.grad(of_amounts(name, ceiling))))
    assert gradient < 3 * one, f"{gradient:.2e} s and {one:.2e} s"
