"""Forecasts: they cover what comes, and say what they assume."""

from __future__ import annotations

import numpy as np
import pytest

import gapdyn as gd

TS = np.linspace(0, 10, 20)


def test_forecasts_cover_held_out_checkpoints():
    """12 runs x 8 held-out checkpoints x 2 series; errors of a run go together, so only gross failure is refused."""
    inside = []
    for key in range(12):
        run = gd.simulate(gd.laws.shared_rate(), TS, noise=0.01, key=100 + key)
        fit = gd.fit(run.head(12), gd.laws.shared_rate(), key=key)
        ahead = gd.forecast(fit, run.t[12:], key=key)
        for name in ("u_s", "u_v"):
            s, y = ahead.summary()[name], getattr(run, name)[12:]
            inside.append(np.mean((y >= s["q05"]) & (y <= s["q95"])))
    assert 0.78 <= np.mean(inside) <= 1.0


def test_measured_is_wider_than_the_curve(learning_fit):
    noisy, curve = (gd.forecast(learning_fit, [30.0, 40.0], measured=m) for m in (True, False))
    assert (np.std(noisy.u_s, 0) > np.std(curve.u_s, 0)).all()
    new = gd.forecast(learning_fit, [30.0, 40.0], prompts="new", measured=False)
    assert (np.std(new.u_s, 0) > np.std(curve.u_s, 0)).all()
    assert noisy.u_s.shape == (4000, 2)
    assert gd.forecast(learning_fit, [30.0], draws=100).u_s.shape == (100, 1)


def test_it_prints_and_serialises(learning_fit):
    ahead = gd.forecast(learning_fit, [30.0, 40.0])
    assert "30" in str(ahead)
    assert ahead.to_dict()["t"] == [30.0, 40.0]
    assert len(ahead.to_dict()["u_v"]["q95"]) == 2


def test_far_forecasts_approach_the_ceiling(learning_fit):
    far = gd.forecast(learning_fit, [1e6], measured=False)
    np.testing.assert_allclose(far.u_s[:, 0], gd.ceiling(learning_fit, prompts="same").u_s, rtol=1e-6)


@pytest.mark.parametrize(
    ("ts", "message"),
    [
        ([], "at least one"),
        ([np.nan], "finite"),
        ([3.0, 2.0], "increase"),
        ([-1.0, 2.0], "before the first checkpoint"),
    ],
)
def test_impossible_times_are_refused(learning_fit, ts, message):
    with pytest.raises(gd.InputError, match=message):
        gd.forecast(learning_fit, ts)
