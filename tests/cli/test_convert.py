"""`gapdyn convert`: logs and dumps of other tools on the disk to what the other commands take."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import gapdyn as gd
from gapdyn.cli import main

FILES = Path(__file__).resolve().parents[1] / "logs" / "files"


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text(
        "".join(json.dumps({"step": s, "optim/entropy": 2.0**-s, "env/all/correct": 0.5}) + "\n" for s in range(4))
    )
    return path


@pytest.fixture
def dumps(tmp_path):
    paths = []
    for step in (0, 20):
        rows = []
        for i in range(40):
            outputs = [{"index": j, "token_ids": [1, 2], "cumulative_logprob": -1 - j - step / 100} for j in range(4)]
            rows.append({"prompt": f"q{i}", "outputs": [o | {"score": (i + j) % 4 / 3} for j, o in enumerate(outputs)]})
        paths.append(tmp_path / f"{step}.json")
        paths[-1].write_text(json.dumps(rows))
    return paths


def test_a_log_to_a_run(log, tmp_path, capsys):
    out = tmp_path / "run.csv"
    assert main(["convert", str(log), "--from", "tinker", "--out", str(out)]) == 0
    shown = capsys.readouterr()
    assert "4 checkpoints, step 0 to 3, u_s acc_s, nats/token" in shown.out
    assert "u_s = 'optim/entropy', acc_s = 'env/all/correct'" in shown.err
    assert "--column u_s=NAME" in shown.err
    assert "--without acc_s" in shown.err
    run = gd.read_run(out)
    assert run.unit == "nats/token"
    np.testing.assert_array_equal(run.u_s, 2.0 ** -np.arange(4))


def test_fields_by_name_and_one_json_object(log, tmp_path, capsys):
    given = ["--column", "u_v=optim/entropy", "--without", "acc_s", "--unit", "nats/response", "--name", "a", "--json"]
    assert main(["convert", str(log), "--out", str(tmp_path / "run.jsonl"), *given]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["fields"] == [{"t": "step", "u_v": "optim/entropy"}]
    assert report.keys() == {"source", "gives", "fields", "runs", "findings"}
    assert report["runs"] == [{"name": "a", "checkpoints": 4, "clock": "step", "unit": "nats/response"}]
    assert np.isnan(gd.read_run(tmp_path / "run.jsonl").acc_s).all()


def test_a_folder_of_runs_to_a_fleet(tmp_path):
    out = tmp_path / "fleet.parquet"
    assert main(["convert", str(FILES / "mlruns"), "--out", str(out)]) == 0
    assert {run.name for run in gd.read_fleet(out)} == {"base", "tuned"}
    assert main(["convert", str(FILES / "mlruns"), "--run", "base", "--out", str(out), "--overwrite"]) == 0
    assert gd.read_run(out).name == "base"


@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "csv", "tsv.gz"])
def test_dumps_to_samples_to_a_run(dumps, tmp_path, suffix, capsys):
    out, run = tmp_path / f"samples.{suffix}", tmp_path / "run.csv"
    assert main(["convert", *map(str, dumps), "--at", "0,20", "--out", str(out)]) == 0
    assert "320 samples: step, prompt_id, sample_id, nll, n_tokens, score" in capsys.readouterr().out
    assert main(["measure", str(out), "--out", str(run)]) == 0
    measured = gd.read_run(run)
    np.testing.assert_array_equal(measured.t, [0, 20])
    np.testing.assert_allclose(measured.u_s, [2.5, 2.7])
    assert np.isfinite(measured.u_v).all()


def test_rows_of_one_filter(tmp_path):
    row = {"doc_id": 0, "resps": [["x"]], "filtered_resps": ["x"], "exact_match": 1.0}
    path = tmp_path / "samples_gsm8k.jsonl"
    path.write_text("\n".join(json.dumps(row | {"filter": f, "exact_match": float(f == "b")}) for f in "ab"))
    out = tmp_path / "samples.parquet"
    assert main(["convert", str(path), "--at", "0", "--where", "filter=b", "--out", str(out)]) == 0
    assert pl.read_parquet(out)["correct"].to_list() == [1.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "wand"], "unknown source 'wand'. Did you mean 'wandb'"),
        (["--column", "u_s=optim/entrop"], "which is not there. Did you mean 'optim/entropy'"),
        (["--column", "u_s=x", "--without", "u_s"], "'u_s' is given to --column and to --without"),
        (["--at", "0"], "--at is for samples, and the file holds none"),
        (["--t", "stp"], "there is no field 'stp' for the time. Did you mean 'step'"),
        (["--out", "/nowhere/run.csv"], "the folder /nowhere does not exist"),
        (["--out", "run.txt"], "unknown kind of file '.txt'"),
    ],
)
def test_bad_input_is_one_line_and_code_2(log, tmp_path, arguments, message, capsys):
    out = [] if "--out" in arguments else ["--out", str(tmp_path / "run.csv")]
    assert main(["convert", str(log), *out, *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "run.csv").exists()


def test_remedies_in_the_words_of_the_command_line(dumps, log, tmp_path, capsys):
    out = ["--out", str(tmp_path / "x.csv")]
    assert main(["convert", str(dumps[0]), *out]) == 2
    assert "Say it, such as --at 0 (--at 0,100 for two)." in capsys.readouterr().err
    (tmp_path / "odd.json").write_text('{"a": 1}')
    assert main(["convert", str(tmp_path / "odd.json"), *out]) == 2
    assert "Name the source, such as --from trainer_state." in (err := capsys.readouterr().err)
    assert "gd." not in err
    assert main(["convert", str(log), str(dumps[0]), *out]) == 2
    assert "holds responses one by one (vllm). Convert it by itself." in capsys.readouterr().err
    assert main(["convert", str(dumps[0]), "--run", "a", "--at", "0", *out]) == 2
    assert "--run is for runs" in capsys.readouterr().err


def test_rollouts_without_log_probabilities_to_a_fitted_curve(tmp_path, capsys):
    """verl's dumps have scores alone: convert, measure, fit accuracy by a curve."""
    rng = np.random.default_rng(0)
    for step in range(0, 120, 20):
        right = rng.random((60, 4)) < 0.9 - 0.6 * np.exp(-step / 40)
        rows = [
            {"input": f"q{i}", "output": "x", "gts": "1", "score": float(right[i, j]), "step": step}
            for i in range(60)
            for j in range(4)
        ]
        (tmp_path / f"{step}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    samples, run, out = tmp_path / "samples.parquet", tmp_path / "run.csv", tmp_path / "fit"
    assert main(["convert", *(str(tmp_path / f"{t}.jsonl") for t in range(0, 120, 20)), "--out", str(samples)]) == 0
    said = capsys.readouterr().err
    assert "No response has nll or n_tokens or score. For u_s and u_v score the dumped responses with the model" in said
    assert "of the grades alone gapdyn measure gives accuracies" in said
    assert main(["measure", str(samples), "--out", str(run)]) == 0
    assert "gapdyn fit RUN --law sigmoid --series acc_s" in capsys.readouterr().err
    measured = gd.read_run(run)
    assert measured.measured == ()
    assert np.all((measured.acc_s > 0.1) & (measured.n_acc == 240))
    assert main(["fit", str(run)]) == 2
    assert "A curve fits any one series: --law sigmoid --series acc_s" in capsys.readouterr().err
    assert main(["fit", str(run), "--law", "exponential", "--series", "acc_s", "--json"]) == 0
    limit = json.loads(capsys.readouterr().out)["ceiling"]
    assert limit
    assert not out.exists()
