"""Samples along a ridge: the densities of which they are, and the noise that fits best."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_engine import runs

import gapdyn as gd
from gapdyn._compile import quick_jit
from gapdyn.fleets._block import Base, first
from gapdyn.fleets._marginal import marginal
from gapdyn.fleets._prepare import stacks
from gapdyn.fleets._ridge import Line, along_ridge
from gapdyn.fleets._rounds import base
from gapdyn.fleets._two_modes import _turned
from gapdyn.inference.engines._pareto import weigh_all


def some_runs(count: int = 4, excess: str = "shared", law: gd.laws.LawSpec | None = None, lacking: str = ""):
    made = [dataclasses.replace(run, **{lacking: None, "se_s": None}) if lacking else run for run in runs(count)]
    (stack,), _ = stacks(made, law or gd.laws.relaxing_verifier(), likelihood=gd.Likelihood(excess=excess))
    return marginal(stack.model, jax.tree.map(lambda x: x[0], stack.obs)), stack.obs


def test_a_line_is_a_density_and_its_quantiles_are_of_it():
    at = jnp.asarray([-1.0, 0.0, 0.5, 2.0, 5.0])
    line = Line.of(at, jnp.asarray([-3.0, 0.0, -0.2, -2.0, -jnp.inf]), 0.8)
    assert float(jnp.sum(line.mass)) == pytest.approx(1.0)
    u = jnp.linspace(0.001, 0.999, 200)
    there = line.quantiles(u)
    fine = jnp.linspace(-1, 5, 200001)
    height, same = line.between(fine, (2 * at - 1)[:, None])
    below = jnp.cumsum(height) * 6 / 200000
    np.testing.assert_allclose(jnp.interp(there, fine, below), u, atol=1e-4)
    np.testing.assert_allclose(same[:, 0], 2 * fine - 1, atol=1e-12)  # a straight curve stays straight
    np.testing.assert_array_equal(line.between(jnp.asarray([-1.1, 5.1]), at[:, None])[0], 0.0)


@pytest.mark.slow
@pytest.mark.parametrize(("law", "excess"), [("relaxing_verifier", "separate"), ("chasing_solver", "shared")])
def test_evidence_is_that_of_other_proposals(law: str, excess: str):
    """The mean weight is the evidence whatever proposed the points: the ridge's own density is what it says."""
    density, obs = some_runs(12, excess, getattr(gd.laws, law)())
    assert density.along is not None
    tries = 1.2 * base(64, density.size, 0, np.random.SeedSequence(0))[0]
    early, late, many = (Base.of(density, n, np.random.SeedSequence(n)) for n in (1024, 8192, 4096))
    found = quick_jit()(lambda o: jax.vmap(lambda o: along_ridge(density, o, tries, many))(o))(obs)
    other = quick_jit()(lambda o: jax.vmap(lambda o: first(density, o, tries, early, late))(o))(obs)
    (weight, k), (rough, rough_k) = (weigh_all(np.asarray(sample.log_weight))[:2] for sample in (found, other))
    sure = np.flatnonzero(np.maximum(k, rough_k) < 0.6)
    assert len(sure) >= 3
    error = np.sqrt(np.sum(weight**2, 1) + np.sum(rough**2, 1))
    log_mean, rough_mean = (
        np.logaddexp.reduce(s.log_weight, 1) - np.log(s.log_weight.shape[1]) for s in (found, other)
    )
    assert np.all(np.abs(log_mean - rough_mean)[sure] < 5 * error[sure])


@pytest.mark.parametrize(("excess", "lacking"), [("shared", ""), ("separate", ""), ("separate", "u_s")])
def test_noise_that_fits_best_has_the_highest_density(excess: str, lacking: str):
    """To what the prior of the noise and those of the levels add; of a run without u_s it is that of u_v."""
    density, obs = some_runs(1, excess, lacking=lacking)
    assert len(density.noise) == (2 if excess == "separate" and not lacking else 1)
    one = jax.tree.map(lambda x: x[0], obs)
    x = [jnp.asarray(v) for v in np.random.default_rng(0).normal(size=density.size) * 0.3]
    quiet = density.quiet(x, one)
    steps = np.linspace(-1.5, 1.5, 301)
    for i in density.noise:
        values = jax.vmap(lambda s, i=i: density.value([v + s if n == i else v for n, v in enumerate(quiet)], one))(
            steps
        )
        assert abs(steps[int(jnp.argmax(values))]) < 0.3
    assert all(a is b for n, (a, b) in enumerate(zip(x, quiet, strict=True)) if n not in density.noise)


def test_sines_are_sines():
    angle = np.random.default_rng(0).uniform(-1e4, 1e4, 100_000)
    for found, expected in zip(_turned(angle), (np.sin(angle), np.cos(angle)), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-11)
