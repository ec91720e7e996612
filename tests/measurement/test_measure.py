"""Samples to runs: real samples reproduce their run, and small tables give what was worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tables import codes, table

import gapdyn as gd
from gapdyn._check import InputError

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
SERIES = ("u_s", "u_v", "acc_s", "acc_v", "len_s", "len_v")


@pytest.fixture(scope="module", params=gd.datasets.sampled())
def bundled(request):
    return gd.datasets.load(request.param), gd.measure(gd.datasets.samples(request.param), name=request.param)


def test_bundled_samples_reproduce_their_run(bundled):
    run, measured = bundled
    again = measured.run
    assert (again.name, again.clock, again.unit) == (run.name, run.clock, run.unit)
    np.testing.assert_array_equal(again.t, run.t)
    for name in SERIES:
        np.testing.assert_allclose(getattr(again, name), getattr(run, name), rtol=0, atol=1e-5)
    for name in ("fallback", "pass_n", "n_prompts", "n_samples"):
        np.testing.assert_allclose(again.extra[name], run.extra[name], rtol=0, atol=1e-5)
    np.testing.assert_allclose(again.extra["auc"], run.extra["auc"], rtol=0, atol=2e-5)  # its samples are float32


def test_standard_errors_are_those_of_the_run(bundled):
    run, measured = bundled
    for name, stated in (("u_s", run.se_s), ("u_v", run.se_v)):
        np.testing.assert_allclose(measured.only.se[name], stated, rtol=0.01)
        np.testing.assert_allclose(measured.only.estimates[name].se, stated, rtol=0.1)  # the bootstrap's
    assert "errors_differ" not in codes(measured)


def test_errors_are_shared_between_checkpoints(bundled):
    _, measured = bundled
    only = measured.only
    assert only.error_corr_s[0, 1] > only.error_corr_s[0, -1]  # neighbours have more in common
    assert 0.5 < only.shared_s < 0.95
    assert measured.shared == pytest.approx((only.shared_s + only.shared_v) / 2)
    np.testing.assert_allclose(np.diag(only.error_corr_v), 1.0)


def test_the_measured_share_goes_into_a_fit(bundled):
    _, measured = bundled
    fit = gd.fit(measured.run, gd.laws.shared_rate(), key=0, likelihood=gd.Likelihood(shared=measured.shared))
    assert "shared_s" not in fit.draws


def test_the_papers_convention_on_someone_elses_run():
    folder = SHARED / "qwen_arithmetic"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: development data that is not shipped")
    stated = pl.read_csv(folder / "trajectory.csv")
    measured = gd.measure(folder / "samples.jsonl", solver="first", clock="epoch")
    run = measured.run
    np.testing.assert_array_equal(run.t, stated["epoch"])
    for name in SERIES:
        np.testing.assert_allclose(getattr(run, name), stated[name], rtol=0, atol=1e-9)
    for name in ("u_s_token", "u_v_token"):
        np.testing.assert_allclose(run.extra[name], stated[name], rtol=0, atol=1e-9)
    per_token = gd.measure(folder / "samples.jsonl", solver="first", unit="nats/token").run
    assert per_token.unit == "nats/token"
    np.testing.assert_allclose(per_token.u_v, stated["u_v_token"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(per_token.extra["u_s_response"], stated["u_s"], rtol=0, atol=1e-9)
    assert {"few_prompts", "fallback"} <= codes(measured)


def test_the_rule_of_the_best_of_n_by_hand():
    run = gd.measure(table()).run
    # prompt 1: both pass, 4/4 < 3/2 per token; prompt 2: none passes, the higher score; prompt 3: one passes
    np.testing.assert_allclose(run.u_v, (4 + 5 + 8) / 3)
    np.testing.assert_allclose(run.u_s, (3.5 + 5.5 + 5) / 3)
    np.testing.assert_allclose(run.acc_v, 2 / 3)
    np.testing.assert_allclose(run.acc_s, 1 / 3)
    np.testing.assert_allclose(run.len_v, (4 + 5 + 4) / 3)
    np.testing.assert_allclose(run.extra["fallback"], 1 / 3)
    np.testing.assert_allclose(run.extra["u_s_token"], np.mean([4 / 4, 3 / 2, 6 / 3, 5 / 5, 2 / 2, 8 / 4]))
    np.testing.assert_allclose(run.n_acc, 6)


def test_first_takes_the_lowest_sample_id():
    mixed = table(sample_id=[10, 9, 10, 9, 9, 10] * 2)
    first = gd.measure(mixed, solver="first").run
    np.testing.assert_allclose(first.u_s, (3 + 5 + 2) / 3)
    np.testing.assert_allclose(first.len_s, (2 + 5 + 2) / 3)
    np.testing.assert_allclose(first.n_acc, 3)
    texts = mixed.with_columns(pl.col("sample_id").cast(pl.String))
    np.testing.assert_array_equal(gd.measure(texts, solver="first").run.u_s, first.u_s)


def test_of_equal_highest_scores_the_surest_response():
    # a verifier that says 0 to all of prompt 2: 5/5 per token beats 6/3
    run = gd.measure(table(score=[0.9, 0.8, 0.0, 0.0, 0.2, 0.6] * 2)).run
    np.testing.assert_allclose(run.u_v, (4 + 5 + 8) / 3)


def test_order_of_the_rows_does_not_matter():
    ordered = gd.measure(table())
    rng = np.random.default_rng(0)
    for _ in range(3):
        shuffled = gd.measure(table()[rng.permutation(12)])
        for name, estimate in ordered.only.estimates.items():
            np.testing.assert_array_equal(shuffled.only.estimates[name].value, estimate.value)


def test_a_bootstrap_is_repeatable_and_follows_its_key():
    one, same, other = (gd.measure(table(), key=key).only.estimates["u_s"] for key in (1, 1, 2))
    np.testing.assert_array_equal(one.low, same.low)
    assert not np.array_equal(one.se, other.se)


def test_standard_errors_and_correlation_by_hand():
    only = gd.measure(table()).only
    solver, best = np.array([3.5, 5.5, 5.0]), np.array([4.0, 5.0, 8.0])
    np.testing.assert_allclose(only.se["u_s"], solver.std(ddof=1) / np.sqrt(3))
    np.testing.assert_allclose(only.se["u_v"], best.std(ddof=1) / np.sqrt(3))
    np.testing.assert_allclose(only.corr, np.corrcoef(solver, best)[0, 1])
    # the second checkpoint has the very same responses: all of the error is shared
    assert only.shared_s == pytest.approx(1.0)


def test_several_runs_make_a_fleet():
    both = pl.concat([table(run=["b"] * 12), table(run=["a"] * 12, nll=[1.0] * 12)])
    measured = gd.measure(both)
    assert measured.fleet.names == ("b", "a")
    np.testing.assert_allclose(measured.fleet["a"].u_s, 1.0)
    assert np.isnan(measured.fleet["a"].se_s).all()  # no scatter, no error to state
    with pytest.raises(InputError, match=r"2 runs: 'b', 'a'. Take measurement.fleet"):
        _ = measured.run


def test_files_are_runs_or_parts_of_one(tmp_path):
    table().write_parquet(tmp_path / "a.parquet")
    table().with_columns(pl.col("prompt_id") + 10).write_csv(tmp_path / "b.csv")
    paths = [tmp_path / "a.parquet", tmp_path / "b.csv"]
    assert gd.measure(paths).fleet.names == ("a", "b")
    one = gd.measure(paths, name="both").run
    np.testing.assert_array_equal(one.extra["n_prompts"], 6)


def test_without_scores_or_grades():
    bare = gd.measure(table().drop("score", "correct"))
    assert bare.run.measured == ("u_s",)
    assert "no_verifier" in codes(bare)
    assert bare.only.sweep is None
    scored = gd.measure(table().drop("correct"))
    assert scored.run.measured == ("u_s", "u_v")
    assert np.isnan(scored.run.acc_s).all()


def test_one_checkpoint_is_measured_but_is_no_run():
    measured = gd.measure(table().filter(pl.col("round") == 0))
    assert measured.only.estimates["u_s"].value == pytest.approx([14 / 3])
    with pytest.raises(InputError, match="one checkpoint only"):
        _ = measured.run
    with pytest.raises(InputError, match="nothing says what their errors share"):
        _ = measured.shared
    assert "checkpoint" in str(measured)


def test_another_verifier_by_name():
    two = table(score_tf=[0.1, 0.9] * 6)
    np.testing.assert_allclose(gd.measure(two, verifier="tf").run.u_v, (3 + 5 + 8) / 3)
    assert gd.measure(two.drop("score")).verifier == "score_tf"
    with pytest.raises(InputError, match=r"several verifiers: 'score_a', 'score_b'. Choose one, such as verifier='a'"):
        gd.measure(two.drop("score").rename({"score_tf": "score_a"}).with_columns(score_b=0.5))
    with pytest.raises(InputError, match="no verifier 'qe'"):
        gd.measure(two, verifier="qe")


def test_names_of_the_callers():
    theirs = table().rename({"nll": "neg_logp", "round": "iteration"})
    run = gd.measure(theirs, columns={"nll": "neg_logp"}, t="iteration", clock="round").run
    assert run.clock == "round"
    np.testing.assert_allclose(run.u_s, 14 / 3)


def test_it_prints_itself_and_goes_to_json():
    import json

    measured = gd.measure(gd.datasets.samples("sharpening_only"))
    assert "41 checkpoints, 512 prompts, 8 samples each" in str(measured)
    assert len(str(measured).splitlines()) < 25
    assert json.loads(json.dumps(measured.to_dict()))["runs"][0]["t"][:2] == [0.0, 1.0]
