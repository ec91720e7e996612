"""`fit`: two independent samplers agree, truth is recovered, doubts are said."""

from __future__ import annotations

import dataclasses
import warnings

import arviz_stats.base
import jax
import numpy as np
import numpyro.distributions as dist
import pytest

import gapdyn as gd
from gapdyn.inference._diagnostics import e_bfmi, summarise

NUTS, NumPyroNUTS = gd.engines.NUTS, gd.engines.NumPyroNUTS
SMALL = NUTS(chains=2, warmup=200, draws=200)
QUICK = gd.engines.Auto(draws=250, fallback=False)
TS = np.linspace(0, 10, 20)
TRUTH = {"rate": 0.5, "rho": 0.3, "gap_inf": 0.05, "u_s0": 1.0, "u_v0": 0.6}
LAW = gd.laws.shared_rate(**TRUTH)


@pytest.fixture(scope="module")
def recovered():
    return gd.fit(gd.simulate(LAW, TS, noise=0.01, key=11), gd.laws.shared_rate(), key=0)


def test_truth_is_recovered(recovered):
    truth = {
        **TRUTH,
        "u_s_inf": 0.5,
        "u_v_inf": 0.45,
        "alpha": 0.5 / 0.7,
        "beta": 0.15 / 0.7,
        "b": 0.05,
        "sigma": 0.01,
    }
    for name, value in truth.items():
        s = recovered.summary[name]
        assert abs(s.mean - value) < 4 * s.sd, name
    assert recovered.trusted
    assert recovered.model.route.name == "exact"


def mcse(s) -> float:
    return s.sd / np.sqrt(s.ess_bulk)


def agree(one: gd.Fit, other: gd.Fit) -> None:
    """Means within 5 Monte Carlo standard errors, sds within 10% (of heavy tails: within 5 of their own errors)."""
    for name, a in one.summary.items():
        b = other.summary[name]
        assert abs(a.mean - b.mean) < 5 * np.hypot(mcse(a), mcse(b)), name
        error = np.hypot(*(arviz_stats.base.array_stats.mcse(f.draws[name], method="sd") for f in (one, other)))
        assert abs(a.sd - b.sd) < max(0.1 * b.sd, 5 * error), name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["simulated", "learning", "sharpening_only", "collapse", "student_t", "one series"])
def test_blackjax_and_numpyro_sample_the_same_posterior(name):
    run = gd.simulate(LAW, TS, noise=0.01, se=0.02, corr=0.4, key=11)
    likelihood = gd.Likelihood(noise="student_t") if name == "student_t" else gd.Likelihood()
    if name == "one series":
        run = dataclasses.replace(run, u_v=None, se_v=None, corr=None)
    elif name in gd.datasets.names():
        run = gd.datasets.load(name)
    settings = {"chains": 4, "warmup": 1000, "draws": 5000, "target_acceptance": 0.95}
    ours, theirs = (
        gd.fit(run, gd.laws.shared_rate(), key=k, engine=e(**settings), likelihood=likelihood)
        for k, e in enumerate((NUTS, NumPyroNUTS))
    )
    agree(ours, theirs)


def test_routes_give_the_same_log_density():
    from gapdyn.inference._model import prepare
    from gapdyn.inference._target import target

    run = gd.simulate(LAW, TS, noise=0.01, key=11)
    found = {}
    for route in ("exact", "ode"):
        model, obs, _ = prepare(run, gd.laws.shared_rate(), route=route)
        aim = target(model, obs)
        f = jax.jit(jax.vmap(jax.value_and_grad(aim.log_density((obs,)))))
        found[route] = f(np.random.default_rng(0).uniform(-1.5, 1.5, (20, aim.size)))
    np.testing.assert_allclose(found["ode"][0], found["exact"][0], rtol=1e-6)
    size = np.abs(found["exact"][1]).max(-1, keepdims=True)
    np.testing.assert_allclose(found["ode"][1] / size, found["exact"][1] / size, atol=1e-4)


@pytest.mark.slow
def test_routes_give_the_same_posterior():
    run = gd.simulate(LAW, TS, noise=0.01, key=11)
    settings = NUTS(chains=4, warmup=300, draws=500)
    exact = gd.fit(run, gd.laws.shared_rate(), key=0, engine=settings)
    ode = gd.fit(run, gd.laws.shared_rate(), key=1, engine=settings, route="ode")
    assert ode.model.route.name == "ode"
    for name in ("rate", "rho", "gap_inf", "u_s_inf"):
        a, b = exact.summary[name], ode.summary[name]
        assert abs(a.mean - b.mean) < 5 * np.hypot(mcse(a), mcse(b)), name


@pytest.mark.parametrize("coordinates", gd.laws.shared_rate().family[1:], ids=lambda c: ",".join(c.names[:3]))
def test_every_set_of_coordinates_can_be_fitted(coordinates):
    known = {**TRUTH, "u_s_inf": 0.5, "u_v_inf": 0.45, "alpha": 0.5 / 0.7, "beta": 0.15 / 0.7, "b": 0.05}
    positive = {n: dist.LogNormal(np.log(known[n]), 1.0) for n in ("alpha", "beta") if n in coordinates.names}
    limits = {n: dist.Normal(known[n], 0.5) for n in ("u_s_inf", "u_v_inf", "gap_inf", "b") if n in coordinates.names}
    run = gd.simulate(LAW, TS, noise=0.005, key=2)
    fit = gd.fit(run, gd.laws.shared_rate(**positive, **limits), key=0, engine=QUICK)
    assert set(coordinates.names) <= set(fit.draws)
    assert fit.law.coordinates.names == coordinates.names
    assert abs(fit.summary["u_s_inf"].mean - 0.5) < 5 * fit.summary["u_s_inf"].sd


def test_fixed_numbers_stay_fixed():
    fit = gd.fit(gd.simulate(LAW, TS, noise=0.01, key=2), gd.laws.shared_rate(rho=0.3, u_s0=1.0), key=0, engine=QUICK)
    np.testing.assert_allclose(fit["rho"], 0.3, atol=1e-12)
    np.testing.assert_allclose(fit["u_s0"], 1.0, atol=1e-12)
    assert fit.summary["rate"].sd > 0


def test_same_seed_same_draws_other_seed_other_draws():
    run = gd.simulate(LAW, TS, noise=0.01, key=2)
    a, b, c = (gd.fit(run, gd.laws.shared_rate(), key=k, engine=SMALL) for k in (4, 4, 5))
    np.testing.assert_array_equal(a["rate"], b["rate"])
    assert not np.array_equal(a["rate"], c["rate"])
    assert a.provenance["key"] == [4]
    with pytest.raises(gd.InputError, match="not a seed"):
        gd.fit(run, gd.laws.shared_rate(), key="zero")


def test_missing_values_are_left_out():
    run = gd.simulate(LAW, TS, noise=0.01, key=2)
    u_v = np.array(run.u_v)
    u_v[[3, 4, 11]] = np.nan
    fit = gd.fit(dataclasses.replace(run, u_v=u_v), gd.laws.shared_rate(), key=0, engine=SMALL)
    assert np.isfinite(fit.log_lik).all()
    assert abs(fit.summary["u_s_inf"].mean - 0.5) < 4 * fit.summary["u_s_inf"].sd


def test_pointwise_log_likelihood_is_a_density_in_the_runs_units():
    run = gd.simulate(LAW, TS, noise=0.01, key=2)
    other = dataclasses.replace(run, u_s=1000 * run.u_s, u_v=1000 * run.u_v)
    a, b = (gd.fit(r, gd.laws.shared_rate(), key=0, engine=SMALL) for r in (run, other))
    assert a.log_lik.shape == (2, 200, 20)
    # rounding sends the two chains apart, so that only their means can be compared
    np.testing.assert_allclose(a.log_lik.mean((0, 1)) - 2 * np.log(1000), b.log_lik.mean((0, 1)), atol=0.5)
    expected = np.sum(dist.Normal(a.curves().u_s[0], a["sigma"][0]).log_prob(run.u_s)) + np.sum(
        dist.Normal(a.curves().u_v[0], a["sigma"][0]).log_prob(run.u_v)
    )
    assert a.log_lik[0, 0].sum() == pytest.approx(float(expected), abs=0.05)


def test_shared_errors_widen_the_ceiling_of_new_prompts_not_the_forecast():
    stated = gd.simulate(LAW, TS, noise=0.002, se=0.03, shared=1.0, key=5)
    fit = gd.fit(stated, gd.laws.shared_rate(), key=0)
    new, same = (gd.ceiling(fit, prompts=p).summary()["u_s"]["sd"] for p in ("new", "same"))
    assert new > 0.02 > 0.008 > same
    assert fit.summary["shared_s"].q05 > 0.8
    ahead = gd.forecast(fit, [11.0])
    assert np.std(ahead.u_s) < 0.01


def test_fresh_prompts_are_recognised_as_such():
    fit = gd.fit(gd.simulate(LAW, TS, se=0.02, shared=0.0, key=5), gd.laws.shared_rate(), key=0)
    assert fit.summary["shared_s"].q50 < 0.4


def test_student_t_shrugs_off_one_bad_checkpoint():
    run = gd.simulate(LAW, TS, noise=0.005, key=7)
    u_s = np.array(run.u_s)
    u_s[12] += 0.2
    bad = dataclasses.replace(run, u_s=u_s)
    gaussian = gd.fit(bad, gd.laws.shared_rate(), key=0)
    robust = gd.fit(bad, gd.laws.shared_rate(), key=0, likelihood=gd.Likelihood(noise="student_t"))
    assert robust.summary["u_s_inf"].sd < 0.6 * gaussian.summary["u_s_inf"].sd
    assert abs(robust.summary["u_s_inf"].mean - 0.5) < 4 * robust.summary["u_s_inf"].sd
    assert any(f.code == "outlier" for f in gd.check(gaussian).findings)


FINDINGS = {
    "few_checkpoints": lambda: gd.simulate(LAW, [0.0, 2.0, 4.0], noise=0.01, key=0),
    "short_run": lambda: gd.simulate(LAW, TS / 20, noise=0.01, key=0),
    "no_u_v": lambda: dataclasses.replace(gd.simulate(LAW, TS, noise=0.01, key=0), u_v=None),
    "no_standard_errors": lambda: gd.simulate(LAW, TS, noise=0.01, key=0),
    "ceiling_below_zero": lambda: gd.simulate(
        gd.laws.shared_rate(u_s0=0.4, u_v0=0.1, gap_inf=0.01, rho=0.3), TS / 20, noise=0.01, key=0
    ),
    "external_data": lambda: gd.datasets.external_early(),
    "solver_rises": lambda: gd.simulate(gd.laws.shared_rate(gap_inf=0.6), TS, noise=0.01, key=0),
}


@pytest.mark.parametrize("code", FINDINGS)
def test_findings_fire(code):
    fit = gd.fit(FINDINGS[code](), gd.laws.shared_rate(), key=0)
    finding = next(f for f in fit.findings if f.code == code)
    assert finding.text
    assert finding.remedy
    assert code in str(fit)


def test_findings_stay_silent_on_a_healthy_run():
    healthy = gd.simulate(LAW, TS, noise=0.003, se=0.01, key=1)
    fit = gd.fit(healthy, gd.laws.shared_rate(), key=0)
    assert [f for f in fit.findings if f.level != "info"] == []
    assert gd.check(fit).findings == ()


def test_a_sampler_in_trouble_is_reported():
    fit = gd.fit(
        gd.simulate(LAW, TS, noise=0.01, key=0),
        gd.laws.shared_rate(),
        key=0,
        engine=NUTS(chains=4, warmup=20, draws=20),
    )
    assert {"ess"} <= {f.code for f in fit.findings}


@pytest.mark.parametrize("phi", [0.0, 0.6, -0.5])
def test_diagnostics_equal_arvizs(phi):
    rng = np.random.default_rng(1)
    x = np.zeros((4, 800))
    for i in range(1, 800):
        x[:, i] = phi * x[:, i - 1] + rng.standard_t(3, 4)
    x[:, 100:200] = np.repeat(x[:, 100:200:10], 10, axis=1)  # rejections: ties
    x[3] += 0.2
    s, theirs = summarise(x), arviz_stats.base.array_stats
    assert s.rhat == pytest.approx(theirs.rhat(x), rel=1e-6)
    assert s.ess_bulk == pytest.approx(theirs.ess(x, method="bulk"), rel=0.01)
    assert s.ess_tail == pytest.approx(theirs.ess(x, method="tail", prob=(0.05, 0.95)), rel=0.01)


def test_e_bfmi_of_independent_energies_is_two():
    assert e_bfmi(np.random.default_rng(0).normal(size=(2, 100_000))) == pytest.approx([2, 2], rel=0.05)


def test_float32_is_handled_and_said():
    jax.config.update("jax_enable_x64", False)
    try:
        run = gd.simulate(LAW, TS, noise=0.01, key=11)
        run = dataclasses.replace(run, u_s=run.u_s + 1000, u_v=run.u_v + 1000)
        with pytest.warns(UserWarning, match="32 bits"):
            fit = gd.fit(run, gd.laws.shared_rate(), key=0, engine=SMALL)
        assert abs(fit.summary["u_s_inf"].mean - 1000.5) < 5 * fit.summary["u_s_inf"].sd
        assert fit.summary["u_s_inf"].sd < 0.02
        assert any(f.code == "float32" for f in fit.findings)
    finally:
        jax.config.update("jax_enable_x64", True)


def test_no_warning_in_64_bits(recovered):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gd.fit(recovered.data, gd.laws.shared_rate(), key=0, engine=SMALL)


def test_arviz_reads_the_result(recovered):
    import arviz_stats

    tree = recovered.to_arviz()
    table = arviz_stats.summary(tree["posterior"].to_dataset()[["rate", "u_s_inf"]], round_to="none")
    assert float(table.loc["u_s_inf", "mean"]) == pytest.approx(recovered.summary["u_s_inf"].mean, rel=1e-6)
    assert tree["log_likelihood"]["checkpoints"].dims == ("chain", "draw", "obs")
    loo = arviz_stats.loo(tree, var_name="checkpoints")
    assert np.isfinite(loo.elpd)
    assert tree.attrs["law"] == "gapdyn.laws.shared_rate()"


def test_the_posterior_is_one_batch_of_laws(recovered):
    ends = gd.limits(recovered.laws)
    np.testing.assert_allclose(ends.u_s_inf, recovered["u_s_inf"], rtol=1e-9)
    curve = jax.vmap(lambda law: gd.solve(law, TS).u_s)(recovered.laws)
    np.testing.assert_allclose(curve, recovered.curves(prompts="law").u_s, rtol=1e-7)


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        ("gibbs", "unknown engine"),
        (NUTS(chains=0), "chains=0"),
        (NUTS(target_acceptance=1.5), "in \\(0, 1\\)"),
        (3, "give a name"),
    ],
)
def test_bad_engines_are_refused(engine, message):
    with pytest.raises(gd.InputError, match=message):
        gd.fit(gd.datasets.learning(), gd.laws.shared_rate(), key=0, engine=engine)


def test_unknown_parameter_names_are_refused(recovered):
    with pytest.raises(gd.InputError, match="Did you mean 'u_s_inf'"):
        recovered["us_inf"]


def test_unknown_prompts_are_refused(recovered):
    with pytest.raises(gd.InputError, match="value of prompts"):
        recovered.curves(prompts="others")
