"""Power scaling: a ceiling that the data hold, and one that the prior does."""

from __future__ import annotations

import numpy as np
import numpyro.distributions as dist
import pytest

import gapdyn as gd

LONG = gd.simulate(gd.laws.shared_rate(rate=0.5), np.linspace(0, 12, 25), noise=0.004, key=2)


def test_a_finished_runs_ceiling_is_the_datas():
    found = gd.prior_sensitivity(gd.fit(LONG, gd.laws.shared_rate(), key=0))
    assert found.prior["u_s_inf"] < 0.02 < 0.05 < found.likelihood["u_s_inf"]
    assert found.findings == ()
    assert "u_s_inf" in str(found)


def test_a_short_runs_ceiling_is_the_priors():
    strong = gd.laws.shared_rate(u_s_inf=dist.Normal(0.3, 0.02))
    found = gd.prior_sensitivity(gd.fit(LONG.head(6), strong, key=0))
    assert found.prior["u_s_inf"] > 0.05
    assert {f.code for f in found.findings} & {"prior_driven", "prior_and_data"}
    assert found.to_dict()["parameters"]["u_s_inf"]["prior"] == found.prior["u_s_inf"]


def test_log_priors_are_those_of_the_stated_distributions():
    fit = gd.fit(LONG, gd.laws.shared_rate(rho=dist.Beta(2, 3)), key=0)
    assert set(fit.log_prior) == {"rate", "rho", "gap_inf", "u_s0", "u_v0", "sigma"}
    np.testing.assert_allclose(fit.log_prior["rho"], dist.Beta(2, 3).log_prob(fit.draws["rho"]), rtol=1e-9)
    rate = dist.LogNormal(np.log(1.5), 1.25).log_prob(fit.draws["rate"] * 12)  # in spans of the run
    np.testing.assert_allclose(fit.log_prior["rate"], rate, rtol=1e-6)
    tree = fit.to_arviz()
    assert float(tree["log_prior"]["rho"].values[0, 0]) == pytest.approx(float(fit.log_prior["rho"][0, 0]))
