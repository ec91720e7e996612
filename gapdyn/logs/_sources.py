"""The table of sources, and which of them a path is."""

from __future__ import annotations

from .._check import choose
from ..data._text import listing
from ._inspect import INSPECT
from ._json_lines import TINKER_LOG, VERL_LOG
from ._lm_eval import LM_EVAL
from ._mlflow import MLFLOW
from ._opened import Opened
from ._responses import OPENAI, VLLM
from ._rollouts import TRL_COMPLETIONS, VERL_ROLLOUTS
from ._source import Source
from ._tensorboard import TENSORBOARD
from ._trainer_state import TRAINER_STATE
from ._wandb import WANDB

_LOGS = (TRAINER_STATE, VERL_LOG, TINKER_LOG, WANDB, MLFLOW, TENSORBOARD)
_DUMPS = (LM_EVAL, INSPECT, VLLM, OPENAI, VERL_ROLLOUTS, TRL_COMPLETIONS)
SOURCES: dict[str, Source] = {source.name: source for source in (*_LOGS, *_DUMPS)}
_OTHER = {"log": "gd.read_samples", "samples": "gd.read_log"}


def names(kind: str) -> tuple[str, ...]:
    """Names of the sources of a kind."""
    return tuple(name for name, source in SOURCES.items() if source.kind == kind)


def find_source(opened: Opened, named: str | None, kind: str | None) -> Source:
    """The source that was named, or else the only one that the file can be; `kind` None takes both kinds.

    Raises
    ------
    InputError
        If it is of no known kind, of several, or of the other kind.
    """
    if named is not None:
        source = SOURCES[choose(named, SOURCES, "source")]
        return _of_kind(opened, source, kind)
    told = [source for source in SOURCES.values() if source.tells(opened)]
    if len(told) == 1:
        return _of_kind(opened, told[0], kind)
    if told:
        seen = f"could be of several sources: {listing(source.name for source in told)}"
        raise opened.error(f"{seen}. Name one, such as source='{told[0].name}'.")
    there = f"; its fields are {listing(opened.names(), 20)}" if opened.names() else ""
    remedy = f"Name the source, such as source='{names(kind or 'log')[0]}'. Known: {', '.join(SOURCES)}."
    own = " A table with columns of gapdyn's is read by gd.read_run."
    raise opened.error(f"is of no source that can be told{there}. {remedy}{own}")


def _of_kind(opened: Opened, source: Source, kind: str | None) -> Source:
    if kind is None or source.kind == kind:
        return source
    what = {"log": "a log of numbers per step", "samples": "responses one by one"}[source.kind]
    raise opened.error(f"holds {what} ({source.name}). Read it with {_OTHER[kind]}.")


def source_table() -> str:
    """The sources as a Markdown table: name, what it gives, files, what is taken for what by default.

    Examples
    --------
    >>> print(source_table().splitlines()[2][:63])
    | `trainer_state` | a run | trainer_state.json of Hugging Face
    """
    rows = ["| source | gives | files | by default |", "|---|---|---|---|"]
    for s in SOURCES.values():
        taken = {ours: " or ".join(f"`{field}`" for field in fields) for ours, fields in s.defaults.items()}
        what = "; ".join(f"{ours} = {how}" for ours, how in {**taken, **s.made}.items())
        rows.append(f"| `{s.name}` | {'a run' if s.kind == 'log' else 'samples'} | {s.files} | {what} |")
    return "\n".join(rows)
