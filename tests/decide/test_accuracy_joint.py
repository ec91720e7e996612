"""The weighted draws of a fit are draws of the joint posterior of curves and link: against NumPyro's NUTS of it all."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.diagnostics import effective_sample_size
from numpyro.handlers import trace
from numpyro.infer import MCMC, NUTS
from scipy.special import expit, xlogy

import gapdyn as gd
from gapdyn.inference._model import prepare

LAW = gd.laws.shared_rate()
PROMPTS = 600.0


@pytest.fixture(scope="module")
def run() -> gd.Run:
    """Ten checkpoints with much noise, one and a half time constants long: accuracy has much to say of the curve."""
    law = gd.laws.shared_rate(rate=0.15, rho=0.4, gap_inf=0.2, u_s0=2.0, u_v0=1.2)
    t = np.arange(10.0)
    seen = gd.simulate(law, t, noise=0.06, key=3)
    u = np.asarray(gd.solve(law.law(), t).u_s)
    random = np.random.default_rng(0)
    right = random.binomial(int(8 * PROMPTS), expit(2.2 - 1.6 * u))
    return dataclasses.replace(seen, acc_s=right / (8 * PROMPTS), n_acc=np.full(10, 8 * PROMPTS))


def joint(run: gd.Run, model, obs, scale):
    """The curves' own model and, beside it, the link on its course."""
    counts = run.n_acc
    right, wrong = run.acc_s * counts, (1 - run.acc_s) * counts
    best = float(np.sum(xlogy(right, right / counts) + xlogy(wrong, wrong / counts)))
    low, high = float(run.u_s.min()), float(run.u_s.max())

    def whole():
        sites = trace(model).get_trace(obs)
        values = model.complete({n: s["value"] for n, s in sites.items()}, obs)
        course = scale.origin + scale.size * model.solve_at(values, obs.ts, obs, model.route).u_s[: len(run)]
        level = numpyro.sample("level", dist.Normal(0, 5))
        gain = numpyro.sample("gain", dist.HalfNormal(2.5))
        spread = 1 + numpyro.sample("more", dist.HalfCauchy(0.5))
        score = level + gain * ((low + high) / 2 - course) / (high - low)
        fit = jnp.sum(right * score - counts * jnp.logaddexp(0.0, score)) - best
        numpyro.factor("counts", fit / spread**2 - len(run) * jnp.log(spread))
        numpyro.deterministic("end", scale.origin + scale.size * values["u_s_inf"])
        numpyro.deterministic("c", gain / (high - low))
        numpyro.deterministic("a", level + gain * (low + high) / 2 / (high - low))
        numpyro.deterministic("spread", spread)

    return whole


@pytest.mark.slow
def test_it_is_the_posterior_of_the_joint_model(run):
    model, obs, scale = prepare(run, LAW)
    kernel = NUTS(joint(run, model, obs, scale), dense_mass=True, target_accept_prob=0.95)
    sampler = MCMC(kernel, num_warmup=1000, num_samples=4000, num_chains=2, chain_method="vectorized",
                   progress_bar=False)  # fmt: skip
    sampler.run(jax.random.key(0))
    reference = {n: np.asarray(x) for n, x in sampler.get_samples(group_by_chain=True).items()}
    reference["log(spread - 1)"] = np.log(reference["more"])
    reference["limit"] = expit(reference["a"] - reference["c"] * reference["end"])

    fit = gd.fit(run, LAW, key=0, engine=gd.engines.Quadrature(draws=10_000))
    found = gd.accuracy(fit, prompts="same")
    link = found.links["acc_s"]
    assert link.holds
    assert found.joint == ("acc_s",)
    assert found.k_hat < 0.7
    ours = {"a": link.a, "c": link.c, "log(spread - 1)": np.log(link.spread - 1), "limit": link.limit}
    for name, draws in ours.items():
        chains = reference[name]
        mcse = np.hypot(chains.std() / np.sqrt(effective_sample_size(chains)), draws.std() / np.sqrt(found.ess))
        assert abs(draws.mean() - chains.mean()) < 5 * mcse, name
        assert draws.std() == pytest.approx(chains.std(), rel=0.1), name
    # accuracy had its say, or agreement would show nothing
    assert reference["end"].std() < 0.8 * fit["u_s_inf"].std()


def test_the_proposals_average_to_the_evidence(run):
    """Against brute force on a grid of level, gain and spread, for one course."""
    from gapdyn.decide._link import _log_likelihood, graded, propose

    data = graded(run, "acc_s")
    assert data is not None
    course = np.tile(run.u_s, (4000, 1))
    found = propose(data, course, np.random.default_rng(0))
    draws = np.exp(found.log_evidence)
    level, gain = np.linspace(-2, 1, 301), np.linspace(0, 4, 401)[1:]
    pairs = np.stack(np.meshgrid(level, gain, indexing="ij"), -1).reshape(-1, 2)
    fit = _log_likelihood(data, data.fallen(course[:1]), *pairs.T)
    prior = dist.Normal(0, 5).log_prob(pairs[:, 0]) + dist.HalfNormal(2.5).log_prob(pairs[:, 1])
    spread = np.exp(np.linspace(0, np.log(100), 201)[1:])
    cells = spread * np.log(100) / 200 * np.exp(dist.HalfCauchy(0.5).log_prob(spread - 1))
    each = [np.sum(np.exp(fit / s**2 - len(run) * np.log(s) + prior)) * 0.01 * 0.01 for s in spread]
    exact = float(np.sum(cells * np.asarray(each)))
    assert abs(draws.mean() - exact) < 5 * draws.std() / np.sqrt(len(draws)) + 0.005 * exact
