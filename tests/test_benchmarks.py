"""Benchmarks run in a quick mode, and the figures in README are those of their stored results."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run_benchmark(arguments: list[str]) -> None:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=ROOT / "benchmarks", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("script", [["coverage.py", "--runs", "2"]], ids=lambda s: s[0])
def test_benchmark_runs(script):
    run_benchmark(script)


@pytest.mark.slow
@pytest.mark.parametrize(
    "script",
    [
        "first_run.py",
        "solve.py",
        "cold_start.py",
        "posterior.py",
        "backtest.py",
        "measure.py",
        "sweep.py",
        "pooling.py",
        "fleet.py",
    ],
)
def test_long_benchmark_runs(script):
    run_benchmark([script, "--quick"])


def test_readme_shows_the_stored_results():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    import backtest
    import ceilings
    import coverage
    import first_run
    import fleet
    import measure
    import pooling
    import posterior
    import solve
    import sweep

    readme = (ROOT / "README.md").read_text()
    for module in (first_run, coverage, solve, posterior, backtest, ceilings, measure, pooling, fleet, sweep):
        name = module.__name__
        result = json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text())
        assert module.table(result) in readme
