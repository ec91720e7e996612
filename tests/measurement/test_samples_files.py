"""Samples as they are found on disks: formats, malformed tables, files larger than a batch."""

from __future__ import annotations

import contextlib
import gzip
import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables import codes, table

import gapdyn as gd
from gapdyn._check import InputError
from gapdyn.measurement import _batches


def write(path, frame: pl.DataFrame):
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    elif path.suffix == ".csv":
        frame.write_csv(path)
    elif path.suffix == ".tsv":
        frame.write_csv(path, separator="\t")
    else:
        frame.write_ndjson(path)
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".tsv", ".jsonl", ".ndjson"])
def test_every_format_gives_the_same(tmp_path, suffix):
    path = write(tmp_path / f"one{suffix}", table())
    run = gd.measure(path).run
    assert run.name == "one"
    for name, values in gd.measure(table(), name="one").run.columns().items():
        np.testing.assert_array_equal(run.columns()[name], values)


def test_gzip_bom_and_crlf(tmp_path):
    text = table().write_csv().replace("\n", "\r\n")
    path = tmp_path / "one.csv.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + text.encode()))
    np.testing.assert_allclose(gd.measure(path).run.u_s, 14 / 3)
    lines = table().write_ndjson().replace("\n", "\r\n")
    path = tmp_path / "two.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + lines.encode())
    np.testing.assert_allclose(gd.measure(path).run.u_s, 14 / 3)


def test_json_lines_of_python_with_nan_and_fields_that_come_and_go(tmp_path):
    rows = table().to_dicts()
    rows[2]["score"] = float("nan")
    del rows[3]["score"]
    rows[4]["nll"] = "2.0"
    path = tmp_path / "one.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    measured = gd.measure(path)
    np.testing.assert_allclose(measured.run.u_s, 14 / 3)
    (finding,) = [f for f in measured.findings if f.code == "no_score"]
    assert "2 of 12 responses" in finding.text


def test_pandas_and_mappings():
    import pandas as pd

    given_frame = pd.DataFrame(table().to_dict(as_series=False))
    for source in (given_frame, table().to_dict(as_series=False), table().lazy()):
        np.testing.assert_allclose(gd.measure(source).run.u_s, 14 / 3)


HALF, DAY, NOTHING = pl.lit(0.5), pl.date(2025, 1, 1), pl.lit(None, pl.Float64)
BAD = {
    "duplicate rows": (lambda f: pl.concat([f, f[:1]]), r"run 'run', time 0: sample 0 of prompt 1 comes twice"),
    "duplicate prompt": (lambda f: pl.concat([f, f]), r"comes twice. Drop the repeated rows"),
    "score above 1": (lambda f: f.with_columns(pl.col("score") * 100), r"'score': 90, and must be between 0"),
    "score below 0": (lambda f: f.with_columns(-pl.col("score")), r"must be between 0 and 1. Divide"),
    "positive log-probabilities": (
        lambda f: f.with_columns(-pl.col("nll")),
        r"-4, and must be >= 0. It is minus",
    ),
    "graded by halves": (lambda f: f.with_columns(correct=HALF), r"'correct': 0.5, and must be 0 or 1"),
    "infinite time": (lambda f: f.with_columns(round=float("inf")), r"column 't': is empty"),
    "no prompt": (lambda f: f.with_columns(prompt_id=None), r"column 'prompt_id': is empty"),
    "missing column": (
        lambda f: f.drop("nll", "n_tokens", "correct"),
        r"no column 'nll' and no 'n_tokens'; its columns are .* For accuracies alone a column 'correct' is enough",
    ),
    "no time": (lambda f: f.drop("round"), r"no time column"),
    "lookalike": (lambda f: f.rename({"nll": "NLL"}), r"column 'NLL' looks like 'nll'"),
    "no rows": (lambda f: f[:0], r"there are no rows"),
    "text for a number": (lambda f: f.with_columns(nll=pl.lit("abc")), r"row 0, column 'nll': 'abc' is not a number"),
    "dates": (lambda f: f.with_columns(nll=DAY), r"holds Date, not a text or a number"),
    "lists": (lambda f: f.with_columns(pl.concat_list("nll")), r"not a text or a number. Unpack it first"),
    "nothing usable": (
        lambda f: f.drop("correct").with_columns(nll=NOTHING),
        r"no response has both nll and n_tokens, or a grade",
    ),
    "nothing graded": (lambda f: f.with_columns(nll=NOTHING, correct=NOTHING), r"n_tokens, or a grade"),
}


@pytest.mark.parametrize("what", BAD)
def test_malformed_tables_are_refused_in_one_sentence(what):
    spoil, message = BAD[what]
    with pytest.raises(InputError, match=message) as caught:
        gd.measure(spoil(table()))
    assert "\n" not in str(caught.value)


def test_odd_rows_are_counted():
    odd = table(
        n_tokens=[0, 2, 3, 5, 2, 4] * 2,
        nll=[4.0, float("nan"), 6.0, 5.0, 2.0, 8.0] * 2,
        score=[0.9, 0.8, 0.1, None, 0.2, 0.6] * 2,
        correct=[1, 0, 0, 1, None, 0] * 2,
    )
    measured = gd.measure(odd)
    texts = {f.code: f.text for f in measured.findings}
    assert "2 of 12 responses have no tokens" in texts["zero_tokens"]
    assert "2 of 12 responses have no nll" in texts["missing"]
    assert "2 of 12 responses have no score" in texts["no_score"]
    assert "2 of 12 responses are not graded" in texts["ungraded"]
    np.testing.assert_array_equal(measured.run.extra["n_prompts"], 2)


def test_a_prompt_that_only_some_numbers_are_known_of():
    """The second checkpoint's prompt has neither score nor grade: everything else is measured."""
    odd = table(prompt_id=[1, 1, 2, 2, 3, 3, 7, 7, 8, 8, 9, 9], score=[0.9, 0.8, 0.1, 0.3, 0.2, 0.6, *[None] * 6],
                correct=[1, 0, 0, 1, 0, 0, *[None] * 6])  # fmt: skip
    only = gd.measure(odd).only
    np.testing.assert_allclose(only.estimates["u_s"].value, 14 / 3)
    for name in ("u_v", "acc_s", "auc", "gv_gap", "brier", "pass_n"):
        np.testing.assert_array_equal(np.isfinite(only.estimates[name].value), [True, False])


def test_rounding_of_log_probabilities_is_no_fault():
    assert gd.measure(table(nll=[-1e-6, *[1.0] * 11])).run.u_s[0] < 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "the file is empty"),
        ("a.jsonl", b"", "the file is empty"),
        ("a.jsonl", b'{"round": 1}\n{"rou', "line 2: is not JSON. Was the file written to the end"),
        ("a.jsonl", b"[1, 2]\n", "line 1: is not a JSON object"),
        ("a.jsonl", b'{"round": "\xff"}\n', "is not UTF-8"),
        ("a.csv", b"round,nll\n1,2,3\n", "is not readable as CSV"),
        ("a.csv", b"round,nll\n\xff\xfe,1\n", "is not readable as CSV"),
        ("a.parquet", b"PAR1 nonsense", "cannot be read"),
        ("a.parquet", b"", "cannot be read"),
        ("a.csv.gz", gzip.compress(b"round,nll\n" * 999, mtime=0)[:-9], "broken gzip file"),
        ("a.csv.gz", b"no gzip", "broken gzip file"),
        ("a.txt", b"", "unknown kind of file"),
    ],
)  # fmt: skip
def test_malformed_files(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        gd.measure(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_and_no_file():
    with pytest.raises(InputError, match="no such file"):
        gd.measure("/nowhere/a.parquet")
    with pytest.raises(InputError, match="no samples were given"):
        gd.measure([])
    with pytest.raises(InputError, match="cannot read samples from 3"):
        gd.measure(3)


def test_mixed_types_of_a_text_file_name_the_row(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(table().write_csv().replace("8.0", "eight", 1))
    with pytest.raises(InputError, match=r"a.csv, row 5, column 'nll': 'eight' is not a number"):
        gd.measure(path)


@pytest.mark.parametrize("order", ["as written", "by sample", "by prompt", "shuffled"])
def test_batches_do_not_show(monkeypatch, order):
    """Stretches of 64 rows and buckets of 100 give what one batch gives, whatever the order of the rows."""
    frame = gd.datasets.samples("sharpening_only").filter(pl.col("round") % 10 == 0, pl.col("prompt_id") < 40)
    whole = gd.measure(frame)
    monkeypatch.setattr(_batches, "ROWS", 64)
    monkeypatch.setattr(_batches, "BUCKET", 100)
    if order != "as written":
        by = {"by sample": ["sample_id"], "by prompt": ["prompt_id"], "shuffled": [pl.col("nll").hash()]}[order]
        frame = frame.sort(by, maintain_order=True)
    parts = gd.measure(frame)
    assert codes(parts) == codes(whole)
    for name, estimate in whole.only.estimates.items():
        np.testing.assert_allclose(parts.only.estimates[name].value, estimate.value, rtol=1e-12, atol=1e-15)
    for name, se in whole.only.se.items():
        np.testing.assert_allclose(parts.only.se[name], se, rtol=1e-10)
    np.testing.assert_allclose(parts.only.corr, whole.only.corr, rtol=1e-10)


def test_more_prompts_than_blocks():
    """Prompts beyond the first thousand share blocks; values stay the same and errors hardly change."""
    rng = np.random.default_rng(0)
    prompts, samples = 6000, 2
    size = 2 * prompts * samples
    frame = pl.DataFrame({
        "round": np.repeat([0, 1], prompts * samples), "prompt_id": np.tile(np.repeat(np.arange(prompts), samples), 2),
        "nll": rng.gamma(2.0, size=size), "n_tokens": rng.integers(1, 9, size),
        "score": rng.random(size), "correct": rng.random(size) < 0.5,
    })  # fmt: skip
    only = gd.measure(frame).only
    np.testing.assert_allclose(only.estimates["u_s"].value, frame.group_by("round").mean().sort("round")["nll"])
    np.testing.assert_allclose(only.estimates["u_s"].se, only.se["u_s"], rtol=0.12)  # 1,000 draws of 1,000 blocks
    assert abs(only.shared_s) < 0.06  # nothing is shared: 2.3 standard errors of a correlation of 1,000 blocks


FILE = st.binary(max_size=300) | st.text(max_size=300).map(str.encode)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".tsv", ".csv.gz"])
@given(content=FILE)
def test_any_bytes_give_a_measurement_or_an_input_error(tmp_path_factory, suffix, content):
    path = tmp_path_factory.mktemp("any") / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError):
        gd.measure(path)


CELL = st.sampled_from(
    ["", "0", "1", "0.5", "-1", "nan", "inf", "1e400", "true", "x", "2", '"', "null", "1e-300", " 3 "]
)


@given(rows=st.lists(st.lists(CELL, min_size=7, max_size=7), max_size=8))
def test_any_cells_give_a_measurement_or_an_input_error(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("any") / "a.csv"
    names = "round,prompt_id,sample_id,nll,n_tokens,score,correct"
    path.write_text("\n".join([names, *(",".join(row) for row in rows)]))
    with contextlib.suppress(InputError):
        measured = gd.measure(path, draws=100)
        assert str(measured)
        assert len(measured.run) > 1
