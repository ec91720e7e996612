"""The commands at work: what they print, write and return."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gapdyn as gd
from gapdyn.cli import main

GAPDYN = os.path.join(os.path.dirname(sys.executable), "gapdyn")
FEW = ["--chains", "2", "--draws", "150"]  # fewer than quantiles want
SMALL = ["--warmup", "300", "--draws", "300", "--chains", "2"]  # too few to rely on: exit code 0 or 1
DATA = "dataset:learning"
PICTURES = ("trajectory.png", "ceiling.png", "check.png")
PNG = b"\x89PNG\r\n\x1a\n"
SUMMARY = {"mean", "sd", "q05", "q50", "q95"}

Capture = pytest.CaptureFixture[str]


def strict(text: str) -> Any:
    """The one JSON object in a text; NaN and Infinity are not JSON."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


def process(*argv: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([GAPDYN, *argv], capture_output=True, text=True, check=False, **more)


def run_json(capsys: Capture, *argv: str) -> Any:
    assert main([*argv, "--json"]) in (0, 1)
    return strict(capsys.readouterr().out)


def numbers(report: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in report.items() if k != "seconds"}


def simulated(path: Path, *argv: str) -> str:
    assert main(["simulate", "--out", str(path), *argv]) == 0
    return str(path)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """One fit in a process of its own, with files."""
    folder = tmp_path_factory.mktemp("fit")
    return folder, process("fit", DATA, *FEW, "--seed", "1", "--json", "--out", "new/results", cwd=folder)


def test_fit_prints_one_json_object(fitted: tuple[Path, subprocess.CompletedProcess[str]]):
    _, done = fitted
    assert done.returncode == 0, done.stderr
    report = strict(done.stdout)
    asked = {"run", "law", "engine", "route", "ceiling", "accuracy", "parameters", "checks", "findings"}
    assert set(report) == asked | {"seconds", "provenance"}
    names = (report["run"], report["law"], report["engine"], report["route"])
    assert names == ("learning", "shared_rate", "quadrature", "exact")
    for name in ("u_s", "u_v", "gap"):
        limit = report["ceiling"][name]
        assert set(limit) == SUMMARY
        assert limit["q05"] <= limit["q50"] <= limit["q95"]
    assert {"rate", "rho", "gap_inf", "u_s0", "u_v0", "sigma"} <= set(report["parameters"])
    for values in report["parameters"].values():
        assert set(values) == SUMMARY | {"rhat", "ess_bulk"}
        assert all(isinstance(v, float) and math.isfinite(v) for v in values.values())
    assert isinstance(report["checks"], dict)
    assert all(isinstance(s, float) and s >= 0 for s in report["seconds"].values())


def test_findings_go_to_stderr_and_into_the_json(fitted: tuple[Path, subprocess.CompletedProcess[str]]):
    _, done = fitted
    found = strict(done.stdout)["findings"]
    assert found, "300 draws are few"
    for finding in found:
        assert set(finding) == {"level", "code", "text", "remedy"}
        assert f"[{finding['level']}] {finding['code']}: {finding['text']} {finding['remedy']}" in done.stderr
    assert any("--draws" in f["remedy"] for f in found)
    assert "gd." not in done.stderr
    assert "Warning" not in done.stderr


def test_out_writes_whole_files(fitted: tuple[Path, subprocess.CompletedProcess[str]]):
    folder, done = fitted
    results = folder / "new" / "results"
    assert sorted(p.name for p in results.iterdir()) == sorted(["fit.json", *PICTURES])
    assert strict((results / "fit.json").read_text()) == strict(done.stdout)
    for name in PICTURES:
        assert (results / name).read_bytes().startswith(PNG)
    assert done.stderr.count("wrote ") == 1


def test_overwrite_replaces_the_files(fitted: tuple[Path, subprocess.CompletedProcess[str]], capsys: Capture):
    results = fitted[0] / "new" / "results"
    before = (results / "fit.json").read_bytes()
    argv = ["fit", DATA, *SMALL, "--seed", "1", "--out", str(results)]
    assert main(argv) == 2
    assert (results / "fit.json").read_bytes() == before
    assert main([*argv, "--overwrite"]) in (0, 1)
    assert (results / "fit.json").read_bytes() != before  # other seconds
    assert len(list(results.iterdir())) == 4
    out = capsys.readouterr().out
    assert "shared-rate law" in out
    assert "ceiling of learning" in out


def test_same_seed_same_numbers(fitted: tuple[Path, subprocess.CompletedProcess[str]], capsys: Capture):
    first = numbers(strict(fitted[1].stdout))
    again = numbers(run_json(capsys, "fit", DATA, *FEW, "--seed", "1"))
    assert again == first  # another process, to the last bit
    other = numbers(run_json(capsys, "fit", DATA, *FEW, "--seed", "2"))
    assert other["ceiling"]["u_s"]["mean"] != first["ceiling"]["u_s"]["mean"]
    assert other["ceiling"]["u_s"]["mean"] == pytest.approx(first["ceiling"]["u_s"]["mean"], rel=0.2)


def test_a_failing_disk_costs_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture):
    """Files that appear during the fit are not overwritten; the result is still printed, with exit code 1."""
    from gapdyn.cli import _fit

    judge = _fit.judge

    def slow(*args: Any) -> Any:
        (tmp_path / "check.png").write_bytes(b"mine")
        return judge(*args)

    monkeypatch.setattr(_fit, "judge", slow)
    assert main(["fit", DATA, *SMALL, "--seed", "1", "--json", "--out", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert strict(out)["run"] == "learning"
    assert "check.png: exists already" in err
    assert "Traceback" not in err
    assert (tmp_path / "check.png").read_bytes() == b"mine"


@pytest.mark.parametrize("settings", [["--warmup", "20", "--draws", "4", "--chains", "2"]])
def test_exit_code_1_when_the_draws_cannot_be_trusted(settings: list[str], capsys: Capture):
    assert main(["fit", DATA, *settings, "--json"]) == 1
    out, err = capsys.readouterr()
    assert any(f["level"] == "error" for f in strict(out)["findings"])
    assert err.splitlines()[-1].startswith("gapdyn fit: do not use these numbers")


def write_log(path: Path, size: float) -> str:
    run = gd.datasets.learning()
    u_s, u_v = (run.u_s * size).tolist(), (run.u_v * size).tolist()
    rows = [f"{t:g},{s!r},{v!r}" for t, s, v in zip(run.t, u_s, u_v, strict=True)]
    path.write_text("\n".join(["round,u_s,u_v", *rows]))
    return str(path)


def test_units_of_any_size(tmp_path: Path, capsys: Capture):
    """The same run in units up to 1e24 apart has the same posterior, in its own units.

    Powers of 2 keep every digit, so the draws are the same. Powers of 10 round, and what differs in the
    16th digit ends, after hundreds of steps, in other draws of the same posterior.
    """

    def ceiling(size: float) -> dict[str, float]:
        path = write_log(tmp_path / f"{size:g}.csv", size)
        report = run_json(capsys, "fit", path, *SMALL, "--seed", "3", "--unit", "arbitrary")
        return {k: report["ceiling"]["u_s"][k] / size for k in sorted(SUMMARY)}

    one = ceiling(1.0)
    for size in (2.0**-40, 2.0**40):
        assert ceiling(size) == pytest.approx(one, rel=1e-6)
    for size in (1e-12, 1e12):
        assert ceiling(size) == pytest.approx(one, abs=one["sd"])


def test_forecast(capsys: Capture):
    report = run_json(capsys, "forecast", DATA, *SMALL, "--to", "34", "--seed", "1")
    assert set(report) == {"run", "law", "engine", "route", "forecast", "findings", "seconds"}
    forecast = report["forecast"]
    assert forecast["t"] == [float(t) for t in range(25, 35)]
    for name in ("u_s", "u_v", "gap"):
        assert set(forecast[name]) == SUMMARY
        assert all(low < high for low, high in zip(forecast[name]["q05"], forecast[name]["q95"], strict=True))
    assert main(["forecast", DATA, *SMALL, "--at", "24.5,30", "--seed", "1"]) in (0, 1)
    out = capsys.readouterr().out
    assert "forecast of learning" in out
    assert [line.split()[0] for line in out.splitlines()[2:]] == ["24.5", "30"]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet", "csv.gz"])
def test_simulate_to_a_file_and_back(suffix: str, tmp_path: Path, capsys: Capture):
    path = simulated(tmp_path / f"run.{suffix}", "--seed", "5", "--checkpoints", "25", "--name", "my, run")
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"wrote {path}\n")
    run = gd.read_run(path)
    law = gd.laws.shared_rate()
    twin = gd.simulate(law, np.linspace(0, 10, 25), key=5, noise=0.01, name="my, run")
    assert run.name == "my, run"
    assert run.u_s.tolist() == twin.u_s.tolist()
    before = Path(path).read_bytes()
    assert main(["simulate", "--out", path, "--seed", "6"]) == 2
    assert Path(path).read_bytes() == before
    assert main(["simulate", "--out", path, "--seed", "6", "--overwrite"]) == 0
    assert Path(path).read_bytes() != before


def test_simulate_to_stdout_and_json(tmp_path: Path, capsys: Capture):
    path = simulated(tmp_path / "run.csv", "--name", 'a "b", c', "--clock", "epoch", "--se", "0.02")
    capsys.readouterr()
    same = ["simulate", "--name", 'a "b", c', "--clock", "epoch", "--se", "0.02"]
    assert main(same) == 0
    assert capsys.readouterr().out == Path(path).read_text()
    report = run_json(capsys, *same)
    run = gd.read_run(path)
    assert (report["run"], report["law"], report["clock"], report["file"]) == (
        'a "b", c',
        "shared_rate",
        "epoch",
        None,
    )
    assert {k: v.tolist() for k, v in run.columns().items()} == report["columns"]


def test_simulated_run_through_fit(tmp_path: Path, capsys: Capture):
    path = simulated(tmp_path / "run.jsonl", "--checkpoints", "25", "--fix", "u_s_inf=0.4", "--noise", "0.003")
    capsys.readouterr()
    report = run_json(capsys, "fit", path, *SMALL, "--seed", "1")
    limit = report["ceiling"]["u_s"]
    assert abs(limit["mean"] - 0.4) < 5 * limit["sd"]


def test_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    done = process("demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "gapdyn-demo"
    files = {"trajectory.png", "ceiling.png", "fit.json"}
    assert {p.name for p in folder.iterdir()} == files
    assert [p.name for p in tmp_path.iterdir()] == ["gapdyn-demo"]
    assert "ceiling of inner_learning" in done.stdout
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--seed", "2"]) == 0  # its own files may be replaced
    assert strict((folder / "fit.json").read_text())["made_by"] == "gapdyn demo"
    assert {p.name for p in folder.iterdir()} == files


def test_run_with_one_series(tmp_path: Path, capsys: Capture):
    path = tmp_path / "only.csv"
    path.write_text("step,u_s\n" + "".join(f"{i},{1 + math.exp(-i / 8) + 0.01 * math.sin(7 * i)}\n" for i in range(25)))
    report = run_json(capsys, "fit", str(path), *SMALL)
    assert any(f["code"] == "no_u_v" for f in report["findings"])
    limit = report["ceiling"]["u_s"]
    assert abs(limit["mean"] - 1) < 5 * limit["sd"]


def test_student_t_noise(capsys: Capture):
    report = run_json(capsys, "fit", DATA, *SMALL, "--noise", "student_t", "--shared", "0.9", "--excess", "separate")
    assert {"nu", "sigma_s", "sigma_v"} <= set(report["parameters"])


def test_numpyro_engine_prior_and_fix(capsys: Capture):
    given = ["--prior", "u_s_inf=HalfNormal(1)", "--prior", "sigma=HalfNormal(0.1)", "--fix", "rho=0.3"]
    report = run_json(capsys, "fit", DATA, *SMALL, "--engine", "numpyro_nuts", *given)
    assert report["engine"] == "numpyro_nuts"
    rho = report["parameters"]["rho"]
    assert (rho["mean"], rho["sd"]) == (pytest.approx(0.3, rel=1e-12), 0)
    assert report["ceiling"]["u_s"]["q05"] > 0


def test_column_names_delimiter_run_and_sort(tmp_path: Path, capsys: Capture):
    path = tmp_path / "log.csv"
    run = gd.datasets.learning()
    table = list(zip(run.t.tolist(), run.u_s.tolist(), run.u_v.tolist(), strict=True))
    rows = [f"{name};{t:g};{u!r};{v!r}" for name in "ab" for t, u, v in reversed(table)]
    path.write_text("\n".join(["run;when;entropy;best", *rows]))
    names = ["--t", "when", "--clock", "round", "--column", "u_s=entropy", "--column", "u_v=best"]
    argv = ["fit", str(path), *SMALL, *names, "--delimiter", ";", "--run", "b"]
    assert main(argv) == 2
    assert "--sort" in capsys.readouterr().err
    report = run_json(capsys, *argv, "--sort")
    assert report["run"] == "b"


def test_letters_that_the_terminal_lacks(tmp_path: Path):
    path = tmp_path / "größe.csv"
    path.write_text("step,u_s\n0,2\n1,1\n1,1\n")
    done = process("fit", str(path), env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 2
    assert "gr\\xf6" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_and_version_load_nothing():
    for argv in (["--help"], ["fit", "--help"], ["--version"]):
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-X", "importtime", GAPDYN, *argv], capture_output=True, text=True, check=False
        )
        assert time.perf_counter() - began < 1  # it takes 0.05
        assert done.returncode == 0
        assert "gapdyn" in done.stdout
        loaded = {line.rsplit("|")[-1].strip().split(".")[0] for line in done.stderr.splitlines()}
        assert "gapdyn" in loaded
        assert not loaded & {"jax", "numpy", "numpyro", "matplotlib", "scipy", "polars", "platformdirs"}


def test_cache(tmp_path: Path):
    script = "from gapdyn.cli._setup import set_up_jax; set_up_jax(); import jax; jax.jit(lambda x: x + 1)(1.0)"

    def compile_something(folder: str) -> str:
        env = {**os.environ, "GAPDYN_CACHE": folder, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
        env.pop("JAX_COMPILATION_CACHE_DIR", None)
        done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stderr

    compile_something("off")
    assert list(tmp_path.iterdir()) == []
    compile_something(str(tmp_path / "here"))
    assert any((tmp_path / "here").iterdir())
    assert "GAPDYN_CACHE=/dev/null/x cannot be used" in compile_something("/dev/null/x")
    compile_something("")  # the user's cache folder
    assert sorted(p.name for p in tmp_path.iterdir()) == ["gapdyn", "here"]


def test_reader_that_leaves_is_no_error():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([GAPDYN, "simulate"], stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


def test_full_disk_on_stdout_is_one_line():
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full here")
    with open("/dev/full", "w") as full:
        done = subprocess.run([GAPDYN, "simulate"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "No space left" in done.stderr


@pytest.fixture
def heard():
    """SIGINT as in a terminal, here and in children: a shell starts background work with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("wait", [0.5, 5])
def test_interrupt(wait: float, tmp_path: Path):
    """Ctrl-C while JAX loads or samples: exit code 130, one line, and the folder that was made goes again."""
    argv = [GAPDYN, "fit", DATA, "--chains", "2", "--draws", "1000000", "--out", "results"]
    with subprocess.Popen(argv, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        deadline = time.monotonic() + 60
        while not (tmp_path / "results").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(wait)
        child.send_signal(signal.SIGINT)
        try:
            out, err = child.communicate(timeout=30)
        finally:
            child.kill()
    assert (child.returncode, out, err) == (130, "", "gapdyn fit: interrupted.\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("heard")
def test_interrupt_in_a_callback_arrives(monkeypatch: pytest.MonkeyPatch, capsys: Capture):
    """Python drops an exception that is raised while it collects garbage, a Ctrl-C too."""
    from gapdyn.cli import _request

    class Rubbish:
        def __del__(self):
            raise KeyboardInterrupt

    def law(_: Any) -> None:
        Rubbish()
        time.sleep(5)

    monkeypatch.setattr(_request, "law", law)
    assert main(["simulate"]) == 130
    assert capsys.readouterr() == ("", "gapdyn simulate: interrupted.\n")


def test_a_fault_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: Capture):
    from gapdyn.cli import _request

    def fail(*_: Any) -> None:
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr(_request, "law", fail)
    monkeypatch.delenv("GAPDYN_DEBUG", raising=False)
    assert main(["simulate"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "gapdyn simulate: failed: RuntimeError: first line (GAPDYN_DEBUG=1 shows where)\n"
    monkeypatch.setenv("GAPDYN_DEBUG", "1")
    with pytest.raises(RuntimeError, match="second line"):
        main(["simulate"])


def test_backtest_prints_one_json_object(tmp_path: Path):
    log = tmp_path / "run.csv"
    gd.write_run(gd.simulate(gd.laws.shared_rate(rate=0.5), np.linspace(0, 9, 12), noise=0.01, key=1), log)
    done = process("backtest", str(log), "--train", "6,9", "--law", "shared_rate", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    out = strict(done.stdout)
    assert [o["train"] for o in out["origins"]] == [6, 9]
    first = out["origins"][0]
    assert [len(first[s][q]) for s in ("u_s", "u_v") for q in ("mean", "q05", "q50", "q95")] == [6] * 8
    assert first["weights"] == {"shared_rate": 1.0}
    assert set(first["laws"]["shared_rate"]) >= {"u_s", "u_v", "scores", "engine", "pareto_k"}
    table = process("backtest", str(log), "--train", "9", "--law", "shared_rate")
    assert table.returncode == 0
    assert "weighted" in table.stdout


def test_compare_prints_the_ceiling_over_laws_and_writes_its_files(tmp_path: Path):
    log, out = tmp_path / "run.csv", tmp_path / "out"
    gd.write_run(gd.simulate(gd.laws.shared_rate(rate=0.5), np.linspace(0, 9, 12), noise=0.01, key=1), log)
    done = process("compare", str(log), "--law", "shared_rate,exponential,persistence", "--more", "2,9", "--json",
                   "--out", str(out))  # fmt: skip
    assert done.returncode == 0
    report = strict(done.stdout)
    assert report == strict((out / "compare.json").read_text())
    assert set(report["laws"]) == {"shared_rate", "exponential", "persistence"}
    assert sum(law["weight"] for law in report["laws"].values()) == pytest.approx(1)
    assert report["ceiling"]["weights"].keys() == report["laws"].keys()
    assert report["ceiling"]["laws"]["persistence"] is None
    assert report["information"]["more"] == [2, 9]
    assert (out / "ceilings.png").read_bytes().startswith(b"\x89PNG")
    again = process("compare", str(log), "--law", "persistence", "--out", str(out))
    assert again.returncode == 2
    assert "--overwrite" in again.stderr
    table = process("compare", str(log), "--law", "persistence")
    assert table.returncode == 0
    assert "None of these laws has a limit." in table.stdout


def test_fit_says_that_a_run_does_not_learn(tmp_path: Path):
    done = process("fit", "dataset:sharpening_only", "--engine", "laplace", "--json")
    found = {f["code"] for f in strict(done.stdout)["findings"]}
    assert {"false_progress", "narrowing", "verifier_chance"} <= found
    assert "grows sure of itself without learning" in done.stderr
