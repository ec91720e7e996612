"""Responses that other tools dumped to samples tables: token counts, log-probabilities, grades, prompt ids."""

from __future__ import annotations

import json
import warnings
import zipfile

import numpy as np
import polars as pl
import pytest

import gapdyn as gd

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def lines(path, rows):
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def quiet(*arguments, **given) -> pl.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return gd.read_samples(*arguments, **given)


def vllm(i: int, step: int = 0, **more):
    outputs = [
        {
            "index": j,
            "text": f"a{j}",
            "token_ids": [3] * (j + 1),
            "cumulative_logprob": -1.5 * (j + 1),
            "logprobs": None,
        }
        for j in range(2)
    ]
    return {"request_id": str(100 * step + i), "prompt": f"q{i}", "outputs": outputs, "finished": True, **more}


def test_vllm_checkpoint_by_checkpoint(tmp_path):
    files = [lines(tmp_path / "out" / f"{k}.jsonl", [vllm(i, k) for i in range(3)]) for k in (9, 10)]
    frame = quiet(files, at=[0, 50], clock="round")
    assert frame.columns[:5] == ["round", "prompt_id", "sample_id", "nll", "n_tokens"]
    assert frame["nll"].to_list() == [1.5, 3.0] * 6
    assert frame["n_tokens"].to_list() == [1, 2] * 6
    assert frame["prompt_id"].n_unique() == 3  # by the prompt: request ids go on counting
    assert quiet(tmp_path / "out", at=[0, 50], clock="round").equals(frame)  # 9 before 10
    with pytest.warns(UserWarning, match="nll = -'cumulative_logprob', n_tokens = length of 'token_ids'"):
        gd.read_samples(files[0], at=0)


def test_scores_beside_a_request_or_an_output(tmp_path):
    rows = [vllm(i, correct=True, reward=0.5) for i in range(2)]
    rows[0]["outputs"][1] |= {"reward": 0.75, "rm": 9.0, "score_tf": 0.25}
    frame = quiet(lines(tmp_path / "a.jsonl", rows), at=0)
    assert frame["score"].to_list() == [0.5, 0.75, 0.5, 0.5]
    assert frame["correct"].to_list() == [1] * 4
    assert frame["score_tf"].to_list() == [None, 0.25, None, None]
    with pytest.warns(UserWarning, match="score_rm = 'rm'"):
        assert "score" not in gd.read_samples(tmp_path / "a.jsonl", at=0, score_rm="rm", score=None).columns


def test_vllm_without_logprobs(tmp_path):
    row = vllm(0)
    row["outputs"][0] |= {"cumulative_logprob": None}
    with pytest.warns(UserWarning, match="1 of 2 responses have no nll"):
        frame = gd.read_samples(lines(tmp_path / "a.jsonl", [row]), at=0)
    assert frame["nll"].to_list() == [None, 3.0]


def chat(text="hi", logprobs=(-0.5, -0.25)):
    content = [{"token": "x", "logprob": v, "bytes": None, "top_logprobs": []} for v in logprobs]
    message = {"role": "assistant", "content": text}
    return {"index": 0, "message": message, "logprobs": {"content": content, "refusal": None}, "finish_reason": "stop"}


def test_openai_chat_completions_and_batches(tmp_path):
    body = {"id": "c", "object": "chat.completion", "choices": [chat()], "usage": {"completion_tokens": 2}}
    batch = [{"id": "b", "custom_id": f"p{i}", "response": {"status_code": 200, "body": body}} for i in range(2)]
    failed = {"id": "b", "custom_id": "p2", "response": None, "error": {"message": "too long"}}
    with pytest.warns(UserWarning, match="1 requests failed"):
        frame = gd.read_samples(lines(tmp_path / "batch.jsonl", [*batch, failed]), at=0)
    assert frame["prompt_id"].to_list() == ["p0", "p1"]
    assert frame["nll"].to_list() == [0.75, 0.75]
    plain = {"object": "text_completion", "choices": [
        {"index": j, "text": "a", "logprobs": {"tokens": ["a"] * 3, "token_logprobs": [-1, -2, -3]}}
        for j in range(2)
    ]}  # fmt: skip
    frame = quiet(lines(tmp_path / "plain.jsonl", [plain, plain]), at=0)
    assert frame.select("prompt_id", "sample_id", "nll", "n_tokens").rows() == [
        ("0", 0, 6.0, 3.0), ("0", 1, 6.0, 3.0), ("1", 0, 6.0, 3.0), ("1", 1, 6.0, 3.0),
    ]  # fmt: skip


def test_openai_without_logprobs_and_with_a_null(tmp_path):
    rows = [
        {"choices": [chat() | {"logprobs": None}], "usage": {"completion_tokens": 7}},
        {"choices": [chat("a", (None, -1))]},
    ]
    frame = quiet(lines(tmp_path / "a.jsonl", rows), at=0)
    assert frame["n_tokens"].to_list() == [7, 2]
    assert "nll" not in frame.columns


def lm_eval(i: int, name: str = "strict-match", **more):
    row = {"doc_id": i, "doc": {"question": "q"}, "target": "4", "arguments": {"gen_args_0": {"arg_0": "q"}}}
    row |= {
        "resps": [["so 4"]],
        "filtered_resps": ["4"],
        "filter": name,
        "metrics": ["exact_match"],
        "exact_match": 1.0,
    }
    return row | {"doc_hash": "d", **more}


NAME = "samples_gsm8k_2026-01-02T03-04-05.678.jsonl"


def test_lm_eval_one_row_per_document_and_filter(tmp_path):
    rows = [lm_eval(i) for i in range(2)] + [lm_eval(i, "flexible-extract", exact_match=0.0) for i in range(2)]
    path = lines(tmp_path / NAME, rows)
    with pytest.warns(UserWarning, match="rows of 'strict-match' were taken"):
        frame = gd.read_samples(path, at=0)
    assert frame.select("prompt_id", "sample_id", "correct", "answer").rows() == [
        ("gsm8k-0", 0, 1.0, "4"), ("gsm8k-1", 0, 1.0, "4"),
    ]  # fmt: skip
    assert quiet(path, at=0, where={"filter": "flexible-extract"})["correct"].to_list() == [0.0, 0.0]


def test_lm_eval_repeats_and_legacy_rows(tmp_path):
    several = lm_eval(0, resps=[["a", "b"]], filtered_resps=[["1", "2"]], graded=[1, 0])
    legacy = {"doc_id": 1, "resps": [["c"]], "filtered_resps": ["3"], "acc": True}
    with pytest.warns(UserWarning, match="1 documents have several responses"):
        frame = gd.read_samples(lines(tmp_path / "old.jsonl", [several, legacy]), at=0, correct="graded")
    assert frame["answer"].to_list() == ["1", "2", "3"]
    assert frame["correct"].to_list() == [1, 0, None]
    assert quiet(tmp_path / "old.jsonl", at=0)["correct"].to_list() == [None, None, 1]


@pytest.mark.parametrize("resps", [[None], [[]], []])
def test_lm_eval_without_any_response(tmp_path, resps):
    row = {"doc_id": 0, "resps": resps, "exact_match": 0.0}
    frame = quiet(lines(tmp_path / "samples_sums.jsonl", [row]), at=0)
    assert frame.select("correct").rows() == [(0.0,)]


def test_lm_eval_multiple_choice(tmp_path):
    pairs = [["-2.5", "False"], ["-0.5", "True"], ["-3.0", "False"]]
    row = lm_eval(0, "none", resps=[[p] for p in pairs], filtered_resps=pairs, acc=0.0, metrics=["acc"])
    row.pop("exact_match")
    frame = quiet(lines(tmp_path / "samples_arc.jsonl", [row]), at=0)
    assert frame.select("prompt_id", "correct", "answer").rows() == [("0", 0.0, "1")]


def sample(i: int, epoch: int = 1, value="C"):
    output = {"model": "m", "choices": [{"message": {"role": "assistant", "content": "3"}, "stop_reason": "stop",
              "logprobs": {"content": [{"token": "3", "logprob": -0.25}]}}], "usage": {"output_tokens": 1}}  # fmt: skip
    return {"id": i, "epoch": epoch, "input": "q", "target": "3", "output": output,
            "scores": {"match": {"value": value, "answer": "3"}}}  # fmt: skip


LOG = {"version": 2, "status": "success", "eval": {"task": "t", "model": "m"}, "results": None}


def test_inspect_as_json_and_as_eval(tmp_path):
    samples = [sample(1), sample(1, 2, "I"), sample(2, 1, "P"), sample(2, 2, True)]
    (tmp_path / "log.json").write_text(json.dumps(LOG | {"samples": [*samples, {"id": 3, "output": {"choices": []}}]}))
    named = {"correct": "scores/match"}
    with pytest.warns(UserWarning, match="1 samples have no response"):
        frame = gd.read_samples(tmp_path / "log.json", at=0, **named)
    with pytest.warns(
        UserWarning, match=r"'scores/match' is not taken for correct, which must be 0 or 1: it holds 0\.5"
    ):
        assert "correct" not in gd.read_samples(tmp_path / "log.json", at=0).columns
    assert frame.select("prompt_id", "sample_id", "nll", "n_tokens", "correct").rows() == [
        ("1", 1, 0.25, 1, 1.0), ("1", 2, 0.25, 1, 0.0), ("2", 1, 0.25, 1, 0.5), ("2", 2, 0.25, 1, 1.0),
    ]  # fmt: skip
    with zipfile.ZipFile(tmp_path / "log.eval", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", json.dumps(LOG))
        for one in samples:
            archive.writestr(f"samples/{one['id']}_epoch_{one['epoch']}.json", json.dumps(one))
    assert quiet(tmp_path / "log.eval", at=0, **named).equals(frame)
    raw = (tmp_path / "log.eval").read_bytes()
    (tmp_path / "log.eval").write_bytes(raw[:-40])
    with pytest.raises(gd.InputError, match=r"log\.eval"):
        gd.read_samples(tmp_path / "log.eval", at=0)


def test_verl_rollouts_in_the_order_of_steps(tmp_path):
    for step in (9, 10):
        rows = [
            {"input": f"q{i % 2}", "output": "x", "gts": "1", "score": i / 3, "acc": i > 1, "step": step}
            for i in range(4)
        ]
        lines(tmp_path / "dump" / f"{step}.jsonl", rows)
    frame = quiet(tmp_path / "dump")
    assert frame["step"].to_list() == [9.0] * 4 + [10.0] * 4
    assert frame["sample_id"].to_list() == [0, 0, 1, 1] * 2
    assert frame["correct"].to_list() == [0, 0, 1, 1] * 2
    np.testing.assert_allclose(frame["score"], [0, 1 / 3, 2 / 3, 1] * 2)
    assert (quiet(tmp_path / "dump", at=[0, 1])["step"].unique(maintain_order=True) == pl.Series([0.0, 1.0])).all()


def test_a_reward_between_0_and_1_is_a_score_and_no_grade(tmp_path):
    rows = [{"input": f"q{i}", "output": "x", "gts": "1", "score": i / 3, "step": 1} for i in range(4)]
    with pytest.warns(UserWarning, match=r"'score' is not taken for correct, which must be 0 or 1: it holds 0\.33"):
        frame = gd.read_samples(lines(tmp_path / "1.jsonl", rows))
    assert frame["score"].to_list() == [0, 1 / 3, 2 / 3, 1]
    with pytest.warns(UserWarning, match="score the dumped responses with the model, and add nll and n_tokens; gd.me"):
        assert "correct" not in gd.read_samples(tmp_path / "1.jsonl").columns


def test_trl_completions(tmp_path):
    table = {"mode": ["train"] * 3, "step": ["5"] * 3, "prompt": ["p", "p", "r"], "completion": ["a", "b", "c"]}
    table |= {"accuracy_reward": [0.0, 1.0, None], "format_reward": [0.5, 1.0, 1.0], "advantage": [-1.0, 1.0, 0.0]}
    path = tmp_path / "completions_00005.parquet"
    pl.DataFrame(table).write_parquet(path)
    frame = quiet(path)
    assert frame.select("step", "sample_id", "correct", "score").rows() == [
        (5, 0, 0, 0.5),
        (5, 1, 1, 1),
        (5, 0, None, 1),
    ]
    pl.DataFrame(table | {"format_reward": [-3.0, 1.0, 1.0]}).write_parquet(path)
    assert "score" not in quiet(path).columns  # a reward that is no score is not made one
    pl.DataFrame(table | {"length-reward": [0.1, 0.2, 0.3]}).write_parquet(path)
    assert {"score_format_reward", "score_length_reward"} <= set(quiet(path).columns)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "does not say at which checkpoint it was sampled. Say it, such as at=0"),
        ({"at": [0, 1]}, "has 2 times, but there are 1 files"),
        ({"at": float("nan")}, "give the time of the file's checkpoint"),
        ({"at": 0, "clock": "rounds"}, "unknown clock 'rounds'. Did you mean 'round'"),
        ({"at": 0, "score": "scor"}, "score is to be the field 'scor', which is not there"),
        ({"at": 0, "scores": "text"}, "gapdyn has no such column. Did you mean 'score'"),
        ({"at": 0, "score": "text"}, "line 1, column 'text': 'a0' is not a number"),
        ({"at": 0, "where": {"finishd": "1"}}, "where names 'finishd', which is not a field. Did you mean 'finished'"),
        ({"at": 0, "where": {"finished": "0"}}, "no row has finished = '0'"),
        ({"at": 0, "source": "trainer_state"}, "(trainer_state). Read it with gd.read_log"),
        ({"t": "tim"}, "there is no field 'tim' for the time"),
        ({"at": 0, "name": " a"}, "the name of a run ' a' has blanks"),
    ],
)  # fmt: skip
def test_wrong_wishes(tmp_path, given, message):
    with pytest.raises(gd.InputError) as error:
        quiet(lines(tmp_path / "a.jsonl", [vllm(0)]), **given)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "q", "outputs": [{"token_ids": [1]}, 3]}, "line 1: 'outputs' is"),
        ({"prompt": "q", "outputs": [{"token_ids": [1], "cumulative_logprob": "x"}]}, "column 'nll': 'x' is not a num"),
        ({"outputs": [{"token_ids": [1], "cumulative_logprob": -1}]}, "its rows have no prompt that could be told"),
        ({"choices": [{"text": "a", "logprobs": 3}]}, "line 1: logprobs is 3, not an object"),
        ({"choices": [{"text": "a", "logprobs": {"token_logprobs": 3}}]}, "neither a list content"),
        ({"choices": [{"text": "a", "logprobs": {"token_logprobs": ["x"]}}]}, "logprobs has what is not a number"),
        ({"doc_id": None, "resps": []}, "line 1: there is no doc_id"),
        ({"input": "q", "output": "x", "score": 1, "step": "x"}, "column 'step': 'x' is not a number"),
        ({"input": "q", "output": "x", "score": 1, "step": None}, "does not say at which checkpoint"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_dump(tmp_path, row, message):
    path = lines(tmp_path / "a.jsonl", [row])
    with pytest.raises(gd.InputError) as error:
        quiet(path, at=None if "input" in row else 0)
    assert message in str(error.value)
    assert str(path) in str(error.value)


def test_files_of_two_kinds_and_an_empty_folder(tmp_path):
    a, b = lines(tmp_path / "a.jsonl", [vllm(0)]), lines(tmp_path / "b.jsonl", [lm_eval(0)])
    with pytest.raises(gd.InputError, match=r"is of source lm_eval, but .* of vllm"):
        quiet([a, b], at=[0, 1])
    (tmp_path / "empty").mkdir()
    with pytest.raises(gd.InputError, match="has no file of a kind that is read"):
        quiet(tmp_path / "empty", at=0)
    with pytest.raises(gd.InputError, match="no file was given"):
        quiet([], at=0)


def test_samples_measure(tmp_path):
    rows = [[vllm(i, score=0.75, correct=i % 2) for i in range(30)] for _ in range(2)]
    frame = quiet([lines(tmp_path / f"{k}.jsonl", r) for k, r in enumerate(rows)], at=[0, 1], name="mine")
    measured = gd.measure(frame)
    assert measured.run.name == "mine"
    np.testing.assert_allclose(measured.run.u_s, [2.25, 2.25])
    np.testing.assert_allclose(measured.run.acc_s, [0.5, 0.5])
