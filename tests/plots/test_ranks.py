"""The picture of a calibration."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import gapdyn as gd
from gapdyn import plots
from gapdyn.plots._style import SIZES, VERMILLION

SHORT = gd.simulate(gd.laws.shared_rate(), [0.0, 2.0, 5.0, 9.0], noise=0.01, key=0)


@pytest.fixture(scope="module")
def calibration():
    return gd.calibrate(gd.laws.shared_rate(), SHORT, key=0, n=20, engine="laplace")


@pytest.mark.parametrize("size", SIZES)
def test_each_parameter_has_its_curve(calibration, size):
    figure = plots.ranks(calibration, size=size)
    panels = [ax for ax in figure.axes if ax.get_visible()]
    assert len(panels) == len(calibration.places)
    for ax, u in zip(panels, calibration.places.values(), strict=True):
        x, y = ax.lines[-1].get_xydata().T
        assert y[0] == y[-1] == 0
        for place in u:  # just above it, the share of truths at or below, less the place
            assert y[np.searchsorted(x, place, side="right") - 1] == pytest.approx(np.mean(u <= place) - place)


def test_a_miscalibrated_parameter_stands_out(calibration):
    wrong = dataclasses.replace(calibration, p={**calibration.p, "rho": 1e-9})
    colors = [ax.lines[-1].get_color() for ax in plots.ranks(wrong).axes if ax.get_visible()]
    expected = [name == "rho" or p < 1e-4 for name, p in wrong.p.items()]
    assert [c == VERMILLION for c in colors] == expected


def test_unknown_sizes_are_refused(calibration):
    with pytest.raises(gd.InputError, match="size"):
        plots.ranks(calibration, size="poster")
