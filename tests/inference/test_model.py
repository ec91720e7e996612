"""The one model: units, priors, coordinates and centring change how it is written, never the posterior."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import gapdyn as gd
from gapdyn.inference import SITES, prepare, prior_draws
from gapdyn.inference._model import sampled_sites
from gapdyn.inference._target import target

RUN = gd.simulate(gd.laws.shared_rate(), np.linspace(0, 8, 15), noise=0.01, key=3)
VALUES = {"rate": 0.45, "rho": 0.35, "gap_inf": 0.07, "u_s0": 1.01, "u_v0": 0.59, "sigma": 0.011}


def scaled(run: gd.Run, size: float, level: float, span: float, t0: float) -> gd.Run:
    return dataclasses.replace(
        run, u_s=level + size * run.u_s, u_v=level + size * run.u_v, t=t0 + span * run.t, unit="arbitrary"
    )


def density(run: gd.Run, law=None, values=VALUES, **more) -> float:
    """Log joint density at values in the run's own units, as a density over the canonical coordinates."""
    model, obs, scale = prepare(run, gd.laws.shared_rate() if law is None else law, **more)
    names = sampled_sites(model, obs)
    v = dict(values)
    delta = v["u_s0"] - v["u_v0"] - v["gap_inf"]
    v["u_s_inf"] = v["u_s0"] - delta / (1 - v["rho"])
    said = {n: "u_s_inf" if n == "u_s_inf_unforced" else n for n in names}  # what the centred coordinate is
    constrained = {n: jnp.asarray(scale.to_standard(said[n], v[said[n]])) for n in names}
    from numpyro.infer.util import log_density as constrained_density

    full = {**constrained}
    total, _ = constrained_density(model, (obs,), {}, full)
    return float(total)


@pytest.mark.parametrize(
    ("size", "level", "span", "t0"),
    [(1e-12, 0, 1, 0), (1e12, 0, 1, 0), (1, 0, 1e5, 3e6), (1e-3, 5.0, 0.01, 7)],
)
def test_units_change_the_density_by_a_constant(size, level, span, t0):
    """Same priors on every scale of data: the log density differs by nothing, being in standard units."""
    other = scaled(RUN, size, level, span, t0)
    factor = {"rate": 1 / span, "rho": 1.0}
    shift = {"u_s0": level, "u_v0": level}
    values = {k: shift.get(k, 0.0) + v * factor.get(k, size) for k, v in VALUES.items()}
    assert density(other, values=values) == pytest.approx(density(RUN), abs=1e-3 if level else 1e-6)


def test_centring_changes_the_coordinate_not_the_density():
    """p(u_s_inf | rest) du_s_inf = p(gap_inf) dgap_inf, so the densities differ by log(1 - rho) exactly."""
    centred = density(RUN)
    # a prior with another support cannot be centred; this one equals Normal(0, 1) up to normalisation far away
    model, _, scale = prepare(RUN, gd.laws.shared_rate())
    wide = dist.TruncatedNormal(0.0, scale.size, low=-1e9 * scale.size)
    plain = density(RUN, gd.laws.shared_rate(gap_inf=wide))
    assert model.centred
    assert not prepare(RUN, gd.laws.shared_rate(gap_inf=wide))[0].centred
    assert plain + np.log(1 - VALUES["rho"]) == pytest.approx(centred, abs=1e-6)


def test_a_users_prior_counts_in_the_runs_units():
    mine = dist.LogNormal(jnp.log(0.2), 0.1)
    _, _, scale = prepare(RUN, gd.laws.shared_rate())
    default = dist.LogNormal(np.log(1.5), 1.25)
    change = density(RUN, gd.laws.shared_rate(rate=mine)) - density(RUN)
    expected = float(mine.log_prob(VALUES["rate"]) - np.log(scale.span) - default.log_prob(VALUES["rate"] * scale.span))
    assert change == pytest.approx(expected, abs=1e-6)
    draws = prior_draws(RUN, gd.laws.shared_rate(rate=mine), key=0, draws=4000)["rate"]
    assert np.median(draws) == pytest.approx(0.2, rel=0.02)


@pytest.mark.parametrize("limit", ["u_s_inf", "u_v_inf"])
def test_priors_on_limits_are_the_priors_of_the_limits(limit):
    prior = dist.Normal(0.42, 0.05)
    draws = prior_draws(RUN, gd.laws.shared_rate(**{limit: prior}), key=1, draws=4000)
    assert np.mean(draws[limit]) == pytest.approx(0.42, abs=5 * 0.05 / np.sqrt(4000))
    assert np.std(draws[limit]) == pytest.approx(0.05, rel=0.06)


def test_noise_priors_can_be_given():
    draws = prior_draws(RUN, gd.laws.shared_rate(), key=1, prior={"sigma": dist.HalfNormal(3.0)}, draws=4000)
    assert np.mean(draws["sigma"]) == pytest.approx(3 * np.sqrt(2 / np.pi), rel=0.06)


def test_default_priors_do_not_look_at_the_end():
    """Another end of the same range and start leaves every prior as it is (the range itself may count)."""
    other = dataclasses.replace(
        RUN, u_s=np.r_[RUN.u_s[:-4], RUN.u_s[-4:][::-1]], u_v=np.r_[RUN.u_v[:-4], RUN.u_v[-4:][::-1]]
    )
    mine, theirs = (prior_draws(r, gd.laws.shared_rate(), key=5, draws=50) for r in (RUN, other))
    for name in mine:
        np.testing.assert_array_equal(mine[name], theirs[name])


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e12])
def test_default_priors_are_weakly_informative_on_any_scale(size):
    run = scaled(RUN, size, 0.0, 1.0, 0.0)
    d = prior_draws(run, gd.laws.shared_rate(), key=2, draws=4000)
    for name in ("u_s0", "u_v0", "u_s_inf", "gap_inf"):
        truth = {"u_s0": 1.0, "u_v0": 0.6, "u_s_inf": 0.5, "gap_inf": 0.05}[name] * size
        low, high = np.quantile(d[name], [0.05, 0.95])
        assert low < truth < high
        assert high - low > 0.5 * size


@pytest.mark.parametrize("noise", ["gaussian", "student_t"])
@pytest.mark.parametrize("centred", [True, False])
def test_constrained_values_are_numpyros_own(noise, centred):
    from numpyro.infer.util import constrain_fn

    from gapdyn.inference._model import constrain

    law = gd.laws.shared_rate() if centred else gd.laws.shared_rate(gap_inf=dist.HalfNormal(1.0), rho=dist.Beta(2, 3))
    model, obs, _ = prepare(gd.datasets.learning(), law, likelihood=gd.Likelihood(noise=noise))
    aim = target(model, obs)
    z = aim.split(jnp.asarray(np.random.default_rng(0).normal(size=aim.size)))
    theirs = constrain_fn(aim.model, (obs,), {}, z, return_deterministic=True)
    for name, value in constrain(model, obs, z).items():
        assert float(value) == pytest.approx(float(theirs[name]), rel=1e-12)


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        ({"rho": dist.Normal(0.0, 1.0)}, "outside the parameter's support"),
        ({"rate": dist.Normal(0.0, 1.0)}, "LogNormal"),
        ({"rho": 0.3}, "not a NumPyro distribution"),
        ({"rho": dist.Uniform(0, 1).expand([2])}, "one number"),
        ({"gap_inf": dist.Poisson(3.0)}, "discrete"),
        ({"gap_inf": dist.Delta(0.1)}, "has no width"),
        ({"rate": dist.LogUniform(0.5, 0.5)}, "has no width"),
        ({"gamma": dist.Normal(0.0, 1.0)}, "no such parameter"),
    ],
)
def test_impossible_priors_are_refused(prior, message):
    with pytest.raises(gd.InputError, match=message):
        prepare(RUN, gd.laws.shared_rate(), prior=prior)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (gd.Run(name="flat", t=[0, 1, 2], u_s=[1, 1, 1.0], u_v=[1, 1, 1.0]), "constant curve"),
        (gd.Run(name="acc", t=[0, 1, 2], acc_s=[0.1, 0.2, 0.3]), "neither u_s nor u_v"),
        (gd.Fleet([RUN]), "takes one Run"),
    ],
)
def test_runs_that_cannot_be_fitted_are_refused(run, message):
    with pytest.raises(gd.InputError, match=message):
        prepare(run, gd.laws.shared_rate())


def test_every_sampled_site_stands_in_the_table():
    run = gd.datasets.learning()
    for noise in ("gaussian", "student_t"):
        model, obs, _ = prepare(run, gd.laws.shared_rate(), likelihood=gd.Likelihood(noise=noise))
        centred = {model.law.centring.as_name}
        assert set(sampled_sites(model, obs)) - centred <= set(SITES)
        assert not centred & set(SITES)  # a sampler's own name, which no user can mean


def test_the_compiled_program_does_not_depend_on_the_hash_seed():
    """Else the persistent compilation cache would never find what an earlier process compiled."""
    code = """
import jax, hashlib, gapdyn as gd
from gapdyn.inference._model import prepare
from gapdyn.inference._target import target
from gapdyn.inference.engines import _blackjax
model, obs, _ = prepare(gd.datasets.learning(), gd.laws.shared_rate())
aim = target(model, obs)
start = _blackjax._begin(_blackjax._found(aim, (obs,), 2, 0), 0.9)
keys, plan = jax.random.split(jax.random.key(0), (2, 2)), _blackjax._schedule(20, 80)[:2]
text = _blackjax._advance.jitted.lower(aim, 0.9, start, keys, plan, (obs,)).as_text()
print(hashlib.sha256(text.encode()).hexdigest())
"""
    import os

    prints = set()
    for seed in ("1", "2", "3"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
        )
        prints.add(done.stdout.strip())
    assert len(prints) == 1


def test_a_second_run_of_about_the_same_length_compiles_nothing():
    from gapdyn.inference.engines import NUTS, _blackjax, _target

    small = NUTS(chains=2, warmup=20, draws=80)
    sizes = []
    for seed in (0, 1):
        law, ts = gd.laws.shared_rate(rate=0.3 + 0.2 * seed), np.linspace(0, 8, 15 - 2 * seed)
        run = gd.simulate(law, ts, noise=0.01, key=seed)
        model, obs, _ = prepare(run, gd.laws.shared_rate())
        small.run(target(model, obs), (obs,), seed)
        sizes.append((_blackjax._advance.jitted._cache_size(), _target._at.jitted._cache_size()))
    assert sizes[0] == sizes[1]


def test_a_prior_derived_from_the_normal_one_is_not_taken_for_it():
    class Wide(dist.Normal):
        def log_prob(self, value):
            return dist.Cauchy(self.loc, self.scale).log_prob(value)

    _, obs, scale = prepare(gd.datasets.learning(), gd.laws.shared_rate(), prior={"u_s0": Wide(1.0, 0.5)})
    value = 2.5
    found = obs.priors["u_s0"].distribution.log_prob(scale.to_standard("u_s0", value)) - np.log(scale.size)
    assert np.isclose(found, dist.Cauchy(1.0, 0.5).log_prob(value))
