"""Pictures of pooled fleets: what is drawn is what the fit says."""

from __future__ import annotations

import numpy as np
import pytest

import gapdyn as gd
from gapdyn import plots


def scaling() -> gd.LimitScaling:
    at = np.linspace(20, 24, 5)
    line = np.stack([1 - 0.1 * (at - 20) + d for d in (-0.1, 0.0, 0.1)])
    return gd.LimitScaling(
        of="u_s_inf", by="log10_flops", names=("a", "b", "c"), x=np.array([20.0, 22.0, 24.0]),
        values=np.array([[0.9, 0.7, 0.5], [1.0, 0.8, 0.6], [1.1, 0.9, 0.8]]), at=at, line=line,
        another=line + np.array([[-0.1], [0.0], [0.1]]), slope=np.array([-0.2, -0.1, 0.0]), centre=22.0,
        level_at_centre=np.array([0.7, 0.8, 0.9]), rising=0.05, level=0.9, unit="nats/response", findings=(),
    )  # fmt: skip


@pytest.mark.parametrize("size", ["notebook", "paper", "paper-wide"])
def test_a_limit_is_drawn_against_a_covariate(size):
    line = scaling()
    figure = plots.limit_scaling(line, size=size)
    ax = figure.axes[0]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), line.line[1])
    assert ax.get_xlabel() == "log10_flops"
    assert "nats/response" in ax.get_ylabel()
    assert "-0.1" in figure.legends[0].get_texts()[1].get_text().replace("\N{MINUS SIGN}", "-")
    with pytest.raises(gd.InputError, match="takes the scaling of a pooled fit"):
        plots.limit_scaling(line.line)


def test_only_pooled_fits_can_be_shown_shrunk():
    with pytest.raises(gd.InputError, match="shows a pooled fit"):
        plots.shrinkage(scaling())
