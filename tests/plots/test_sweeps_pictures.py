"""Pictures of sweeps: phase diagrams and tornado plots show the numbers they are given."""

from __future__ import annotations

import numpy as np
import pytest

import gapdyn as gd
from gapdyn import plots


@pytest.fixture(scope="module")
def swept():
    settings = {"u_s0": [1.0, 1.5], "rho": np.linspace(-0.1, 0.8, 10), "gap_inf": np.linspace(0, 0.2, 5)}
    return gd.sweep(gd.laws.shared_rate(), settings, ["ceiling", "gap"], [3.0])


@pytest.mark.parametrize("size", ["notebook", "paper"])
def test_a_phase_diagram_shows_the_sweep(swept, size):
    figure = plots.phase_diagram(swept, at={"u_s0": 1.4}, size=size)
    shown = figure.axes[0].collections[0].get_array()
    expected = swept["u_s_inf"].reshape(2, 10, 5)[1]
    np.testing.assert_array_equal(np.ma.filled(shown, np.nan), expected)
    assert np.ma.getmaskarray(shown)[0].all()  # rho < 0
    assert "10% of the settings" in figure.legends[0].get_texts()[0].get_text()


def test_axes_may_be_chosen(swept):
    figure = plots.phase_diagram(swept, "gap", x="rho", y="u_s0", at={"gap_inf": 0.0})
    shown = figure.axes[0].collections[0].get_array()
    np.testing.assert_array_equal(np.ma.filled(shown, np.nan), swept["gap"].reshape(2, 10, 5)[:, :, 0])


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({}, "u_s0 is left over"),
        ({"of": "u_v"}, "unknown quantity"),
        ({"at": {"roh": 1}}, "Did you mean 'rho'"),
        ({"x": "rho", "y": "rho", "at": {"u_s0": 1}}, "needs a grid of two parameters"),
    ],
)
def test_what_is_no_phase_diagram_is_refused(swept, more, says):
    with pytest.raises(gd.InputError, match=says):
        plots.phase_diagram(swept, **more)


@pytest.mark.parametrize("size", ["notebook", "paper"])
def test_a_tornado_shows_swings_and_indices(size):
    found = gd.global_sensitivity(gd.laws.shared_rate(), {"rho": (0.0, 0.6), "gap_inf": (0.0, 0.1)}, n=128)
    swing, share = plots.tornado(found, size=size).axes
    bars = np.asarray([b.get_width() for b in swing.patches])
    expected = [found.swing[n][k] - found.middle for n in found.order for k in (0, 1)]
    np.testing.assert_allclose(bars, expected)
    dots = [line.get_xdata()[0] for line in share.lines if line.get_linestyle() == "None"]
    np.testing.assert_allclose(dots, [v for n in found.order for v in (found.first[n], found.total[n])])
