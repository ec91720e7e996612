"""`gapdyn sweep`: a file says it, a folder holds it, the same command goes on."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import numpy as np
import pytest

import gapdyn as gd
from gapdyn.cli import main

TOML = """
law = "shared_rate"
quantities = ["ceiling", "d ceiling/d rho", "trajectory"]
times = { from = 0, to = 10, n = 3 }
chunk = 100

[fix]
u_s0 = 1.2

[forcing]
name = "impulse"
strength = 0.2

[sobol]
n = 64
ranges = { rho = [0.0, 0.9], rate = "LogUniform(0.05, 1)" }

[grid]
schedule = ["early:4", "one_shot:2"]
gap_inf = { from = 0.01, to = 0.1, n = 3, log = true }
"""


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text(TOML)
    return str(path)


def expected():
    import numpyro.distributions as dist

    when = {"early:4": gd.forcings.early(4), "one_shot:2": gd.forcings.one_shot(2.0)}
    ranges = {"rho": (0.0, 0.9), "rate": dist.LogUniform(0.05, 1.0)}
    grid = gd.sweeps.grid({"schedule": when, "gap_inf": np.geomspace(0.01, 0.1, 3)})
    law = gd.laws.shared_rate(u_s0=1.2, forcing=gd.forcings.impulse(gamma=0.2))
    asked = ["ceiling", "d ceiling/d rho", "trajectory"]
    return gd.sweep(law, gd.sweeps.sobol(ranges, 64) * grid, asked, np.linspace(0, 10, 3))


def test_a_file_says_what_a_call_does(spec, tmp_path, capsys):
    out = str(tmp_path / "out")
    assert main(["sweep", spec, "--out", out]) == 0
    shown = capsys.readouterr()
    assert "384 settings (setting 64 x schedule 2 x gap_inf 3), 384 ok" in shown.out
    stored, called = gd.read_sweep(out), expected()
    for name in called.names:
        np.testing.assert_allclose(stored[name], called[name], rtol=1e-12)
    assert main(["sweep", spec, "--out", out, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["status"] == {"ok": 384}
    assert report["quantities"]["u_s_inf"]["mean"] == pytest.approx(called["u_s_inf"].mean())


def test_json_says_the_same(spec, tmp_path, capsys):
    import tomllib

    other = tmp_path / "sweep.json"
    other.write_text(json.dumps(tomllib.loads(TOML)))
    out = str(tmp_path / "out")
    assert main(["sweep", spec, "--out", out]) == 0
    assert main(["sweep", str(other), "--out", out]) == 0  # were it another sweep, it would be refused


def test_processes_take_their_shares(spec, tmp_path, capsys):
    out = str(tmp_path / "out")
    assert main(["sweep", spec, "--out", out, "--process", "1/2"]) == 0
    assert "[warning] unfinished: 2 of 4 chunks" in capsys.readouterr().err
    assert main(["sweep", spec, "--out", out, "--process", "0/2"]) == 0
    shown = capsys.readouterr()
    assert "384 ok" in shown.out
    assert "unfinished" not in shown.err


@pytest.mark.slow
def test_processes_that_meet_print_the_whole_once(spec, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{free.getsockname()[1]}"
    code = "import sys; from gapdyn.cli import main; sys.exit(main())"
    start = [sys.executable, "-c", code, "sweep", spec, "--out", str(tmp_path / "out"), "--coordinator", where]
    both = [subprocess.Popen([*start, "--process", f"{i}/2"], stdout=subprocess.PIPE, text=True) for i in range(2)]
    said = [p.communicate(timeout=300)[0] for p in both]
    assert [p.returncode for p in both] == [0, 0]
    assert "384 ok" in said[0]
    assert said[1] == ""


def test_a_run_is_fitted_and_its_draws_are_swept(tmp_path, capsys):
    path = tmp_path / "sweep.toml"
    path.write_text('run = "dataset:learning"\ndraws = 20\nquantities = "ceiling"\n[grid]\nrho_factor = [1.0, 0.8]\n')
    assert main(["sweep", str(path), "--out", str(tmp_path / "out")]) == 0
    assert "40 settings (draw 20 x rho_factor 2)" in capsys.readouterr().out


def test_a_sweep_without_one_valid_setting_fails(tmp_path, capsys):
    path = tmp_path / "sweep.toml"
    path.write_text("[grid]\nrho = [1.0, 2.0]\n")
    assert main(["sweep", str(path), "--out", str(tmp_path / "out")]) == 1
    assert "[error] invalid: 2 of 2 settings" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("law = ", "is not TOML"),
        ("lwa = 1", "unknown entry lwa. Did you mean 'law'?"),
        ('law = "shared"', "unknown law 'shared'. Did you mean 'shared_rate'?"),
        ("law = 3", "law = 3; give a name"),
        ("fix = 3\n[grid]\nrho = [0.1]", "fix is a table"),
        ("[fix]\nrho = 2\n[grid]\nrate = [0.1]", "rho=2, but it must be in [0, 1)"),
        ("", "Give a table [grid] or [sobol]"),
        ("[grid]\nroh = [0.1]", "Did you mean 'rho'?"),
        ("[grid]\nrho = { from = 0 }", "{from = 0, to = 1, n = 11}"),
        ("[grid]\nrho = { start = 0 }", "unknown entry grid.rho.start"),
        ('[grid]\nschedule = ["soon:3"]', "unknown schedule 'soon'"),
        ("[grid]\nschedule = 3", 'such as ["early:8", "late:8"]'),
        ('[grid]\nschedule = ["early:3"]', "has no forcing for a schedule to act by. Give it one: a table [forcing]"),
        ('[forcing]\nname = "push"\n[grid]\nrho = [0.1]', "unknown forcing 'push'"),
        ('[sobol]\nn = 8\nranges = { rho = "Beta(2)" }', "Beta(2): "),
        ('[sobol]\nn = 8\nranges = { rho = "Beta(2,2)" }', "has no quantiles here"),
        ("[sobol]\nm = 8", "unknown entry sobol.m"),
        ('quantities = "gap"\n[grid]\nrho = [0.1]', "there are none. Give times = [...]."),
        ('run = "nowhere.csv"', "nowhere.csv"),
    ],
)
def test_bad_files_are_one_line_and_code_2(text, message, tmp_path, capsys):
    path = tmp_path / "sweep.toml"
    path.write_text(text)
    assert main(["sweep", str(path), "--out", str(tmp_path / "out")]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--process", "2/2"], "give I/N"),
        (["--coordinator", "127.0.0.1:9"], "Pass --process 0/2"),
        (["--cluster", "--process", "0/2"], "Leave out --coordinator and --process"),
        (["--devices", "0"], "whole number from 1"),
    ],
)
def test_bad_options_are_one_line_and_code_2(options, message, spec, tmp_path, capsys):
    assert main(["sweep", spec, "--out", str(tmp_path / "out"), *options]) == 2
    assert message in capsys.readouterr().err


def test_a_folder_of_something_else_is_refused(spec, tmp_path, capsys):
    assert main(["sweep", spec, "--out", str(tmp_path)]) == 2  # the file itself lies there
    assert "holds other files (sweep.toml). Choose a new or an empty folder." in capsys.readouterr().err
