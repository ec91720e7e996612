"""The error model against a dense covariance, its conditional form, and its own samples."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import gapdyn as gd
from gapdyn.inference import CheckpointErrors
from gapdyn.inference._kalman import strays_as_path
from gapdyn.inference._likelihood import FLOOR
from gapdyn.inference._table import common_course

N = 7
RNG = np.random.default_rng(0)
SE = RNG.uniform(0.05, 0.2, (N, 2))
CORR = RNG.uniform(-0.5, 0.8, N)
MASK = np.ones((N, 2), bool)
MASK[2, 1] = MASK[5, 0] = MASK[5, 1] = False
MEAN = RNG.normal(size=(N, 2))
Y = np.where(MASK, MEAN + 0.2 * RNG.normal(size=(N, 2)), 0.0)


def errors(shared=(0.6, 0.3), sigma=(0.05, 0.02), corr=CORR, mask=MASK, se=SE, **more) -> CheckpointErrors:
    arrays = [jnp.asarray(a) for a in (MEAN, se, se, corr, mask, shared, sigma)]
    return CheckpointErrors(*arrays, **more)


def dense_covariance(shared, sigma, corr, mask, se) -> np.ndarray:
    """Cov(e_i, e_j) = c se_i se_j + (1-c) se_i^2 [i=j] + sigma^2 [i=j], theory.md section 1, both series at once."""
    c, r = np.sqrt(np.asarray(shared)), corr.mean()
    big = np.zeros((2 * N, 2 * N))
    for i in range(N):
        for j in range(N):
            for a in range(2):
                for b in range(2):
                    common = c[a] * c[b] * se[i, a] * se[j, b] * (1.0 if a == b else r)
                    own = 0.0
                    if i == j:
                        same = np.sqrt((1 - c[a] ** 2) * (1 - c[b] ** 2)) * se[i, a] * se[i, b]
                        own = same * (1.0 if a == b else corr[i])
                        own += (sigma[a] ** 2 + FLOOR) * (a == b)
                    big[2 * i + a, 2 * j + b] = common + own
    keep = mask.reshape(-1)
    return big[np.ix_(keep, keep)]


@pytest.mark.parametrize("shared", [(0.6, 0.3), (0.0, 0.0), (1.0, 1.0), (0.0, 0.9)])
@pytest.mark.parametrize("mask", [np.ones((N, 2), bool), MASK, np.stack([np.ones(N, bool), np.zeros(N, bool)], -1)])
@pytest.mark.parametrize("corr", [np.zeros(N), CORR])
def test_log_density_equals_the_dense_gaussian(shared, mask, corr):
    sigma = (0.05, 0.02)
    found = errors(shared, sigma, corr, mask).log_prob(jnp.asarray(Y))
    keep = mask.reshape(-1)
    dense = stats.multivariate_normal(MEAN.reshape(-1)[keep], dense_covariance(shared, sigma, corr, mask, SE))
    assert float(found) == pytest.approx(dense.logpdf(Y.reshape(-1)[keep]), rel=1e-9)


STRAYS = np.append(0.0, RNG.uniform(0.0005, 0.004, N - 1))


def dense_of_a_straying_run(mask) -> np.ndarray:
    """The dense covariance, with random walks: two checkpoints share the steps up to the earlier of them."""
    big = dense_covariance((0.6, 0.3), (0.05, 0.02), CORR, np.ones((N, 2), bool), SE)
    for i in range(N):
        for j in range(N):
            big[2 * i : 2 * i + 2, 2 * j : 2 * j + 2] += np.sum(STRAYS[: min(i, j) + 1]) * np.eye(2)
    keep = mask.reshape(-1)
    return big[np.ix_(keep, keep)]


@pytest.mark.parametrize("mask", [np.ones((N, 2), bool), MASK, np.stack([np.ones(N, bool), np.zeros(N, bool)], -1)])
def test_a_straying_run_equals_the_dense_gaussian(mask):
    e, keep = errors(mask=mask, strays=jnp.asarray(STRAYS)), mask.reshape(-1)
    dense = stats.multivariate_normal(MEAN.reshape(-1)[keep], dense_of_a_straying_run(mask))
    expected = dense.logpdf(Y.reshape(-1)[keep])
    assert float(e.log_prob(jnp.asarray(Y))) == pytest.approx(expected, rel=1e-9)
    assert float(strays_as_path(e).log_prob(jnp.asarray(Y))) == pytest.approx(expected, rel=1e-9)
    rows = RNG.normal(size=(3, N, 2))
    kept = rows.reshape(3, -1)[:, keep]
    for form in (e, strays_as_path(e)):
        weighed = form.weighed(jnp.asarray(rows))
        np.testing.assert_allclose(weighed.gram(), kept @ np.linalg.solve(dense.cov, kept.T), rtol=1e-9)
        part = np.array([0.3, -2.0])
        expected = stats.multivariate_normal(np.zeros(keep.sum()), dense.cov).logpdf(kept[0] - part @ kept[1:])
        assert float(weighed.log_prob(jnp.asarray(part))) == pytest.approx(expected, rel=1e-9)


def test_a_run_that_strays_by_nothing_keeps_to_its_law():
    e, none = errors(strays=jnp.zeros(N)), errors()
    assert float(e.log_prob(jnp.asarray(Y))) == pytest.approx(float(none.log_prob(jnp.asarray(Y))), rel=1e-12)
    np.testing.assert_allclose(
        e.given(jnp.zeros(2)).checkpoint_log_prob(jnp.asarray(Y)),
        none.given(jnp.zeros(2)).checkpoint_log_prob(jnp.asarray(Y)),
        rtol=1e-12,
    )


def test_samples_of_a_straying_run_have_the_stated_covariance():
    whole = np.ones((N, 2), bool)
    y = np.asarray(errors(mask=whole, strays=jnp.asarray(STRAYS)).sample(jax.random.key(5), (100_000,)))
    np.testing.assert_allclose(np.cov(y.reshape(-1, 2 * N).T), dense_of_a_straying_run(whole), atol=8e-4)


def test_the_common_error_integrates_out():
    """p(y) = integral of p(y | z) p(z) dz, by importance of prior draws of z."""
    e = errors(shared=(0.3, 0.2), sigma=(0.3, 0.3))
    z = jax.vmap(e.new_offset_from)(jax.random.normal(jax.random.key(1), (200_000, 2)))
    conditional = jax.vmap(lambda z: jnp.sum(e.given(z).checkpoint_log_prob(jnp.asarray(Y))))(z)
    estimate = jax.nn.logsumexp(conditional) - np.log(len(z))
    assert float(e.log_prob(jnp.asarray(Y))) == pytest.approx(float(estimate), abs=0.02)


def test_drawn_common_errors_have_the_exact_posterior():
    """z and y are jointly Gaussian: E[z|y] = C_zy C_yy^-1 (y - mean), Cov[z|y] = R - C_zy C_yy^-1 C_yz."""
    z = np.asarray(
        jax.vmap(lambda e: errors().offset_from(e, jnp.asarray(Y)))(jax.random.normal(jax.random.key(2), (100_000, 2)))
    )
    keep, r = MASK.reshape(-1), CORR.mean()
    loading = np.zeros((2, 2 * N))  # dy/dz
    for a, share in enumerate((0.6, 0.3)):
        loading[a, a::2] = np.sqrt(share) * SE[:, a]
    prior = np.asarray([[1, r], [r, 1]])
    c_zy = (prior @ loading)[:, keep]
    gain = c_zy @ np.linalg.inv(dense_covariance((0.6, 0.3), (0.05, 0.02), CORR, MASK, SE))
    cov = prior - gain @ c_zy.T
    np.testing.assert_allclose(
        z.mean(0), gain @ (Y - MEAN).reshape(-1)[keep], atol=5 * np.sqrt(cov.diagonal().max() / 1e5)
    )
    np.testing.assert_allclose(np.cov(z.T), cov, atol=0.01)


@pytest.mark.parametrize("nu", [None, 6.0])
def test_samples_have_the_stated_covariance(nu):
    offset = jnp.zeros(2) if nu else None
    e = errors(mask=np.ones((N, 2), bool), nu=None if nu is None else jnp.asarray(nu), offset=offset)
    y = np.asarray(e.sample(jax.random.key(4), (100_000,))).reshape(-1, 2 * N)
    shared = (0.6, 0.3)
    expected = dense_covariance(shared, (0.05, 0.02), CORR, np.ones((N, 2), bool), SE)
    if nu:  # given the common error, and with a t's wider variance
        c, se = np.sqrt(shared), SE.reshape(-1)
        common = np.kron(np.ones((N, N)), np.asarray([[1, CORR.mean()], [CORR.mean(), 1]]))
        expected = (expected - common * np.outer(np.tile(c, N) * se, np.tile(c, N) * se)) * nu / (nu - 2)
    np.testing.assert_allclose(np.cov(y.T), expected, atol=5e-4 * (2 if nu else 1))
    np.testing.assert_allclose(y.mean(0), MEAN.reshape(-1), atol=0.003)


def test_student_t_equals_scipy_and_tends_to_the_gaussian():
    e = errors(offset=jnp.asarray([0.4, -0.2]), nu=jnp.asarray(4.0), mask=np.ones((N, 2), bool))
    centre, own = np.asarray(e.centre()), errors(shared=(0.6, 0.3), mask=np.ones((N, 2), bool))
    b11, b12, b22 = (np.asarray(b) for b in own._blocks())
    for i, found in enumerate(np.asarray(e.checkpoint_log_prob(jnp.asarray(Y)))):
        t = stats.multivariate_t(centre[i], [[b11[i], b12[i]], [b12[i], b22[i]]], df=4)
        assert found == pytest.approx(t.logpdf(Y[i]))
    nearly = errors(offset=jnp.asarray([0.4, -0.2]), nu=jnp.asarray(1e7)).checkpoint_log_prob(jnp.asarray(Y))
    gaussian = errors(offset=jnp.asarray([0.4, -0.2])).checkpoint_log_prob(jnp.asarray(Y))
    np.testing.assert_allclose(nearly, gaussian, rtol=1e-5)


def test_what_is_not_measured_has_no_effect():
    other = jnp.where(jnp.asarray(MASK), jnp.asarray(Y), 123.0)
    assert float(errors().log_prob(other)) == float(errors().log_prob(jnp.asarray(Y)))
    gradient = jax.grad(lambda s: errors(sigma=s).log_prob(jnp.asarray(Y)))(jnp.asarray([0.05, 0.02]))
    assert np.isfinite(gradient).all()


def test_the_common_course_ignores_the_wobble_of_stated_errors():
    t = np.arange(20.0)
    smooth = 0.03 * np.exp(-0.02 * t)
    wobbly = smooth * np.exp(0.1 * np.random.default_rng(0).normal(size=20))
    np.testing.assert_allclose(common_course(t, smooth), smooth)
    assert np.abs(np.log(common_course(t, wobbly) / smooth)).max() < 0.1
    missing = np.where(t < 3, np.nan, smooth)
    np.testing.assert_allclose(common_course(t, missing)[3:], smooth[3:])
    np.testing.assert_allclose(common_course(t, missing)[:3], smooth[3])  # no extrapolation
    assert not common_course(t, np.full(20, np.nan)).any()


@pytest.mark.parametrize("shared", [1.5, -0.1, True, "all"])
def test_a_share_is_a_share(shared):
    with pytest.raises(gd.InputError, match="shared"):
        gd.Likelihood(shared=shared)
