"""Logs of one JSON object per step: verl's file logger, and metrics.jsonl of the Tinker cookbook."""

from __future__ import annotations

from ..data._text import show
from ._opened import LOOK, Opened
from ._source import Part, Source
from ._trainers import STEPS, TINKER, VERL


def tells_verl(opened: Opened) -> bool:
    return any("step" in x and isinstance(x.get("data"), dict) for x in opened.objects[:LOOK])


def read_verl(opened: Opened) -> list[Part]:
    rows = []
    for i, x in enumerate(opened.objects):
        data = x.get("data")
        if data is None:
            data = {}
        if not isinstance(data, dict):
            raise opened.error(f"{opened.where(i)}: data is {show(data)}, not an object of metrics.")
        rows.append({**data, "step": x.get("step")})
    return [Part(opened.stem, rows, opened.lines)]


def tells_tinker(opened: Opened) -> bool:
    if opened.any_has("_step"):  # the same numbers, by way of W&B
        return False
    return any(key.startswith(("env/", "optim/", "test/env/")) for x in opened.objects[:LOOK] for key in x)


def read_flat(opened: Opened) -> list[Part]:
    name = opened.path.resolve().parent.name if opened.stem == "metrics" else opened.stem
    return [Part(name or "run", opened.objects, opened.lines)]


VERL_LOG = Source(
    name="verl",
    kind="log",
    files="JSON Lines of verl's file logger (trainer.logger=[file])",
    docs="https://verl.readthedocs.io/en/latest/examples/config.html",
    tells=tells_verl,
    read=read_verl,
    times=STEPS,
    defaults=VERL,
)
TINKER_LOG = Source(
    name="tinker",
    kind="log",
    files="metrics.jsonl of the Tinker cookbook",
    docs="https://tinker-docs.thinkingmachines.ai/rl/rl-hyperparams",
    tells=tells_tinker,
    read=read_flat,
    times=(*STEPS, ("progress/batch", "step")),
    defaults=TINKER,
)
