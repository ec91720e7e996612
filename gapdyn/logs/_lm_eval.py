"""samples_<task>_<date>.jsonl of the LM Evaluation Harness: one row per document and filter."""

from __future__ import annotations

import re
from typing import Any

from ..data._cells import CellError, parse
from ._opened import Opened
from ._samples import Rows
from ._source import Part, Source

_TASK = re.compile(r"samples_(.+?)_\d{4}-\d\d-\d\dT.*")


def tells(opened: Opened) -> bool:
    return opened.any_has("doc_id", "resps")


def read(opened: Opened) -> list[Part]:
    rows = Rows(opened)
    known = _TASK.fullmatch(opened.stem)
    task = f"{known[1]}-" if known else ""
    several = 0
    for i, x in enumerate(opened.objects):
        if x.get("doc_id") is None:
            raise rows.error(i, "there is no doc_id. Is it a samples file of the harness?")
        whose = f"{task}{x['doc_id']}"
        responses = _list(x.get("resps"))
        filtered = _list(x.get("filtered_resps"))
        if len(responses) != 1 or _is_loglikelihood(responses[0]):
            rows.add(i, x, prompt_id=whose, sample_id=0, answer=_likeliest(filtered or responses))
            continue
        drawn = _list(responses[0])
        answers = _list(filtered[0]) if len(filtered) == 1 else filtered
        if len(answers) != len(drawn):
            answers = answers[:1] if len(drawn) < 2 else []
        several += len(drawn) > 1
        for j in range(max(len(drawn), 1)):
            graded = {key: _of_response(value, j, len(drawn)) for key, value in x.items() if _is_graded(key, value)}
            rows.add(i, x, graded, prompt_id=whose, sample_id=j, answer=_plain(answers[j]) if answers else None)
    if several:
        text = f"{several} documents have several responses, but metrics only of all of them together."
        rows.note("warning", "metrics_of_all", text, "Name a metric that is a list, one value per response.")
    return [rows.part()]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _is_loglikelihood(response: Any) -> bool:
    """[[logprob, is_greedy]], the numbers as texts or not."""
    first = response[0] if isinstance(response, list) and response else None
    return isinstance(first, list) and len(first) == 2 and str(first[1]) in ("True", "False")


def _likeliest(options: list[Any]) -> str | None:
    """Which option has the highest log-probability."""
    values = []
    for option in options:
        while isinstance(option, list) and option:
            option = option[0]
        try:
            values.append(parse(option))
        except CellError:
            return None
    return str(values.index(max(values))) if values and all(v == v for v in values) else None


def _is_graded(key: str, value: Any) -> bool:
    numeric = isinstance(value, bool | int | float) or (
        isinstance(value, list) and bool(value) and all(isinstance(v, bool | int | float) for v in value)
    )
    return numeric and key != "doc_id"


def _of_response(value: Any, j: int, n: int) -> Any:
    if isinstance(value, list):
        return value[j] if len(value) == n else None
    return value if n < 2 else None


def _plain(value: Any) -> str | None:
    return None if value is None or isinstance(value, dict | list) else str(value)


LM_EVAL = Source(
    name="lm_eval",
    kind="samples",
    files="samples_<task>_<date>.jsonl of the LM Evaluation Harness (--log_samples)",
    docs="https://github.com/EleutherAI/lm-evaluation-harness/blob/main/docs/interface.md",
    tells=tells,
    read=read,
    defaults={"correct": ("exact_match", "acc", "pass@1", "pass_at_1", "acc_norm")},
    made={"prompt_id": "the task and `doc_id`", "sample_id": "the place in `resps`", "answer": "`filtered_resps`"},
)
