"""`gapdyn measure`: samples on the disk to a run that `gapdyn fit` takes."""

from __future__ import annotations

import json

import numpy as np
import pytest

import gapdyn as gd
from gapdyn.cli import main


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    path = tmp_path_factory.mktemp("samples") / "sharpening.parquet"
    gd.datasets.samples("sharpening_only").write_parquet(path)
    return path


def test_a_table_on_stdout_and_a_run_in_a_file(samples, tmp_path, capsys):
    out = tmp_path / "run.csv"
    assert main(["measure", str(samples), "--sigma", "0.5", "--solver", "mean", "--out", str(out)]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("sharpening: 41 checkpoints, 512 prompts")
    assert f"wrote {out}" in shown.err
    run, known = gd.read_run(out), gd.datasets.sharpening_only()
    assert run.name == "sharpening"
    np.testing.assert_allclose(run.u_v, known.u_v, rtol=0, atol=1e-5)
    np.testing.assert_allclose(run.se_s, known.se_s, rtol=0.01)
    assert np.isfinite(run.corr).all()


def test_one_json_object(samples, capsys):
    assert main(["measure", str(samples), "--solver", "first", "--unit", "nats/token", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["solver"], report["runs"][0]["unit"], report["rows"]) == ("first", "nats/token", 41 * 512 * 8)
    assert len(report["runs"][0]["estimates"]["u_s"]["low"]) == 41


def test_bundled_samples_bear_the_name_of_their_run(capsys):
    assert main(["measure", "dataset:sharpening_only"]) == 0
    assert capsys.readouterr().out.startswith("sharpening_only: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sigma", "2"], "--sigma: '2': give a number between 0 and 1"),
        (["--solver", "best"], "unknown solver 'best'"),
        (["--verifier", "tf"], "there is no verifier 'tf'"),
        (["--column", "nll=entropy"], "--column maps 'nll' to 'entropy', which is not there"),
        (["--out", "/nowhere/run.csv"], "the folder /nowhere does not exist"),
    ],
)
def test_bad_input_is_one_line_and_code_2(samples, arguments, message, capsys):
    assert main(["measure", str(samples), *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_a_remedy_in_the_words_of_the_command_line(tmp_path, capsys):
    path = tmp_path / "a.csv"
    path.write_text("round,prompt_id,nll\n0,1,2.0\n")
    assert main(["measure", str(path)]) == 2
    assert "there is no column 'n_tokens'" in (err := capsys.readouterr().err)
    assert "--column n_tokens=NAME" in err
