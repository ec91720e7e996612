"""Tables with grades but without log-probabilities: accuracies, pass@k and gaps as with them, and no uncertainty."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from tables import codes, table

import gapdyn as gd
from gapdyn import plots

NOTHING = pl.lit(None, pl.Float64)
SAME = ("acc_s", "len_s", "fallback", "pass_n", "auc", "tpr", "fpr", "youden", "brier", "gv_gap", "gv_gap_relative")
WITHOUT = {
    "no columns": lambda f: f.drop("nll", "n_tokens"),
    "no nll": lambda f: f.drop("nll"),
    "no lengths": lambda f: f.drop("n_tokens"),
    "empty": lambda f: f.with_columns(nll=NOTHING, n_tokens=NOTHING),
    "nan": lambda f: f.with_columns(nll=float("nan")),
    "texts": lambda f: f.with_columns(nll=pl.lit(" NaN")),
}


@pytest.mark.parametrize("what", WITHOUT)
def test_what_needs_no_log_probabilities_is_measured(what):
    whole = gd.measure(table()).only
    measured = gd.measure(WITHOUT[what](table()))
    only, run = measured.only, measured.run
    assert run.measured == ()
    assert not {"u_s", "u_v", "gap", "u_s_token"} & set(only.estimates)
    for name in set(SAME) & set(only.estimates):
        for field in ("value", "se", "low", "high"):
            np.testing.assert_array_equal(getattr(only.estimates[name], field), getattr(whole.estimates[name], field))
    assert ("len_s" in only.estimates) == (what in ("no nll", "nan", "texts"))
    assert set(SAME) - {"len_s"} <= set(only.estimates)
    np.testing.assert_array_equal(only.pass_k.value, whole.pass_k.value)
    np.testing.assert_array_equal(only.sweep.relative.low, whole.sweep.relative.low)
    np.testing.assert_array_equal(only.reliability.count, whole.reliability.count)
    np.testing.assert_allclose(run.acc_s, 1 / 3)
    np.testing.assert_array_equal(run.n_acc, 6)
    np.testing.assert_array_equal(run.extra["n_prompts"], 3)
    np.testing.assert_array_equal(run.extra["se_acc_s"], only.estimates["acc_s"].se)
    assert "no_nll" in codes(measured)
    assert "nats" not in str(measured).splitlines()[0]


def test_the_pick_is_drawn_from_those_that_pass():
    """Prompt 1: both pass, one right; 2: none passes, the higher score; 3: the one that passes."""
    only = gd.measure(table().drop("nll")).only
    np.testing.assert_allclose(only.estimates["acc_v"].value, (0.5 + 1 + 0) / 3)
    np.testing.assert_allclose(only.estimates["len_v"].value, (3 + 5 + 4) / 3)
    np.testing.assert_allclose(only.estimates["fallback"].value, 1 / 3)
    (finding,) = [f for f in gd.measure(table().drop("nll")).findings if f.code == "no_nll"]
    assert "acc_v is that of a response drawn from those that pass sigma" in finding.text
    assert "gd.fit(run, gd.curves.sigmoid(), series='acc_s', key=0)" in finding.remedy
    for how in ("SamplingParams(logprobs=0)", "--logprobs", "score the dumped responses with the model"):
        assert how in finding.remedy


@pytest.mark.parametrize("solver", ["mean", "first"])
def test_picks_on_real_samples_against_a_loop(solver):
    frame = gd.datasets.samples("sharpening_only").filter(pl.col("round") % 20 == 0, pl.col("prompt_id") < 60)
    only = gd.measure(frame.drop("nll"), solver=solver).only
    for i, t in enumerate(only.t):
        picks, solved = [], []
        for _, rows in frame.filter(pl.col("round") == t).group_by("prompt_id"):
            score, right = rows["score"].to_numpy(), rows["correct"].to_numpy().astype(float)
            kept = score >= 0.5 if (score >= 0.5).any() else score == score.max()
            picks.append(right[kept].mean())
            solved.append(right.mean() if solver == "mean" else right[rows["sample_id"].arg_min()])
        assert only.estimates["acc_v"].value[i] == pytest.approx(np.mean(picks))
        assert only.estimates["acc_s"].value[i] == pytest.approx(np.mean(solved))


def test_grades_alone():
    measured = gd.measure(table().select("round", "prompt_id", "correct"))
    assert set(measured.only.estimates) == {"acc_s", "pass_n"}
    assert {"no_nll", "no_verifier"} <= codes(measured)
    with pytest.raises(gd.InputError, match="nothing says what their errors share"):
        _ = measured.shared
    assert measured.to_dict()["runs"][0]["estimates"].keys() == {"acc_s", "pass_n"}


def test_ungraded_and_empty_responses_are_counted():
    odd = table(correct=[1, None, 0, 1, 0, 0] * 2, n_tokens=[4, 2, 0, 5, 2, 4] * 2).drop("nll")
    measured = gd.measure(odd)
    texts = {f.code: f.text for f in measured.findings}
    assert "2 of 12 responses are not graded" in texts["ungraded"]
    assert "2 of 12 responses have no tokens" in texts["zero_tokens"]
    assert "missing" not in texts
    np.testing.assert_array_equal(measured.run.n_acc, 4)
    np.testing.assert_allclose(measured.run.acc_s, (1 + 1 + 0) / 3)


def test_a_checkpoint_without_log_probabilities_beside_one_with_them(tmp_path):
    first, second = table().filter(pl.col("round") == 0), table().filter(pl.col("round") == 1)
    measured = gd.measure([first, second.drop("nll")])
    whole = gd.measure(table()).run
    run = measured.run
    np.testing.assert_array_equal(run.u_v, [whole.u_v[0], np.nan])
    np.testing.assert_array_equal(run.se_s, [whole.se_s[0], np.nan])
    np.testing.assert_allclose(run.acc_v, [whole.acc_v[0], 0.5])
    (finding,) = [f for f in measured.findings if f.code == "no_nll"]
    assert "at 1 of 2 checkpoints no log-probabilities" in finding.text
    axes = plots.length_uncertainty(measured).axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), whole.u_s[:1])


def test_the_other_measures_take_it_too():
    frame = gd.datasets.samples("sharpening_only").filter(pl.col("round") == 0)
    frame = frame.with_columns(score_b=1 - pl.col("score"), answer=pl.col("sample_id").cast(pl.String))
    bare = frame.drop("nll", "n_tokens")
    for of in (gd.gv_gap, gd.cross_verify, gd.score_correlation, gd.diversity):
        assert of(bare).to_dict() == of(frame).to_dict()
    more = gd.ensemble(bare)
    found = gd.measure(more, verifier="stacked").only.estimates["auc"]
    np.testing.assert_allclose(
        found.value, gd.measure(gd.ensemble(frame), verifier="stacked").only.estimates["auc"].value
    )


def test_pictures_of_it():
    measured = gd.measure(gd.datasets.samples("sharpening_only").drop("nll"))
    for draw in (plots.reliability, plots.gap_by_threshold, plots.pass_k):
        assert draw(measured).axes
    with pytest.raises(gd.InputError, match="was measured without log-probabilities"):
        plots.length_uncertainty(measured)


def test_accuracy_alone_is_fitted_by_a_curve():
    measured = gd.measure(gd.datasets.samples("sharpening_only").drop("nll"))
    with pytest.raises(gd.InputError, match="A curve fits any one series"):
        gd.fit(measured.run, gd.laws.shared_rate(), key=0)
    fit = gd.fit(measured.run, gd.curves.persistence(), series="acc_s", key=0)
    assert fit.draws["u_s0"].mean() == pytest.approx(measured.run.acc_s.mean(), abs=0.03)
