"""Pictures of measurements: they show the numbers that were measured."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import gapdyn as gd
from gapdyn import plots


@pytest.fixture(scope="module")
def measured():
    return gd.measure(gd.datasets.samples("learning_then_sharpening"), name="a $5 run")


OF_ONE = (plots.reliability, plots.gap_by_threshold, plots.pass_k, plots.length_uncertainty)


@pytest.mark.parametrize("draw", OF_ONE, ids=lambda f: f.__name__)
@pytest.mark.parametrize("size", ["notebook", "paper", "paper-wide"])
def test_every_size_is_drawn(measured, draw, size, tmp_path):
    path = plots.save(draw(measured, size=size), tmp_path / "a.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_pass_k_shows_what_was_measured(measured):
    ax = plots.pass_k(measured).axes[0]
    for line, values in zip(ax.lines, measured.only.pass_k.value.T, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), values)


def test_the_sweep_shows_first_and_last(measured):
    sweep = measured.only.sweep
    absolute, relative = plots.gap_by_threshold(measured).axes
    np.testing.assert_array_equal(absolute.lines[1].get_ydata(), sweep.absolute.value[0])
    np.testing.assert_array_equal(relative.lines[2].get_ydata(), sweep.relative.value[-1])


def test_reliability_leaves_out_empty_bins(measured):
    curve = measured.only.reliability
    rare, common = (line.get_xdata() for line in plots.reliability(measured).axes[0].lines[1:3])
    share = curve.count[0] / curve.count[0].sum()
    np.testing.assert_array_equal(rare, curve.mean_score[0][(share > 0) & (share < 0.01)])
    np.testing.assert_array_equal(common, curve.mean_score[0][share >= 0.01])


def test_lengths_are_drawn_per_response_whatever_the_unit(measured):
    per_token = gd.measure(gd.datasets.samples("learning_then_sharpening"), unit="nats/token")
    both = [plots.length_uncertainty(m).axes[0].lines[0].get_ydata() for m in (measured, per_token)]
    np.testing.assert_allclose(*both)


@pytest.mark.parametrize("size", ["notebook", "paper", "paper-wide"])
def test_a_line_of_gaps_is_drawn(size):
    line = gd.gv_scaling([0.01, 0.05, 0.12], [1e21, 1e22, 1e23], se=[0.01] * 3, names=["a_b", "c", "$d$"])
    ax = plots.gv_scaling(line, size=size).axes[0]
    np.testing.assert_allclose(ax.lines[1].get_ydata(), line.line(ax.lines[1].get_xdata())[1])
    assert ax.get_xscale() == "log"
    with pytest.raises(gd.InputError, match=r"gv_scaling takes a gapdyn\.gv_scaling"):
        plots.gv_scaling(line.gaps)


def test_correlations_of_verifiers():
    rng = np.random.default_rng(0)
    frame = gd.datasets.samples("sharpening_only").filter(pl.col("round") < 2)
    frame = frame.with_columns(score_other=pl.Series(rng.random(frame.height)))
    found = gd.score_correlation(frame)
    shown = np.asarray(plots.score_correlation(found, size="paper").axes[0].images[0].get_array(), float)
    assert shown[0, 1] == found.all.value[0, 0, 1]
    assert shown[1, 0] == found.given.value[0, 1, 0]
    with pytest.raises(gd.InputError, match="no run 'x'"):
        plots.score_correlation(found, run="x")


def test_what_cannot_be_drawn_is_said():
    bare = gd.measure({"round": [0, 1], "prompt_id": [1, 1], "nll": [1.0, 2.0], "n_tokens": [1, 1]})
    for draw in OF_ONE[:3]:
        with pytest.raises(gd.InputError, match="was measured without"):
            draw(bare)
    assert len(plots.length_uncertainty(bare).axes) == 1
    with pytest.raises(gd.InputError, match=r"pass_k takes a gapdyn\.measure"):
        plots.pass_k(gd.datasets.learning())
    with pytest.raises(gd.InputError, match=r"takes a gapdyn\.score_correlation"):
        plots.score_correlation(bare)
