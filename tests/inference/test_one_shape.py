"""One-shape posteriors outright: the model's own density and numbers, and the posterior that a search finds."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import gapdyn as gd
from gapdyn.inference import _fit as fitting
from gapdyn.inference import prepare
from gapdyn.inference._nested import Base, Grid, Size, _merged, nested
from gapdyn.inference._one_shape import OneShape
from gapdyn.inference._quick import quick_exp, quick_log
from gapdyn.inference._target import target
from gapdyn.inference.engines._pareto import smooth

SMALL = Size(64, 8, 3, 12)
TS = np.linspace(0, 8, 17)


def run(seed: int = 3, seen: float = 3.0, rho: float = 0.4, noise: float = 0.02, fall: float = 0.6) -> gd.Run:
    """A run with holes, seen for so many time constants."""
    random = np.random.default_rng(seed)
    s = -np.expm1(-seen * TS / 8)
    u = np.stack([1.2 - fall * s, 0.9 - rho * fall * s]) + noise * random.normal(size=(2, TS.size))
    u[random.uniform(size=u.shape) < 0.15] = np.nan
    u[0, :2] = [1.2, 1.2 - fall * s[1]]
    u[0, np.isnan(u).all(0)] = 1.0
    return gd.Run(f"run {seed}", TS, u_s=u[0], u_v=u[1])


LAWS = {
    "gap_inf": gd.laws.shared_rate(),
    "u_s_inf": gd.laws.shared_rate(u_s_inf=dist.Normal(0.5, 0.2)),
    "u_v_inf": gd.laws.shared_rate(u_v_inf=dist.Normal(0.5, 0.2)),
    "own priors": gd.laws.shared_rate(
        rate=dist.LogNormal(-1.0, 0.5), rho=dist.Uniform(0.1, 0.8), gap_inf=dist.Normal(0.1, 0.1), k=2.0
    ),
}
RUNS = {
    "whole": {},
    "a tenth": {"seen": 0.2},
    "flat": {"fall": 1e-3},
    "ratio near 1": {"rho": 0.995},
    "ratio near 0": {"rho": 0.005},
    "hardly any noise": {"noise": 1e-5},
    "much noise": {"noise": 0.3},
}


def outright(law: gd.laws.LawSpec, given: gd.Run, **options):
    model, obs, scale = prepare(given, law, **options)
    aim = target(model, obs)
    assert aim.outright is not None
    return aim, obs, aim.outright((obs,), np.random.default_rng(0), 100), scale


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("prior", [{}, {"sigma": dist.HalfNormal(0.1)}], ids=["", "normal"])
def test_density_is_the_model_s(law: str, prior: dict):
    aim, obs, found, _ = outright(LAWS[law], run(), prior=prior)
    some = np.flatnonzero(np.isfinite(found.log_target))[::97]
    e = np.random.default_rng(1).normal(size=(len(some), 3))
    collapsed = aim.collapsed((obs,))
    assert collapsed.size == found.x.shape[1]
    log_density = collapsed.values(np.concatenate([found.x[some], e], 1))
    marginal = log_density + 0.5 * np.sum(e**2 + np.log(2 * np.pi), 1)
    np.testing.assert_allclose(found.log_target[some], marginal, rtol=0, atol=1e-6)
    # and its own vectors are the points': what the rest is, and levels that are likely given it
    names = [n for n, _ in aim.sites]
    rest = [names.index(n) for n, _ in aim.rest]
    np.testing.assert_array_equal(found.own[:, rest], found.x)


@pytest.mark.parametrize("which", RUNS)
def test_weights_are_verified_and_give_the_posterior_that_a_search_finds(which: str, monkeypatch):
    given, law, engine = run(**RUNS[which]), gd.laws.shared_rate(), gd.engines.Quadrature(draws=2500)
    ours = gd.fit(given, law, key=1, engine=engine)
    assert ours.proposal is None  # of a search there would be one
    assert ours.quality["pareto_k"] < 0.7
    assert ours.quality["effective"] >= 10_000
    searched = lambda *given: dataclasses.replace(target(*given), outright=None)  # noqa: E731
    monkeypatch.setattr(fitting, "target", searched)
    theirs = gd.fit(given, law, key=2, engine=engine)
    assert theirs.proposal is not None
    for name in ("rate", "rho", "sigma", "u_s0", "u_v0", "gap_inf", "u_s_inf"):
        a, b = ours.draws[name].ravel(), theirs.draws[name].ravel()
        # ranks: of a ratio near 1 the ceiling has no variance to compare means by
        at = np.quantile(b, [0.05, 0.25, 0.5, 0.75, 0.95])
        share = np.mean(a[:, None] <= at, 0)
        np.testing.assert_allclose(share, [0.05, 0.25, 0.5, 0.75, 0.95], atol=0.03, err_msg=name)
    evidence = [f.quality["log_evidence"].item() for f in (ours, theirs)]
    assert abs(evidence[0] - evidence[1]) < 0.05


def test_compiled_points_are_those_of_numpy():
    made = [prepare(run(i, **RUNS[w]), gd.laws.shared_rate()) for i, w in enumerate(RUNS)]
    shape = OneShape.of(*made[0][:2])
    assert shape is not None
    obs = jax.tree.map(lambda *x: np.stack(x), *(m[1] for m in made))
    facts = shape.facts(obs)
    base = Base.of(SMALL, np.random.default_rng(0))
    with np.errstate(all="ignore"):
        plain = nested(np, shape, facts, base, SMALL)
    compiled = jax.jit(lambda facts: nested(jnp, shape, facts, base, SMALL))(facts)
    for i in range(len(made)):
        weight, _ = smooth(plain.log_weight[i].ravel())
        other, _ = smooth(np.ravel(compiled.log_weight[i]))
        np.testing.assert_allclose(weight, other, atol=1e-6)
    np.testing.assert_allclose(compiled.rate, plain.rate, rtol=1e-5)


def test_the_quick_exponential_is_the_exponential():
    x = -np.concatenate([[0.0], np.geomspace(1e-300, 690.0, 10_001), np.linspace(0.0, 40.0, 10_001)])
    np.testing.assert_allclose(jax.jit(quick_exp)(x), np.exp(x), rtol=1e-11)
    assert jax.jit(quick_exp)(np.array([-np.inf, -1e5])).max() < 1e-300
    assert np.isnan(jax.jit(quick_exp)(np.array([np.nan])))
    np.testing.assert_allclose(quick_exp(jnp.asarray(x, jnp.float32)), np.exp(x), rtol=1e-4, atol=1e-30)


@pytest.mark.parametrize("count", [1, 10, 18, 67])
def test_two_rising_grids_become_one(count: int):
    random = np.random.default_rng(count)
    many, few = np.sort(random.normal(size=(5, 40)), 1), np.sort(random.normal(size=(5, count)), 1)
    few[:, 0] = many[:, 3]  # numbers that are alike
    few.sort(1)
    every = np.concatenate([many, few], 1)
    for xp in (np, jnp):
        both = _merged(xp, Grid(many, np.sin(many)), Grid(few, np.sin(few)))
        np.testing.assert_array_equal(both.x, np.sort(every, 1))
        np.testing.assert_allclose(both.log_mass, np.sin(np.sort(every, 1)), rtol=1e-12)


def test_many_draws_are_worth_what_is_asked_for():
    fit = gd.fit(run(), gd.laws.shared_rate(), key=0, engine=gd.engines.Quadrature(draws=25_000))
    assert fit.quality["effective"] >= 100_000
    assert fit.draws["rate"].shape == (4, 25_000)


@pytest.mark.parametrize(
    ("law", "options"),
    [
        (gd.laws.shared_rate(rho=0.3), {}),
        (gd.laws.shared_rate(rho=dist.Beta(2.0, 2.0)), {}),
        (gd.laws.shared_rate(rate=dist.HalfNormal(1.0)), {}),
        (gd.laws.shared_rate(gap_inf=dist.HalfNormal(1.0)), {}),
        (gd.laws.shared_rate(forcing=gd.forcings.impulse(gd.forcings.early(4))), {}),
        (gd.laws.power_potential(), {}),
        (gd.laws.relaxing_verifier(), {}),
        (gd.laws.shared_rate(), {"likelihood": gd.Likelihood(excess="separate")}),
        (gd.laws.shared_rate(), {"likelihood": gd.Likelihood(residuals="wander")}),
        (gd.laws.shared_rate(), {"likelihood": gd.Likelihood(noise="student_t")}),
    ],
)
def test_other_posteriors_are_searched_for(law: gd.laws.LawSpec, options: dict):
    model, obs, _ = prepare(run(), law, **options)
    assert target(model, obs).outright is None


def test_stated_errors_are_searched_for():
    given = run()
    stated = gd.Run("stated", TS, u_s=given.u_s, u_v=given.u_v, se_s=np.full(TS.size, 0.01))
    model, obs, _ = prepare(stated, gd.laws.shared_rate())
    assert target(model, obs).outright is None


@pytest.mark.parametrize("stated", ["", ", se_s=np.full(8, 0.02), se_v=np.full(8, 0.02)"], ids=["", "stated"])
def test_nothing_is_compiled_for_a_fit(stated: str):
    """In a process of its own: what a first fit of a run waits for."""
    code = f"""
import logging, jax, numpy as np
jax.config.update("jax_enable_x64", True)
import gapdyn as gd
u_s, u_v = [2, 1.6, 1.35, 1.2, 1.12, 1.06, 1.04, 1.02], [1, 0.9, 0.83, 0.8, 0.78, 0.76, 0.76, 0.75]
run = gd.Run("a", np.arange(8.0), u_s=u_s, u_v=u_v{stated})
made = []
class Count(logging.Handler):
    def emit(self, record):
        if "XLA compilation" in record.getMessage():
            made.append(record.getMessage())
log = logging.getLogger("jax._src.dispatch")
log.setLevel(logging.DEBUG)
log.addHandler(Count())
log.propagate = False
fit = gd.fit(run, gd.laws.shared_rate(), key=0)
assert fit.engine.name == "quadrature", fit.engine
print(len([m for m in made if "_at" in m or "_complete" in m]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_the_quick_logarithm_is_the_logarithm():
    some = np.concatenate([np.geomspace(1e-300, 1e300, 10_001), np.linspace(0.5, 2.0, 10_001)])
    log = jax.jit(lambda x: quick_log(jnp, x))
    np.testing.assert_allclose(log(some), np.log(some), rtol=1e-12, atol=2e-11)
    assert not np.isfinite(log(np.array([0.0, -1.0, np.inf, -np.inf, np.nan]))).any()
    brief = np.linspace(0.5, 20.0, 1001, dtype=np.float32)
    np.testing.assert_allclose(quick_log(jnp, jnp.asarray(brief)), np.log(brief), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(quick_log(np, some), np.log(some))
