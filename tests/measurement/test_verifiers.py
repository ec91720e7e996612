"""Weights, tournaments, grids and ensembles of verifiers; diversity of answers."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from tables import table

import gapdyn as gd
from gapdyn.measurement._ensemble import logistic

W = gd.weights


def simulated(seed: int = 0, prompts: int = 300, samples: int = 8) -> pl.DataFrame:
    """Two verifiers with errors of their own, a third that repeats the first's."""
    rng = np.random.default_rng(seed)
    n = prompts * samples
    odds = rng.normal(size=n) - np.repeat(rng.normal(size=prompts), samples)
    correct = rng.random(n) < 1 / (1 + np.exp(-2 * odds))
    signs = np.where(correct, 1.0, -1.0)
    one, two = signs + 1.5 * rng.normal(size=n), signs + 1.5 * rng.normal(size=n)

    def score(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    return pl.DataFrame({
        "round": np.zeros(n, int), "prompt_id": np.repeat(np.arange(prompts), samples), "nll": rng.gamma(2.0, size=n),
        "n_tokens": 5, "correct": correct, "score_a": score(one), "score_b": score(two),
        "score_c": score(one + 0.1 * rng.normal(size=n)),
    })  # fmt: skip


EVERY = [W.Threshold(0.3), W.Threshold(0.9), W.Top(0.25), W.Top(1.0), W.Tilt(0.05), W.Tilt(10.0), W.Tournament(8)]


@pytest.mark.parametrize("weight", EVERY, ids=repr)
def test_the_gap_is_a_covariance(weight):
    """gap_x = Cov(w, u) / E[w] for every prompt and weight."""
    gap = gd.gv_gap(gd.datasets.samples("sharpening_only").filter(pl.col("round") % 10 == 0), weight)
    assert gap.identity_error < 1e-12
    assert len(gap.runs[0].t) == 5


def test_a_threshold_is_the_sweeps():
    frame = simulated()
    only = gd.measure(frame, verifier="a").only
    gap = gd.gv_gap(frame, W.Threshold(0.5), verifier="a").runs[0]
    for name, mine in (("gv_gap", gap.absolute), ("gv_gap_relative", gap.relative)):
        np.testing.assert_allclose(mine.value, only.estimates[name].value)
        np.testing.assert_allclose(mine.se, only.estimates[name].se, rtol=0.15)
    np.testing.assert_allclose(gap.accuracy.value, only.estimates["acc_s"].value)


def test_limits_of_the_tilt():
    frame = simulated()
    flat = gd.gv_gap(frame, W.Tilt(1e6), verifier="a").runs[0]
    assert abs(flat.absolute.value[0]) < 1e-6
    sharp = gd.gv_gap(frame, W.Tilt(1e-6), verifier="a").runs[0]
    best = gd.gv_gap(frame, W.Top(1e-6), verifier="a").runs[0]
    np.testing.assert_allclose(sharp.absolute.value, best.absolute.value)
    # of scores 0 and 1 only, a sharp tilt is a threshold wherever any response passes it
    binary = frame.with_columns(score_a=(pl.col("score_a") > 0.5).cast(float))
    passing = binary.filter(pl.col("score_a").max().over("prompt_id") == 1)
    tilted, cut = (gd.gv_gap(passing, w, verifier="a").runs[0] for w in (W.Tilt(1e-3), W.Threshold(0.5)))
    np.testing.assert_allclose(tilted.relative.value, cut.relative.value)


def test_top_shares_its_places_among_equals():
    frame = table(score=[0.9, 0.3, 0.5, 0.5, 0.2, 0.6] * 2, correct=[1, 0, 1, 0, 1, 0] * 2)
    # prompt 1 keeps the right one (+1/2), prompt 2 half of each (0), prompt 3 the wrong one (-1/2)
    gap = gd.gv_gap(frame, W.Top(0.5)).runs[0]
    np.testing.assert_allclose(gap.absolute.value, 0.0, atol=1e-15)
    np.testing.assert_allclose(gap.relative.value, (1 + 0 - 1) / 3, atol=1e-15)
    by_share = gd.gv_gap(frame, W.Top(1.0)).runs[0]
    np.testing.assert_allclose(by_share.absolute.value, 0.0, atol=1e-15)


def test_tournaments_of_two_three_and_four_against_their_brackets():
    """Winning chances by hand: of two s(1-r) : r(1-s); of three and four the mean over brackets."""
    from itertools import permutations

    odds = np.array([4.0, 1.0, 0.25, 2.0])

    def beats(i: int, j: int) -> float:
        return odds[i] / (odds[i] + odds[j])

    def chances(n: int) -> np.ndarray:
        total = np.zeros(n)
        for order in permutations(range(n)):
            if n == 3:  # the third has no opponent in the first round
                a, b, c = order
                for first, p in ((a, beats(a, b)), (b, beats(b, a))):
                    total[first] += p * beats(first, c)
                    total[c] += p * beats(c, first)
            else:
                a, b, c, d = order
                for x, p in ((a, beats(a, b)), (b, beats(b, a))):
                    for y, q in ((c, beats(c, d)), (d, beats(d, c))):
                        total[x] += p * q * beats(x, y)
                        total[y] += p * q * beats(y, x)
        return total / total.sum()

    for n in (3, 4):
        score = odds[:n] / (1 + odds[:n])
        for right in range(n):
            frame = pl.DataFrame({"round": 0, "prompt_id": np.repeat(np.arange(400), n), "nll": 1.0, "n_tokens": 1,
                                  "score": np.tile(score, 400),
                                  "correct": np.tile(np.arange(n) == right, 400)})  # fmt: skip
            gap = gd.gv_gap(frame, W.Tournament(50)).runs[0].absolute.value[0]
            # 20,000 tournaments: within 4.5 standard errors of at most .0036
            assert gap + 1 / n == pytest.approx(chances(n)[right], abs=0.016)


def test_a_grid_of_generators_and_verifiers():
    frame = pl.concat([simulated(i).with_columns(run=pl.lit(name)) for i, name in enumerate(("x", "y"))])
    cross = gd.cross_verify(frame)
    assert list(cross.gaps) == ["score_a", "score_b", "score_c"]
    assert cross.grid().shape == (2, 3)
    alone = gd.gv_gap(frame.filter(pl.col("run") == "y"), verifier="b").runs[0]
    np.testing.assert_allclose(cross.grid("absolute")[1, 1], alone.absolute.value[0])
    assert "generator" in str(cross)


def test_ensembles():
    frame = simulated(prompts=1500)
    more = gd.ensemble(frame)
    np.testing.assert_allclose(more["score_mean"], frame.select(pl.mean_horizontal("^score_.$")).to_series())
    np.testing.assert_allclose(more["score_all"], frame.select(pl.min_horizontal("^score_.$")).to_series())
    auc = {v: gd.measure(more, verifier=v).only.estimates["auc"].value[0] for v in ("a", "b", "mean", "all", "stacked")}
    # two independent errors: d' grows by sqrt(2) from 2/1.5: AUC .827 -> .908; standard error of each .004
    assert auc["stacked"] == pytest.approx(0.908, abs=0.015)
    assert auc["stacked"] > auc["mean"] > max(auc["a"], auc["b"])  # the mean counts the repeated verifier twice
    brier = [gd.measure(more, verifier=v).only.estimates["brier"].value[0] for v in ("stacked", "mean", "a")]
    assert brier[0] == min(brier)


def test_stacking_does_not_look_at_its_own_prompts():
    """Grades that no score knows: a stack that had seen them would look better than chance."""
    rng = np.random.default_rng(5)
    frame = simulated(prompts=40).with_columns(pl.Series("correct", rng.random(320) < 0.5))
    found = gd.measure(gd.ensemble(frame), verifier="stacked").only.estimates["auc"]
    assert found.value[0] < 0.5 + 3 * found.se[0]


def test_logistic_regression_finds_its_weights():
    rng = np.random.default_rng(6)
    x = np.column_stack([np.ones(50_000), rng.normal(size=(50_000, 2))])
    true = np.array([0.3, 1.0, -0.5])
    y = rng.random(50_000) < 1 / (1 + np.exp(-x @ true))
    np.testing.assert_allclose(logistic(x, y.astype(float)), true, atol=0.06)
    separated = logistic(np.column_stack([np.ones(4), [-2.0, -1, 1, 2]]), np.array([0.0, 0, 1, 1]))
    assert np.isfinite(separated).all()


def test_correlation_of_scores_against_numpy():
    frame = simulated()
    found = gd.score_correlation(frame)
    scores = frame.select("^score_.$").to_numpy()
    np.testing.assert_allclose(found.all.value[0], np.corrcoef(scores.T), atol=1e-12)
    right = frame["correct"].to_numpy()
    centred = scores.copy()
    for kind in (right, ~right):
        centred[kind] -= centred[kind].mean(0)
    np.testing.assert_allclose(found.given.value[0], np.corrcoef(centred.T), atol=1e-12)
    assert abs(found.given.value[0, 0, 1]) < 0.1 < found.all.value[0, 0, 1]  # errors of their own
    assert (found.all.low <= found.all.value + 1e-9).all()
    assert "score_b" in str(found)


def test_diversity_by_hand():
    frame = table(correct=[1, 1, 0, 1, 0, 0] * 2).with_columns(answer=pl.Series(["4", "4", "5", "6", "7", "7"] * 2))
    run = gd.diversity(frame).runs[0]
    np.testing.assert_allclose(run.distinct.value, (1 + 2 + 1) / 3)
    np.testing.assert_allclose(run.entropy.value, (np.log(2) + 1 / 4) / 3)
    np.testing.assert_allclose(run.largest.value, (1 + 0.5 + 1) / 3)
    np.testing.assert_allclose(run.majority.value, (1 + 0.5 + 0) / 3)
    assert "entropy" in str(gd.diversity(frame))


def test_what_cannot_be_measured_is_said():
    with pytest.raises(gd.InputError, match="no column 'answer'"):
        gd.diversity(table())
    with pytest.raises(gd.InputError, match="no column 'correct', which a gap needs"):
        gd.gv_gap(table().drop("correct"))
    with pytest.raises(gd.InputError, match="no column 'score', which a gap needs"):
        gd.cross_verify(table().drop("score"))
    with pytest.raises(gd.InputError, match="needs two verifiers; there is 'score'"):
        gd.ensemble(table())
    with pytest.raises(gd.InputError, match="a correlation needs two verifiers"):
        gd.score_correlation(table())
    with pytest.raises(gd.InputError, match=r"take one of gapdyn.weights, such as Threshold\(0.5\)"):
        gd.gv_gap(table(), 0.5)  # pyright: ignore
    for make, wrong in ((W.Threshold, 2), (W.Top, 0), (W.Tilt, 0), (W.Tournament, 0)):
        with pytest.raises(gd.InputError, match="give a"):
            make(wrong)


def test_a_checkpoint_without_any_score():
    frame = table().with_columns(score=pl.when(pl.col("round") == 0).then(pl.col("score")))
    gap = gd.gv_gap(frame).runs[0]
    assert np.isfinite(gap.absolute.value[0])
    assert np.isnan(gap.absolute.value[1])
    assert np.isnan(gd.measure(frame).run.u_v[1])
