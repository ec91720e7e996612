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
from numpyro.infer.util import constrain_fn, potential_energy, unconstrain_fn
from scipy import stats
from scipy.special import logsumexp

import gapdyn as gd
from gapdyn.inference.engines._mixture import NU, Mixture, Moments, factor_of
from gapdyn.inference.engines._newton import climb
from gapdyn.inference.engines._pareto import smooth, weigh_all
from gapdyn.inference.engines._scores import SUFFIX, Scored, from_score

RNG = np.random.default_rng(0)


def mixture() -> Mixture:
    factor = np.linalg.cholesky([[[1.0, 0.3], [0.3, 0.5]], [[0.1, 0.0], [0.0, 2.0]]])
    return Mixture(np.log([0.3, 0.7]), np.array([[0.0, 1.0], [4.0, -2.0]]), factor)


def test_the_mixture_has_scipys_density():
    m, x = mixture(), np.concatenate([RNG.normal(0, 3, (50, 2)), [[1e8, -1e9]]])  # the last one far beyond the others
    each = [
        np.asarray(m.log_weight[k]) + stats.multivariate_t(m.mean[k], m.factor[k] @ m.factor[k].T, df=NU).logpdf(x)
        for k in range(2)
    ]
    np.testing.assert_allclose(m.log_prob(x), logsumexp(each, axis=0), rtol=1e-10)


def test_the_mixture_samples_its_density():
    m = mixture()
    x = m.sample(np.random.default_rng(0), 100_000)
    np.testing.assert_allclose(x.mean(0), np.exp(m.log_weight) @ m.mean, atol=0.03)
    where = stats.multivariate_t(m.mean[0], m.factor[0] @ m.factor[0].T, df=NU).rvs(100_000, random_state=1)
    assert np.mean(x[:, 0] < 0) == pytest.approx(0.3 * np.mean(where[:, 0] < 0), abs=0.01)


def test_expectation_maximisation_finds_two_clumps():
    x = np.concatenate([RNG.normal([-3, 0], 0.5, (1000, 2)), RNG.normal([3, 1], 0.5, (3000, 2))])
    even = Mixture(np.log([0.5, 0.5]), np.array([[-1.0, 0.0], [1.0, 0.0]]), factor_of(np.tile(np.eye(2), (2, 1, 1))))
    weight = np.full(len(x), 1 / len(x))
    moments = Moments(x)
    for _ in range(30):
        even = even.improved(moments, weight, np.eye(2))
    np.testing.assert_allclose(np.exp(even.log_weight), [0.25, 0.75], atol=0.02)
    np.testing.assert_allclose(even.mean, [[-3, 0], [3, 1]], atol=0.1)


def test_expectation_maximisation_by_products_is_that_of_the_book():
    x, weight, held = RNG.normal(0, 1, (300, 2)), RNG.dirichlet(np.ones(300)), 1e-3 * np.eye(2)
    m = mixture()
    part = np.stack([
        np.exp(m.log_weight[k]) * stats.multivariate_t(m.mean[k], m.factor[k] @ m.factor[k].T, df=NU).pdf(x)
        for k in range(2)
    ])  # fmt: skip
    share, after = weight * part / part.sum(0), m.improved(Moments(x), weight, held)
    for k in range(2):
        off = np.linalg.solve(m.factor[k], (x - m.mean[k]).T)
        pull = share[k] * (NU + 2) / (NU + np.sum(off**2, 0))
        mean = pull @ x / pull.sum()
        prior = 20 * np.sum(weight**2)
        cov = ((x - mean).T @ (pull[:, None] * (x - mean)) + prior * held) / (share[k].sum() + prior)
        np.testing.assert_allclose(after.mean[k], mean, rtol=1e-10)
        np.testing.assert_allclose(after.factor[k] @ after.factor[k].T, cov, rtol=1e-7)


def test_newton_climbs_to_the_top_and_knows_the_curvature():
    precision = np.array([[4.0, 1.0], [1.0, 1.0]])
    mode = climb(lambda x: -0.5 * np.einsum("ni,ij,nj->n", x - 1, precision, x - 1), [[-20.0, 30.0], [1.0, 1.0]])
    assert mode.converged.all()
    np.testing.assert_allclose(mode.x, 1, atol=1e-4)
    np.testing.assert_allclose(mode.covariance[0], np.linalg.inv(precision), rtol=1e-5)
    np.testing.assert_allclose(mode.log_evidence, np.log(2 * np.pi) - 0.5 * np.log(np.linalg.det(precision)), rtol=1e-5)

    def valley(x):  # Rosenbrock's, whose Hessian is indefinite on the way
        return -((1 - x[:, 0]) ** 2) - 100 * (x[:, 1] - x[:, 0] ** 2) ** 2

    top = climb(valley, [[-1.2, 1.0]])
    off = top.x[0] - 1
    assert off @ np.linalg.solve(top.covariance[0], off) < 0.01**2  # a hundredth of its width


def test_newton_says_where_there_is_no_top():
    assert not climb(lambda x: x[:, 0], np.zeros((1, 1))).converged.any()
    assert not climb(lambda x: np.full(len(x), np.nan), np.zeros((2, 1))).converged.any()

    def walled(x):  # no number a little to the left of the mode
        return np.where(x[:, 0] > -1e-4, -0.5 * x[:, 0] ** 2, np.nan)

    assert climb(walled, [[3.0]]).x[0, 0] == pytest.approx(0, abs=1e-2)


PRIORS = {
    "uniform": dist.Uniform(-1.0, 3.0),
    "half_cauchy": dist.HalfCauchy(0.3),
    "half_normal": dist.HalfNormal(2.0),
    "exponential": dist.Exponential(4.0),
    "arcsine": dist.Beta(0.5, 0.5),
    "moved": dist.TransformedDistribution(
        dist.HalfNormal(1.0), dist.transforms.AffineTransform(1.0, 2.0, dist.constraints.positive)
    ),
}


@pytest.mark.parametrize("name", PRIORS)
def test_normal_scores_are_the_priors_quantiles(name):
    x = np.linspace(-7, 7, 29)
    value = np.asarray(jax.vmap(functools.partial(from_score, PRIORS[name]))(jnp.asarray(x)))
    exact = {
        "uniform": -1 + 4 * stats.norm.cdf(x),
        "half_cauchy": np.where(x < 0, stats.halfcauchy.ppf(stats.norm.cdf(x)), stats.halfcauchy.isf(stats.norm.sf(x)))
        * 0.3,
        "half_normal": stats.halfnorm.isf(stats.norm.sf(x)) * 2,
        "exponential": stats.expon.isf(stats.norm.sf(x)) / 4,
        "arcsine": stats.arcsine.ppf(stats.norm.cdf(x)),
        "moved": 1 + 2 * stats.halfnorm.isf(stats.norm.sf(x)),
    }[name]
    np.testing.assert_allclose(value, exact, rtol=1e-6, atol=1e-10)
    slopes = jax.vmap(jax.grad(functools.partial(from_score, PRIORS[name])))(jnp.linspace(-40.0, 40.0, 81))
    assert np.isfinite(slopes).all()


def everything(y):
    values = [numpyro.sample(name, prior) for name, prior in PRIORS.items()]
    values += [numpyro.sample("beta", dist.Beta(2.0, 3.0)), numpyro.sample("real", dist.Normal(1, 2))]
    numpyro.sample("y", dist.Normal(sum(values), 1.0), obs=y)


def test_normal_scores_leave_the_posterior_as_it_is():
    """The density in scores is NumPyro's own, with the Jacobian of the way from one to the other."""
    scored = Scored(everything)
    names = [*PRIORS, "beta", "real"]

    def to_numpyro(x):
        z = {n + ("" if n == "real" else SUFFIX): x[i] for i, n in enumerate(names)}
        values = constrain_fn(scored, (2.0,), {}, z, return_deterministic=True)
        plain = unconstrain_fn(everything, (2.0,), {}, {n: values[n] for n in names})
        return jnp.stack([plain[n] for n in names]), z

    offsets = []
    for x in jnp.asarray(RNG.uniform(-2, 2, (8, len(names)))):
        z, score = to_numpyro(x)
        jacobian = jnp.linalg.slogdet(jax.jacfwd(lambda x: to_numpyro(x)[0])(x))[1]
        theirs = -potential_energy(everything, (2.0,), {}, dict(zip(names, z, strict=True)))
        offsets.append(-potential_energy(scored, (2.0,), {}, score) - theirs - jacobian)
    np.testing.assert_allclose(offsets, offsets[0], atol=1e-9)


@pytest.mark.parametrize("tail", [0.2, 0.5, 0.9, 1.5])
def test_smoothing_equals_arvizs(tail):
    log_weights = np.log(stats.genpareto(tail).rvs(3600, random_state=3) + 1)
    ours, k = smooth(log_weights)
    theirs, their_k = arviz_stats.base.array_stats.psislw(-log_weights)  # that of leave-one-out
    assert k == pytest.approx(float(their_k), rel=1e-6)
    np.testing.assert_allclose(ours, np.exp(theirs - logsumexp(theirs)), rtol=1e-6)


def test_a_bump_at_the_end_of_bounded_weights_is_no_heavy_tail():
    random = np.random.default_rng(0)
    bump = np.log(np.r_[random.uniform(0.2, 1.6, 4000), random.uniform(1.6, 2.7, 40)])
    cut = np.partition(np.exp(bump), -190)[-190]
    assert np.sum(np.exp(bump) > cut) > 40  # the tail is most of it, before the bump
    weights, k = smooth(bump)
    assert k <= 0.5
    assert 1 / np.sum(weights**2) > 3000
    again = weigh_all(np.stack([bump, np.log(1 + stats.genpareto(0.9).rvs(4040, random_state=0))]))
    assert again.k[0] == pytest.approx(k)
    assert again.k[1] > 0.7  # which is one


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


def valley(count):
    """Thin and bent, in `count` + 1 numbers."""
    a = numpyro.sample("a", dist.Normal(0, 1))
    numpyro.sample("b", dist.Normal(a**2, 0.1).expand([count]).to_event(1))


@pytest.mark.parametrize("count", [5, 6, 7])
def test_importance_sampling_says_when_its_proposal_is_unlike_the_posterior(count):
    told = gd.engines.sample(valley, (count,), key=0, engine="importance")
    assert "share" in {f.code for f in told.findings}
    assert told.quality["share"] < 0.1


def test_importance_sampling_declines_what_it_cannot_do():
    told = gd.engines.sample(valley, (8,), key=0, engine="importance")
    assert {f.code for f in told.findings if f.level != "info"} & {"pareto_k", "ess", "starts"}
    chosen = gd.engines.sample(valley, (8,), key=0)
    assert chosen.engine.name == "nuts"
    assert "declined" in chosen.findings[0].text


def test_auto_keeps_the_better_of_two_that_failed():
    def many_modes():
        places = dist.Normal(jnp.array([-4.0, 0.0, 4.0]), 0.5)
        three = dist.MixtureSameFamily(dist.Categorical(jnp.full(3, 1 / 3)), places)
        numpyro.sample("x", three.expand([7]).to_event(1))

    kept = gd.engines.sample(many_modes, key=0, engine=gd.engines.Auto(warmup=100, draws=600))
    assert kept.engine.name == "importance"
    assert "NUTS did worse" in kept.findings[0].text
    assert [f for f in kept.findings if f.level == "warning"]


def test_models_that_cannot_be_sampled_are_refused():
    with pytest.raises(gd.InputError, match="site 'k' is discrete"):
        gd.engines.sample(lambda: numpyro.sample("k", dist.Bernoulli(0.5)), key=0)
    with pytest.raises(gd.InputError, match="no site to sample"):
        gd.engines.sample(lambda: None, key=0)
    with pytest.raises(gd.InputError, match="not a NumPyro model"):
        gd.engines.sample(3, key=0)


def test_a_second_run_of_about_the_same_length_compiles_nothing():
    from gapdyn.inference import _posterior, _predict
    from gapdyn.inference.engines import _target

    programs = (_target._at, _posterior._complete, _predict._curves)
    counts = []
    for seed in (0, 1):
        law = gd.laws.shared_rate(rate=0.3 + 0.2 * seed)
        run = gd.simulate(law, np.linspace(0, 8, 15 - 2 * seed), noise=0.01, se=0.01, key=seed)
        fit = gd.fit(run, gd.laws.shared_rate(), key=seed)
        assert fit.engine.name == "quadrature"
        gd.check(fit)
        gd.ceiling(fit)
        counts.append([p.jitted._cache_size() for p in programs])
    assert counts[0] == counts[1]


def test_auto_does_not_try_what_has_too_many_numbers():
    def wide():
        numpyro.sample("x", dist.Normal(0, 1).expand([11]).to_event(1))

    found = gd.engines.sample(wide, key=0, engine=gd.engines.Auto(chains=2, warmup=100, draws=100))
    assert found.engine.name == "nuts"
    assert "11 numbers" in found.findings[0].text
    told = gd.engines.sample(wide, key=0, engine="importance")
    assert told.findings[0].code == "many_numbers"


def correlated():
    """A posterior that is Gaussian: every engine has it."""
    x = numpyro.sample("x", dist.Normal(1.0, 2.0))
    y = numpyro.sample("y", dist.Normal(0.5 * x, 0.1))
    numpyro.sample("z", dist.Normal(y, 0.3), obs=jnp.array([1.0, 1.2]))


def no_top():
    """A density that rises without end towards small scales."""
    scale = numpyro.sample("scale", dist.ImproperUniform(dist.constraints.positive, (), ()))
    numpyro.sample("x", dist.Normal(0, scale))
    numpyro.factor("smaller", -jnp.log(scale))


def test_chains_begin_about_modes_where_there_are_any():
    from gapdyn.inference.engines import Target, _blackjax

    begun = _blackjax._found(Target(correlated, (("x", ()), ("y", ()))), (), 3, 0)
    precision = np.array([[1 / 2.0**2 + 0.5**2 / 0.1**2, -0.5 / 0.1**2], [-0.5 / 0.1**2, 1 / 0.1**2 + 2 / 0.3**2]])
    assert begun.metric == pytest.approx(np.tile(np.linalg.inv(precision), (3, 1, 1)), rel=1e-3)
    assert len(np.unique(begun.x[:, 0])) == 3
    lost = _blackjax._found(Target(no_top, (("scale", ()), ("x", ()))), (), 3, 0)
    assert lost.metric.tolist() == [np.eye(2).tolist()] * 3
    assert np.all(np.abs(lost.x) <= 2)


@pytest.mark.parametrize("chains", [2, 3])
def test_chains_by_halves_or_together_sample_a_posterior(chains):
    found = gd.engines.sample(correlated, key=0, engine=gd.engines.NUTS(chains=chains, warmup=200, draws=1500))
    assert found.draws["x"].shape == (chains, 1500)
    exact = np.linalg.inv([[25.25, -50.0], [-50.0, 100 + 2 / 0.09]])
    assert np.std(found.draws["x"]) == pytest.approx(np.sqrt(exact[0, 0]), rel=0.1)
    assert found.summary["x"].rhat < 1.02


@pytest.mark.parametrize("engine", ["importance", "laplace", "svi"])
def test_a_gaussian_posterior_is_exact(engine):
    found = gd.engines.sample(correlated, key=0, engine=engine)
    precision = np.array([[1 / 4 + 25, -50], [-50, 100 + 2 / 0.09]])
    cov = np.linalg.inv(precision)
    mean = cov @ [1 / 4, 2.2 / 0.09]
    assert not [f for f in found.findings if f.level != "info"]
    for i, name in enumerate("xy"):
        s = found.summary[name]
        assert abs(s.mean - mean[i]) < 5 * s.sd / 4000**0.5 + 0.02 * s.sd, name
        assert s.sd == pytest.approx(cov[i, i] ** 0.5, rel=0.06), name


@pytest.mark.parametrize("engine", ["laplace", "svi"])
def test_approximations_say_how_far_off_they_are(engine):
    def skewed():
        numpyro.sample("x", dist.Gumbel(0.0, 1.0))

    found = gd.engines.sample(skewed, key=0, engine=engine)
    assert {f.code for f in found.findings} & {"approximation", "pareto_k"}
    assert found.quality["off"].item() > 0.05
