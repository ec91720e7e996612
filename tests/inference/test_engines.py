"""Engines: their parts against references, one posterior from all of them, any NumPyro model, who declines when."""

from __future__ import annotations

import functools

import arviz_stats
import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from scipy import stats
from scipy.special import logsumexp

import gapdyn as gd
from gapdyn.inference.engines._mixture import NU, Mixture, factor_of
from gapdyn.inference.engines._newton import climb
from gapdyn.inference.engines._pareto import smooth

RNG = np.random.default_rng(0)


def mixture() -> Mixture:
    factor = np.linalg.cholesky([[[1.0, 0.3], [0.3, 0.5]], [[0.1, 0.0], [0.0, 2.0]]])
    return Mixture(jnp.log(jnp.array([0.3, 0.7])), jnp.array([[0.0, 1.0], [4.0, -2.0]]), jnp.asarray(factor))


def test_the_mixture_has_scipys_density():
    m, x = mixture(), RNG.normal(0, 3, (50, 2))
    each = [
        np.asarray(m.log_weight[k]) + stats.multivariate_t(m.mean[k], m.factor[k] @ m.factor[k].T, df=NU).logpdf(x)
        for k in range(2)
    ]
    np.testing.assert_allclose(m.log_prob(jnp.asarray(x)), logsumexp(each, axis=0), rtol=1e-10)


def test_the_mixture_samples_its_density():
    m = mixture()
    x = np.asarray(m.sample(jax.random.key(0), 100_000))
    np.testing.assert_allclose(x.mean(0), np.exp(m.log_weight) @ np.asarray(m.mean), atol=0.03)
    where = stats.multivariate_t(m.mean[0], m.factor[0] @ m.factor[0].T, df=NU).rvs(100_000, random_state=1)
    assert np.mean(x[:, 0] < 0) == pytest.approx(0.3 * np.mean(where[:, 0] < 0), abs=0.01)


def test_expectation_maximisation_finds_two_clumps():
    x = np.concatenate([RNG.normal([-3, 0], 0.5, (1000, 2)), RNG.normal([3, 1], 0.5, (3000, 2))])
    even = Mixture(
        jnp.log(jnp.full(2, 0.5)), jnp.array([[-1.0, 0.0], [1.0, 0.0]]), factor_of(jnp.tile(jnp.eye(2), (2, 1, 1)))
    )
    weight = jnp.full(len(x), 1 / len(x))
    for _ in range(30):
        even = even.improved(jnp.asarray(x), weight, jnp.eye(2))
    np.testing.assert_allclose(jnp.exp(even.log_weight), [0.25, 0.75], atol=0.02)
    np.testing.assert_allclose(even.mean, [[-3, 0], [3, 1]], atol=0.1)


def test_newton_climbs_to_the_top_and_knows_the_curvature():
    precision = np.array([[4.0, 1.0], [1.0, 1.0]])

    def quadratic(x):
        return -0.5 * (x - 1) @ precision @ (x - 1)

    mode = climb(quadratic, jnp.array([-20.0, 30.0]))
    assert mode.converged
    np.testing.assert_allclose(mode.x, 1, atol=1e-5)
    np.testing.assert_allclose(mode.covariance, np.linalg.inv(precision), rtol=1e-6)

    def valley(x):  # Rosenbrock's, whose Hessian is indefinite on the way
        return -((1 - x[0]) ** 2) - 100 * (x[1] - x[0] ** 2) ** 2

    np.testing.assert_allclose(climb(valley, jnp.array([-1.2, 1.0])).x, 1, atol=1e-4)
    assert not climb(lambda x: x[0], jnp.zeros(1)).converged


@pytest.mark.parametrize("tail", [0.2, 0.5, 0.9, 1.5])
def test_smoothing_equals_arvizs(tail):
    log_weights = np.log(stats.genpareto(tail).rvs(3600, random_state=3) + 1)
    ours, k = smooth(log_weights)
    theirs, their_k = arviz_stats.base.array_stats.psislw(-log_weights)  # that of leave-one-out
    assert k == pytest.approx(float(their_k), rel=1e-6)
    np.testing.assert_allclose(ours, np.exp(theirs - logsumexp(theirs)), rtol=1e-6)


def test_smoothing_survives_hopeless_weights():
    weights, k = smooth(np.r_[0.0, np.full(999, -1e4)])
    assert weights[0] == 1
    assert k == np.inf
    assert smooth(np.r_[np.nan, -np.inf, np.zeros(998)])[0][:2] == pytest.approx(0)


def banana(y):
    a = numpyro.sample("a", dist.Normal(0, 1))
    b = numpyro.sample("b", dist.HalfNormal(2).expand([2]).to_event(1))
    numpyro.deterministic("c", a + b)
    numpyro.sample("y", dist.Normal(a**2 + b[0] * b[1], 0.3), obs=y)


@functools.cache
def of_banana(engine: str) -> gd.engines.Posterior:
    return gd.engines.sample(banana, (1.5,), key=0, engine=engine)


def test_any_numpyro_model_by_any_engine():
    fast, nuts = of_banana("importance"), of_banana("nuts")
    assert fast.draws["b"].shape == (4, 1000, 2)
    assert set(fast.summary) == {"a", "b[0]", "b[1]", "c[0]", "c[1]"}
    for name, ours in fast.summary.items():
        theirs = nuts.summary[name]
        noise = np.hypot(ours.sd / ours.ess_bulk**0.5, theirs.sd / theirs.ess_bulk**0.5)
        assert abs(ours.mean - theirs.mean) < 5 * noise, name
        assert ours.sd == pytest.approx(theirs.sd, rel=0.1), name
    assert "rhat" in str(fast)
    assert set(fast.to_arviz().posterior.data_vars) == {"a", "b", "c"}


def test_auto_says_what_it_took():
    taken = of_banana("auto")
    assert taken.engine.name in ("importance", "nuts")
    assert taken.findings[0].code == "engine"


def funnel():
    width = numpyro.sample("width", dist.Normal(0, 3))
    numpyro.sample("x", dist.Normal(0, jnp.exp(width / 2)).expand([9]).to_event(1))


def test_importance_sampling_declines_what_it_cannot_do():
    told = gd.engines.sample(funnel, key=0, engine="importance")
    assert {f.code for f in told.findings if f.level != "info"} & {"pareto_k", "ess", "rhat"}
    chosen = gd.engines.sample(funnel, key=0, engine=gd.engines.Auto(warmup=100, draws=100))
    assert chosen.engine.name == "nuts"
    assert "declined" in chosen.findings[0].text


def test_models_that_cannot_be_sampled_are_refused():
    with pytest.raises(gd.InputError, match="site 'k' is discrete"):
        gd.engines.sample(lambda: numpyro.sample("k", dist.Bernoulli(0.5)), key=0)
    with pytest.raises(gd.InputError, match="no site to sample"):
        gd.engines.sample(lambda: None, key=0)
    with pytest.raises(gd.InputError, match="not a NumPyro model"):
        gd.engines.sample(3, key=0)
