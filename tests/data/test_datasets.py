"""Bundled runs: they load, and their docstrings tell the truth."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest

from gapdyn._check import InputError
from gapdyn.data import datasets, read_run

LAB = Path("/work/shared/data/lab_runs")


@pytest.mark.parametrize("name", datasets.names())
def test_every_run_loads_and_is_complete(name):
    run = datasets.load(name)
    assert run.name == name
    assert (run.clock, run.unit) == ("round", "nats/response")
    np.testing.assert_array_equal(run.t, np.arange(len(run)))
    assert list(run.columns()) == [
        *("round", "u_s", "u_v", "se_s", "se_v", "acc_s", "acc_v", "len_s", "len_v", "external"),
        *("pass_n", "auc", "fallback", "n_prompts", "n_samples"),
    ]
    assert np.all(np.isfinite(run.gap))
    function = getattr(datasets, name)
    assert f"{len(run) - 1} rounds" in inspect.getdoc(function) or name.startswith("inner")
    assert run.meta["about"] in inspect.getdoc(function)
    assert run.meta["source"] == f"gapdyn.datasets.{name}"
    assert run.meta["text_columns"] == run.meta["unused_columns"] == ()


def test_names_are_the_files():
    folder = Path(datasets.__file__).parent / "bundled"
    assert sorted(datasets.names()) == sorted(path.stem for path in folder.glob("*.csv"))
    assert sorted(datasets.sampled()) == sorted(p.stem.removesuffix("_samples") for p in folder.glob("*.parquet"))


def test_unknown_name():
    with pytest.raises(InputError, match=r"unknown dataset 'colapse'. Did you mean 'collapse'\?"):
        datasets.load("colapse")


@pytest.mark.parametrize(
    ("name", "column", "first", "last", "extreme"),
    [
        ("learning", "acc_s", 0.70, 0.79, None),
        ("learning", "gap", 0.44, 0.26, None),
        ("learning", "acc_v", 0.86, 0.87, 0.88),
        ("learning_then_sharpening", "acc_s", 0.36, 0.45, None),
        ("learning_then_sharpening", "acc_v", 0.59, 0.57, 0.67),
        ("learning_then_sharpening", "u_s", 1.65, 0.95, None),
        ("learning_then_sharpening", "pass_n", 0.89, 0.72, None),
        ("sharpening_only", "u_s", 2.39, 0.62, None),
        ("sharpening_only", "u_v", 1.53, 0.19, None),
        ("sharpening_only", "acc_s", 0.13, 0.12, None),
        ("sharpening_only", "pass_n", 0.61, 0.20, None),
        ("collapse", "acc_s", 0.95, 0.59, 0.97),
        ("collapse", "pass_n", 1.00, 0.71, None),
        ("near_ceiling", "acc_s", 0.99, 0.99, None),
        ("near_ceiling", "pass_n", 1.0, 1.0, None),
        ("external_early", "acc_s", 0.36, 0.46, None),
        ("external_uniform", "acc_s", 0.36, 0.45, None),
        ("external_late", "acc_s", 0.36, 0.44, None),
        ("inner_learning", "acc_s", 0.36, 0.44, None),
        ("inner_learning", "pass_n", 0.89, 0.86, None),
        ("inner_slow", "acc_s", 0.13, 0.15, None),
        ("inner_slow", "u_s", 2.39, 1.71, None),
        ("inner_slow", "pass_n", 0.61, 0.49, None),
    ],
)
def test_docstrings_tell_the_truth(name, column, first, last, extreme):
    run = datasets.load(name)
    values = run.extra[column] if column in run.extra else getattr(run, column)
    assert values[0] == pytest.approx(first, abs=0.006)
    assert values[-1] == pytest.approx(last, abs=0.006)
    if extreme is not None:
        assert values.max() == pytest.approx(extreme, abs=0.006)


def test_external_schedules():
    def arrivals(name):
        external = datasets.load(name).external
        return {int(i): float(external[i]) for i in np.flatnonzero(external > 0)}

    assert arrivals("external_early") == {0: 307}
    assert arrivals("external_late") == {26: 307}
    assert arrivals("external_uniform") == dict.fromkeys(range(27), 11)
    assert sum(arrivals("external_uniform").values()) == 297
    control = datasets.learning_then_sharpening()
    assert arrivals("learning_then_sharpening") == {}
    late = datasets.external_late()
    np.testing.assert_array_equal(late.u_s[:27], control.u_s[:27])
    assert late.u_s[27] != control.u_s[27]
    assert control.acc_s[30] == pytest.approx(0.435, abs=5e-4)
    assert control.acc_s[4] == pytest.approx(0.42, abs=5e-3)


def test_collapse_turns_at_round_nine():
    assert datasets.collapse().u_s.argmin() == 9


def test_bundled_files_are_the_originals():
    if not LAB.is_dir():
        pytest.skip(f"{LAB} is not here")
    for name in datasets.names():
        original = read_run(LAB / f"{name}.csv")
        for column, values in datasets.load(name).columns().items():
            np.testing.assert_array_equal(values, original.columns()[column])


def test_a_real_run_of_someone_else():
    path = LAB.parent / "qwen_arithmetic" / "trajectory.csv"
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    run = read_run(path, columns={"u_s": "u_s_token", "u_v": "u_v_token"}, unit="nats/token")
    assert (len(run), run.clock, run.unit) == (21, "epoch", "nats/token")
    assert run.meta["unused_columns"] == ("u_s", "u_v")
