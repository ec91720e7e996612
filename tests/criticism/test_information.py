"""How many more checkpoints would tell laws apart."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import gapdyn as gd
from gapdyn.criticism._information import _ahead, _log_normal, _moments
from gapdyn.criticism._scores import log_mean_exp
from gapdyn.inference._ahead import ahead

TRUE = gd.laws.shared_rate(rate=0.3, rho=0.4, gap_inf=0.1, u_s0=2.0, u_v0=1.4)
LAWS = [gd.laws.shared_rate(), gd.curves.power_law(), gd.curves.local_linear()]


@functools.cache
def compared(noise: float = 0.01) -> gd.Comparison:
    """After two time constants, with weights made equal: what is asked is what comes after."""
    run = gd.simulate(TRUE, np.arange(8.0), noise=noise, key=3)
    found = gd.compare(run, LAWS, key=0, progress=False, engine=gd.engines.Auto(draws=1000, fallback=False))
    return dataclasses.replace(found, weights=dict.fromkeys(found.weights, 1 / 3))


def test_more_checkpoints_tell_more():
    found = gd.information(compared(), more=(1, 4, 16), key=1)
    assert found.more == (1, 4, 16)
    assert found.step == 1.0
    assert np.all(np.diff(found.told) >= -0.02)
    assert found.told[0] < 0.3
    mean = np.mean(list(found.weight.values()), 0)
    assert np.all(np.diff(mean) > 0)
    assert mean[0] > 1 / 3 - 0.02  # what is to be expected of evidence
    assert mean[-1] > 0.5
    assert found.enough in (None, 1, 4, 16)
    assert f"{found.told[-1]:.0%}" in str(found)
    assert found.to_dict()["weight_if_true"]["power_law"] == found.weight["power_law"].tolist()


@pytest.mark.slow
def test_more_noise_tells_less():
    clear, blurred = (gd.information(compared(noise), more=(10,), key=1) for noise in (0.01, 0.1))
    assert clear.told[0] > blurred.told[0]


def test_laws_of_no_weight_have_no_part():
    one = dataclasses.replace(compared(), weights={"shared_rate": 0.97, "power_law": 0.02, "local_linear": 0.01})
    found = gd.information(one, more=(1, 2))
    assert list(found.weights) == ["shared_rate"]
    assert found.told.tolist() == [1, 1]
    assert found.enough == 1


def test_moments_stand_for_the_predictive_density():
    """log p(continuation | run, law), exactly from draws, against the Gaussian by moments: which law it favours."""
    found = compared()
    ts = 7.0 + np.arange(1, 4)
    exact, normal = [], []
    for name in ("shared_rate", "local_linear"):
        moments = _moments(_ahead(found, name, ts, 1))
        rows = []
        for i in range(20):
            later = gd.simulate(TRUE, np.arange(11.0), noise=0.01, key=100 + i)
            whole = dataclasses.replace(later, u_s=np.r_[found.run.u_s, later.u_s[8:]],
                                        u_v=np.r_[found.run.u_v, later.u_v[8:]])  # fmt: skip
            seen = ahead(found.fits[name], whole)
            y = np.stack([whole.u_s[8:], whole.u_v[8:]], -1)
            rows.append((float(log_mean_exp(seen.log_lik_next.sum(1))), _log_normal(y[None], *moments)[0]))
        a, b = np.transpose(rows)
        exact.append(a)
        normal.append(b)
    exactly, nearly = exact[0] - exact[1], normal[0] - normal[1]
    assert np.mean(nearly - exactly) == pytest.approx(0, abs=0.5)  # in nats, of which a quarter counts
    assert np.corrcoef(exactly, nearly)[0, 1] > 0.9


def test_the_density_is_the_normal_one():
    x = np.random.default_rng(0).normal(size=(50, 3, 2)) @ np.array([[1.0, 0.4], [0.0, 0.3]])
    mean, factor = _moments(x)
    expected = multivariate_normal(mean, factor @ factor.T).logpdf(x.reshape(50, 6))
    assert _log_normal(x, mean, factor) - 3 * np.log(2 * np.pi) == pytest.approx(expected)


@pytest.mark.parametrize("more", [(), (0,), (2.5,), (41,), (True,)], ids=str)
def test_numbers_that_are_none_are_refused(more):
    with pytest.raises(gd.InputError, match="1 to 40"):
        gd.information(compared(), more=more)
