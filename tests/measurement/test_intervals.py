"""Intervals over prompts: 90% of them hold the truth; those of samples taken as independent do not."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm, t

import gapdyn as gd
from gapdyn.measurement._bootstrap import Bootstrap, expanded_tail

PROMPTS, SAMPLES, EVALUATIONS = 150, 6, 4000
Z = 1.645


def evaluation(rng: np.random.Generator, prompts: int) -> pl.DataFrame:
    """Prompts differ in difficulty, which moves uncertainty, correctness and score; samples scatter within them."""
    hard = np.repeat(rng.normal(size=prompts), SAMPLES)
    n = prompts * SAMPLES
    odds = rng.normal(size=n) - hard
    return pl.DataFrame({
        "round": np.zeros(n), "prompt_id": np.repeat(np.arange(prompts), SAMPLES),
        "nll": rng.gamma(3.0, np.exp(0.4 * hard)), "n_tokens": rng.integers(5, 15, n),
        "score": 1 / (1 + np.exp(-odds - rng.normal(size=n))), "correct": rng.random(n) < 1 / (1 + np.exp(-odds)),
    })  # fmt: skip


@pytest.fixture(scope="module")
def truth() -> dict[str, float]:
    """From 200,000 prompts: a hundredth of the standard errors below."""
    only = gd.measure(evaluation(np.random.default_rng(99), 200_000), draws=100).only
    return {name: float(e.value[0]) for name, e in only.estimates.items()}


@pytest.mark.slow
def test_coverage_of_90_percent_intervals(truth):
    """88-92% of 4,000, four binomial standard errors of .47%; the naive interval of u_s holds far fewer."""
    rng = np.random.default_rng(0)
    names = ("u_s", "u_v", "gap", "acc_s", "acc_v", "pass_n", "auc", "gv_gap", "brier")
    held, naive = dict.fromkeys(names, 0), 0
    for i in range(EVALUATIONS):
        frame = evaluation(rng, PROMPTS)
        only = gd.measure(frame, key=i, draws=1000).only
        for name in names:
            e = only.estimates[name]
            held[name] += bool(e.low[0] <= truth[name] <= e.high[0])
        nll = frame["nll"].to_numpy()
        naive += abs(nll.mean() - truth["u_s"]) <= Z * nll.std(ddof=1) / np.sqrt(len(nll))
    share = {name: count / EVALUATIONS for name, count in held.items()}
    print(share, naive / EVALUATIONS)
    for name in names:
        assert 0.88 <= share[name] <= 0.92, share
    assert naive / EVALUATIONS < 0.8


def test_nested_samples_say_less_than_independent_ones():
    frame = evaluation(np.random.default_rng(1), 400)
    only = gd.measure(frame).only
    nll = frame["nll"].to_numpy()
    assert only.se["u_s"][0] > 1.3 * nll.std(ddof=1) / np.sqrt(len(nll))
    # four times the samples of the same prompts leave the prompts' part of the error
    assert only.estimates["u_s"].se[0] == pytest.approx(only.se["u_s"][0], rel=0.1)


def test_the_shared_part_is_that_of_the_prompts():
    """Two checkpoints, prompts fixed, samples fresh: corr = between / (between + within / N), known here."""
    rng = np.random.default_rng(2)
    prompts, within = 1000, 2.0
    level = np.repeat(rng.normal(10, 1, prompts), SAMPLES)
    frame = pl.concat(
        pl.DataFrame({
            "round": np.full(len(level), t), "prompt_id": np.repeat(np.arange(prompts), SAMPLES),
            "nll": level + rng.normal(0, within, len(level)), "n_tokens": np.full(len(level), 3),
        })
        for t in range(4)
    )  # fmt: skip
    expected = 1 / (1 + within**2 / SAMPLES)
    assert gd.measure(frame).only.shared_s == pytest.approx(expected, abs=0.06)  # 4 standard errors of each pair


@pytest.mark.parametrize("prompts", [8, 30])
def test_intervals_of_few_prompts_are_wide_enough(prompts):
    """Means of Gaussian prompts, 2,000 of them: 87.6-92.4% (3.6 standard errors of .67%, 1 in 3,000) hold."""
    rng = np.random.default_rng(prompts)
    held = 0
    for _ in range(2000):
        sums = np.column_stack([rng.normal(size=prompts), np.ones(prompts)])[None]
        e = Bootstrap.of(sums[..., 1], 999, 0.9, rng).estimate(sums, lambda s: s[..., :1] / s[..., 1:])
        held += bool(e.low[0, 0] <= 0 <= e.high[0, 0])
    assert 0.876 <= held / 2000 <= 0.924


def test_the_tail_is_students():
    assert expanded_tail(0.05, 10**7) == pytest.approx(0.05)
    assert expanded_tail(0.05, 10) == pytest.approx(norm.cdf(t.ppf(0.05, 9) * np.sqrt(10 / 9)))
    assert expanded_tail(0.05, 1) == 0.05


def test_level_and_draws():
    frame = evaluation(np.random.default_rng(3), 60)
    wide = gd.measure(frame, level=0.99).only.estimates["u_s"]
    narrow = gd.measure(frame, level=0.5).only.estimates["u_s"]
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high
    with pytest.raises(gd.InputError, match="draws=3: give a whole number from 100"):
        gd.measure(frame, draws=3)
    with pytest.raises(gd.InputError, match=r"level=1: give a number from 0\.5"):
        gd.measure(frame, level=1)
