"""Settings by their number: grids, Sobol points, lists and their products."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy.stats import norm, qmc

import gapdyn as gd
from gapdyn._random import generator
from gapdyn.sweeps import grid, points, sobol


def every(settings):
    """All columns, (settings,) each."""
    return {n: np.asarray(x) for n, x in settings.at(jnp.arange(len(settings), dtype=jnp.uint32)).items()}


def test_a_grid_is_every_combination_the_last_fastest():
    x, y = [0.1, 0.2, 0.3], [1.0, 2.0]
    columns = every(grid({"rho": x, "gap_inf": y, "rate": 4}))
    expected = np.meshgrid(x, y, [4.0], indexing="ij")
    for name, values in zip(("rho", "gap_inf", "rate"), expected, strict=True):
        np.testing.assert_array_equal(columns[name], values.ravel())


def test_sobol_points_are_scipys_half_a_cell_further():
    n = 256
    columns = every(sobol({"rho": (0, 1), "rate": (2, 4), "m": (0, 1)}, n, key=3))
    theirs = qmc.Sobol(3, bits=30, seed=generator(3)).random(n) + 0.5 * 2.0**-30
    ours = np.stack([columns["rho"], (columns["rate"] - 2) / 2, columns["m"]], -1)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-15)


def test_points_late_in_a_sobol_sequence_are_scipys_too():
    n, at = 2**17, 2**17 - 5
    settings = sobol({"rho": (0, 1), "rate": (0, 1)}, n)
    sequence = qmc.Sobol(2, bits=30, seed=generator(0)).fast_forward(at)
    columns = settings.at(jnp.arange(at, n, dtype=jnp.uint32))
    ours = np.stack([columns["rho"], columns["rate"]], -1)
    np.testing.assert_allclose(ours, sequence.random(5) + 0.5 * 2.0**-30, rtol=0, atol=1e-15)


def test_sobol_points_follow_a_distribution():
    columns = every(sobol({"u_s0": dist.Normal(1.0, 0.2), "rate": dist.LogUniform(0.1, 10.0)}, 1024))
    levels = np.linspace(0.05, 0.95, 19)
    np.testing.assert_allclose(np.quantile(columns["u_s0"], levels), norm.ppf(levels, 1.0, 0.2), atol=2e-3)
    np.testing.assert_allclose(np.quantile(np.log10(columns["rate"]), levels), 2 * levels - 1, atol=5e-3)


def test_a_product_is_every_one_with_every_one():
    columns = every(points({"rho": [0.1, 0.5, 0.2]}) * grid({"rate": [1, 2]}))
    np.testing.assert_array_equal(columns["rho"], [0.1, 0.1, 0.5, 0.5, 0.2, 0.2])
    np.testing.assert_array_equal(columns["rate"], [1, 2, 1, 2, 1, 2])


def test_a_hundred_million_settings_are_a_few_numbers():
    settings = grid({"rho": np.linspace(0, 0.9, 10_000), "gap_inf": np.linspace(0, 0.1, 10_000)})
    assert len(settings) == 10**8
    last = settings.at(jnp.asarray([10**8 - 1], jnp.uint32))
    assert (float(last["rho"][0]), float(last["gap_inf"][0])) == (0.9, 0.1)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: grid({}), "at least one parameter"),
        (lambda: grid({"rho": []}), "at least one number"),
        (lambda: grid({"rho": "abc"}), "must be numbers"),
        (lambda: grid({"schedule": [1, 2]}), "labels with schedules"),
        (lambda: points({"rho": [1, 2], "rate": [1]}), "as many values"),
        (lambda: sobol({}, 4), "at least one parameter"),
        (lambda: sobol({"rho": (1, 0)}, 4), "low < high"),
        (lambda: sobol({"rho": 3}, 4), r"\(low, high\) or a NumPyro distribution"),
        (lambda: sobol({"rho": (0, 1)}, 0), "whole number from 1"),
        (lambda: sobol({"rho": dist.Beta(2, 2)}, 4), "no quantiles here"),
        (lambda: grid({"rho": [1]}) * grid({"rho": [2]}), "in both factors"),
        (lambda: grid({n: range(2000) for n in ("a", "b", "c")}), "at most 4,294,967,295"),
    ],
)
def test_settings_that_are_none_are_refused(make, says):
    with pytest.raises(gd.InputError, match=says):
        make()
