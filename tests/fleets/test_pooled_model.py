"""The hierarchical model: levels integrated out exactly, one posterior in every form, one scale for a fleet."""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import gapdyn as gd
from gapdyn.fleets._pooled_data import Prepared, fleet_scales, pooled_law, prepare_pool
from gapdyn.fleets._pooled_model import OWN, PooledModel, target

MEMBERS = {"model": ["a", "b", "a"]}
SIZE = {"log10_flops": [20.0, 21.0, 23.0]}


def runs(count: int = 3, **how) -> list[gd.Run]:
    made = []
    for i in range(count):
        law = gd.laws.shared_rate(rate=0.3 + 0.05 * i, rho=0.3, u_s0=2.0, u_v0=1.2, u_s_inf=0.9 + 0.1 * i)
        made.append(gd.simulate(law, np.linspace(0, 10, 8 + i), noise=0.02, key=i, name=f"run {i}", **how))
    return made


@functools.cache
def prepared(se: float | None = None) -> Prepared:
    fleet = gd.Fleet(runs() if se is None else runs(se=se, shared=0.5))
    return prepare_pool(fleet, gd.laws.shared_rate(), MEMBERS, SIZE, None, None)


def densities(model: PooledModel, pool, sites: dict) -> float:
    aim = target(model, pool)
    return float(aim.log_density((pool,))(aim.join(model.unconstrain(sites, pool))))


def a_point(p: Prepared, seed: int) -> dict:
    """Sites on the grid that `unconstrain` puts normal scores on, so that there and back is exact."""
    random = np.random.default_rng(seed)
    aim = target(p.model, p.pool)
    x = np.round(random.normal(0, 0.5, aim.size), 2)
    return p.model.constrain(aim.split(jnp.asarray(x)), p.pool)


@pytest.mark.parametrize("se", [None, 0.03])
def test_integrating_levels_out_is_exact(se):
    """log p(rest) = log p(rest, levels) - log N(levels | rest), whatever the levels are."""
    p = prepared(se)
    model, pool = p.model, p.pool
    assert model.integrated == ("u_s_inf", "u_s0", "u_v0")
    everything = dataclasses.replace(model, integrated=())
    whole = pool._replace(centring=jnp.ones((len(model.pooled), 3)))
    for seed in range(3):
        sites = a_point(p, seed)
        population = model.population(sites, pool)
        found = model._levels(model.values(sites, pool), population, pool)
        levels = found.mean + 0.3 * jax.random.normal(jax.random.key(seed), found.mean.shape)
        white = jax.vmap(jnp.linalg.solve)(found.factor, levels - found.mean)
        volume = jnp.sum(jnp.log(jnp.diagonal(found.factor, axis1=1, axis2=2)))
        conditional = dist.Normal().log_prob(white).sum() - volume
        values = {**model.values(sites, pool), **{n: levels[:, j] for j, n in enumerate(model.integrated)}}
        own = jnp.stack([model.line(n, pool).inv(values[n]) for n in model.pooled])
        joint = densities(everything, whole, {**sites, OWN: own})
        # the integral counts without its constant, (2 pi)^(1/2) for each level
        constant = 0.5 * np.log(2 * np.pi) * levels.size
        np.testing.assert_allclose(densities(model, pool, sites) + constant, joint - conditional, rtol=1e-9)


@pytest.mark.parametrize("weight", [0.0, 0.4, 1.0])
def test_every_form_states_the_same_density(weight):
    p = prepared()
    centred = p.pool._replace(centring=jnp.ones_like(p.pool.centring))
    other = p.pool._replace(centring=jnp.full_like(p.pool.centring, weight))
    sites = a_point(dataclasses.replace(p, pool=centred), 5)
    own = p.model.own_from(sites[OWN], sites, other)
    tau = p.model._of(p.model.sampled, p.model.population(sites, p.pool)).scatter
    jacobian = 3 * (1 - weight) * float(jnp.sum(jnp.log(tau)))
    here, there = densities(p.model, centred, sites), densities(p.model, other, {**sites, OWN: own})
    np.testing.assert_allclose(there, here + jacobian, rtol=1e-10)
    same = p.model.values({**sites, OWN: own}, other)
    for name, x in p.model.values(sites, centred).items():
        np.testing.assert_allclose(same[name], x, rtol=1e-10)


def test_groups_and_covariates_move_what_they_should():
    p = prepared()
    sites = dict(a_point(p, 1))
    before = p.model.population(sites, p.pool).loc
    sites["effect_by_model"] = sites["effect_by_model"].at[0, 1].add(1.0)  # the rate of model b
    moved = np.asarray(p.model.population(sites, p.pool).loc - before)
    expected = np.zeros_like(moved)
    expected[0, 1] = 1.0  # members are centred: what they share is itself a number
    np.testing.assert_allclose(moved, expected, atol=1e-12)
    pool = p.pool._replace(member_centring=tuple(0 * x for x in p.pool.member_centring))
    otherwise = p.model.population(dict(a_point(p, 1)), pool).loc
    moved = np.asarray(p.model.population(sites, pool).loc - otherwise)
    np.testing.assert_allclose(moved, expected * sites["scatter_by_model"][0], atol=1e-12)
    z = np.asarray(p.pool.covariates)[:, 0]
    np.testing.assert_allclose([z.mean(), z.std()], [0, 1], atol=1e-12)
    sites["slope"] = sites["slope"].at[2, 0].add(0.1)  # of the ceiling
    expected[2] = 0.1 * z
    np.testing.assert_allclose(p.model.population(sites, p.pool).loc - before, expected, atol=1e-12)


def test_a_fleet_has_one_scale_made_of_the_runs_that_were_seen():
    short = gd.simulate(gd.laws.shared_rate(rate=0.3), [0.0, 0.1], noise=0.01, key=1, name="hardly seen")
    scales = fleet_scales([*runs(), short])
    assert {(s.origin, s.size, s.span) for s in scales} == {(scales[0].origin, scales[0].size, 10.0)}
    assert scales[0].size == fleet_scales(runs())[0].size > 0.8
    moved = dataclasses.replace(runs()[0], t=runs()[0].t + 5.0)
    assert [s.t0 for s in fleet_scales([runs()[1], moved])] == [0.0, 5.0]


@pytest.mark.parametrize(
    ("law", "names"),
    [
        (gd.laws.shared_rate(), {"rate", "rho", "u_s_inf", "u_s0", "u_v0"}),
        (gd.laws.relaxing_verifier(), {"rate", "rho", "kappa", "u_s_inf", "u_v_inf", "u_s0", "u_v0"}),
        (gd.laws.drifting_response(), {"tau", "q", "rate", "rho", "gap_inf", "u_s0", "u_v0"}),
        (gd.laws.shared_rate(gap_inf=0.1), {"rate", "rho", "gap_inf", "u_s0", "u_v0"}),
        (gd.laws.shared_rate(rho=0.2), {"rate", "rho", "u_s_inf", "u_s0", "u_v0"}),
    ],
)
def test_ceilings_are_pooled_where_the_law_offers_it(law, names):
    made = pooled_law(law, fleet_scales(runs())[0], runs(), {})
    assert set(made.coordinates.names) == names


def test_runs_that_share_no_noise_parameters_have_one_program():
    """Standard errors in one run alone: the others have the same parameters, of which their data say nothing."""
    fleet = gd.Fleet([*runs(2), *[dataclasses.replace(r, name="with errors") for r in runs(1, se=0.03)]])
    p = prepare_pool(fleet, gd.laws.shared_rate(), {}, {}, None, None)
    assert p.model.common == ("shared_s", "shared_v")
    assert len(set(p.models)) == 1
    assert np.isfinite(densities(p.model, p.pool, a_point(p, 0)))
    np.testing.assert_array_equal(np.asarray(p.pool.runs.common_se)[:2], 0)


@pytest.mark.parametrize(
    "law", [gd.laws.saturating_potential(), pytest.param(gd.laws.stochastic(), marks=pytest.mark.slow)]
)
def test_laws_without_levels_to_integrate_and_with_process_noise_have_a_density(law):
    p = prepare_pool(gd.Fleet(runs()), law, {}, {}, None, None)
    assert bool(p.model.integrated) == (law.name == "stochastic")
    slope = jax.grad(lambda x: target(p.model, p.pool).log_density((p.pool,))(x))
    x = 0.2 * jnp.ones(target(p.model, p.pool).size)
    assert np.isfinite(slope(x)).all()


def test_student_t_noise_is_sampled_whole():
    p = prepare_pool(gd.Fleet(runs()), gd.laws.shared_rate(), {}, {}, None, gd.Likelihood(noise="student_t"))
    assert p.model.integrated == ()
    assert p.model.common == ("nu",)
    assert np.isfinite(densities(p.model, p.pool, a_point(p, 0)))


@pytest.mark.parametrize(
    ("fleet", "law", "message"),
    [
        (lambda: runs()[0], gd.laws.shared_rate(), "pooling is for fleets, and this is one run"),
        (lambda: gd.Fleet(runs(1)), gd.laws.shared_rate(), "two runs or more"),
        (lambda: gd.Fleet(runs()), gd.curves.sigmoid(), "is a curve"),
        (lambda: gd.Fleet([runs()[0], dataclasses.replace(runs()[1], clock="token")]), gd.laws.shared_rate(),
         "one clock; this fleet has round .* token"),
        (lambda: gd.Fleet([runs()[0], dataclasses.replace(runs()[1], unit="nats/token")]), gd.laws.shared_rate(),
         "one unit"),
        (lambda: gd.Fleet([gd.Run(n, [0, 1], u_s=[1, 1], u_v=[1, 1]) for n in "ab"]), gd.laws.shared_rate(),
         "do not change"),
    ],
)  # fmt: skip
def test_what_cannot_be_pooled_is_said(fleet, law, message):
    with pytest.raises(gd.InputError, match=message):
        gd.fit(fleet(), law, key=0, pooling="partial")
