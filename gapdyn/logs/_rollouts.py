"""Responses that trainers dump: verl's rollout and validation data, and TRL's completions."""

from __future__ import annotations

import re

from ._opened import Opened
from ._samples import Rows, digest, prompt_id
from ._source import Part, Source

_NOT_REWARDS = {"step", "mode", "prompt", "completion", "advantage", "image", "images", "prompt_id"}
_GRADED = ("*accuracy*", "*correct*")


def tells_verl(opened: Opened) -> bool:
    return opened.any_has("input", "output", "score")


def read_verl(opened: Opened) -> list[Part]:
    rows = Rows(opened)
    for i, x in enumerate(opened.objects):
        rows.add(i, x, prompt_id=prompt_id(x, "input"), answer=x.get("pred"))
    return [rows.part()]


def tells_trl(opened: Opened) -> bool:
    return opened.table is not None and {"step", "prompt", "completion"} <= set(opened.table.columns)


def read_trl(opened: Opened) -> list[Part]:
    table = opened.table
    if table is None or not {"prompt", "completion"} <= set(table.columns):
        raise opened.error("has no columns prompt and completion. Give a completions_<step>.parquet.")
    rewards = [
        name
        for name in table.columns
        if name not in _NOT_REWARDS and table.numbers_or_none(name, range(len(table))) is not None
    ]
    judged = [name for name in rewards if not any(word.strip("*") in name for word in _GRADED)]
    named = {name: "score" if len(judged) == 1 else f"score_{re.sub(r'[^0-9A-Za-z_]', '_', name)}" for name in judged}
    rows = []
    for i in range(len(table)):
        row = {name: table.columns[name][i] for name in ("step", "mode", *rewards) if name in table.columns}
        row |= {ours: table.columns[name][i] for name, ours in named.items()}
        rows.append(row | {"prompt_id": digest(table.columns["prompt"][i])})
    return [Part(opened.stem, rows)]


VERL_ROLLOUTS = Source(
    name="verl_rollouts",
    kind="samples",
    files="<step>.jsonl of verl's trainer.rollout_data_dir or validation_data_dir",
    docs="https://verl.readthedocs.io/en/latest/examples/config.html",
    tells=tells_verl,
    read=read_verl,
    times=(("step", "step"),),
    defaults={"correct": ("acc", "score"), "score": ("score",), "answer": ("pred",)},
    made={"prompt_id": "a digest of `input`"},
)
TRL_COMPLETIONS = Source(
    name="trl_completions",
    kind="samples",
    files="completions_<step>.parquet of TRL (log_completions=True)",
    docs="https://huggingface.co/docs/trl/grpo_trainer#trl.GRPOConfig",
    tells=tells_trl,
    read=read_trl,
    times=(("step", "step"),),
    defaults={"correct": _GRADED},
    made={"prompt_id": "a digest of `prompt`", "score": "the other reward, score_<reward> of several"},
)
