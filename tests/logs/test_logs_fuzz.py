"""Whatever a file holds, a reader gives a run or samples, or raises `InputError`: nothing else, and no hang."""

from __future__ import annotations

import contextlib
import gzip
import json
import tempfile
import time
import warnings
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gapdyn as gd
from gapdyn.logs._sources import SOURCES, names

ODD = [None, True, 0, 1, -1, 0.5, 1e999, -1e999, float("nan"), 10**400, 1e-300, "", "x", "1", "nan", "\ud800", "é\0"]
KEYS = {
    "trainer_state": ["log_history", "step", "epoch", "reward", "entropy", "completions/mean_length", "u_s", "U-S"],
    "verl": ["step", "data", "actor/entropy", "critic/score/mean", "val-core/a/acc/mean@1", "val-core/b/acc/mean@1"],
    "tinker": ["step", "progress/batch", "env/all/correct", "optim/entropy", "", " step", "n_acc"],
    "wandb": ["_step", "Step", "a - entropy", "a - entropy__MIN", "a - entropy__MAX", " - ", "b - c - x", "_runtime"],
    "mlflow": ["step"],
    "tensorboard": ["step"],
    "lm_eval": ["doc_id", "resps", "filtered_resps", "filter", "exact_match", "acc", "metrics", "target"],
    "inspect": ["eval", "samples", "id", "epoch", "output", "choices", "logprobs", "content", "scores", "value"],
    "vllm": ["prompt", "request_id", "outputs", "token_ids", "cumulative_logprob", "index", "text", "score", "nll"],
    "openai": ["custom_id", "response", "body", "choices", "message", "text", "logprobs", "content", "token_logprobs",
               "logprob", "usage", "completion_tokens", "error"],
    "verl_rollouts": ["input", "output", "score", "step", "acc", "gts", "pred", "score_a"],
    "trl_completions": ["step", "prompt", "completion", "a_reward", "accuracy_reward", "advantage", "score"],
}  # fmt: skip


TOKENS = [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -1}]
GOOD = {
    "trainer_state": {"step": 1, "epoch": 0.5, "reward": 0.5, "entropy": 1.5, "completions/mean_length": 9},
    "verl": {"step": 1, "data": {"actor/entropy": 1.5, "val-core/a/acc/mean@1": 0.5}},
    "tinker": {"step": 1, "env/all/correct": 0.5, "optim/entropy": 1.5},
    "wandb": {"_step": 1, "a - entropy": 1.5, "a - entropy__MIN": 1, "a - entropy__MAX": 2, "reward": 0.5},
    "lm_eval": {"doc_id": 1, "resps": [["a", "b"]], "filtered_resps": [["a", "b"]], "filter": "x", "acc": [1, 0]},
    "inspect": {"id": 1, "epoch": 1, "output": {"choices": [{"logprobs": {"content": TOKENS}}], "usage": {}},
                "scores": {"m": {"value": "C", "answer": "4"}}},
    "vllm": {"prompt": "q", "outputs": [{"index": 0, "token_ids": [1, 2], "cumulative_logprob": -1.5, "score": 0.5}]},
    "openai": {"custom_id": "a", "response": {"body": {"choices": [{"text": "x", "logprobs": {"content": TOKENS}}]}}},
    "verl_rollouts": {"input": "q", "output": "a", "score": 0.5, "step": 1, "acc": 1},
    "trl_completions": {"step": 1, "prompt": "q", "completion": "a", "a_reward": 0.5, "accuracy_reward": 1},
}  # fmt: skip


@st.composite
def nearly_good(draw, source: str):
    """Rows of the source, of which a few values, however deep, are others, or are gone."""
    rows = [json.loads(json.dumps(GOOD[source])) for _ in range(draw(st.integers(1, 3)))]
    for i, row in enumerate(rows):
        row.update({key: i for key in ("step", "_step") if key in row})
    for _ in range(draw(st.integers(0, 3))):
        at = rows
        while True:
            key = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
            if not isinstance(at[key], list | dict) or not at[key] or draw(st.integers(0, 2)) == 0:
                break
            at = at[key]
        if draw(st.booleans()):
            at[key] = draw(values(source))
        else:
            del at[key]
        if not rows:
            break
    return rows


def values(source: str):
    """JSON built of a source's own field names and odd values."""
    keys = st.sampled_from(KEYS[source])
    return st.recursive(
        st.sampled_from(ODD) | st.integers(0, 5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
        max_leaves=15,
    )


def survives(source: str, path: Path, **given) -> None:
    """Reads it as the source, and as what it looks like."""
    for named in (source, None):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with contextlib.suppress(gd.InputError):
                if SOURCES[source].kind == "log":
                    assert isinstance(gd.read_logs(path, named, **given), gd.data.Fleet)
                else:
                    assert isinstance(gd.read_samples(path, named, **given), pl.DataFrame)


def shaped(source: str, folder: Path, drawn) -> None:
    """The drawn values in the shape of the source's file."""
    rows = drawn if isinstance(drawn, list) else [drawn]
    if source in ("trl_completions", "wandb"):
        tidy = [row for row in rows if isinstance(row, dict)]
        columns = {n: [json.dumps(r.get(n), default=str) for r in tidy] for n in {n: 0 for r in tidy for n in r}}
        frame = pl.DataFrame(columns)
        with contextlib.suppress(UnicodeEncodeError):
            frame.write_parquet(folder / "x.parquet")
            survives(source, folder / "x.parquet")
            frame.write_csv(folder / "x.csv")
            survives(source, folder / "x.csv")
        return
    wrapped = {
        "trainer_state": {"log_history": drawn},
        "inspect": {"eval": {}, "status": "success", "samples": drawn},
    }.get(source)
    text = json.dumps(wrapped) if wrapped else "\n".join(map(json.dumps, rows))
    path = folder / "x.json"
    path.write_text(text)
    given = {} if SOURCES[source].kind == "log" else {"at": 0}
    survives(source, path, **given)
    if source == "inspect":
        with zipfile.ZipFile(folder / "x.eval", "w") as archive:
            for i, row in enumerate(rows):
                archive.writestr(f"samples/{i}_epoch_1.json", json.dumps(row))
        survives(source, folder / "x.eval", **given)


FILE_NAMES = ["x.json", "x.jsonl", "x.csv", "x.parquet", "x.eval", "x.json.gz", "events.out.tfevents.1"]
JSON_SOURCES = [name for name in SOURCES if name not in ("mlflow", "tensorboard")]
HEALTH = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
FRESH: dict[str, Any] = {"deadline": None, "suppress_health_check": HEALTH, "derandomize": False}


def fuzz_values(source: str, examples: int) -> None:
    rows = st.lists(st.dictionaries(st.sampled_from(KEYS[source]), values(source), max_size=6), max_size=4)

    @settings(max_examples=examples, **FRESH)
    @given(nearly_good(source) | rows | values(source))
    def check(drawn):
        with tempfile.TemporaryDirectory() as folder:
            shaped(source, Path(folder), drawn)

    check()


def fuzz_bytes(examples: int) -> None:
    texts = st.text('{}[]",:.-e0123456789 \n\r\t\ufeffstep', max_size=200)

    @settings(max_examples=examples, **FRESH)
    @given(st.binary(max_size=200) | texts.map(str.encode), st.sampled_from(FILE_NAMES), st.booleans())
    def check(raw, name, packed):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(gzip.compress(raw)[: -1 if not raw else None] if packed else raw)
            for source in SOURCES:
                survives(source, path)
            with contextlib.suppress(gd.InputError):
                gd.read_samples(folder, at=0)

    check()


def fuzz_mlflow(examples: int) -> None:
    line = st.lists(st.sampled_from(["0", "1.5", "-1", "nan", "inf", "1e999", "x", "é", "1700000000"]), max_size=5)

    @settings(max_examples=examples, **FRESH)
    @given(st.lists(line.map(" ".join), max_size=5) | st.binary(max_size=40).map(lambda raw: [raw.decode("latin-1")]),
           st.sampled_from(["", "a", " b ", "\0", "x" * 300]))  # fmt: skip
    def check(rows, name):
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "mlruns" / "1" / "abc"
            (run / "metrics" / "train").mkdir(parents=True)
            (run / "tags").mkdir()
            (run / "tags" / "mlflow.runName").write_text(name)
            for metric in ("train/entropy", "loss"):
                (run / "metrics" / metric).write_text("\n".join(rows), "utf-8")
            for path in (run, Path(folder) / "mlruns"):
                survives("mlflow", path)

    check()


def fuzz_events(examples: int) -> None:
    """A real event file with bytes changed or cut off."""
    pytest.importorskip("tensorboard")
    raw = next((Path(__file__).parent / "files" / "events" / "base").iterdir()).read_bytes()

    @settings(max_examples=examples, **FRESH)
    @given(st.integers(0, len(raw)), st.lists(st.tuples(st.integers(0, len(raw) - 1), st.integers(0, 255)), max_size=8))
    def check(end, changes):
        broken = bytearray(raw)
        for at, byte in changes:
            broken[at] = byte
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "events.out.tfevents.1"
            path.write_bytes(broken[:end])
            survives("tensorboard", path)

    check()


@pytest.mark.parametrize("source", JSON_SOURCES)
def test_values_that_are_nearly_right(source):
    fuzz_values(source, 60)


def test_arbitrary_bytes():
    fuzz_bytes(60)


def test_stores_of_mlflow():
    fuzz_mlflow(40)


def test_broken_events():
    fuzz_events(20)


def five_minutes(fuzz, *given) -> None:
    """Fresh examples, some hundred at a time, until five minutes are over."""
    end = time.monotonic() + 300
    while time.monotonic() < end:
        fuzz(*given, 500)


@pytest.mark.slow
@pytest.mark.parametrize("source", JSON_SOURCES)
def test_five_minutes_of_values_that_are_nearly_right(source):
    five_minutes(fuzz_values, source)


@pytest.mark.slow
@pytest.mark.parametrize("fuzz", [fuzz_bytes, fuzz_mlflow, fuzz_events])
def test_five_minutes_of_bytes_stores_and_events(fuzz):
    five_minutes(fuzz)


def test_every_source_is_fuzzed():
    assert set(KEYS) == {*names("log"), *names("samples")}
