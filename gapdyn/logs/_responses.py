"""Responses as vLLM and OpenAI-style servers give them: token counts and log-probabilities."""

from __future__ import annotations

from typing import Any

from ..data._cells import CellError
from ..data._text import show
from ._opened import LOOK, Opened
from ._samples import Rows, minus_sum, prompt_id
from ._source import Part, Source


def tells_vllm(opened: Opened) -> bool:
    return any(_is_completion(x.get("outputs")) for x in opened.objects[:LOOK])


def _is_completion(outputs: Any) -> bool:
    first = outputs[0] if isinstance(outputs, list) and outputs else None
    return isinstance(first, dict) and "token_ids" in first


def read_vllm(opened: Opened) -> list[Part]:
    rows = Rows(opened)
    for i, request in enumerate(opened.objects):
        outputs = rows.list_of(i, request, "outputs")
        whose = prompt_id(request, "prompt", "prompt_token_ids", "request_id")
        for j, output in enumerate(outputs):
            tokens = output.get("token_ids")
            logprobs = output.get("logprobs")
            rows.add(i, request, output, prompt_id=whose, sample_id=output.get("index", j), answer=output.get("text"),
                     nll=_minus(output.get("cumulative_logprob")),
                     n_tokens=len(tokens) if isinstance(tokens, list) else _length(logprobs))  # fmt: skip
    return [rows.part()]


def tells_openai(opened: Opened) -> bool:
    return any(_is_chosen(_body(x)) for x in opened.objects[:LOOK])


def _body(x: dict[str, Any]) -> dict[str, Any]:
    """The completion itself: batch files wrap it, as {"custom_id", "response": {"body": ...}}."""
    response = x.get("response")
    body = response.get("body") if isinstance(response, dict) and "body" in response else response
    return body if isinstance(body, dict) else x


def _is_chosen(body: dict[str, Any]) -> bool:
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return isinstance(first, dict) and ("message" in first or "text" in first)


def read_openai(opened: Opened) -> list[Part]:
    rows = Rows(opened)
    failed = 0
    for i, x in enumerate(opened.objects):
        body = _body(x)
        if body.get("choices") is None and (x.get("error") is not None or body.get("error") is not None):
            failed += 1
            continue
        choices = rows.list_of(i, body, "choices")
        whose = prompt_id({**body, **x}, "prompt_id", "custom_id", "prompt", "messages") or str(i)
        for j, choice in enumerate(choices):
            logprobs = _token_logprobs(rows, i, choice.get("logprobs"))
            try:
                nll = minus_sum(logprobs)
            except CellError:
                raise rows.error(i, f"logprobs has what is not a number: {show(logprobs)}.") from None
            usage = body.get("usage")
            counted = usage.get("completion_tokens") if isinstance(usage, dict) and len(choices) == 1 else None
            message = choice.get("message")
            text = message.get("content") if isinstance(message, dict) else choice.get("text")
            rows.add(i, {**body, **x}, choice, prompt_id=whose, sample_id=choice.get("index", j), answer=text,
                     nll=nll, n_tokens=len(logprobs) or counted)  # fmt: skip
    if failed:
        rows.note("warning", "failed", f"{failed} requests failed and have no response.", "Ask for them again.")
    return [rows.part()]


def _token_logprobs(rows: Rows, i: int, logprobs: Any) -> list[Any]:
    """Of a chat completion {"content": [{"logprob"}]}, or of a plain one {"token_logprobs": [...]}."""
    if logprobs is None:
        return []
    if not isinstance(logprobs, dict):
        raise rows.error(i, f"logprobs is {show(logprobs)}, not an object.")
    listed = logprobs.get("token_logprobs")
    if listed is None and _lists(logprobs):
        content = [*(logprobs.get("content") or []), *(logprobs.get("refusal") or [])]
        listed = [x.get("logprob") if isinstance(x, dict) else x for x in content]
    if not isinstance(listed, list):
        raise rows.error(i, f"logprobs has neither a list content nor a list token_logprobs: {show(logprobs)}.")
    return listed


def _lists(logprobs: dict[str, Any]) -> bool:
    return all(isinstance(logprobs.get(k), list | None) for k in ("content", "refusal"))


def _minus(logprob: Any) -> Any:
    """A missing or odd value is left to whoever checks the column."""
    return -logprob if isinstance(logprob, int | float) and not isinstance(logprob, bool) else logprob


def _length(tokens: Any) -> int | None:
    return len(tokens) if isinstance(tokens, list) else None


_JUDGED = {"score": ("score", "reward"), "correct": ("correct", "is_correct")}
VLLM = Source(
    name="vllm",
    kind="samples",
    files="RequestOutput objects of vLLM as JSON or JSON Lines",
    docs="https://docs.vllm.ai/en/latest/api/vllm/outputs.html",
    tells=tells_vllm,
    read=read_vllm,
    defaults=_JUDGED,
    made={
        "prompt_id": "a digest of `prompt`",
        "sample_id": "`outputs[].index`",
        "nll": "-`cumulative_logprob`",
        "n_tokens": "length of `token_ids`",
    },
    to_log="sample with SamplingParams(logprobs=0)",
)
OPENAI = Source(
    name="openai",
    kind="samples",
    files="completions and chat completions of OpenAI-style servers, or the output of a batch, as JSON or JSON Lines",
    docs="https://platform.openai.com/docs/api-reference/chat/object",
    tells=tells_openai,
    read=read_openai,
    defaults=_JUDGED,
    made={
        "prompt_id": "`custom_id`, else a digest of `prompt` or `messages`, else the place in the file",
        "sample_id": "`choices[].index`",
        "nll": "minus the sum of `choices[].logprobs`",
        "n_tokens": "their number",
    },
    to_log="ask for logprobs (chat: logprobs=true; completions: logprobs=1)",
)
