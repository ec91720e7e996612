"""The fleet benchmark: its NumPy curves are the laws of the library, its prior runs follow the priors of the fit."""

from __future__ import annotations

import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from scipy import stats

import gapdyn as gd

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
import _fleet_runs as fleets
import fleet as benchmark

TS = np.linspace(0, fleets.SPAN, 9)


def numbers(kind: str, runs: fleets.Runs, i: int) -> dict[str, float]:
    return {n: float(runs.truth[n][i]) for n in fleets.NAMES.get(kind, fleets.NAMES["hard"])}


@pytest.mark.parametrize("kind", fleets.KINDS)
def test_curves_and_ceilings_are_those_of_the_law(kind):
    runs = fleets.make(kind, 16)
    for i in range(16):
        values = numbers(kind, runs, i)
        law = fleets.LAWS[kind](**values)
        solved = gd.solve(law.law(), TS)
        np.testing.assert_allclose(fleets.course(kind, values, TS), np.stack([solved.u_s, solved.u_v]), atol=1e-10)
        assert float(gd.limits(law).u_s_inf) == pytest.approx(runs.truth["u_s_inf"][i], rel=1e-9)
        slopes = jax.grad(lambda v: fleets.ceiling(kind, v))(values)
        of = {n: np.asarray([x]) for n, x in values.items()}
        np.testing.assert_allclose(fleets.slope(kind, of)[0], [float(slopes[n]) for n in values], rtol=1e-6)


def test_the_hard_fleet_has_every_part():
    runs = fleets.make("hard", 64)
    fleet, truth = runs.fleet.runs, runs.truth
    assert set(runs.part) == set(fleets.PARTS)
    assert {len(r) >= 8 and len(r) <= 40 for r in fleet} == {True}
    assert truth["rate"][runs.part == "partial"].max() * fleets.SPAN < 0.5
    assert truth["rho"][runs.part == "rho near 0"].max() < 0.02
    assert truth["rho"][runs.part == "rho near 1"].min() > 0.95
    missing = [np.isnan(np.stack([r.u_s, r.u_v])).mean() for r in fleet]
    assert np.mean(np.asarray(missing)[runs.part == "missing values"]) > 0.2
    again = fleets.make("hard", 8).fleet
    np.testing.assert_array_equal(again.runs[7].u_s, fleet[7].u_s)


def test_prior_runs_are_drawn_from_the_priors_that_the_fit_is_given():
    """Kolmogorov-Smirnov, one alarm in 10,000 for each of six."""
    truth = fleets.make("prior", 300).truth
    for name, prior in fleets.priors().items():
        assert stats.kstest(np.asarray(prior.cdf(truth[name])), "uniform").pvalue > 1e-4, name


def test_agreement_counts_what_is_a_number():
    long = {n: {"mean": [0.0, 1.0], "sd": [1.0, 2.0], "q05": [-1.6, -2.2], "q50": [0.0, 1.0], "q95": [1.6, 4.2]}
            for n in ("rate", "u_s_inf")}  # fmt: skip
    wider = {n: {f: [2 * x[0], None] for f, x in v.items()} for n, v in long.items()}
    found = benchmark.agreement(wider, long)
    assert found["ratio"] == {"p01": 2.0, "median": 2.0, "p99": 2.0, "count": 2}
    assert found["off"]["median"] == 0
