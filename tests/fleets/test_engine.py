"""The engine of fleets: the numbers, density and posterior of single runs, for every run that it vouches for."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import gapdyn as gd
from gapdyn._compile import quick_jit
from gapdyn.fleets import _judged, _nested
from gapdyn.fleets._engine import _to_fit, sample_fleet
from gapdyn.fleets._marginal import General, WrittenOut, marginal
from gapdyn.fleets._nested import COMPILED
from gapdyn.fleets._prepare import stacks
from gapdyn.inference import prepare
from gapdyn.inference._nested import Size
from gapdyn.inference._target import target
from gapdyn.inference.engines._pareto import smooth, weigh_all

FIGURES = ("mean", "sd", "q05", "q50", "q95")


def runs(count: int, seed: int = 0, stated: bool = False, points: int = 40) -> list[gd.Run]:
    """Unequal runs: partial ones, flat ones, little and much noise, missing values."""
    random, made = np.random.default_rng(seed), []
    for i in range(count):
        n = int(random.integers(8, points + 1))
        t = np.linspace(0, 10, n)
        seen = random.uniform(0.1, 0.4) if i % 5 == 0 else np.exp(random.uniform(-1, 2))
        rho, fall = random.uniform(0, 1), random.uniform(0.2, 1.0) * (i % 7 != 3)
        s = 1 - np.exp(-seen * t / 10)
        noise = np.exp(random.uniform(np.log(1e-4 if i % 4 == 0 else 0.005), np.log(0.1)))
        u_s = 2 - fall * s + noise * random.normal(size=n)
        u_v = 1.5 - rho * fall * s + noise * random.normal(size=n)
        if i % 3 == 0:
            u_s[random.uniform(size=n) < 0.2] = np.nan
        se = np.full(n, noise if stated else np.nan)
        made.append(gd.Run(f"run {i}", t, u_s=u_s, u_v=u_v, se_s=se, se_v=se))
    return made


@pytest.mark.parametrize("stated", [False, True])
@pytest.mark.parametrize(
    "law",
    [
        gd.laws.shared_rate(),
        gd.laws.shared_rate(rho=0.3, gap_inf=dist.Normal(0.1, 0.2)),
        gd.laws.power_potential(rate=dist.LogNormal(-1.0, 1.0)),
        gd.laws.shared_rate(u_s_inf=dist.LogNormal(0.0, 1.0)),
        gd.laws.shared_rate(forcing=gd.forcings.impulse(gd.forcings.early(4))),
    ],
    ids=["plain", "fixed", "power", "limit", "forced"],
)
def test_stacks_are_what_single_runs_are_prepared_to(law: gd.laws.LawSpec, stated: bool):
    fleet = runs(12, stated=stated)
    made, declined = stacks(fleet, law)
    assert not declined
    assert sorted(np.concatenate([s.at for s in made])) == list(range(12))
    for stack in made:
        for row, i in enumerate(stack.at):
            model, obs, scale = prepare(fleet[i], law, length=stack.obs.ts.shape[1])
            assert model == stack.model
            assert scale == stack.scale[row]
            assert jax.tree.structure(obs) == jax.tree.structure(stack.obs)
            for one, many in zip(jax.tree.leaves(obs), jax.tree.leaves(stack.obs), strict=True):
                np.testing.assert_allclose(many[row], one, rtol=1e-13, atol=1e-15)


def test_runs_that_cannot_be_fitted_say_why():
    t = np.arange(3.0)
    still, graded = gd.Run("still", t, u_s=np.ones(3), u_v=np.ones(3)), gd.Run("graded", t, acc_s=t / 10)
    made, declined = stacks([still, *runs(3), graded], gd.laws.shared_rate())
    assert set(declined) == {0, 4}
    assert "'still'" in declined[0]
    assert "'graded'" in declined[4]
    assert sum(len(s) for s in made) == 3


@pytest.mark.parametrize(
    ("law", "excess"),
    [
        (gd.laws.shared_rate(), "separate"),
        (gd.laws.power_potential(), "shared"),
        (gd.laws.shared_rate(rho=dist.Beta(2, 3), u_s_inf=dist.Normal(1.0, 1.0)), "shared"),
        (gd.laws.shared_rate(u_v_inf=dist.Normal(1.0, 1.0)), "shared"),
        (gd.laws.shared_rate(alpha=dist.LogNormal(0, 1)), "shared"),
        (gd.laws.relaxing_verifier(), "separate"),
        pytest.param(gd.laws.chasing_solver(), "shared", marks=pytest.mark.slow),
        pytest.param(
            gd.laws.relaxing_verifier(kappa=dist.LogNormal(-9.0, 3.0), u_v_inf=0.5), "shared", marks=pytest.mark.slow
        ),
    ],
    ids=["rate", "power", "u_s_inf", "u_v_inf", "alpha", "relaxing", "chasing", "barely"],
)
def test_density_written_out_is_the_models(law: gd.laws.LawSpec, excess: str):
    (stack,), _ = stacks(runs(12), law, likelihood=gd.Likelihood(excess=excess))
    density = marginal(stack.model, jax.tree.map(lambda x: x[0], stack.obs))
    plain = target(stack.model, jax.tree.map(lambda x: x[0], stack.obs))
    assert type(density) is WrittenOut or type(density.target.given_rest) is not type(plain.given_rest)
    general = General(density.model, plain)
    random = np.random.default_rng(1)
    x = random.normal(size=(12, 20, density.size))
    e = random.normal(size=(12, 20, density.extra))

    def both(of: General):
        def one(x: jax.Array, e: jax.Array, obs: object):
            return of.both(list(x), list(e), obs)  # pyright: ignore[reportArgumentType]

        return quick_jit()(jax.vmap(jax.vmap(one, (0, 0, None))))(x, e, stack.obs)

    (fast, sites), (slow, others) = both(density), both(general)
    size = 1 + np.abs(np.asarray(slow))
    apart = np.asarray(fast - slow)
    assert np.abs((apart - apart[:, :1]) / size).max() < 1e-7  # up to each run's own constant
    for name in others:
        assert name in sites
    # the levels have other coordinates, and the same distribution: a law's numbers agree where they have no spread
    zero = jnp.zeros_like(e)
    mean = jax.vmap(jax.vmap(lambda x, e, obs: density.both(list(x), list(e), obs)[1], (0, 0, None)))(
        x, zero, stack.obs
    )
    same = jax.vmap(jax.vmap(lambda x, e, obs: general.both(list(x), list(e), obs)[1], (0, 0, None)))(
        x, zero, stack.obs
    )
    for name in same:
        np.testing.assert_allclose(mean[name], same[name], rtol=1e-5, atol=1e-5)


def test_points_to_fit_stand_a_weight_beyond_all_others():
    random = np.random.default_rng(0)
    x, log_weight = random.normal(size=(3, 768, 2)), random.normal(size=(3, 768))
    log_weight[0, 7] = 5000.0
    log_weight[1, 5:] = -np.inf
    best, fitted = _to_fit(x, log_weight, np.arange(3, dtype=np.uint64))
    np.testing.assert_array_equal(best[0], x[0, 7])
    assert np.isin(fitted[1], x[1, :5]).all()
    np.testing.assert_allclose(fitted[2].mean(0), np.average(x[2], axis=0, weights=np.exp(log_weight[2])), atol=0.1)


@pytest.mark.parametrize(
    "law",
    [gd.laws.shared_rate(), gd.laws.shared_rate(rho=0.3),
     *(pytest.param(law, marks=pytest.mark.slow) for law in (gd.laws.power_potential(), gd.laws.relaxing_verifier()))],
    ids=["shared_rate", "ratio given", "power", "relaxing"],
)  # fmt: skip
def test_posteriors_are_those_of_single_runs(law: gd.laws.LawSpec):
    """Means and sds of 6 runs, 5 parameters each: 5 errors of either make 1e-4 of false alarms in all."""
    fleet = runs(24, seed=3)
    found = list(sample_fleet(fleet, law, seed=np.random.SeedSequence(0), draws=300))
    assert sum(len(d.at) for d in found) >= 23
    checked = 0
    for drawn in found:
        for row, i in enumerate(drawn.at):
            if i >= 6:
                continue
            fit = gd.fit(fleet[i], law, key=1, engine=gd.engines.Auto(fallback=False), length=40)
            worth, own = min(float(fit.quality["effective"][0]), 4000), float(drawn.effective[row])
            for name in {"rate", "rho", "u_s0", "u_v0", "sigma"} - set(law.fixed):
                x = fit[name]
                error = x.std() * np.sqrt(1 / worth + 1 / own)
                assert abs(drawn.figures[name]["mean"][row] - x.mean()) < 5 * error, (i, name)
                kurtosis = np.mean((x - x.mean()) ** 4) / x.var() ** 2
                of_sd = 0.5 * np.sqrt(max(kurtosis - 1, 2.0) * (1 / worth + 1 / own))
                assert abs(drawn.figures[name]["sd"][row] / x.std() - 1) < max(5 * of_sd, 0.1), (i, name)
            assert drawn.draws["rate"].shape[1] == 300
            checked += 1
    assert checked >= 5


def test_figures_are_those_of_the_draws():
    found = list(sample_fleet(runs(10, seed=5), gd.laws.shared_rate(), seed=np.random.SeedSequence(1), draws=500))
    for drawn in found:
        for name, x in drawn.draws.items():
            figures = drawn.figures[name]
            sd = figures["sd"] + 1e-12
            np.testing.assert_array_less(np.abs(x.mean(1) - figures["mean"]) / sd, 0.3)
            for figure, q in (("q05", 0.05), ("q50", 0.5), ("q95", 0.95)):
                below = np.mean(x <= figures[figure][:, None], 1)
                assert np.abs(below - q).max() < 0.08, (name, figure)
            assert np.all(drawn.share[name] == pytest.approx(1.0))


def test_a_seed_moves_no_whole_fleet():
    """All runs share the numbers that their points are made of: their levels must not share an error by these."""
    fleet, keys = runs(60, seed=6), range(6)
    mean, sd = np.full((2, len(keys), 2, len(fleet)), np.nan)
    for key in keys:
        for d in sample_fleet(fleet, gd.laws.shared_rate(), seed=np.random.SeedSequence(key), draws=50):
            for i, name in enumerate(("u_s0", "u_v0")):
                mean[key, i, d.at], sd[key, i, d.at] = d.figures[name]["mean"], d.figures[name]["sd"]
    found = np.isfinite(mean).all((0, 1))
    assert found.mean() > 0.9
    mean, sd = mean[..., found], sd[..., found]
    assert np.abs(np.median((mean - mean.mean(0)) / sd.mean(0), 2)).max() < 0.03
    assert np.abs(np.median(sd / sd.mean(0), 2) - 1).max() < 0.04


def test_a_runs_draws_do_not_depend_on_its_neighbours():
    fleet = runs(6, seed=7)
    all_, some = (
        sample_fleet(f, gd.laws.shared_rate(), seed=np.random.SeedSequence(2), draws=50) for f in (fleet, fleet[:3])
    )
    first, second = ({fleet[i].name: d.draws["rate"][r] for d in x for r, i in enumerate(d.at)} for x in (all_, some))
    for name in second:
        np.testing.assert_allclose(first[name], second[name], rtol=1e-6)


def test_smoothing_of_many_rows_is_that_of_each():
    random = np.random.default_rng(0)
    log = random.normal(size=(30, 500)) * np.linspace(0.1, 4, 30)[:, None]
    log[3], log[5, :480], log[6], log[7, 0] = 0.0, -np.inf, -np.inf, np.nan
    weights, k, _ = weigh_all(log)
    for row, own, shape in zip(log, weights, k, strict=True):
        expected, expected_k = smooth(row)
        np.testing.assert_allclose(own, expected, rtol=1e-9, atol=1e-15)
        assert shape == pytest.approx(expected_k, rel=1e-8)


def test_compiled_blocks_give_what_numpy_gives():
    fleet = runs(40, seed=9)
    seed = np.random.SeedSequence(4)
    plain, compiled = (
        sample_fleet(fleet, gd.laws.shared_rate(), seed=seed, draws=100, many=many) for many in (40, COMPILED)
    )
    ours, theirs = ({int(i): (d, row) for d in x for row, i in enumerate(d.at)} for x in (plain, compiled))
    assert ours.keys() == theirs.keys()
    for i, (drawn, row) in ours.items():
        other, at = theirs[i]
        np.testing.assert_allclose(drawn.pareto_k[row], other.pareto_k[at], atol=1e-3)
        for name, figures in drawn.figures.items():
            sd = figures["sd"][row]
            for figure in ("mean", "q05", "q50", "q95"):
                assert abs(figures[figure][row] - other.figures[name][figure][at]) < 0.02 * sd, (i, name, figure)


def test_a_few_runs_do_not_wait_for_the_compiler():
    """What must be compiled for is left to single fits, where a fleet is small."""
    fleet = runs(3, seed=3)
    found = sample_fleet(fleet, gd.laws.power_potential(), seed=np.random.SeedSequence(0), draws=50, many=3)
    assert not list(found)


def test_what_a_first_sample_misses_a_finer_one_finds(monkeypatch):
    """With hardly any points nothing is verified at first, and everything then."""
    monkeypatch.setattr(_nested, "COARSE", Size(16, 4, 2, 8))
    fleet = runs(12, seed=3)
    found = list(sample_fleet(fleet, gd.laws.shared_rate(), seed=np.random.SeedSequence(0), draws=50))
    assert sum(len(d.at) for d in found) == 12
    assert min(d.effective.min() for d in found if len(d.at)) > 400


def test_quantiles_are_of_what_is_a_number():
    at = np.tile(np.arange(100.0), (3, 1))
    at[1, :50], at[2] = np.nan, np.inf
    found = _judged._quantiles(at[:, ::-1])
    np.testing.assert_array_equal(found["q50"][:2], [50, 74])
    assert np.isnan(found["q50"][2])
    some = np.random.default_rng(0).normal(size=(3, 512))
    for name, q in zip(("q05", "q50", "q95"), (0.05, 0.5, 0.95), strict=True):
        np.testing.assert_array_equal(_judged._quantiles(some)[name], np.sort(some, 1)[:, round(q * 511)])
    share, mean, sd = _judged._moments(at, np.full(at.shape, 0.01))
    np.testing.assert_allclose(share, [1, 0.5, 0])
    np.testing.assert_allclose(mean[:2], [49.5, 74.5])
    np.testing.assert_allclose(sd[:2], [at[0].std(), at[0, 50:].std()])
    assert np.isnan(mean[2])


def test_points_are_picked_as_often_as_they_weigh():
    random = np.random.default_rng(0)
    weight = random.uniform(size=(5, 300)) ** 4
    weight /= weight.sum(1, keepdims=True)
    chosen = _judged.picked(weight, 1000, np.arange(5, dtype=np.uint64))
    assert chosen.shape == (5, 1000)
    assert np.all(np.diff(chosen, axis=1) >= 0)
    for row, each in zip(chosen, weight, strict=True):
        assert np.abs(np.bincount(row, minlength=300) - 1000 * each).max() <= 1
