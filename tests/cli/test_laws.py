"""`gapdyn laws`, and the options that choose laws, curves, forcings, schedules and series."""

from __future__ import annotations

import json

import numpy as np
import pytest

import gapdyn as gd
from gapdyn.cli import main

SMALL = ["--warmup", "200", "--draws", "200", "--chains", "2"]


def test_every_law_curve_and_forcing_is_listed(capsys):
    assert main(["laws"]) == 0
    text = capsys.readouterr().out
    for name in (*gd.laws.ALL_LAWS, *gd.curves.ALL_CURVES, *gd.forcings.ALL_FORCINGS):
        assert f"  {name} " in text


@pytest.mark.parametrize("name", [*gd.laws.ALL_LAWS, *gd.curves.ALL_CURVES])
def test_a_law_in_full(capsys, name):
    assert main(["laws", name, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    spec = {**gd.laws.all(), **gd.curves.all()}[name]
    assert (found["equation"], found["source"]) == (spec.equation, spec.source)
    assert {p["name"]: p["example"] for p in found["parameters"] if p["example"] is not None} == dict(spec.example)
    assert all(p["meaning"] and p["prior"] and p["support"] for p in found["parameters"])
    assert [tuple(names) for names in found["coordinates"]] == [c.names for c in spec.family]
    assert main(["laws", name]) == 0
    assert spec.equation in capsys.readouterr().out


def test_the_whole_catalogue_is_one_json_object(capsys):
    assert main(["laws", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [len(found[k]) for k in ("laws", "curves", "forcings")] == [11, 9, 6]


def test_a_forced_law_is_simulated_and_fitted(tmp_path, capsys):
    path = tmp_path / "run.csv"
    forcing = ["--law", "relaxing_verifier", "--forcing", "additive_impulse", "--schedule", "one_shot:4"]
    assert main(["simulate", *forcing, "--fix", "dose=0.2", "--out", str(path)]) == 0
    spec = gd.laws.relaxing_verifier(forcing=gd.forcings.additive_impulse(gd.forcings.one_shot(4.0), dose=0.2))
    run = gd.read_run(path)
    np.testing.assert_allclose(run.u_v, gd.solve(spec, run.t).u_v, atol=0.05)
    capsys.readouterr()
    assert main(["fit", str(path), *forcing, *SMALL, "--json"]) in (0, 1)
    report = json.loads(capsys.readouterr().out)
    dose = report["parameters"]["dose"]
    assert abs(dose["mean"] - 0.2) < 5 * dose["sd"]
    assert "forcing=gapdyn.forcings.additive_impulse" in report["provenance"]["law"]


def test_one_series_and_a_curve_without_a_limit(tmp_path, capsys):
    argv = ["fit", "dataset:learning", "--series", "acc_s", *SMALL]
    assert main([*argv, "--law", "exponential", "--json"]) in (0, 1)
    report = json.loads(capsys.readouterr().out)
    assert "acc_s" in report["ceiling"]
    out = tmp_path / "out"
    assert main([*argv, "--law", "two_phase", "--out", str(out), "--json"]) in (0, 1)
    assert json.loads(capsys.readouterr().out)["ceiling"] is None
    assert {p.name for p in out.iterdir()} == {"fit.json", "trajectory.png", "check.png"}
    assert main(["forecast", "dataset:learning", "--series", "acc_s", "--law", "two_phase", "--to", "60", *SMALL]) in (
        0,
        1,
    )
    assert "acc_s" in capsys.readouterr().out


BAD = {
    "laws relaxing": ("no law, curve or forcing 'relaxing'", "relaxing_verifier"),
    "fit run.csv --law sigmoid --forcing impulse": ("--forcing is for laws", "Leave it out"),
    "fit run.csv --schedule early:8": ("--schedule", "Name one with --forcing"),
    "fit run.csv --forcing impulse --schedule early": ("not of the form", "early:ROUNDS"),
    "fit run.csv --forcing impulse --schedule early:0": ("'0'", "whole number"),
    "fit run.csv --forcing impulse --schedule one_shot:1:2": ("not of the form", "one_shot:TIME"),
    "fit run.csv --forcing impulse --schedule soon:3": ("unknown schedule 'soon'", "one_shot"),
    "fit run.csv --forcing impulses": ("unknown forcing 'impulses'", "Did you mean 'impulse'"),
    "fit run.csv --forcing impulse": ("no external items", "external"),
    "fit run.csv --series acc_s": ("--series", "exponential"),
    "fit run.csv --law sigmoid --series accuracy": ("no series 'accuracy'", "u_s"),
    "fit run.csv --length 2": ("--length is for", "rounds"),
    "fit run.csv --law rounds --length 0": ("'0'", "above 0"),
    "fit run.csv --law lr_clock": ("no learning rates", "learning_rate"),
    "fit run.csv --law stochastic --noise student_t": ("process noise", "gaussian"),
}


@pytest.mark.parametrize("argv", BAD)
def test_bad_options_end_with_one_clear_line(argv, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    gd.write_run(gd.simulate(gd.laws.shared_rate(), np.arange(8.0), noise=0.01, key=0), "run.csv")
    assert main(argv.split()) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.strip().splitlines()) == 1
    for word in BAD[argv]:
        assert word in said.err
