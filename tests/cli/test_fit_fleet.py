"""`gapdyn fit` of a file with several runs: each is fitted, one table, one folder, the same command goes on."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import gapdyn as gd
from gapdyn.cli import main

QUICK = ["--engine", "laplace", "--chains", "1", "--draws", "300"]
LAW = gd.laws.shared_rate(rate=0.5, rho=0.3, u_s0=2.0, u_v0=1.2, u_s_inf=1.0)


def simulated(i: int) -> gd.Run:
    run = gd.simulate(LAW, np.arange(16) * 1.0, noise=0.02, key=i, name=f"run {i}")
    return dataclasses.replace(run, meta={"labels": {"model": "ab"[i % 2]}})


FLAT = gd.Run("flat", [0, 1, 2, 3], clock="round", u_s=[1, 1, 1, 1], u_v=[1, 1, 1, 1])
RUNS = [simulated(1), simulated(3), FLAT]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two runs, one that cannot be fitted, and one that cannot even be read."""
    path = tmp_path_factory.mktemp("runs") / "runs.csv"
    gd.write_run(gd.Fleet(RUNS), path)
    path.write_text(path.read_text() + "begun,0,3,2,\n")
    return str(path)


def test_each_run_is_fitted(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out, table = tmp_path / "fits", tmp_path / "ceilings.csv"
    asked = ["fit", file, *QUICK, "--seed", "3", "--out", str(out), "--table", str(table)]
    assert main(asked) == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[0].startswith("3 runs | shared-rate law | 4 to 16 checkpoints | ")
    assert lines[1] == "trusted 2  declined 1"
    assert lines[-1] == f"stored in {out}"
    assert "[warning] left_out: 1 more run of the log cannot be read, such as 'begun'" in shown.err
    assert "[warning] declined: 1 of 3 runs was declined: 1 as 'flat'" in shown.err
    assert f"wrote {table}" in shown.err
    frame = pl.read_csv(table)
    assert frame["run"].to_list() == ["run 1", "run 3", "flat"]
    assert frame["model"].to_list() == ["b", "b", None]
    engine = gd.engines.Laplace(chains=1, draws=300)
    expected = gd.fit(gd.Fleet(RUNS), gd.laws.shared_rate(), key=3, engine=engine)
    np.testing.assert_allclose(frame["u_s_inf_q50"][:2], expected.summary["u_s_inf"].q50[:2], rtol=1e-12)
    stored = gd.read_fleet_fit(out)
    np.testing.assert_array_equal(stored.draws["rho"], expected.draws["rho"])
    assert dict(stored.fleet.left_out).keys() == {"begun"}
    before = {p.name: p.stat().st_mtime_ns for p in out.iterdir()}
    assert main([*asked, "--json", "--overwrite"]) == 0  # goes on: there is nothing left to do
    assert {p.name: p.stat().st_mtime_ns for p in out.iterdir()} == before
    report = json.loads(capsys.readouterr().out)
    assert report["status"] == {"trusted": 2, "declined": 1}
    assert report["runs"][0]["parameters"]["u_s_inf"]["q50"] == expected.summary["u_s_inf"].q50[0]
    assert report["runs"][2]["reason"].startswith("run 'flat': u_s and u_v do not change")
    assert main([*asked[:-2], "--seed", "4"]) == 2
    assert "holds another fleet fit: key is [3] there and [4] here" in capsys.readouterr().err


def test_one_run_of_the_file_is_fitted_as_ever(file: str, capsys: pytest.CaptureFixture[str]):
    assert main(["fit", file, *QUICK, "--run", "run 1", "--json"]) in (0, 1)
    report = json.loads(capsys.readouterr().out)
    assert report["run"] == "run 1"
    assert report["ceiling"]["u_s"]["q50"] == pytest.approx(1.0, abs=0.05)


@pytest.mark.slow
def test_runs_that_inform_one_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Five seen runs and one that was hardly seen, whose ceiling is then known better."""
    seen = [simulated(i) for i in range(5)]
    begun = dataclasses.replace(simulated(9).head(4), name="begun", meta={"labels": {"model": "a"}})
    flops = [np.full(len(run), 20.0 + i) for i, run in enumerate([*seen, begun])]
    runs = [dataclasses.replace(r, extra={"log10_flops": x}) for r, x in zip([*seen, begun], flops, strict=True)]
    path, table = gd.write_run(gd.Fleet(runs), tmp_path / "runs.parquet"), tmp_path / "pooled.csv"
    asked = ["fit", str(path), "--pooling", "partial", "--group", "model", "--covariate", "log10_flops",
             "--chains", "2", "--warmup", "100", "--draws", "100"]  # fmt: skip
    assert main([*asked, "--table", str(table)]) in (0, 1)  # so few draws may be called too few
    shown = capsys.readouterr()
    assert shown.out.startswith("6 runs | shared-rate law, partially pooled | nuts 2x100")
    assert "u_s_inf: model a" in shown.out
    assert "u_s_inf per log10_flops" in shown.out
    assert "few_members" in shown.err
    frame = pl.read_csv(table)
    assert frame["run"].to_list() == [*(f"run {i}" for i in range(5)), "begun"]
    last = frame.row(-1, named=True)
    assert last["ceiling_sd"] < 0.5 * last["alone_sd"]
    assert main([*asked, "--json"]) in (0, 1)
    report = json.loads(capsys.readouterr().out)
    assert report["runs"][-1]["ceiling_sd"] == pytest.approx(last["ceiling_sd"])
    assert report["groups"] == {"model": ["a", "b"]}


def test_all_declined_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    two = gd.Fleet([FLAT, dataclasses.replace(FLAT, name="flat too")])
    path = gd.write_run(two, tmp_path / "flat.parquet")
    assert main(["fit", str(path), *QUICK]) == 1
    shown = capsys.readouterr()
    assert shown.out.splitlines()[1] == "trusted 0  declined 2"
    assert "[error] declined: 2 of 2 runs were declined" in shown.err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--table", "x.txt"], "--table x.txt: the table is written as .csv or .parquet"),
        (["--table", "/nowhere/x.csv"], "the folder /nowhere does not exist"),
        (["--run", "run 1", "--table", "x.csv"], "--table is for a file with several runs, and this is one run"),
        (["--run", "run"], "there is no run 'run'"),
        (["--engine", "nuts", "--draws", "9999999"], "do not fit into memory"),
        (["--group", "model"], "--group is for --pooling partial, and this is --pooling none. Leave it out."),
        (["--pooling", "full"], "unknown pooling 'full'. Allowed: none, partial."),
        (["--pooling", "partial", "--out", "fits"], "--out is for --pooling none, and this is --pooling partial"),
        (["--pooling", "partial", "--run", "run 1"], "--pooling is for fleets, and this is one run"),
        (["--pooling", "partial", "--engine", "laplace"], "'laplace' does not sample a pooled fleet"),
        (["--pooling", "partial", "--group", "seed"], "no label 'seed'"),
        (["--pooling", "partial", "--law", "exponential"], "fit the runs one by one: --pooling none."),
    ],
)
def test_bad_input_is_one_line(file: str, more: list[str], message: str, capsys: pytest.CaptureFixture[str]):
    assert main(["fit", file, *more]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert message in shown.err
    assert len(shown.err.splitlines()) == 1


def test_an_existing_table_is_kept(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "x.csv"
    path.write_text("precious")
    assert main(["fit", file, "--table", str(path)]) == 2
    assert "exists already. Choose another with --table, or pass --overwrite." in capsys.readouterr().err
    assert path.read_text() == "precious"
