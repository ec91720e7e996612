"""Logs of trainers and loggers to runs: what becomes what, what is said of it, what is refused."""

from __future__ import annotations

import gzip
import json
import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import gapdyn as gd
from gapdyn.logs._sources import SOURCES

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
HISTORY = [
    {"step": 5, "epoch": 0.5, "reward": 0.25, "entropy": 1.5, "completions/mean_length": 40.0, "kl": None, "loss": 0.1},
    {"step": 10, "epoch": 1.0, "reward": 0.5, "entropy": 1.25, "completions/mean_length": 44.0, "rewards/f/mean": 0.5},
    {"step": 10, "epoch": 1.0, "eval_reward": 0.75, "eval_loss": 0.2},
    {"step": 10, "epoch": 1.0, "train_runtime": 3.0, "total_flos": 0.0},
]


def state(folder: Path, history=HISTORY, name="trainer_state.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(json.dumps({"best_metric": None, "global_step": 10, "log_history": history}))
    return path


def lines(path: Path, rows) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    return path


def quiet(*arguments, **fields) -> gd.Run:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return gd.read_log(*arguments, **fields)


def codes(run: gd.Run) -> list[str]:
    return [finding.code for finding in run.meta["findings"]]


def test_a_trainer_state_and_what_was_assumed(tmp_path):
    path = state(tmp_path / "grpo" / "checkpoint-10")
    with pytest.warns(UserWarning, match=r"u_s = 'entropy', acc_s = 'reward', len_s = 'completions/mean_length'"):
        run = gd.read_log(path)
    assert (run.name, run.clock, run.unit) == ("grpo", "step", "nats/token")
    np.testing.assert_array_equal(run.t, [5, 10])
    np.testing.assert_array_equal(run.u_s, [1.5, 1.25])
    np.testing.assert_array_equal(run.len_s, [40, 44])
    np.testing.assert_array_equal(run.extra["eval_reward"], [np.nan, 0.75])  # rows of one step are one checkpoint
    assert "kl" not in run.extra
    assert run.meta["fields"]["acc_s"] == "reward"
    assert codes(run)[:3] == ["fields", "entropy", "reward"]


def test_what_the_user_names_is_said_by_nobody(tmp_path):
    path = state(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = gd.read_log(path, u_s="entropy", acc_s="eval_reward", len_s=None, t="epoch", unit="nats/response")
    assert (run.clock, run.unit) == ("epoch", "nats/response")
    np.testing.assert_array_equal(run.acc_s, [np.nan, 0.75])
    np.testing.assert_array_equal(run.extra["reward"], [0.25, 0.5])
    assert np.isnan(run.len_s).all()


def test_a_reward_that_is_no_accuracy_is_left_alone(tmp_path):
    run = quiet(state(tmp_path, [{**row, "reward": row.get("reward", 0) * 8} for row in HISTORY]))
    assert np.isnan(run.acc_s).all()
    assert run.extra["reward"][1] == 0.0  # the later rows of the step stand
    assert {"not_taken", "repeated_times"} <= set(codes(run))
    with pytest.raises(gd.InputError, match=r"acc_s must be between 0 and 1; acc_s\[0\]=2"):
        gd.read_log(state(tmp_path, [{"step": s, "reward": 2.0} for s in range(3)]), acc_s="reward")


def test_legacy_names(tmp_path):
    history = [{"step": s, "completion_length": 9.0, "rewards/f": 0.5, "reward": 0.5} for s in (1, 2)]
    run = quiet(state(tmp_path, history))
    np.testing.assert_array_equal(run.len_s, [9, 9])
    np.testing.assert_array_equal(run.extra["rewards/f"], [0.5, 0.5])


def test_verl(tmp_path):
    rows = [{"step": 0, "data": {"val-core/gsm8k/acc/mean@1": 0.25}}]
    rows += [
        {"step": s, "data": {"actor/entropy": 1 / s, "critic/score/mean": 0.5, "response_length/mean": 90}}
        for s in (1, 2)
    ]
    run = quiet(lines(tmp_path / "grpo.jsonl", rows))
    assert run.name == "grpo"
    np.testing.assert_array_equal(run.u_s, [np.nan, 1, 0.5])
    np.testing.assert_array_equal(run.acc_s, [np.nan, 0.5, 0.5])
    validated = quiet(tmp_path / "grpo.jsonl", acc_s="val-core/gsm8k/acc/mean@1")
    np.testing.assert_array_equal(validated.acc_s, [0.25, np.nan, np.nan])


def test_verl_takes_validation_where_the_score_is_no_accuracy_and_says_which_of_several(tmp_path):
    sets = {"val-core/gsm8k/acc/mean@1": 0.25, "critic/score/mean": -1.0}
    run = quiet(lines(tmp_path / "a.jsonl", [{"step": s, "data": sets} for s in (1, 2)]))
    np.testing.assert_array_equal(run.acc_s, [0.25, 0.25])
    sets["val-core/math/acc/mean@1"] = 0.5
    run = quiet(lines(tmp_path / "b.jsonl", [{"step": s, "data": sets} for s in (1, 2)]))
    assert np.isnan(run.acc_s).all()
    assert "several" in codes(run)


def test_tinker(tmp_path):
    (tmp_path / "r1").mkdir()
    keys = {
        "env/all/correct": 0.5,
        "env/all/reward/total": 0.4,
        "optim/entropy": 0.75,
        "env/all/ac_tokens_per_turn": 99,
    }
    rows = [{"step": s, **keys, "progress/batch": s} for s in (0, 1)] + [{"progress/batch": 2, "test/env/all/x": 1.0}]
    run = quiet(lines(tmp_path / "r1" / "metrics.jsonl", rows))
    assert (run.name, len(run)) == ("r1", 2)
    np.testing.assert_array_equal(run.acc_s, [0.5, 0.5])
    assert "no_time" in codes(run)
    exported = lines(tmp_path / "history.jsonl", [{"_step": s, **keys} for s in (0, 1)])
    assert quiet(exported).meta["log"] == "wandb"


CHART = """"Step","a - b - train/entropy","a - b - train/entropy__MIN","a - b - train/entropy__MAX","c - train/entropy"
0,1.5,1.4,1.6,
1,1.25,1.25,1.25,2.5
2,1,1,1,"NaN"
3,0.75,0.75,0.75,2.25
"""


def test_a_chart_of_wandb_is_a_fleet(tmp_path):
    path = tmp_path / "chart.csv"
    path.write_bytes(b"\xef\xbb\xbf" + CHART.replace("\n", "\r\n").encode())
    with pytest.warns(UserWarning, match="1 of 4 points of 'a - b' stand for several steps"):
        fleet = gd.read_logs(path)
    assert [run.name for run in fleet] == ["a - b", "c"]
    np.testing.assert_array_equal(fleet["c"].t, [1, 3])
    np.testing.assert_array_equal(fleet["c"].u_s, [2.5, 2.25])
    with pytest.raises(gd.InputError, match=r"holds 2 runs: 'a - b', 'c'. Choose one, such as run='a - b'"):
        gd.read_log(path)
    assert len(quiet(path, run="c")) == 2


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_a_history_of_wandb(tmp_path, suffix):
    steps = np.unique(np.linspace(0, 1234, 500).astype(int))
    columns = {"_step": steps, "_runtime": steps * 2.5, "train/reward": np.linspace(0, 1, 500)}
    frame = pl.DataFrame({**columns, "train/global_step": steps, "note": ["x"] * 500})
    path = tmp_path / f"history.{suffix}"
    {"csv": frame.write_csv, "parquet": frame.write_parquet, "jsonl": frame.write_ndjson}[suffix](path)
    run = quiet(path)
    assert (len(run), run.meta["text_columns"]) == (500, ("note",))
    np.testing.assert_allclose(run.acc_s, np.linspace(0, 1, 500))
    assert "downsampled" in codes(run)


def test_a_resumed_run_writes_steps_again(tmp_path):
    rows = [{"step": s, "optim/entropy": e} for s, e in [(0, 3.0), (1, 2.0), (2, 9.0), (1, 1.0), (2, 0.5), (3, 0.25)]]
    run = quiet(lines(tmp_path / "metrics.jsonl", rows))
    np.testing.assert_array_equal(run.u_s, [3, 1, 0.5, 0.25])
    assert "2 rows" in next(f.text for f in run.meta["findings"] if f.code == "repeated_times")


def test_infinities_and_nulls_are_not_measured(tmp_path):
    rows = [{"step": s, "optim/entropy": 1.0, "optim/grad_norm": float("inf"), "x": None} for s in (0, 1)]
    run = quiet(lines(tmp_path / "metrics.jsonl", rows))
    assert not run.extra
    assert "infinite" in codes(run)


def test_gzip_and_an_array(tmp_path):
    rows = [{"step": s, "optim/entropy": 1.0} for s in (0, 1)]
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    (tmp_path / "b.json").write_text(json.dumps(rows, indent=1))
    assert len(quiet(tmp_path / "a.jsonl.gz")) == len(quiet(tmp_path / "b.json")) == 2


ROWS = [{"step": 0, "optim/entropy": 1.0}, {"step": 1, "optim/entropy": 0.5}]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"u_s": "optim/entrop"}, "u_s is to be the field 'optim/entrop', which is not there. Did you mean"),
        ({"u_w": "optim/entropy"}, "gapdyn has no such column. Did you mean 'u_v'"),
        ({"u_s": 3}, "u_s=3: give the name of a field"),
        ({"u_s": "optim/entropy", "u_v": "optim/entropy"}, "two names are to be the field 'optim/entropy'"),
        ({"source": "tinkr"}, "unknown source 'tinkr'. Did you mean 'tinker'"),
        ({"source": "vllm"}, "holds responses one by one (vllm). Read it with gd.read_samples"),
        ({"source": "trainer_state"}, "has no log_history"),
        ({"t": "stp"}, "there is no field 'stp' for the time. Did you mean 'step'"),
        ({"clock": "stp"}, "unknown clock 'stp'"),
        ({"run": "b"}, "there is no run 'b'"),
    ],
)
def test_wrong_wishes(tmp_path, arguments, message):
    with pytest.raises(gd.InputError) as error:
        gd.read_log(lines(tmp_path / "metrics.jsonl", ROWS), **arguments)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\x1f\x8b\x08", "is not UTF-8 text"),
        (b"\xff\xfe{\x00}\x00", "it looks like UTF-16"),
        (b"hello", "is none of JSON, JSON Lines"),
        (b"[]", "is an empty array"),
        (b"[{}, 3]", "item 1 of its array is 3"),
        (b'{"a": 1}', "is of no source that can be told; its fields are 'a'"),
        (b'{"step": 0, "optim/entropy": 1}\n{"step": 1, "opt', "line 2, column 13: not valid JSON"),
        (b'{"step": "x", "optim/entropy": 1}\n{"step": 1}', "line 1: 'step' is 'x', which is not a number"),
        (b'{"step": true, "optim/entropy": 1}\n{"step": 1}', "which is true or false"),
        (b'{"step": 1e999, "optim/entropy": 1}\n{"step": 1}', "'step' is infinite"),
        (b'{"step": null, "optim/entropy": 1}\n{"optim/entropy": 1}', "none of 'step', 'global_step', 'epoch'"),
        (b'{"step": 1, "optim/entropy": 1}\n{"step": 1, "optim/entropy": 2}', "has 1 checkpoint; a law needs"),
        (b'{"step": 1, "step": 2, "optim/entropy": 1}\n{"step": 3}', "keys repeat: 'step'"),
        (b'{"log_history": {}}', "log_history is {}, not a list"),
        (b'{"log_history": []}', "its log_history is empty"),
        (b'{"log_history": [null]}', "log_history holds None, which is not an object"),
        (b'{"log_history": [3]}', "log_history holds 3, which is not an object"),
        (b'{"step": 1, "data": {"actor/entropy": 1}}\n{"step": 2, "data": 3}', "line 2: data is 3, not an object"),
        (b"[" * 5000, "too deeply nested"),
    ],
)
def test_what_is_wrong_with_a_file(tmp_path, content, message):
    path = tmp_path / "log.json"
    path.write_bytes(content)
    with pytest.raises(gd.InputError) as error:
        quiet(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)


def test_a_truncated_gzip_and_a_missing_file(tmp_path):
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"step": 1}\n' * 100)[:-10])
    with pytest.raises(gd.InputError, match="broken gzip file"):
        gd.read_log(tmp_path / "a.jsonl.gz")
    with pytest.raises(gd.InputError, match="no such file"):
        gd.read_log(tmp_path / "b.json")
    with pytest.raises(gd.InputError, match="cannot read a log from 3"):
        gd.read_log(3)  # pyright: ignore[reportArgumentType]


def test_the_table_of_sources():
    from gapdyn.logs import source_table

    table = source_table()
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text()
    for name, source in SOURCES.items():
        assert f"| `{name}` |" in table
        assert f"`{name}`" in readme
        assert source.docs.startswith("https://")
        assert source.kind in ("log", "samples")
