"""Gaps, pass@k and verifier rates against brute force and against what was worked out by hand."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu
from tables import table

import gapdyn as gd
from gapdyn.measurement import pass_at_k


@given(st.integers(1, 8), st.data())
def test_pass_at_k_against_every_subset(n, data):
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    right = [True] * c + [False] * (n - c)
    share = np.mean([any(s) for s in combinations(right, k)])
    assert pass_at_k(n, c, k) == pytest.approx(share)


def test_pass_at_k_of_too_few_samples_is_not_known():
    assert np.isnan(pass_at_k(3, 1, 4))
    np.testing.assert_allclose(pass_at_k([4, 2], [1, 1], 2), [0.5, 1.0])


def test_pass_k_of_a_run():
    only = gd.measure(gd.datasets.samples("sharpening_only")).only
    assert only.ks == (1, 2, 4, 8)
    np.testing.assert_allclose(only.pass_k.value[:, 0], only.estimates["acc_s"].value)
    np.testing.assert_allclose(only.pass_k.value[:, -1], only.estimates["pass_n"].value)
    assert (np.diff(only.pass_k.value, axis=1) > 0).all()


def test_gaps_by_hand():
    """Prompt 1: 1 of 2 right; 2: none right (J = 0); 3: all right (J = 1). Thresholds keep what their score reaches."""
    frame = table(score=[0.9, 0.3, 0.8, 0.2, 0.7, 0.1] * 2, correct=[1, 0, 0, 0, 1, 1] * 2)
    sweep = gd.measure(frame).only.sweep
    at = {round(float(tau), 2): i for i, tau in enumerate(sweep.taus)}
    assert sweep.absolute.value[0, at[0.0]] == 0
    # at .5 one response of each prompt is kept: prompt 1 gains 1 - 1/2, prompts 2 and 3 nothing
    assert sweep.absolute.value[0, at[0.5]] == pytest.approx(0.5 / 3)
    assert sweep.relative.value[0, at[0.5]] == pytest.approx((0.5 / 0.5 + 0 / 1 + 0) / 3)
    assert sweep.ratio_of_means.value[0, at[0.5]] == pytest.approx((0.5 / 3) / (1 - 0.5))
    # at .85 only prompt 1 keeps any
    assert sweep.covered[0, at[0.85]] == pytest.approx(1 / 3)
    assert sweep.absolute.value[0, at[0.95]] == 0
    assert sweep.covered[0, at[0.95]] == 0


def test_relative_gap_is_per_prompt_as_in_the_published_rows():
    """Song et al.'s 72B model on Sudoku: accuracy 8.82%, gap 16.99, relative gap 20.81 (theory.md, section 5).

    The ratio of means would be 16.99 / (100 - 8.82) = 18.63. Under our definition all published numbers hold together:
    20.81% of the prompts gain all that is left to them, from 18.4% right; 5% are always right, the rest never.
    """
    prompts, samples = 10_000, 10
    always, one, two = 500, 341, 1740  # prompts with 10, 1 and 2 of 10 right
    never = prompts - always - one - two
    right = np.repeat([10, 1, 2, 0], [always, one, two, never])
    correct = (np.arange(samples) < right[:, None]).ravel().astype(int)
    frame = pl.DataFrame({
        "round": 0, "prompt_id": np.repeat(np.arange(prompts), samples), "nll": 1.0, "n_tokens": 1,
        "correct": correct, "score": correct,
    })  # fmt: skip
    only = gd.measure(frame, draws=100).only
    i = int(np.searchsorted(only.sweep.taus, 0.5))
    assert only.estimates["acc_s"].value[0] == pytest.approx(0.0882, abs=1e-4)
    assert only.sweep.absolute.value[0, i] == pytest.approx(0.1699, abs=1e-4)
    assert only.sweep.relative.value[0, i] == pytest.approx(0.2081, abs=1e-4)
    assert only.sweep.ratio_of_means.value[0, i] == pytest.approx(0.1863, abs=1e-4)


def test_the_best_threshold_is_judged_on_other_prompts():
    """Scores that know nothing: the best of 20 thresholds looks good on its own prompts, and is worth nothing."""
    rng = np.random.default_rng(0)
    own, other = [], []
    for _ in range(40):
        n = 60 * 4
        frame = pl.DataFrame({
            "round": np.zeros(n), "prompt_id": np.repeat(np.arange(60), 4), "nll": np.ones(n), "n_tokens": np.ones(n),
            "score": rng.random(n), "correct": rng.random(n) < 0.5,
        })  # fmt: skip
        sweep = gd.measure(frame, draws=100).only.sweep
        own.append(sweep.absolute.value[0].max())
        other.append(sweep.best_gap[0])
    assert np.mean(own) > 5 * np.std(own, ddof=1) / np.sqrt(40)
    assert abs(np.mean(other)) < 4 * np.std(other, ddof=1) / np.sqrt(40)  # false alarm: 1 in 16,000


def scored(rng: np.random.Generator, n: int, ties: bool) -> tuple[np.ndarray, np.ndarray, pl.DataFrame]:
    odds = rng.normal(size=n)
    correct = rng.random(n) < 1 / (1 + np.exp(-odds))
    score = 1 / (1 + np.exp(-odds - rng.normal(size=n)))
    score = np.round(score, 1) if ties else score
    frame = pl.DataFrame({"round": np.zeros(n), "prompt_id": np.arange(n) // 4, "nll": np.ones(n), "n_tokens": 1,
                          "score": score, "correct": correct})  # fmt: skip
    return score, correct, frame


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("n", "tolerance"), [(800, 1e-12), (40_000, 5e-5)])
def test_verifier_rates_by_brute_force(ties, n, tolerance):
    score, correct, frame = scored(np.random.default_rng(3), n, ties)
    found = {name: e.value[0] for name, e in gd.measure(frame, draws=100).only.estimates.items()}
    area = mannwhitneyu(score[correct], score[~correct]).statistic / (correct.sum() * (~correct).sum())
    assert found["auc"] == pytest.approx(area, abs=tolerance)
    assert found["tpr"] == pytest.approx((score[correct] >= 0.5).mean())
    assert found["fpr"] == pytest.approx((score[~correct] >= 0.5).mean())
    assert found["youden"] == pytest.approx(found["tpr"] - found["fpr"])
    assert found["brier"] == pytest.approx(np.mean((score - correct) ** 2))


def test_reliability_of_a_calibrated_score():
    rng = np.random.default_rng(4)
    n = 20_000
    score = rng.random(n)
    frame = pl.DataFrame({"round": np.zeros(n), "prompt_id": np.arange(n) // 4, "nll": np.ones(n), "n_tokens": 1,
                          "score": score, "correct": rng.random(n) < score})  # fmt: skip
    curve = gd.measure(frame).only.reliability
    assert curve.count.sum() == n
    np.testing.assert_allclose(curve.mean_score[0], np.arange(10) / 10 + 0.05, atol=0.005)
    # ten bins of a calibrated score: all within 4 standard errors, false alarm 1 in 1,600
    assert (np.abs(curve.right.value - curve.mean_score) < 4 * curve.right.se).all()
