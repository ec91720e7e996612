"""Leave-future-out: scores, weights, and that nothing of the future gets into a forecast."""

from __future__ import annotations

import dataclasses
import functools
import json
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

import gapdyn as gd
from gapdyn.criticism._backtest import first_origin, mixed
from gapdyn.criticism._rolling import ENGINE
from gapdyn.criticism._scores import crps, log_mean_exp, quantiles, score
from gapdyn.criticism._weights import METHODS, pseudo_bma, shared_votes, stacking
from gapdyn.inference._ahead import ahead

RUN = gd.simulate(gd.laws.shared_rate(rate=0.2), np.linspace(0, 9.5, 20), noise=0.005, key=3)
LAWS = {law.name: law for law in (gd.laws.shared_rate(), gd.curves.two_phase(), gd.curves.persistence())}


@functools.cache
def backtested() -> gd.Backtest:
    return gd.backtest(RUN, LAWS, origins=[10, 14], key=0, progress=False)


def test_other_processes_say_the_same():
    code = """
import jax, numpy as np, gapdyn as gd
jax.config.update("jax_enable_x64", True)
run = gd.simulate(gd.laws.shared_rate(rate=0.2), np.linspace(0, 9.5, 20), noise=0.005, key=3)
laws = [gd.curves.persistence(), gd.laws.shared_rate()]
here, there = (gd.backtest(run, laws, origins=[12], key=0, workers=n, progress=False) for n in (1, 2))
np.testing.assert_allclose(there.origins[0].rep, here.origins[0].rep, rtol=1e-6)
assert there.origins[0].weights == here.origins[0].weights
fits = [b.rolled["shared_rate"][12].fit for b in (here, there)]
assert fits[0].model == fits[1].model
np.testing.assert_allclose(*(f.curves([20.0]).u_s for f in fits), rtol=1e-6)
"""
    subprocess.run([sys.executable, "-c", code], check=True)  # in a process without what instruments tests' calls


def test_crps_is_that_of_the_gaussian():
    draws, y = np.random.default_rng(0).normal(size=(20_000, 3)), np.asarray([-1.0, 0.2, 2.0])
    exact = y * (2 * stats.norm.cdf(y) - 1) + 2 * stats.norm.pdf(y) - 1 / np.sqrt(np.pi)
    np.testing.assert_allclose(crps(draws, y), exact, atol=0.015)


def test_scores_count_what_was_measured_in_the_stated_unit():
    rep = np.random.default_rng(1).normal([[1.0, 3.0], [2.0, 4.0]], 0.1, (4000, 2, 2))
    y = np.asarray([[1.1, np.nan], [np.nan, np.nan]])
    s = score(rep, np.asarray([2.0, 5.0]), y, np.asarray([0.5, np.nan]))
    assert s.summary()["elpd"] == 2.0
    assert s.summary()["rmse"] == pytest.approx(0.2, abs=0.01)
    assert s.summary()["width"] == pytest.approx(2 * 1.645 * 0.1 / 0.5, rel=0.05)
    assert np.isnan(s.crps[1])


def test_log_mean_exp_stands_extremes():
    x = np.asarray([[-1e4, 700.0], [-1e4 + np.log(3), 700.0]])
    np.testing.assert_allclose(log_mean_exp(x), [-1e4 + np.log(2), 700.0])
    np.testing.assert_allclose(log_mean_exp(x, np.asarray([1.0, 0.0])), [-1e4, 700.0])


@pytest.mark.parametrize("method", METHODS.values())
def test_weights_follow_evidence_and_else_stay_equal(method):
    random = np.random.default_rng(2)
    few = random.normal(0, 0.5, (5, 4))  # no law is better: noise must not choose
    assert np.max(method(few, np.ones(5))) < 0.45
    many = np.concatenate([random.normal(0, 0.5, (40, 3)), random.normal(1.5, 0.5, (40, 1))], 1)
    assert method(many, np.ones(40))[3] > 0.75
    twins = np.repeat(random.normal(0, 1, (20, 1)), 3, 1)
    np.testing.assert_allclose(method(twins, np.ones(20)), 1 / 3, atol=1e-6)
    impossible = np.where(np.arange(4) == 0, -np.inf, 0.0) * np.ones((10, 1))
    weight = method(impossible, np.ones(10))
    assert np.isfinite(weight).all()
    assert weight[0] < 0.15


def test_stacking_takes_what_complements():
    """Two laws that are right by turns beat a third that is middling always; pseudo-BMA looks at sums alone."""
    turns = np.tile([[0.0, -4.0, -1.2], [-4.0, 0.0, -1.2]], (20, 1))
    assert stacking(turns, np.ones(40))[2] < 0.1
    assert pseudo_bma(turns, np.ones(40))[2] > 2 * stacking(turns, np.ones(40))[2]


def test_laws_that_say_the_same_share_a_vote():
    said = np.random.default_rng(3).normal(0, 1, (6, 1, 2)) + np.array([0.0, 0.0, 0.0, 3.0])[:, None]
    once = np.ones(6)
    np.testing.assert_allclose(shared_votes(said, np.ones_like(said), once), [1 / 6, 1 / 6, 1 / 6, 1 / 2], atol=1e-3)
    apart = said + np.arange(4)[:, None]
    np.testing.assert_allclose(shared_votes(apart, np.ones_like(said), once), 1 / 4, atol=1e-3)
    wider = np.broadcast_to(np.array([1.0, 1.0, 1.0, 4.0])[:, None], said.shape)
    np.testing.assert_allclose(shared_votes(said * 0, wider, once), [1 / 6, 1 / 6, 1 / 6, 1 / 2], atol=1e-3)
    some = shared_votes(np.array([[[0.0], [0.5], [9.0]]]), np.ones((1, 3, 1)), once[:1])
    assert some[0] / some[2] == pytest.approx(1 / (1 + np.exp(-0.75)), abs=0.001)
    said[:, 3] = np.nan  # no forecast
    np.testing.assert_allclose(shared_votes(said, np.ones_like(said), once), [1 / 6, 1 / 6, 1 / 6, 1 / 2], atol=1e-3)
    np.testing.assert_allclose(shared_votes(said[..., :0], said[..., :0], once), 1 / 4)  # nothing measured


@pytest.mark.parametrize("method", METHODS.values())
def test_votes_are_the_weights_of_which_nothing_is_said(method):
    votes = np.array([0.2, 0.3, 0.5])
    np.testing.assert_allclose(method(np.zeros((5, 3)), np.ones(5), votes), votes, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_a_law_given_thrice_has_the_weight_of_one(method):
    rivals = {"level": gd.curves.persistence(), "law": gd.laws.shared_rate()}
    clones = {**rivals, "again": gd.laws.shared_rate(), "more": gd.laws.shared_rate()}
    short = RUN.head(8)  # little is told
    once, thrice = (
        gd.backtest(short, laws, origins=[6], key=0, weights=method, progress=False).origins[0].weights
        for laws in (rivals, clones)
    )
    assert 0.02 < once["level"] < 0.98
    assert thrice["level"] == pytest.approx(once["level"], abs=0.05)


def test_quantiles_of_weighted_draws():
    random = np.random.default_rng(4)
    draws, often = random.normal(size=(50, 3, 2)), random.integers(0, 4, 50)
    q = (0.16, 0.5, 0.84)
    found = quantiles(draws, q, often.astype(float))
    np.testing.assert_array_equal(found, np.quantile(np.repeat(draws, often, 0), q, axis=0, method="inverted_cdf"))


def test_what_a_fit_says_ahead_is_what_its_forecast_says():
    fit = gd.fit(RUN.head(12), gd.laws.shared_rate(), key=0, likelihood=gd.Likelihood(residuals="wander"))
    seen, curves = ahead(fit, RUN, key=1), fit.curves(RUN.t[12:], key=2)
    np.testing.assert_allclose(seen.y, np.stack([RUN.u_s, RUN.u_v], -1)[12:])
    for i, rep in enumerate((curves.rep_s, curves.rep_v)):
        scale = rep.std(0) / np.sqrt(len(rep) / 2)
        assert np.all(np.abs(seen.rep[:, :, i].mean(0) - rep.mean(0)) < 5 * scale)
        np.testing.assert_allclose(seen.rep[:, :, i].std(0), rep.std(0), rtol=0.1)


@pytest.mark.parametrize("law", [gd.laws.shared_rate(), gd.laws.stochastic()])
def test_weighted_draws_of_an_earlier_fit_stand_for_a_later_one(law):
    likelihood = gd.Likelihood(residuals="wander")
    early, late = (gd.fit(RUN.head(n), law, key=n, likelihood=likelihood, length=20) for n in (12, 13))
    updated, exact = ahead(early, RUN, seen=13), ahead(late, RUN)
    weight = np.exp(updated.log_lik_seen - updated.log_lik_seen.max())
    np.testing.assert_allclose(log_mean_exp(updated.log_lik, weight), log_mean_exp(exact.log_lik), atol=0.1)
    np.testing.assert_allclose(
        np.average(updated.rep, axis=0, weights=weight), exact.rep.mean(0), atol=0.1 * exact.rep.std(0).max()
    )


def test_the_chain_rule_of_log_densities():
    """What each checkpoint adds, given those before it, sums to the log density of all of them at once."""
    fit = gd.fit(RUN.head(12), gd.laws.shared_rate(), key=0, likelihood=gd.Likelihood(residuals="wander"))
    seen = ahead(fit, RUN, draws=50)
    np.testing.assert_allclose(seen.log_lik[:, 0], seen.log_lik_next[:, 0], rtol=1e-9)
    later = ahead(fit, RUN, seen=15, draws=50)
    np.testing.assert_allclose(later.log_lik_seen, seen.log_lik_next[:, :3].sum(1), rtol=1e-9)
    np.testing.assert_allclose(later.log_lik[:, 0], seen.log_lik_next[:, 3], rtol=1e-9)


def test_the_truth_wins():
    b = backtested()
    for origin in b.origins:
        assert max(origin.weights, key=lambda n: origin.weights[n]) == "shared_rate"
        assert sum(origin.weights.values()) == pytest.approx(1)
        assert origin.scores.summary()["rmse"] < origin.law_scores["persistence"].summary()["rmse"]
    assert b.scores["weighted"]["rmse"] < 1.5 * b.scores["shared_rate"]["rmse"]
    assert [n for n, p in b.rolled["shared_rate"].items() if p.fit is None], "no origin was an update"
    assert "backtest of simulated" in str(b)


def test_a_run_that_jumped_is_foretold_by_its_last_level():
    level = np.where(np.arange(20) < 5, [[5.6], [4.4]], [[1.6], [1.5]])
    u_s, u_v = level + np.random.default_rng(5).normal(0, 0.05, level.shape)
    jumped = gd.Run("jumped", np.arange(20.0), u_s=u_s, u_v=u_v)
    laws = [gd.laws.shared_rate(), gd.curves.power_law(), gd.curves.persistence(), gd.curves.jump()]
    b = gd.backtest(jumped, laws, origins=[10, 15], key=0, progress=False)
    for origin in b.origins:
        assert max(origin.weights, key=lambda n: origin.weights[n]) == "jump"
        ours, last = origin.scores.summary(), origin.law_scores["persistence"].summary()
        assert ours["rmse"] < 1.15 * last["rmse"]
        assert ours["coverage"] > 0.8
        assert ours["crps"] < 0.5 * last["crps"]


def test_how_far_in_the_tails_a_jump_was_does_not_decide():
    scores = np.array([[-700.0, -200.0, -350.0], *5 * [[-3.0, -3.0, 2.0]]])
    weights = pseudo_bma(scores, np.ones(6))
    assert weights[2] > 0.7
    none = pseudo_bma(np.array([[-np.inf, -np.inf], [0.0, -20.0]]), np.ones(2))
    assert np.isfinite(none).all()
    assert none[0] > 0.6


def test_nothing_of_the_future_gets_into_a_forecast():
    changed = dataclasses.replace(RUN, u_s=np.where(np.arange(20) < 14, RUN.u_s, 99.0))
    again = gd.backtest(changed, LAWS, origins=[10, 14], key=0, progress=False)
    for before, after in zip(backtested().origins, again.origins, strict=True):
        assert before.weights == after.weights
        np.testing.assert_array_equal(before.rep, after.rep)


def test_its_json_has_what_is_promised():
    d = json.loads(json.dumps(backtested().to_dict()))
    origin = d["origins"][0]
    assert (origin["train"], len(origin["t"])) == (10, 10)
    for part in (origin, *origin["laws"].values()):
        for series in ("u_s", "u_v"):
            assert {k: len(v) for k, v in part[series].items()} == dict.fromkeys(("mean", "q05", "q50", "q95"), 10)
        assert set(part["scores"]) == {"elpd", "crps", "rmse", "coverage", "width"}
    assert set(origin["weights"]) == set(LAWS)


def test_a_mixture_has_each_law_in_proportion():
    reps = {"a": np.zeros((100, 1, 2)), "b": np.ones((100, 1, 2))}
    rep = mixed(reps, {"a": 0.25, "b": 0.75}, np.random.default_rng(0))
    assert len(rep) == 4000
    assert rep.mean() == pytest.approx(0.75)


def test_one_series_and_missing_values():
    holes = np.where(np.arange(20) % 7 == 5, np.nan, RUN.u_v)
    for run in (gd.Run("one", t=RUN.t, u_s=RUN.u_s), gd.Run("holes", t=RUN.t, u_s=RUN.u_s, u_v=holes)):
        b = gd.backtest(run, gd.laws.shared_rate(), origins=[12], key=0, progress=False)
        assert ("u_v" in b.origins[0].to_dict()) == (run.name == "holes")
        assert np.isfinite(list(b.scores["weighted"].values())).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"origins": []}, "no origins"),
        ({"origins": [3]}, "fit the first 4 to 19"),
        ({"origins": [20]}, "fit the first 4 to 19"),
        ({"origins": [10.5]}, "fit the first 4 to 19"),
        ({"origins": [10], "laws": []}, "no laws"),
        ({"origins": [10], "weights": "best"}, "pseudo_bma"),
    ],
)
def test_bad_requests_are_named(arguments, said):
    with pytest.raises(gd.InputError, match=said):
        gd.backtest(RUN, arguments.pop("laws", LAWS), key=0, **arguments)


def test_rivals_follow_the_learning_rate_where_it_is_logged():
    assert "lr_clock" not in gd.rivals(RUN)
    assert "lr_clock" in gd.rivals(dataclasses.replace(RUN, extra={"learning_rate": np.ones(20)}))
    assert ENGINE.fallback is False
    assert first_origin(10) == 5
