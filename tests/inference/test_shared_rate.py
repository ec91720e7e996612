"""The shared-rate law's posterior in NumPy: the model's own density and numbers, whatever is stated or fixed."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import gapdyn as gd
from gapdyn.inference import prepare
from gapdyn.inference._model import constrain
from gapdyn.inference._posterior import complete
from gapdyn.inference._target import target

LAW = gd.laws.shared_rate
LIKELIHOODS = {
    "infer": gd.Likelihood(),
    "all fresh": gd.Likelihood(shared=0),
    "half shared": gd.Likelihood(shared=0.5),
    "all shared": gd.Likelihood(shared=1),
    "separate": gd.Likelihood(excess="separate"),
}
LAWS = {
    "gap_inf": LAW(),
    "u_s_inf": LAW(u_s_inf=dist.Normal(0.5, 0.2)),
    "u_v_inf": LAW(u_v_inf=dist.Normal(0.5, 0.2)),
    "fixed rho": LAW(rho=0.4),
    "fixed rate": LAW(rate=0.01, k=2.0),
    "own priors": LAW(rate=dist.LogNormal(-3.0, 0.5), rho=dist.Beta(2.0, 3.0)),
}
NOISE = {"sigma": dist.Exponential(5.0), "shared_s": dist.Beta(2.0, 2.0), "shared_v": dist.Uniform(0.2, 0.9)}


def holed() -> gd.Run:
    """Errors of one series alone at some checkpoints, u_v missing at others."""
    run = gd.datasets.near_ceiling()
    u_v, se_s = np.array(run.u_v), np.array(run.se_s)
    u_v[::4], se_s[1::3] = np.nan, np.nan
    return gd.Run("holed", run.t, u_s=run.u_s, u_v=u_v, se_s=se_s, se_v=np.where(np.isnan(u_v), np.nan, run.se_v))


def alone() -> gd.Run:
    """One series."""
    run = gd.datasets.learning()
    return gd.Run("alone", run.t, u_s=run.u_s, se_s=run.se_s)


def plain() -> gd.Run:
    """Without standard errors."""
    run = gd.datasets.learning()
    return gd.Run("plain", run.t, u_s=run.u_s, u_v=run.u_v)


CASES = {
    **{f"likelihood {n}": (gd.datasets.learning, LAW(), {"likelihood": x}) for n, x in LIKELIHOODS.items()},
    **{f"law {n}": (gd.datasets.near_ceiling, x, {}) for n, x in LAWS.items()},
    "noise": (gd.datasets.learning, LAW(), {"prior": NOISE}),
    "holed": (holed, LAW(), {}),
    "alone": (alone, LAW(), {}),
    "plain": (plain, LAW(), {}),
    "plain separate": (plain, LAW(), {"likelihood": gd.Likelihood(excess="separate")}),
}


@pytest.mark.parametrize("case", CASES)
def test_density_and_what_follows_from_draws_are_the_model_s(case: str):
    given, law, options = CASES[case]
    model, obs, scale = prepare(given(), law, **options)
    aim = target(model, obs)
    assert aim.in_numpy is not None
    ours, theirs = (dataclasses.replace(aim, in_numpy=x).collapsed((obs,)) for x in (aim.in_numpy, None))
    random = np.random.default_rng(0)
    x = 0.7 * random.normal(size=(200, ours.size + ours.extra))
    x[0] = np.nan  # has no density
    log_density, own = ours.both(x)
    assert log_density[0] == -np.inf
    np.testing.assert_allclose(log_density, theirs.values(x), rtol=1e-9, atol=1e-6)
    # and the levels have the distribution that they have given the rest: only the Jacobian is left, one number
    same = np.concatenate([np.repeat(x[1:2, : ours.size], 50, 0), random.normal(size=(50, ours.extra))], 1)
    log_density, found = ours.both(same)
    jacobian = log_density - aim.whole((obs,)).values(found)
    np.testing.assert_allclose(jacobian, jacobian[0], rtol=0, atol=1e-7)
    # what follows from draws
    z = {n: np.reshape(v, (2, -1)) for n, v in aim.split(own[2:]).items()}
    drawn = complete(model, z, obs, scale, 7)
    constrained = jax.vmap(jax.vmap(lambda one: constrain(model, obs, one)))({n: jnp.asarray(v) for n, v in z.items()})
    expected = complete(model, {n: np.asarray(v) for n, v in constrained.items()}, obs, scale, 7, constrained=True)
    assert drawn.draws.keys() == expected.draws.keys()
    for name, draws in expected.draws.items():
        np.testing.assert_allclose(drawn.draws[name], draws, rtol=1e-8, atol=1e-9, err_msg=name)
    np.testing.assert_allclose(drawn.log_lik, expected.log_lik, rtol=1e-8, atol=1e-7)
    np.testing.assert_allclose(drawn.last, expected.last, rtol=1e-10)


@pytest.mark.parametrize(
    ("law", "likelihood"),
    [
        (gd.laws.relaxing_verifier(), gd.Likelihood()),
        (LAW(), gd.Likelihood(noise="student_t")),
        (LAW(), gd.Likelihood(residuals="wander")),
        (LAW(u_s0=dist.StudentT(5.0, 1.0, 1.0)), gd.Likelihood()),
        (LAW(rho=dist.TruncatedNormal(0.5, 0.2, low=0.0, high=1.0)), gd.Likelihood()),
    ],
    ids=["law", "student_t", "wander", "level", "prior"],
)
def test_other_posteriors_go_through_the_model(law: gd.laws.LawSpec, likelihood: gd.Likelihood):
    model, obs, _ = prepare(gd.datasets.learning(), law, likelihood=likelihood)
    assert target(model, obs).in_numpy is None


def test_a_number_for_the_shared_part_is_one_whatever_its_type():
    assert gd.Likelihood(shared=1) == gd.Likelihood(shared=1.0)
    models = [prepare(gd.datasets.learning(), LAW(), likelihood=gd.Likelihood(shared=c)) for c in (1, 1.0, 0.5)]
    z = {n: np.zeros(2) for n, _ in target(*models[0][:2]).sites}
    likely = [complete(m, z, obs, scale, 0).log_lik for m, obs, scale in models]
    np.testing.assert_array_equal(likely[0], likely[1])
    assert not np.array_equal(likely[0], likely[2])
