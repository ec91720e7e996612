"""Padding changes nothing but the lengths of arrays."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gapdyn as gd
from gapdyn.inference import prepare
from gapdyn.inference._padding import padded, padded_length
from gapdyn.inference._target import target

TS = np.linspace(0.0, 10.0, 13)  # padded to 16


def test_few_lengths():
    lengths = [padded_length(n) for n in range(1, 130)]
    assert sorted(set(lengths)) == [8, 12, 16, 24, 32, 48, 64, 96, 128, 192]
    assert all(p >= n for n, p in enumerate(lengths, 1))
    assert all(p <= 1.5 * n for n, p in enumerate(lengths, 1) if n >= 8)


def test_what_is_padded():
    np.testing.assert_array_equal(padded([1.0, 2.0]), [1, 2, 0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(padded([1.0, 2.0], 2.0), [1, 2, 2, 2, 2, 2, 2, 2])
    assert padded(np.ones((9, 2))).shape == (12, 2)
    assert padded(np.ones(8)).shape == (8,)


def the_run() -> gd.Run:
    run = gd.simulate(gd.laws.shared_rate(), TS, noise=0.01, se=0.01, key=0)
    u_v, corr = run.u_v.copy(), np.full(len(TS), 0.4)
    u_v[[3, 12]] = np.nan
    return dataclasses.replace(run, u_v=u_v, corr=corr)


LAWS = {
    **gd.laws.all(),
    "lr_clock": gd.laws.lr_clock(times=[0.0, 2.0, 20.0], lr=[0.0, 1.0, 0.1]),
    "doses": gd.laws.shared_rate(forcing=gd.forcings.additive_impulse(gd.forcings.early(8))),
    "two_phase": gd.curves.two_phase(),
    "local_linear": gd.curves.local_linear(),
}


USUAL = ("shared_rate", "relaxing_verifier", "stochastic", "doses", "two_phase")


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in USUAL else [pytest.mark.slow]) for n in LAWS])
def test_the_density_and_its_gradient_are_those_of_the_checkpoints(name):
    model, obs, _ = prepare(the_run(), LAWS[name])
    plain = jax.tree.map(jnp.asarray, obs.unpadded())
    assert len(obs.ts) == 16
    assert len(plain.ts) == 13
    aim = target(model, obs)
    x = 0.3 * np.random.default_rng(0).normal(size=aim.size)
    found = [jax.jit(jax.value_and_grad(aim.log_density((o,))))(x) for o in (obs, plain)]
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-9)
    assert np.isfinite(found[0][1]).all()
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-7, atol=1e-7)


def test_no_padding_is_seen():
    run = the_run()
    fit = gd.fit(run, gd.laws.shared_rate(), key=0)
    assert fit.log_lik.shape[-1] == 13
    ahead = fit.curves(np.linspace(0.0, 20.0, 9))
    assert ahead.u_s.shape == ahead.rep_v.shape == (fit["rate"].size, 9)
    both = fit.curves(np.linspace(0.0, 20.0, 17))  # padded otherwise
    np.testing.assert_allclose(both.u_s[:, ::2], ahead.u_s, rtol=1e-12)
