"""Predictive checks: calibrated on healthy runs, and a planted wrong law must be seen."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats

import gapdyn as gd
from gapdyn.criticism._statistics import (
    autocorrelation,
    early_slope,
    falling_share,
    final_gap,
    largest,
    spike,
)

LAW = gd.laws.shared_rate()
TS = np.linspace(0, 10, 20)
QUICK = gd.engines.NUTS(chains=2, warmup=300, draws=500)


def test_statistics_on_hand_worked_series():
    u = np.asarray([[4.0, 3.0, 3.5, 2.0, 1.0, 0.0]])
    t = np.arange(6.0)
    assert falling_share(u) == pytest.approx([0.8])
    assert final_gap(u) == pytest.approx([1.0])
    assert early_slope(t, u) == pytest.approx([(3.5 - 4.0) / 2])
    r = np.asarray([[1.0, -1.0, 1.0, -1.0]])
    assert autocorrelation(r) == pytest.approx([-0.75])
    assert largest(np.asarray([[0.1, -0.7, 0.2]])) == pytest.approx([0.7])
    assert spike(u) == pytest.approx([2.0 / np.median([1.5, 2.0, 0.5, 0.0])])


def two_rates(key: int) -> gd.Run:
    """A run that breaks the law: solver and verifier relax at different rates."""
    rng = np.random.default_rng(key)
    u_s = 0.3 + 0.7 * np.exp(-0.8 * TS) + 0.01 * rng.normal(size=20)
    u_v = 0.2 + 0.4 * np.exp(-0.2 * TS) + 0.01 * rng.normal(size=20)
    return gd.Run(name=f"two_rates_{key}", t=TS, u_s=u_s, u_v=u_v, clock="round")


def test_a_wrong_law_is_seen_to_be_wrong():
    for key in range(3):
        seen = gd.check(gd.fit(two_rates(key), LAW, key=0, engine=QUICK))
        (misfit,) = (f for f in seen.findings if f.code == "posterior_misfit")
        assert "residuals='wander'" in misfit.remedy
        assert any(seen.statistics[f"autocorrelation_{s}"].surprising for s in ("u_s", "u_v"))


def test_a_right_law_is_left_in_peace():
    """30 healthy runs, 11 statistics each; posterior predictive p-values are conservative: 4 alarms would be a bug."""
    alarms, inside = 0, []
    for key in range(30):
        run = gd.simulate(LAW, TS, noise=0.01, key=key)
        seen = gd.check(gd.fit(run, LAW, key=key, engine=QUICK))
        alarms += bool(seen.findings)
        inside.append(seen.coverage[0.9])
    assert alarms <= 3
    # in-sample coverage of 1200 values, each inside with about 0.9; the curve is fitted, so a little more
    low, high = stats.binom.ppf([1e-5, 1 - 1e-5], 1200, 0.93) / 1200
    assert low < np.mean(inside) < high


def test_replicates_are_on_the_same_prompts(learning_fit):
    seen = gd.check(learning_fit, key=1)
    assert seen.replicates.rep_s.shape == (4000, 25)
    spread = seen.replicates.rep_s.std(0)
    assert (spread < learning_fit.data.se_s * 2).all()
    assert str(seen).startswith("posterior predictive check of learning")
    assert set(seen.to_dict()["coverage"]) == {"50%", "90%"}


def test_one_series_and_missing_values_can_be_checked():
    run = gd.simulate(LAW, TS, noise=0.01, key=0)
    only = gd.check(gd.fit(dataclasses.replace(run, u_v=None), LAW, key=0, engine=QUICK))
    assert not any(name.endswith("u_v") for name in only.statistics)
    assert "final_gap" not in only.statistics
    u_v = np.array(run.u_v)
    u_v[::3] = np.nan
    some = gd.check(gd.fit(dataclasses.replace(run, u_v=u_v), LAW, key=0, engine=QUICK))
    assert all(np.isfinite(s.p) for s in some.statistics.values())


def test_prior_check_sees_priors_that_cannot_produce_the_run():
    import numpyro.distributions as dist

    run = gd.simulate(LAW, TS, noise=0.01, key=0)
    assert gd.prior_check(run, LAW, key=0).findings == ()
    absurd = gd.laws.shared_rate(rate=dist.LogNormal(np.log(100.0), 0.01))
    assert [f.code for f in gd.prior_check(run, absurd, key=0).findings] == ["prior_misfit"]
    with pytest.raises(gd.InputError, match="draws=0"):
        gd.prior_check(run, LAW, key=0, draws=0)
