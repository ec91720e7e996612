"""Honest intervals and honest doubts: simulated runs in which the accuracy link is true, bends, or is not there."""

from __future__ import annotations

import collections

import numpy as np
import pytest
from links import ENGINE, LAW, PROMPTS, SAMPLES, independent, judged, linked, same_prompts, straying

import gapdyn as gd


def held(count, seed: int, runs: int):
    """Shares of limits within their 90% intervals (solver, verifier), and how often what is found against a link."""
    random, inside, found = np.random.default_rng(seed), np.zeros(2), collections.Counter()
    for _ in range(runs):
        truth = linked(random, count)
        said = judged(truth)
        for i, (link, limit) in enumerate(zip(said.links.values(), truth.limit, strict=True)):
            s = link.summary()["limit"]
            inside[i] += s["q05"] <= limit <= s["q95"]
            found[link.series] += not link.holds
        found["not_joint"] += any(f.code == "not_joint" for f in said.findings)
    return inside / runs, found


@pytest.mark.slow
@pytest.mark.parametrize("count", [independent, straying, same_prompts])
def test_the_limits_interval_covers(count):
    """200 runs with solver and verifier: 85% to 97% of the limits (2 standard errors of 90% are 4%); of the same
    prompts throughout, whose counts are surer than binomial ones, up to all. k-hat is good in all.
    """
    inside, found = held(count, 3, 200)
    print(count.__name__, inside, dict(found))
    assert (inside >= 0.85).all()
    assert (inside <= (1.0 if count is same_prompts else 0.97)).all()
    assert found["not_joint"] <= 2


@pytest.mark.slow
def test_at_most_one_healthy_run_in_a_hundred_is_doubted():
    """Solver links of 500 healthy runs; of verifiers, with one graded response for each prompt, at most 2%."""
    _, found = held(same_prompts, 11, 500)
    print(dict(found))
    assert found["acc_s"] <= 5
    assert found["acc_v"] <= 10


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bend", "code"),
    [(lambda way: np.minimum(way, 0.3) / 0.3, "link_bends"), (lambda way: 0 * way, "no_link"),
     (lambda way: -0.2 * way, "no_link"), (lambda way: np.where(way < 0.5, way, 0.5 - 2 * (way - 0.5)), "")],
    ids=["saturates", "stays", "falls", "collapses"],
)  # fmt: skip
def test_a_link_that_is_not_true_is_doubted(bend, code):
    """100 runs of each: at least 95% of the solvers'."""
    random = np.random.default_rng(5)
    codes = collections.Counter()
    for _ in range(100):
        link = judged(linked(random, same_prompts, bend)).links["acc_s"]
        codes.update({*(f.code for f in link.findings), *(() if link.holds else ("",))})
    print(dict(codes))
    assert codes[code] >= 95


def test_simulated_prompts_have_the_accuracy_that_they_are_asked_for():
    random = np.random.default_rng(0)
    for count in (independent, same_prompts, straying):
        p = np.linspace(0.1, 0.9, 5)
        right = np.mean([count(random, p, SAMPLES) for _ in range(300)], 0)
        np.testing.assert_allclose(right / (PROMPTS * SAMPLES), p, atol=0.003)


def test_one_true_link_end_to_end():
    truth = linked(np.random.default_rng(8), same_prompts)
    found = gd.accuracy(gd.fit(truth.run, LAW, key=0, engine=ENGINE), prompts="same")
    for link, limit in zip(found.links.values(), truth.limit, strict=True):
        assert link.holds
        low, high = np.quantile(link.limit, [0.001, 0.999])
        assert low < limit < high
