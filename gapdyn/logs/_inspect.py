"""Logs of Inspect AI: one JSON object, or an .eval file, which is a zip of JSON files."""

from __future__ import annotations

import re
import zipfile
from typing import Any

from ..data._cells import CellError
from ..data._text import show
from ._opened import Opened, read_inner
from ._samples import Rows, minus_sum
from ._source import Part, Source

_GRADES = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
_SAMPLE = re.compile(r"samples/.*\.json")


def tells(opened: Opened) -> bool:
    if opened.kind == "zip":
        return opened.path.suffix == ".eval" or bool(_inner(opened))
    x = opened.objects[0] if opened.kind == "object" else {}
    return isinstance(x.get("eval"), dict) and "status" in x


def read(opened: Opened) -> list[Part]:
    rows = Rows(opened)
    if opened.kind == "zip":
        with zipfile.ZipFile(opened.path) as archive:
            samples = [read_inner(opened.path, archive, name) for name in _inner(opened)]
    else:
        samples = opened.objects[0].get("samples") if opened.kind == "object" else None
    if samples is None or samples == []:
        raise opened.error("has no samples. Was it written with log_samples=False, or before the first was done?")
    if not isinstance(samples, list) or not all(isinstance(sample, dict) for sample in samples):
        raise opened.error(f"samples is {show(samples)}, not a list of objects.")
    failed = 0
    for i, sample in enumerate(samples):
        output = _dict(sample.get("output"))
        choices = [choice for choice in _items(output.get("choices")) if isinstance(choice, dict)]
        if not choices:
            failed += 1
            continue
        logprobs = [_dict(token).get("logprob") for token in _items(_dict(choices[0].get("logprobs")).get("content"))]
        scores = _dict(sample.get("scores"))
        graded = {f"scores/{name}": _grade(_dict(score).get("value")) for name, score in scores.items()}
        answers = [_dict(score).get("answer") for score in scores.values()]
        answer = next((a for a in answers if isinstance(a, str)), None)
        try:
            nll = minus_sum(logprobs)
        except CellError:
            raise opened.error(f"sample {i} has a logprob that is not a number: {show(logprobs)}.") from None
        # no lines, and no other values: what stands beside them in a sample is about the sandbox, not the response
        rows.rows.append({
            "prompt_id": _text(sample.get("id")), "sample_id": sample.get("epoch", 1), "answer": answer,
            "nll": nll,
            "n_tokens": len(logprobs) or _dict(output.get("usage")).get("output_tokens"), **graded,
        })  # fmt: skip
        if rows.rows[-1]["prompt_id"] is None:
            raise opened.error(f"sample {i} has no id. Was the file edited?")
    if failed:
        rows.note("warning", "failed", f"{failed} samples have no response.", "Look for their errors in the log.")
    return [Part(opened.stem, rows.rows, None, tuple(rows.findings))]


def _inner(opened: Opened) -> list[str]:
    try:
        with zipfile.ZipFile(opened.path) as archive:
            return sorted(name for name in archive.namelist() if _SAMPLE.fullmatch(name))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise opened.error(f"is a broken zip file: {error}. Copy it again.") from None


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return None if value is None or isinstance(value, dict | list) else str(value)


def _grade(value: Any) -> Any:
    """Inspect's own reading of its grades: correct, incorrect, partial, no answer."""
    if isinstance(value, str):
        return _GRADES.get(value, value)
    return int(value) if isinstance(value, bool) else value if isinstance(value, int | float) else None


INSPECT = Source(
    name="inspect",
    kind="samples",
    files="logs of Inspect AI, .eval or JSON",
    docs="https://inspect.aisi.org.uk/eval-logs.html",
    tells=tells,
    read=read,
    defaults={"correct": ("scores/*",)},
    made={
        "prompt_id": "`id`",
        "sample_id": "`epoch`",
        "nll": "minus the sum of `output.choices[0].logprobs`",
        "n_tokens": "their number, else `usage.output_tokens`",
    },
    to_log="evaluate with --logprobs",
)
