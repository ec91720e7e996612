"""Simulation-based calibration: sound engines pass, a planted bug is caught, the test of uniformity keeps its rate."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import numpyro.distributions as dist
import pytest

import gapdyn as gd
from gapdyn.criticism._calibrate import uniformity
from gapdyn.inference._held import Held

# few checkpoints and large errors: there the prior counts
LOUD = gd.simulate(gd.laws.shared_rate(), [0.0, 2.0, 5.0, 9.0], se=0.3, shared=0.0, key=0)
LONG = gd.simulate(gd.laws.shared_rate(), np.linspace(0, 10, 12), noise=0.01, se=0.02, key=0)


@dataclasses.dataclass(frozen=True)
class Planted(gd.engines.Quadrature):
    """Quadrature that takes the prior of the gap's limit for half as wide as it is."""

    def run(self, target, args, key, progress=None):
        (obs,) = args
        prior = obs.priors["gap_inf"].distribution
        wrong = {**obs.priors, "gap_inf": Held(dist.Normal(prior.loc, prior.scale / 2))}
        return super().run(target, (obs._replace(priors=wrong),), key, progress)


@functools.cache
def calibration(engine) -> gd.Calibration:
    return gd.calibrate(gd.laws.shared_rate(), LOUD, key=0, engine=engine, n=40)


def test_a_sound_engine_passes():
    found = calibration("auto")
    assert found.passed, str(found)
    assert found.simulations == 40
    assert {"rate", "rho", "gap_inf", "u_s0", "u_v0", "u_s_inf", "sigma", "shared_s"} <= set(found.p)
    assert sum(found.took.values()) == 40
    assert all(r.min() >= 0 and r.max() <= found.draws for r in found.ranks.values())
    assert 0.2 < found.coverage("rate")[0.5] < 0.8
    assert "in 90%" in str(found)
    assert "not uniform" not in str(found)


def test_a_prior_off_by_a_factor_of_two_is_caught():
    found = calibration(Planted())
    assert "gap_inf" in found.miscalibrated
    assert not found.passed
    assert "not uniform" in str(found)


def test_the_test_of_uniformity_keeps_its_rate_and_has_power():
    random = np.random.default_rng(0)
    p = np.array([uniformity(u) for u in random.uniform(size=(2000, 50))])
    assert np.mean(p < 0.05) < 0.05 + 5 * np.sqrt(0.05 * 0.95 / 2000)
    from scipy.stats import norm

    z = random.standard_normal(200)
    assert uniformity(norm.cdf(z)) > 1e-4
    assert uniformity(norm.cdf(z / 0.7)) < 1e-4  # intervals too narrow
    assert uniformity(norm.cdf(z * 0.7)) < 1e-4  # too wide
    assert uniformity(norm.cdf(z + 0.4)) < 1e-4  # biased


def test_few_simulations_are_refused():
    with pytest.raises(gd.InputError, match="at least 20"):
        gd.calibrate(gd.laws.shared_rate(), LOUD, key=0, n=5)


@pytest.mark.slow
@pytest.mark.parametrize("law", gd.laws.ALL_LAWS)
def test_every_law_is_calibrated_with_auto(law):
    more = {"times": [0.0, 4.0, 10.0], "lr": [1.0, 1.0, 0.3]} if law == "lr_clock" else {}
    # without falling back to NUTS, which takes minutes of some laws' posteriors: what declines is held to it as well.
    # Of the one law with more numbers than importance sampling is trusted with, auto takes NUTS at once
    many = law == "neural_potential"
    engine = gd.engines.NUTS(draws=250) if many else gd.engines.Auto(fallback=False)
    found = gd.calibrate(gd.laws.ALL_LAWS[law](**more), LONG, key=1, n=40 if many else 60, engine=engine)
    assert found.passed, str(found)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["importance", "quadrature", "nuts"])
def test_every_engine_is_calibrated(engine):
    found = gd.calibrate(gd.laws.shared_rate(), LONG, key=2, engine=engine, n=100)
    assert found.passed, str(found)
