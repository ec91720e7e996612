"""The ceiling: its arithmetic against the law's, its words, and its coverage in simulation."""

from __future__ import annotations

import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import gapdyn as gd
from gapdyn.dynamics import remaining

TS = np.linspace(0, 10, 20)


def test_the_ceiling_is_the_posterior_of_the_limits(learning_fit):
    found = gd.ceiling(learning_fit)
    np.testing.assert_array_equal(found.u_s, learning_fit["u_s_inf"])
    np.testing.assert_allclose(found.gap, learning_fit["gap_inf"], rtol=1e-9)
    assert found.summary()["u_s"]["q05"] < found.summary()["u_s"]["q50"] < found.summary()["u_s"]["q95"]


def test_what_is_left_equals_the_laws_own(learning_fit):
    found = gd.ceiling(learning_fit, tolerance=0.02)
    last = learning_fit.data.t[-1]
    for i in (0, 1234, 3999):
        values = {k: learning_fit[k][i] for k in ("rate", "rho", "gap_inf", "u_s0", "u_v0")}
        law = gd.laws.shared_rate(**values).law()
        assert found.rest[i] == pytest.approx(float(remaining(law, [last])[0]), rel=1e-6)
        gain = values["u_s0"] - float(gd.limits(law).u_s_inf)
        assert found.realised[i] == pytest.approx(1 - found.rest[i] / gain)
        total = float(gd.time_to(law, jnp.asarray(0.02), of="u_s"))
        assert found.time_left[i] == pytest.approx(max(total - last, 0), abs=1e-6)
    assert found.finished == np.mean(np.abs(found.rest) < 0.02)
    assert ((found.time_left == 0) >= (np.abs(found.rest) < 0.02 - 1e-12)).all()


def test_same_prompts_shift_by_their_common_error(learning_fit):
    new, same = (gd.ceiling(learning_fit, prompts=p) for p in ("new", "same"))
    assert np.std(same.u_s) < np.std(new.u_s)
    assert "same prompts" in str(same)


def test_a_clock_that_starts_late_changes_nothing():
    import dataclasses

    run = gd.simulate(gd.laws.shared_rate(), TS, noise=0.01, key=3)
    late = dataclasses.replace(run, t=run.t + 5000)
    a, b = (gd.ceiling(gd.fit(r, gd.laws.shared_rate(), key=0)) for r in (run, late))
    np.testing.assert_allclose(
        a.summary()["u_s"]["q50"], b.summary()["u_s"]["q50"], atol=0.2 * a.summary()["u_s"]["sd"]
    )
    np.testing.assert_allclose(np.median(a.rest), np.median(b.rest), atol=1e-3)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"tolerance": -1.0}, "positive"),
        ({"tolerance": float("nan")}, "positive"),
        ({"prompts": "old"}, "Allowed: new, same"),
    ],
)
def test_bad_arguments_are_refused(learning_fit, more, message):
    with pytest.raises(gd.InputError, match=message):
        gd.ceiling(learning_fit, **more)


@pytest.mark.slow
@pytest.mark.parametrize("design", ["no standard errors", "stated, fresh"])
def test_the_interval_covers(design):
    """200 simulated runs, 1% noise, half a time constant to five: 86-94% cover, none fails."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
    from coverage import study

    found = study(design, 200)
    assert 0.86 <= found["coverage"] <= 0.94
    assert found["untrusted_or_nan"] == 0
