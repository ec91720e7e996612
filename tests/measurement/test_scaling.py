"""The line of gaps against log FLOPs: its posterior against SciPy's integrals, its coverage by simulation."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from scipy.integrate import quad

import gapdyn as gd

FLOPS = np.array([1e21, 3e21, 1e22, 4e22, 2e23, 9e23])
GAPS = np.array([0.02, 0.05, 0.03, 0.10, 0.09, 0.15])
SE = np.array([0.01, 0.012, 0.009, 0.015, 0.01, 0.02])


def codes(line) -> set[str]:
    return {f.code for f in line.findings}


def by_quadrature(x, y, se):
    """Posterior moments of the slope and the scatter, from integrals over the scatter."""

    def at(scatter):
        v = se**2 + scatter**2
        w = 1 / v
        centre = np.average(x, weights=w)
        precision = w @ (x - centre) ** 2
        slope = w @ ((x - centre) * y) / precision
        level = np.average(y, weights=w)
        misfit = w @ (y - level - slope * (x - centre)) ** 2
        log_like = -0.5 * (np.log(v).sum() + np.log(w.sum()) + np.log(precision) + misfit)
        return np.exp(log_like) * scatter * np.sqrt((w**2).sum()), slope, 1 / precision

    def mean(of):
        ends = (0, 0.01, 0.03, 0.1, 1, 100)
        return sum(quad(lambda s: at(s)[0] * of(s), a, b, epsabs=0, epsrel=1e-10, limit=200)[0]
                   for a, b in pairwise(ends))  # fmt: skip

    total = mean(lambda s: 1.0)
    slope = mean(lambda s: at(s)[1]) / total
    return slope, mean(lambda s: at(s)[2] + (at(s)[1] - slope) ** 2) / total, mean(lambda s: np.exp(-s / 0.02)) / total


def test_the_posterior_against_integrals():
    line = gd.gv_scaling(GAPS, FLOPS, se=SE)
    slope, variance, small = by_quadrature(np.log10(FLOPS), GAPS, SE)
    w, m, v = line.weights, line.mean[:, 1], line.cov[:, 1, 1]
    assert w @ m == pytest.approx(slope, rel=1e-4)
    assert w @ (v + (m - slope) ** 2) == pytest.approx(variance, rel=1e-3)
    assert w @ np.exp(-line.scatter_grid / 0.02) == pytest.approx(small, rel=1e-4)


def test_intervals_are_quantiles_of_the_mixture():
    line = gd.gv_scaling(GAPS, FLOPS, se=SE)
    rng = np.random.default_rng(0)
    which = rng.choice(len(line.weights), 200_000, p=line.weights)
    draws = line.mean[which] + np.einsum(
        "nij,nj->ni", np.linalg.cholesky(line.cov)[which], rng.normal(size=(len(which), 2))
    )
    np.testing.assert_allclose(line.slope, np.quantile(draws[:, 1], [0.05, 0.5, 0.95]), atol=4e-4)
    at = draws[:, 0] + draws[:, 1] * (24 - line.centre)
    np.testing.assert_allclose(line.line(1e24)[:, 0], np.quantile(at, [0.05, 0.5, 0.95]), atol=1e-3)
    new = at + line.scatter_grid[which] * rng.normal(size=len(which))
    np.testing.assert_allclose(line.line([1e24], new=True)[:, 0], np.quantile(new, [0.05, 0.5, 0.95]), atol=1e-3)
    assert line.rising == pytest.approx((draws[:, 1] > 0).mean(), abs=1e-3)
    np.testing.assert_allclose(line.scatter, np.quantile(line.scatter_grid[which], [0.05, 0.5, 0.95]), rtol=0.02)


@pytest.mark.parametrize(("models", "scatter"), [(5, 0.0), (8, 0.02), (15, 0.02), (15, 0.06)])
def test_coverage_by_simulation(models, scatter):
    """Errors of .01 to .03. Of 400 sound 90% intervals 84-95% hold (4 standard errors); few models, or none of the
    scatter that the prior expects, hold more.
    """
    rng = np.random.default_rng(models)
    held = 0
    for _ in range(400):
        x, se = rng.uniform(21, 25, models), rng.uniform(0.01, 0.03, models)
        y = 0.05 + 0.04 * (x - 22) + rng.normal(size=models) * np.hypot(se, scatter)
        low, _, high = gd.gv_scaling(y, 10**x, se=se).slope
        held += low <= 0.04 <= high
    assert held / 400 >= 0.84
    if models == 15:
        assert held / 400 <= 0.95


def test_without_scatter_and_with_many_models_it_is_weighted_least_squares():
    rng = np.random.default_rng(3)
    x, se = rng.uniform(21, 25, 300), rng.uniform(0.01, 0.03, 300)
    y = 0.1 + 0.03 * (x - x.mean()) + se * rng.normal(size=300)
    line = gd.gv_scaling(y, 10**x, se=se)
    design = np.column_stack([np.ones(300), x - x.mean()]) / se[:, None]
    cov = np.linalg.inv(design.T @ design)
    slope = (cov @ design.T @ (y / se))[1]
    np.testing.assert_allclose(line.slope, slope + np.sqrt(cov[1, 1]) * np.array([-1.645, 0, 1.645]), atol=2e-4)
    assert line.scatter[2] < 0.009  # the square of 300 errors of .02 says no more
    assert not codes(line)


def test_units_and_order_do_not_matter():
    line = gd.gv_scaling(GAPS, FLOPS, se=SE)
    shuffled = [3, 0, 5, 1, 4, 2]
    other = gd.gv_scaling(100 * GAPS[shuffled] + 7, 1e3 * FLOPS[shuffled], se=100 * SE[shuffled])
    np.testing.assert_allclose(other.slope, 100 * line.slope)
    np.testing.assert_allclose(other.scatter, 100 * line.scatter)
    assert other.rising == pytest.approx(line.rising)


def test_runs_of_a_gv_gap():
    rng = np.random.default_rng(1)
    frames = []
    for k, name in enumerate(("small", "middle", "large")):
        hard = np.repeat(rng.normal(size=400), 6)
        right = rng.random(2400) < 1 / (1 + np.exp(hard))
        score = 1 / (1 + np.exp(-(0.3 + 0.9 * k) * np.where(right, 1, -1) - rng.normal(size=2400)))
        frames.append(pl.DataFrame({"run": name, "step": 0, "prompt_id": np.repeat(np.arange(400), 6),
                                    "score": score, "correct": right}))  # fmt: skip
    gap = gd.gv_gap(pl.concat(frames))
    line = gd.gv_scaling(gap, {"large": 1e24, "middle": 1e22, "small": 1e20})
    assert line.names == ("small", "middle", "large")
    np.testing.assert_array_equal(line.gaps, [run.relative.value[-1] for run in gap.runs])
    np.testing.assert_array_equal(line.se, [run.relative.se[-1] for run in gap.runs])
    assert line.slope[1] > 0
    assert "few_models" in codes(line)
    absolute = gd.gv_scaling(gap, {"large": 1e24, "middle": 1e22, "small": 1e20}, kind="absolute")
    assert absolute.gaps[0] == gap.runs[0].absolute.value[-1]
    with pytest.raises(gd.InputError, match="flops lacks the runs 'middle', 'large'"):
        gd.gv_scaling(gap, {"small": 1e20})
    with pytest.raises(gd.InputError, match="unknown kind 'best'"):
        gd.gv_scaling(gap, {}, kind="best")
    with pytest.raises(gd.InputError, match="leave out se, and give flops as run -> FLOPs"):
        gd.gv_scaling(gap, [1e20, 1e22, 1e24])


def test_it_prints_itself_with_its_findings():
    line = gd.gv_scaling([0.0, 0.3, -0.2, 0.1], FLOPS[:4], se=[0.01] * 4, names=["a", "b", "c", "d"])
    assert codes(line) == {"few_models", "slope_not_told", "scatter"}
    assert "per factor of ten: " in str(line)
    assert str(line).splitlines()[1].startswith("a   ")
    report = json.loads(json.dumps(line.to_dict()))
    assert report["slope"]["low"] < report["slope"]["median"] < report["slope"]["high"]


@pytest.mark.parametrize(
    ("gaps", "flops", "more", "message"),
    [
        ([0.1, 0.2], [1e20, 1e21], {"se": [0.1, 0.1]}, "2 models are no line to fit. Give 3 or more"),
        ([0.1] * 3, [1e20] * 3, {"se": [0.1] * 3}, "of different FLOPs"),
        ([0.1] * 3, [1e20, 1e21, -1], {"se": [0.1] * 3}, "model 'model 3': FLOPs -1"),
        ([0.1, np.nan, 0.2], FLOPS[:3], {"se": [0.1] * 3, "names": "abc"}, r"model 'b': FLOPs 3e\+21, gap nan"),
        ([0.1] * 3, FLOPS[:3], {"se": [0.1, 0.1, 0]}, "must be positive; leave it out if unknown"),
        ([0.1] * 3, FLOPS[:3], {}, "need their standard errors: pass se"),
        ([0.1] * 3, FLOPS[:2], {"se": [0.1] * 3}, "3 gaps, 2 flops, 3 se and 3 names"),
        (["x"] * 3, FLOPS[:3], {"se": [0.1] * 3}, "gaps: .* are not numbers"),
        ([0.1] * 3, FLOPS[:3], {"se": [0.1] * 3, "level": 2}, "level=2: give a number"),
    ],
)
def test_what_is_no_line_is_said(gaps, flops, more, message):
    with pytest.raises(gd.InputError, match=message):
        gd.gv_scaling(gaps, flops, **more)
