"""Sobol indices against formulas and SciPy's estimator; swings and slopes against the law itself."""

from __future__ import annotations

import numpy as np
import numpyro.distributions as dist
import pytest
from scipy.stats import sobol_indices

import gapdyn as gd
from gapdyn.sweeps._global_sensitivity import indices

RANGES = {"u_s0": (0.9, 1.1), "u_v0": (0.5, 0.6), "gap_inf": (0.0, 0.1)}


@pytest.fixture(scope="module")
def additive():
    """The ceiling is linear in levels: U_s,inf = (U_v0 - rho U_s0 + G_inf)/(1 - rho)."""
    return gd.global_sensitivity(gd.laws.shared_rate(rho=0.3), RANGES, n=4096)


def test_indices_of_a_sum_are_shares_of_its_variance(additive):
    slopes = {"u_s0": -0.3 / 0.7, "u_v0": 1 / 0.7, "gap_inf": 1 / 0.7}
    variance = {n: slopes[n] ** 2 * (high - low) ** 2 / 12 for n, (low, high) in RANGES.items()}
    whole = sum(variance.values())
    for name, v in variance.items():
        assert additive.first[name] == pytest.approx(v / whole, abs=2e-3)
        assert additive.total[name] == pytest.approx(v / whole, abs=2e-3)
        assert additive.slope[name] == pytest.approx(slopes[name], rel=1e-10)
        low, high = additive.swing[name]
        span = 0.9 * (RANGES[name][1] - RANGES[name][0])
        assert high - low == pytest.approx(slopes[name] * span, rel=1e-10)
    assert additive.sd == pytest.approx(np.sqrt(whole), rel=1e-3)
    assert additive.order[-1] == "u_s0"
    assert additive.findings == ()


def test_interactions_are_in_the_total_alone():
    found = gd.global_sensitivity(gd.laws.shared_rate(), {"rho": (0.0, 0.8), "gap_inf": (0.0, 0.3)}, n=1024)
    for name in ("rho", "gap_inf"):
        assert found.total[name] > found.first[name] + 0.05
    assert sum(found.first.values()) < 1 < sum(found.total.values())
    assert str(found).startswith("what u_s_inf depends on: shared-rate law at rate=0.5, u_s0=1, u_v0=0.6")


def test_the_estimator_is_scipys():
    dice = np.random.default_rng(0)
    f = dice.normal(size=(5, 256)) + dice.normal(size=256)
    theirs = sobol_indices(func={"f_A": f[None, 0], "f_B": f[None, 1], "f_AB": f[2:, None]}, n=256)
    first, total = indices(f)
    np.testing.assert_allclose(first, theirs.first_order, rtol=1e-10)
    np.testing.assert_allclose(total, theirs.total_order, rtol=1e-10)


def test_points_that_fail_are_left_out_and_said():
    found = gd.global_sensitivity(gd.laws.shared_rate(), {"rho": (-0.2, 0.8), "gap_inf": (0.0, 0.1)}, n=256)
    assert [f.code for f in found.findings][0:1] == ["invalid"]
    assert 0 < found.total["gap_inf"] < 1


def test_distributions_and_times_are_taken():
    ranges = {"rate": dist.LogUniform(0.1, 1.0), "u_s0": dist.Normal(1.0, 0.05)}
    found = gd.global_sensitivity(gd.laws.shared_rate(), ranges, "gap", [4.0], n=512)
    assert found.ranges["rate"].startswith("LogUniform(")
    law = gd.laws.shared_rate(rate=np.sqrt(0.1), u_s0=1.0)
    assert found.middle == pytest.approx(float(gd.solve(law, [4.0]).gap[0]), rel=1e-6)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"n": 8}, "at least 64 points"),
        ({"of": "trajectory", "ts": [1.0]}, "one number"),
        ({"of": "d ceiling"}, "one number"),
        ({"of": "gap"}, "Pass ts="),
        ({"ranges": {"roh": (0, 1)}}, "Did you mean 'rho'"),
        ({"ranges": {"rho": (2, 3)}}, "too few for indices"),
        ({"of": "gap_inf", "ranges": {"rate": (0.1, 1)}}, "depends on none of rate"),
    ],
)
def test_what_cannot_be_asked_is_refused(more, says):
    with pytest.raises(gd.InputError, match=says):
        gd.global_sensitivity(**{"law": gd.laws.shared_rate(), "ranges": RANGES, "n": 64, **more})
