"""Quadrature: parameters that are Gaussian given the rest, and what is left found by annealing."""

from __future__ import annotations

import numpy as np
import numpyro.distributions as dist
import pytest

import gapdyn as gd
from gapdyn.inference import prepare
from gapdyn.inference._target import linear_sites, target

TS = np.linspace(0, 8, 15)
RUN = gd.simulate(gd.laws.shared_rate(), TS, noise=0.01, key=3)
SMALL = np.full(TS.size, 0.01)
ERRORS = {
    "none stated": {},
    "stated": {"se_s": 0.02 + 0.001 * TS, "se_v": SMALL},
    "correlated": {"se_s": 2 * SMALL, "se_v": 0.01 + 0.001 * TS, "corr": 40 * SMALL},
    "one series": {"u_v": np.full(TS.size, np.nan), "se_s": SMALL},
    "gaps": {"u_s": np.where(np.arange(TS.size) % 4 == 1, np.nan, RUN.u_s), "se_s": SMALL},
}
LAWS = {
    "centred": gd.laws.shared_rate(),
    "limits": gd.laws.shared_rate(u_s_inf=dist.Normal(0.5, 0.2)),
    "coefficients": gd.laws.shared_rate(alpha=dist.LogNormal(0, 1), beta=dist.LogNormal(-1, 1)),
    "partly fixed": gd.laws.shared_rate(rho=0.3, u_s0=1.0),
    "settles by itself": gd.laws.relaxing_verifier(),
    "doses": gd.laws.shared_rate(forcing=gd.forcings.additive_impulse(gd.forcings.early(8))),
    "curve": gd.curves.two_phase(),
}


def at_random(law: gd.dynamics.LawSpec, run: gd.Run, repeats: int = 4):
    """The collapsed density over that of a standard normal e, and over the model's own at the same values of all its
    parameters: for each of 5 points of the rest, several e.
    """
    model, obs, _ = prepare(run, law)
    whole = target(model, obs)
    aim = whole.collapsed((obs,))
    random = np.random.default_rng(0)
    rest = np.repeat(random.normal(size=(5, aim.size)), repeats, 0)
    e = random.normal(size=(len(rest), aim.extra))
    found, own = aim.both(np.concatenate([rest, e], 1))
    stated = whole.values((obs,))(own)
    return (found + 0.5 * np.sum(e**2, 1)).reshape(5, repeats), (found - stated).reshape(5, repeats), aim


@pytest.mark.parametrize("errors", ERRORS)
def test_levels_are_gaussian_given_the_rest_whatever_the_errors(errors):
    values, ratios, aim = at_random(
        gd.laws.shared_rate(), gd.Run(RUN.name, **{"t": TS, "u_s": RUN.u_s, "u_v": RUN.u_v, **ERRORS[errors]})
    )
    assert aim.extra == 3
    assert np.isfinite(values).all()
    for found in (values, ratios):  # the Jacobian of the way from e depends on the rest alone
        np.testing.assert_allclose(found, found[:, :1].repeat(4, 1), rtol=0, atol=1e-7)


@pytest.mark.parametrize("law", LAWS)
def test_levels_are_gaussian_given_the_rest_whatever_the_law(law):
    for found in at_random(LAWS[law], RUN)[:2]:
        np.testing.assert_allclose(found, found[:, :1].repeat(4, 1), rtol=0, atol=1e-7)


def test_points_come_back_to_the_posterior_they_are_of():
    """The density of a point is that of the model there, with the Jacobian of the way."""
    model, obs, _ = prepare(RUN, gd.laws.relaxing_verifier())
    whole = target(model, obs)
    aim = whole.collapsed((obs,))
    x = np.random.default_rng(1).normal(size=(3, whole.size))
    inside = x.copy()
    step = 1e-5
    for i in range(3):
        ways = [aim.back(x[i] + s * step * np.eye(whole.size)) for s in (1, -1)]
        jacobian = (ways[0] - ways[1]) / (2 * step)
        inside[i] = aim.back(x[i : i + 1])[0]
        expected = whole.values((obs,))(inside[i : i + 1])[0] + np.linalg.slogdet(jacobian)[1]
        assert aim.values(x[i : i + 1])[0] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("likelihood", [gd.Likelihood(noise="student_t"), gd.Likelihood(shared=0.5)])
def test_levels_are_given_by_the_rest_with_gaussian_errors_only(likelihood):
    model, obs, _ = prepare(RUN, gd.laws.shared_rate(), likelihood=likelihood)
    assert bool(linear_sites(model, obs)) == (likelihood.noise == "gaussian")


def test_a_prior_that_is_not_normal_takes_its_level_out():
    prior = {"u_s0": dist.StudentT(4.0, 1.0, 0.5)}
    model, obs, _ = prepare(RUN, gd.laws.relaxing_verifier(), prior=prior)
    assert linear_sites(model, obs) == ("gap_inf", "u_v_inf", "u_v0")
    centred, obs, _ = prepare(RUN, gd.laws.shared_rate(), prior={"gap_inf": dist.StudentT(4.0, 0.0, 1.0)})
    assert linear_sites(centred, obs) == ()


def test_quadrature_and_importance_sampling_have_one_evidence():
    fits = [gd.fit(RUN, gd.laws.shared_rate(), key=0, engine=e) for e in ("quadrature", "importance")]
    evidence = [f.quality["log_evidence"].item() for f in fits]
    assert evidence[0] == pytest.approx(evidence[1], abs=0.05)
    assert fits[0].quality["pareto_k"] < 0.5


@pytest.mark.parametrize("seed", range(3))
def test_two_ways_to_tell_a_run_are_both_found(seed):
    """A relaxing verifier tells this run in two ways, and the less likely one is the wider: most climbs end there."""
    fit = gd.fit(gd.datasets.inner_learning(), gd.laws.relaxing_verifier(), key=seed, engine="quadrature")
    share = np.mean(fit["rho"] > 0.55)
    assert 0.75 < share < 0.92
    assert not [f for f in fit.findings if f.code in ("pareto_k", "ess", "rhat")]


def test_what_has_no_levels_is_refused_with_the_way_out():
    with pytest.raises(gd.InputError, match="engine='importance'"):
        gd.fit(RUN, gd.laws.saturating_potential(), key=0, engine="quadrature")
    auto = gd.fit(RUN, gd.laws.saturating_potential(), key=0, engine=gd.engines.Auto(chains=2, warmup=50, draws=50))
    assert auto.engine.name in ("importance", "nuts")
