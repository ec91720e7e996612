"""`Fit.update`: the posterior of a run that got longer, checkpoint by checkpoint, is that of a fit of all of it."""

from __future__ import annotations

import dataclasses

import arviz_stats.base
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import gapdyn as gd
from gapdyn.inference._model import prepare
from gapdyn.inference.engines._scores import from_score, to_score

TS = np.linspace(0, 12, 25)
LAW = gd.laws.shared_rate(rate=0.3)


def said(fit: gd.Fit) -> str:
    """Whether an update weighted the points of an earlier fit, or made a new one."""
    (found,) = (f for f in fit.findings if f.code in ("updated", "refitted"))
    return found.code


def disagreements(fit: gd.Fit, other: gd.Fit) -> dict[str, str]:
    """Means beyond 5 Monte Carlo standard errors, sds beyond 10% and 5 of their own errors.

    The draws are picked by weight, so their number is not what they are worth.
    """
    found = {}
    for name, a in fit.summary.items():
        b = other.summary[name]
        if not (np.isfinite(a.mean) and np.isfinite(b.mean)):
            continue  # a limit that some draws have not
        error = np.hypot(a.sd / a.ess_bulk**0.5, b.sd / b.ess_bulk**0.5)
        if abs(a.mean - b.mean) > 5 * error + 1e-9 * abs(b.mean):
            found[name] = f"mean {a.mean:.5g} against {b.mean:.5g}, error {error:.2g}"
        errors = [
            arviz_stats.base.array_stats.mcse(f.draws[name], method="sd") * max(1, f[name].size / s.ess_bulk) ** 0.5
            for f, s in ((fit, a), (other, b))
        ]
        if abs(a.sd - b.sd) > max(0.1 * b.sd, 5 * np.hypot(*errors)):
            found[name] = f"sd {a.sd:.3g} against {b.sd:.3g}"
    return found


def test_an_update_is_the_posterior_of_the_longer_run(learning_fit):
    run = gd.datasets.learning()
    short = gd.fit(run.head(22), gd.laws.shared_rate(), key=1, length=len(run))
    fit = short.update(run, key=2)
    assert said(fit) == "updated"
    assert not disagreements(fit, learning_fit)
    assert fit.data is run
    assert fit.log_lik.shape == (4, 1000, 25)
    # the weights' constants too: densities, standard units and Jacobians of both coordinate systems
    evidence = [f.quality["log_evidence"].item() for f in (fit, learning_fit)]
    assert abs(evidence[0] - evidence[1]) < 5 / fit.quality["effective"].item() ** 0.5
    assert gd.ceiling(fit).run is run


def test_updates_of_updates_weigh_the_same_points():
    run = gd.simulate(LAW, TS, noise=0.01, key=1)
    fit = gd.fit(run.head(20), gd.laws.shared_rate(), key=0, length=25)
    step = fit.update(run.head(21), key=1).update(run.head(22), key=2)
    jump = fit.update(run.head(22), key=2)
    assert step.base is fit.base
    assert step.quality["effective"] == jump.quality["effective"]
    for name, draws in step.draws.items():
        np.testing.assert_array_equal(draws, jump.draws[name])


def test_a_far_step_is_fitted_again_and_says_so():
    run = gd.simulate(LAW, TS, noise=0.002, key=1)
    fit = gd.fit(run.head(6), gd.laws.shared_rate(), key=0, length=25).update(run, key=1)
    assert said(fit) == "refitted"
    assert "do not reach to 25" in str(fit)
    assert not disagreements(fit, gd.fit(run, gd.laws.shared_rate(), key=2))
    assert fit.base is not None
    assert fit.base.checkpoints == 25


def test_the_same_run_is_the_same_fit(learning_fit):
    run = learning_fit.data
    assert learning_fit.update(run, key=0) is learning_fit
    graded = dataclasses.replace(run, extra={**run.extra, "auc_late": np.ones(len(run))})
    again = learning_fit.update(graded, key=0)
    assert again.draws is learning_fit.draws
    assert "auc_late" in again.data.extra


def changed(run: gd.Run, column: str, i: int, value: float) -> gd.Run:
    values = getattr(run, column).copy()
    values[i] = value
    return dataclasses.replace(run, **{column: values})


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (lambda r: r.head(20), "20 checkpoints, fewer than the 25"),
        (lambda r: dataclasses.replace(r, clock="epoch"), "its clock is 'epoch', that of the fit 'round'"),
        (lambda r: dataclasses.replace(r, unit="arbitrary"), "its unit is 'arbitrary'"),
        (lambda r: changed(changed(r, "u_v", 7, 0.25), "u_s", 9, 0.5), r"u_v\[7\]=0.25 was "),
        (lambda r: changed(r, "se_s", 3, np.nan), r"se_s\[3\]=nan was "),
        (lambda r: changed(r, "t", 24, 24.5), r"t\[24\]=24.5 was 24 when it was fitted"),
        (lambda r: "run.csv", "update: str is not a Run"),
    ],
)
def test_another_run_is_refused(learning_fit, other, words):
    with pytest.raises(gd.InputError, match=words):
        learning_fit.update(other(learning_fit.data), key=0)


def test_a_series_is_named_as_the_user_names_it():
    run = gd.datasets.learning()
    fit = gd.fit(run.head(20), gd.curves.exponential(), series="acc_s", key=0, length=25)
    assert said(fit.update(run.head(21), key=1)) == "updated"
    with pytest.raises(gd.InputError, match=r"acc_s\[4\]=0.5 was"):
        fit.update(changed(run, "acc_s", 4, 0.5), key=1)


def test_all_that_was_asked_for_is_kept():
    run = gd.simulate(LAW, TS, noise=0.005, se=0.02, corr=0.4, key=1)
    prior, engine = {"rho": dist.Beta(2.0, 2.0), "sigma": dist.HalfNormal(0.02)}, gd.engines.Auto(draws=500)
    asked = {"prior": prior, "engine": engine, "likelihood": gd.Likelihood(shared=0.5), "route": "exact"}
    fit = gd.fit(run.head(20), gd.laws.shared_rate(), key=0, length=25, **asked).update(run.head(21), key=1)
    fresh = gd.fit(run.head(21), gd.laws.shared_rate(), key=2, length=25, **asked)
    assert said(fit) == "updated"
    assert fit.model == fresh.model
    assert fit.draws["rho"].shape == (4, 500)
    assert not disagreements(fit, fresh)
    own = {"weighted_from": "20 checkpoints", "key": fresh.provenance["key"]}
    assert {**fit.provenance, **own} == {**fresh.provenance, **own}


def test_approximate_draws_are_not_weighted():
    run = gd.simulate(LAW, TS, noise=0.01, key=1)
    fit = gd.fit(run.head(20), gd.laws.shared_rate(), key=0, engine="laplace").update(run.head(21), key=1)
    assert said(fit) == "refitted"
    assert fit.engine.name == "laplace"


def test_a_series_that_appears_is_fitted_again():
    run = gd.simulate(LAW, TS, noise=0.005, se=0.02, key=1)
    late = dataclasses.replace(run, se_s=np.where(TS < 9, np.nan, 0.02), se_v=np.where(TS < 9, np.nan, 0.02))
    before = int(np.sum(TS < 9))
    fit = gd.fit(late.head(before), gd.laws.shared_rate(), key=0, length=25).update(late.head(before + 1), key=1)
    assert said(fit) == "refitted"
    assert "other parameters" in str(fit)
    assert "shared_s" in fit.draws


PRIORS = [dist.Uniform(-1.0, 3.0), dist.HalfCauchy(0.05), dist.HalfNormal(2.0), dist.Exponential(3.0),
          dist.Beta(0.5, 0.5), dist.Beta(2.0, 5.0),
          dist.TransformedDistribution(dist.HalfNormal(1.0), dist.transforms.AffineTransform(1.0, 0.3))]  # fmt: skip


@pytest.mark.parametrize("prior", PRIORS, ids=lambda p: type(p).__name__)
def test_scores_and_values_are_inverse(prior):
    x = jnp.linspace(-5, 4.5, 191)  # beyond, 1 - value has few digits
    np.testing.assert_allclose(to_score(prior, from_score(prior, x)), x, atol=1e-5)
    slope = jax.vmap(jax.grad(lambda v: to_score(prior, v)))(from_score(prior, x))
    back = jax.vmap(jax.grad(lambda x: from_score(prior, x)))(x)
    np.testing.assert_allclose(slope * back, 1, rtol=1e-4)


def test_points_are_moved_by_their_numbers_in_the_runs_units():
    run = gd.simulate(LAW, TS, noise=0.005, se=0.02, key=1)
    fit = gd.fit(run.head(12), gd.laws.shared_rate(), key=0, engine="importance")
    model, obs, scale = prepare(run, gd.laws.shared_rate())
    x, log_jacobian = fit.base.moved(obs, scale)
    from gapdyn.inference._model import constrain

    old, new = (
        jax.vmap(lambda row, o=o: constrain(model, o, dict(zip(fit.base.names, row, strict=True))))(jnp.asarray(v))
        for o, v in ((fit.observations, fit.base.x), (obs, x))
    )
    for name in ("rate", "rho", "u_s0", "u_v0", "sigma", "shared_s"):
        own, theirs = fit.scale.from_standard(name, old[name]), scale.from_standard(name, new[name])
        np.testing.assert_allclose(theirs, own, rtol=1e-9, err_msg=name)
    near, there = dataclasses.replace(fit.base, x=fit.base.x[:50] + 1e-6), x[:50]
    steps = np.prod((near.moved(obs, scale)[0] - there) / 1e-6, 1)
    np.testing.assert_allclose(np.log(steps), log_jacobian[:50], atol=1e-3)
    still, none = fit.base.moved(fit.observations, fit.scale)
    np.testing.assert_array_equal(still, fit.base.x)
    np.testing.assert_array_equal(none, 0)


WHOLE = {
    "bundled": (lambda: gd.datasets.learning(), gd.laws.shared_rate, {}),
    "bundled, relaxing": (lambda: gd.datasets.learning_then_sharpening(), gd.laws.relaxing_verifier, {}),
    "no errors": (lambda: gd.simulate(LAW, TS, noise=0.01, key=1), gd.laws.shared_rate, {}),
    "errors, relaxing": (
        lambda: gd.simulate(LAW, TS, noise=0.005, se=0.02, corr=0.4, key=1), gd.laws.relaxing_verifier, {}),
    "one series": (lambda: gd.datasets.learning(), gd.curves.sigmoid, {"series": "acc_s"}),
    "wanders": (
        lambda: gd.simulate(LAW, TS, noise=0.005, se=0.02, corr=0.4, key=1), gd.laws.shared_rate,
        {"likelihood": gd.Likelihood(residuals="wander")}),
    "process noise": (lambda: gd.simulate(LAW, TS, noise=0.01, key=3), gd.laws.stochastic, {}),
    "no levels": (lambda: gd.simulate(LAW, TS, noise=0.01, key=4), gd.laws.saturating_potential, {}),
    "all numbers weighted": (
        lambda: gd.simulate(LAW, TS, noise=0.01, key=5), gd.laws.shared_rate, {"engine": "importance"}),
    "nuts": (lambda: gd.datasets.inner_learning(), gd.laws.shared_rate, {"engine": "nuts"}),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", WHOLE)
def test_a_whole_run_checkpoint_by_checkpoint(case):
    """False alarms: some 250 means at 5 standard errors in each case, 1 in 7,000 cases."""
    make, law, asked = WHOLE[case]
    run, first = make(), 6 if "engine" not in asked else 14
    fit = gd.fit(run.head(first), law(), key=0, length=len(run), **asked)
    codes, wrong = [], {}
    for n in range(first + 1, len(run) + 1):
        fit = fit.update(run.head(n), key=n)
        codes.append(said(fit))
        found = disagreements(fit, gd.fit(run.head(n), law(), key=1000 + n, length=len(run), **asked))
        if found:
            wrong[n] = (codes[-1], found)
    assert not wrong
    assert codes.count("updated") >= len(codes) / 2
