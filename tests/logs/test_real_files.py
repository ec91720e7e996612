"""Files by the real libraries (make_files.py; kept under files/), and fresh ones where a library is installed."""

from __future__ import annotations

import importlib
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import gapdyn as gd

FILES = Path(__file__).parent / "files"
STEPS = np.arange(0, 50, 10)
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def check_fleet(fleet: gd.Fleet) -> None:
    """What `numbers` in make_files.py logs."""
    assert set(fleet.names) == {"base", "tuned"}
    for run in fleet:
        np.testing.assert_array_equal(run.t, STEPS)
        np.testing.assert_allclose(run.u_s, 1.5 * np.exp(-0.03 * STEPS), rtol=1e-6)
        np.testing.assert_allclose(run.acc_s, 0.25 + 0.01 * STEPS, rtol=1e-6)
        np.testing.assert_allclose(run.extra["train/loss"], 2.0 - STEPS, rtol=1e-6)


def test_mlflow():
    check_fleet(gd.read_logs(FILES / "mlruns"))
    (experiment,) = (FILES / "mlruns").iterdir()
    check_fleet(gd.read_logs(experiment))
    one = next(experiment.iterdir())
    assert gd.read_log(one).name == (one / "tags" / "mlflow.runName").read_text().strip()
    assert "nothing" not in gd.read_log(one).extra  # NaN throughout


def test_tensorboard():
    pytest.importorskip("tensorboard")
    fleet = gd.read_logs(FILES / "events")
    check_fleet(fleet)
    np.testing.assert_array_equal(fleet["base"].extra["epoch_loss"], 3.0 - STEPS)  # a scalar as TensorFlow 2 writes it
    file = next((FILES / "events" / "base").iterdir())
    np.testing.assert_array_equal(gd.read_log(file).t, STEPS)


def test_tensorboard_is_an_extra(monkeypatch):
    for name in ("tensorboard.backend.event_processing", "tensorboard.util", "tensorboard"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(gd.InputError, match=r"pip install 'gapdyn\[tensorboard\]'"):
        gd.read_log(FILES / "events", run="base")


def test_transformers():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="none of its fields was taken for u_s, acc_s or len_s"):
            gd.read_log(FILES / "trainer" / "trainer_state.json")
    run = gd.read_log(FILES / "trainer" / "trainer_state.json", u_s="eval_loss", unit="nats/token")
    assert (run.name, len(run), run.clock) == ("trainer", 2, "step")
    assert np.isfinite(run.u_s).all()
    assert np.isfinite(run.extra["loss"]).all()


def test_trl():
    run = gd.read_log(FILES / "grpo" / "trainer_state.json")
    assert run.meta["fields"] == {
        "t": "step", "u_s": "entropy", "acc_s": "reward", "len_s": "completions/mean_length"
    }  # fmt: skip
    assert np.all((run.u_s > 0) & (run.u_s < np.log(14)))  # a random model of 14 words
    frame = gd.read_samples(FILES / "grpo" / "completions")
    assert frame.columns == ["step", "prompt_id", "correct", "score", "sample_id"]
    mean = frame.drop("prompt_id").group_by("step", maintain_order=True).mean()
    np.testing.assert_allclose(mean["correct"], run.extra["rewards/accuracy_reward/mean"])
    np.testing.assert_allclose(mean["score"], run.extra["rewards/brevity/mean"], rtol=1e-6)


@pytest.mark.parametrize("suffix", ["json", "eval"])
def test_inspect(suffix):
    if suffix == "eval":
        pytest.importorskip("zstandard")
    frame = gd.read_samples(FILES / f"inspect.{suffix}", at=0).sort("prompt_id", "sample_id")
    assert frame["prompt_id"].to_list() == ["q0", "q0", "q1", "q1", "q2", "q2"]
    assert frame["sample_id"].to_list() == [1, 2] * 3
    assert frame["correct"].to_list() == [1, 1, 0, 1, 1, 1]
    assert set(frame["nll"]) == {0.25}
    assert set(frame["n_tokens"]) == {1}


def test_an_eval_file_needs_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(gd.InputError, match=r"pip install 'gapdyn\[inspect\]'"):
        gd.read_samples(FILES / "inspect.eval", at=0)


def test_lm_eval():
    (path,) = FILES.glob("samples_*.jsonl")
    for name in ("strict", "raw"):
        frame = gd.read_samples(path, at=0, where={"filter": name})
        assert frame["prompt_id"].to_list() == [f"sums-{i}" for i in range(4)]
        assert frame["correct"].to_list() == [0] * 4
        assert set(frame["answer"]) == ({"[invalid]"} if name == "strict" else {"lol"})


def make_files():
    """The script that wrote the files, as a module."""
    sys.path.insert(0, str(Path(__file__).parent))
    try:
        return importlib.import_module("make_files")
    finally:
        sys.path.pop(0)


def test_fresh_mlflow(tmp_path):
    pytest.importorskip("mlflow")
    make_files().mlflow_store(tmp_path)
    check_fleet(gd.read_logs(tmp_path / "mlruns"))


def test_fresh_events(tmp_path):
    pytest.importorskip("tensorboard")
    make_files().tensorboard_events(tmp_path)
    check_fleet(gd.read_logs(tmp_path / "events"))
