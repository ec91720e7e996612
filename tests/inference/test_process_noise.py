"""Process noise: transitions, the filter's likelihood and its draws against dense Gaussians; simulation and fit."""

from __future__ import annotations

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm
from scipy.stats import multivariate_normal

import gapdyn as gd
from gapdyn.dynamics import curves, forcings, laws, solve
from gapdyn.dynamics._deviation import deviation
from gapdyn.inference._kalman import PathErrors
from gapdyn.inference._likelihood import CheckpointErrors

TS = np.array([0.0, 0.5, 1.0, 2.5, 3.0, 6.0, 9.0])


def dense(law, ts, matrix, kicks=(), steps=800) -> np.ndarray:
    """Covariance of the deviation at all times by brute force: (times * 2, times * 2), noise in many small steps.

    `matrix(t)` is A(t) of de = A e dt + d dW; `kicks` are (time, factor on the verifier's part).
    """
    grid = np.unique(np.concatenate([np.linspace(0, ts[-1], steps + 1), ts, SCHEDULE.times, [SCHEDULE.end]]))
    d = float(law.diffusion)
    cov, out, carried = np.zeros((2, 2)), {}, {}
    halves = expm(np.stack([matrix((a + b) / 2) * (b - a) / 2 for a, b in itertools.pairwise(grid)]))
    for (a, b), half in zip(itertools.pairwise(grid), halves, strict=True):
        for t, factor in kicks:
            if t == a:
                k = np.diag([1.0, factor])
                cov, carried = k @ cov @ k.T, {i: k @ m for i, m in carried.items()}
        f = half @ half
        cov = f @ cov @ f.T + (b - a) * d**2 * half @ half.T
        carried = {i: f @ m for i, m in carried.items()}
        for i in np.flatnonzero(ts == b):
            for j, m in carried.items():
                out[i, j] = m @ out[j, j]
            out[i, i], carried[i] = cov, np.eye(2)
    full = np.zeros((len(ts), 2, len(ts), 2))
    for (i, j), block in out.items():
        full[i, :, j], full[j, :, i] = block, block.T
    return full.reshape(2 * len(ts), -1)


def chained(dev, count: int) -> np.ndarray:
    """The same covariance from the transitions."""
    full = np.zeros((count, 2, count, 2))
    n = dev.phi.shape[-1]
    cov, all_covs = np.zeros((n, n)), []
    for phi, q in zip(np.asarray(dev.phi), np.asarray(dev.q), strict=True):
        cov = phi @ cov @ phi.T + q
        all_covs.append(cov)
    for j in range(count):
        m = np.eye(n)
        for i in range(j, count):
            m = np.asarray(dev.phi[i]) @ m if i > j else m
            block = (m @ all_covs[j])[:2, :2]
            full[i, :, j], full[j, :, i] = block, block.T
    return full.reshape(2 * count, -1)


SCHEDULE = forcings.Schedule([0.5, 2.0, 4.0], [0.2, 0.5, 0.3], 5.0)
FORCED = {
    "none": None,
    "impulse": forcings.impulse(SCHEDULE, gamma=0.8),
    "additive_impulse": forcings.additive_impulse(SCHEDULE, dose=0.2),
    "rate": forcings.rate(SCHEDULE, gamma=0.8),
    "ramp": forcings.ramp(SCHEDULE, gamma=0.8),
}


@pytest.mark.parametrize("name", FORCED)
def test_transitions_give_the_covariance_of_brute_force(name):
    law = laws.stochastic(diffusion=0.1, forcing=FORCED[name]).law()
    a, b = float(law.response.a), float(law.response.b)

    def matrix(t):
        push = 0.0
        if name in ("rate", "ramp"):
            push = float(law.forcing.strength * law.forcing.density(t, t))
        return np.array([[-a, a], [-b, b - push]])

    kicks = []
    if name == "impulse":
        kicks = [(t, 1 / (1 + 0.8 * eta)) for t, eta in zip(SCHEDULE.times, SCHEDULE.amounts, strict=True)]
    ours = chained(deviation(law, jnp.asarray(TS)), len(TS))
    np.testing.assert_allclose(ours, dense(law, TS, matrix, kicks), atol=3e-6)


def test_the_local_linear_trend_has_the_textbook_covariance():
    curve = curves.local_linear(wander_s=0.3, wander_v=0.1, turn_s=0.2, turn_v=0.4).law()
    cov = chained(deviation(curve, jnp.asarray(TS)), len(TS)).reshape(len(TS), 2, len(TS), 2)
    s, t = np.minimum.outer(TS, TS), np.maximum.outer(TS, TS)
    integrated = s**2 * (3 * t - s) / 6  # of an integrated random walk
    np.testing.assert_allclose(cov[:, 0, :, 0], 0.3**2 * s + 0.2**2 * integrated, atol=1e-12)
    np.testing.assert_allclose(cov[:, 1, :, 1], 0.1**2 * s + 0.4**2 * integrated, atol=1e-12)
    np.testing.assert_allclose(cov[:, 0, :, 1], 0, atol=1e-12)


def errors(mask) -> tuple[CheckpointErrors, np.ndarray]:
    """Errors with common, stated, correlated and excess parts, and their dense covariance."""
    n, rng = len(TS), np.random.default_rng(1)
    se = jnp.asarray(rng.uniform(0.05, 0.1, (n, 2)))
    common, shared, sigma, corr = 0.9 * se, jnp.array([0.6, 0.3]), jnp.array([0.02, 0.04]), jnp.full(n, 0.5)
    e = CheckpointErrors(jnp.zeros((n, 2)), se, common, corr, mask, shared=shared, sigma=sigma)
    w = np.where(mask, np.sqrt(shared) * common, 0.0)
    c = 0.5
    r = np.array([[1, c], [c, 1]])
    full = np.einsum("ia,ab,jb->iajb", w, r, w)
    for i in range(n):
        full[i, :, i] += np.asarray(e.noise_cov()[i])
    return e, full.reshape(2 * n, -1)


@pytest.mark.parametrize("gaps", [False, True])
def test_the_filter_is_the_dense_gaussian(gaps):
    law = laws.stochastic(diffusion=0.1, forcing=FORCED["impulse"]).law()
    mask = np.ones((len(TS), 2), bool)
    if gaps:
        mask[2, 0] = mask[4] = mask[0, 1] = False
    e, noise = errors(jnp.asarray(mask))
    dev = deviation(law, jnp.asarray(TS))
    ours = PathErrors(e, dev)
    y = np.where(mask, np.random.default_rng(2).normal(0, 0.2, (len(TS), 2)), 0.0)
    kept = mask.ravel()
    path = chained(dev, len(TS))
    cov = (path + noise)[np.ix_(kept, kept)]
    assert float(ours.log_prob(jnp.asarray(y))) == pytest.approx(
        multivariate_normal(cov=cov).logpdf(y.ravel()[kept]), abs=1e-8
    )
    # draws of the path given the data have the dense posterior's mean and covariance
    gain = path[:, kept] @ np.linalg.inv(cov)
    mean, spread = gain @ y.ravel()[kept], path - gain @ path[kept]
    keys = jax.random.split(jax.random.key(0), 40_000)
    draws = np.asarray(jax.jit(jax.vmap(lambda k: ours.draw_path(k, jnp.asarray(y))))(keys)).reshape(40_000, -1)
    np.testing.assert_allclose(draws.mean(0), mean, atol=6 * np.sqrt(spread.diagonal().max() / 40_000))
    np.testing.assert_allclose(np.cov(draws.T), spread, atol=0.04 * spread.max())


def test_no_process_noise_is_the_plain_likelihood():
    law = laws.stochastic(diffusion=1e-9).law()
    e, _ = errors(jnp.ones((len(TS), 2), bool))
    y = jnp.asarray(np.random.default_rng(2).normal(0, 0.2, (len(TS), 2)))
    assert float(PathErrors(e, deviation(law, jnp.asarray(TS))).log_prob(y)) == pytest.approx(
        float(e.log_prob(y)), abs=1e-9
    )


def test_simulated_runs_have_the_process_noise():
    law = laws.stochastic(diffusion=0.1)
    runs = [gd.simulate(law, TS, key=k) for k in range(80)]
    mean = solve(law, TS)
    off = np.stack([np.stack([r.u_s - mean.u_s, r.u_v - mean.u_v], -1) for r in runs])
    expected = chained(deviation(law.law(), jnp.asarray(TS)), len(TS))
    cov = np.cov(off.reshape(len(runs), -1).T)
    np.testing.assert_allclose(cov, expected, atol=5 * expected.max() * np.sqrt(2 / len(runs)))


ENGINE = gd.engines.Auto(draws=500, fallback=False)


@pytest.fixture(scope="module")
def wandering():
    run = gd.simulate(laws.stochastic(diffusion=0.03), np.linspace(0, 12, 40), noise=0.003, key=5)
    return gd.fit(run, laws.stochastic(), key=0, engine=ENGINE)


def test_process_noise_is_told_from_measurement_noise(wandering):
    found = wandering.summary["diffusion"]
    assert abs(found.mean - 0.03) < 3 * found.sd
    assert found.sd < 0.2 * found.mean + 0.002
    assert wandering.summary["sigma"].q95 < 0.02
    assert wandering.log_lik.shape == (4, 500, 40)


def test_curves_follow_the_data_and_forecasts_widen(wandering):
    run = wandering.data
    here = wandering.curves()
    assert np.std(run.u_s - np.median(here.u_s, 0)) < 0.01
    ahead = gd.forecast(wandering, [12.1, 13.0, 16.0], measured=False)
    widths = np.std(ahead.u_s, axis=0)
    assert widths[0] < widths[1] < widths[2]
    # the path through a time between checkpoints goes on from the one before: no jump at the last checkpoint
    assert abs(np.median(ahead.u_s[:, 0]) - run.u_s[-1]) < 0.05


def test_student_t_noise_is_refused_for_process_noise():
    run = gd.simulate(laws.shared_rate(), TS, noise=0.01, key=0)
    with pytest.raises(gd.InputError, match="process noise"):
        gd.fit(run, laws.stochastic(), key=0, likelihood=gd.Likelihood(noise="student_t"))


@pytest.mark.parametrize("curve", ["persistence", pytest.param("local_linear", marks=pytest.mark.slow)])
def test_curves_with_process_noise_fit_one_series(curve):
    rng = np.random.default_rng(0)
    t = np.arange(25.0)
    walk = 0.5 + np.cumsum(rng.normal(0.01, 0.02, 25))
    run = gd.Run("walk", t, clock="round", extra={"reward": walk})
    fit = gd.fit(run, curves.ALL_CURVES[curve](), key=0, series="reward", engine=ENGINE)
    ahead = gd.forecast(fit, [25.0, 30.0])
    low, high = np.quantile(ahead.u_s[:, 0], [0.05, 0.95])
    assert low < walk[-1] + 0.01 < high
    assert np.std(ahead.u_s[:, 1]) > np.std(ahead.u_s[:, 0])
    with pytest.raises(gd.InputError, match="no limit"):
        gd.ceiling(fit)


def test_missing_values_are_left_out():
    run = gd.simulate(laws.stochastic(diffusion=0.03), np.linspace(0, 12, 40), noise=0.003, key=6)
    u_v = np.array(run.u_v)
    u_v[[3, 4, 11]] = np.nan
    fit = gd.fit(dataclasses.replace(run, u_v=u_v), laws.stochastic(), key=0, engine=ENGINE)
    assert np.isfinite(fit.log_lik).all()
    assert np.isfinite(fit.curves().u_v).all()
