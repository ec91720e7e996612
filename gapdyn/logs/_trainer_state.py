"""`trainer_state.json` of the Hugging Face Trainer, which TRL's trainers write too."""

from __future__ import annotations

from typing import Any

from ..data._text import show
from ._opened import Opened
from ._source import Part, Source
from ._trainers import STEPS, TRL


def tells(opened: Opened) -> bool:
    return opened.kind == "object" and "log_history" in opened.objects[0]


def read(opened: Opened) -> list[Part]:
    state: Any = opened.objects[0] if opened.kind == "object" else {}
    history = state.get("log_history")
    if not isinstance(history, list):
        seen = "has no log_history" if history is None else f"log_history is {show(history)}, not a list"
        raise opened.error(f"{seen}. Give the trainer_state.json of a checkpoint.")
    bad = [x for x in history if not isinstance(x, dict)]
    if bad:
        raise opened.error(f"log_history holds {show(bad[0])}, which is not an object. Was the file edited?")
    if not history:
        raise opened.error("its log_history is empty. Was anything logged before this checkpoint (logging_steps)?")
    return [Part(_name(opened), history)]


def _name(opened: Opened) -> str:
    """The folder says more than `trainer_state`, and the one above more than `checkpoint-100`."""
    if opened.stem != "trainer_state":
        return opened.stem
    folders = [p.name for p in opened.path.resolve().parents if not p.name.startswith("checkpoint-")]
    return folders[0] or "run"


TRAINER_STATE = Source(
    name="trainer_state",
    kind="log",
    files="trainer_state.json of Hugging Face Transformers and TRL",
    docs="https://huggingface.co/docs/trl/grpo_trainer#logged-metrics",
    tells=tells,
    read=read,
    times=STEPS,
    defaults=TRL,
)
