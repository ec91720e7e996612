"""`read_log` and `read_logs`: logs of trainers and loggers to runs."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._check import InputError
from .._finding import Finding
from ..data import Fleet, Run
from ..data._assemble import Request, build_run
from ..data._columns import SERIES
from ..data._text import listing, show, suggest
from ._mapping import Chosen, choose_fields
from ._opened import Opened, open_path
from ._source import Part, Source
from ._sources import find_source
from ._steps import no_time, one_row_per_time


def read_log(
    path: str | os.PathLike[Any],
    source: str | None = None,
    *,
    run: str | None = None,
    t: str | None = None,
    clock: str | None = None,
    unit: str | None = None,
    name: str | None = None,
    **fields: str | None,
) -> Run:
    """Read a run from the log of a trainer or logger; `gapdyn.logs.source_table()` lists which.

    Rows of one step become one checkpoint. What is taken for u_s, acc_s and len_s by default is said in a warning and
    kept, with other findings, in `run.meta["findings"]` and `run.meta["fields"]`. All other numbers are in `run.extra`.

    Parameters
    ----------
    path
        A file, or for MLflow and TensorBoard also a folder.
    source
        What wrote it, such as "trainer_state"; by default told from the content.
    run
        Which run, if the log holds several.
    t
        Field of the time; by default the source's own.
    clock
        What it counts; by default told from the field's name.
    unit
        Unit of u_s. By default "nats/token" (trainers log entropies per token), and "nats/response" where the log has a
        field u_s.
    name
        Name of the run; by default the log's, else from the path.
    **fields
        Which field is what: ``u_s="entropy"``, ``acc_s="reward"``; any column of a run log (see
        `gapdyn.data.column_table`). None leaves out what would be taken by default.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        If the log cannot be read, is of no known source, lacks a field, or has values that cannot be. The message names
        the file, the field, what is there and the remedy.

    Examples
    --------
    >>> import json, tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "trainer_state.json"
    >>> history = [{"step": s, "entropy": 2.0 - s, "reward": 0.5} for s in (0, 1)]
    >>> _ = path.write_text(json.dumps({"log_history": history}))
    >>> read_log(path, u_s="entropy", acc_s="reward", name="a")
    Run('a', 2 checkpoints, step 0 to 1, u_s acc_s, nats/token)
    """
    log = load_log(path, source, t=t, clock=clock, unit=unit, name=name, run=run, fields=fields)
    first, *others = log.runs
    if others:
        seen = f"holds {len(log.runs)} runs: {listing(r.name for r in log.runs)}"
        raise InputError(f"{log.path}: {seen}. Choose one, such as run={first.name!r}, or use gd.read_logs.")
    tell(log.findings, bool(log.assumed))
    return first


def read_logs(
    path: str | os.PathLike[Any] | Sequence[str | os.PathLike[Any]],
    source: str | None = None,
    *,
    t: str | None = None,
    clock: str | None = None,
    unit: str | None = None,
    **fields: str | None,
) -> Fleet:
    """Read all runs of a log, or of several logs, as a fleet; parameters and errors as for `read_log`."""
    paths = list(path) if isinstance(path, list | tuple) else [path]
    logs = [load_log(one, source, t=t, clock=clock, unit=unit, fields=fields) for one in paths]
    for log in logs:
        tell(log.findings, bool(log.assumed))
    return Fleet([run for log in logs for run in log.runs])


@dataclass(frozen=True)
class Log:
    """What was read from a log: its runs, what is what, and what there is to know."""

    path: str
    source: Source
    runs: tuple[Run, ...]
    fields: dict[str, str]
    assumed: tuple[str, ...]
    findings: tuple[Finding, ...]


def load_log(
    path: Any,
    source: str | None = None,
    *,
    t: str | None = None,
    clock: str | None = None,
    unit: str | None = None,
    name: str | None = None,
    run: str | None = None,
    fields: Mapping[str, str | None],
    opened: Opened | None = None,
) -> Log:
    """As `read_log`, with all that was found."""
    request = Request(t, clock, unit, name, False, None)
    opened = opened or open_path(path)
    kind = find_source(opened, source, "log")
    parts = _select(opened, kind.read(opened), run)
    findings = [finding for part in parts for finding in part.findings]
    times = {part.name: _time(opened, kind, part, t) for part in parts}
    rows = []
    for part in parts:
        one, found = one_row_per_time(opened, part, times[part.name][0])
        rows.append(one)
        findings += found
    source_name = str(opened.path)
    tables = [part.table(source_name) for part in rows]
    chosen = choose_fields(tables, kind, SERIES, fields)
    findings = [*_said(opened, kind, chosen, times), *_meanings(chosen), *chosen.findings, *findings]
    runs = []
    for part, table in zip(rows, tables, strict=True):
        time, own = times[part.name]
        mine = {ours: theirs for ours, theirs in chosen.fields.items() if theirs in table.columns}
        per_token = "u_s" in mine and mine["u_s"] != "u_s"
        wanted = dataclasses.replace(
            request, t=time, clock=clock or own, unit=unit or ("nats/token" if per_token else None), name=name
        )
        built = build_run(table, mine, wanted, part.name, range(len(table)))
        about = {"log": kind.name, "fields": {"t": time, **mine}, "findings": tuple(findings)}
        runs.append(dataclasses.replace(built, meta={**built.meta, **about}))
    return Log(source_name, kind, tuple(runs), chosen.fields, chosen.assumed, tuple(findings))


def tell(findings: Sequence[Finding], assumed: bool) -> None:
    """Warn of what was assumed and of what is doubtful; the rest stays in the findings."""
    for finding in findings:
        if finding.level != "info" or (assumed and finding.code == "fields"):
            warnings.warn(f"{finding.text} {finding.remedy}", stacklevel=3)


def _select(opened: Opened, parts: list[Part], run: str | None) -> list[Part]:
    if not parts or not any(part.rows for part in parts):
        raise opened.error("holds no rows of numbers. Was the run logged to another place?")
    parts = [part for part in parts if part.rows]
    if run is None:
        return parts
    names = [part.name for part in parts]
    if run not in names:
        raise opened.error(f"there is no run {show(run)}. {suggest(str(run), names)}")
    return [part for part in parts if part.name == run]


def _time(opened: Opened, source: Source, part: Part, t: str | None) -> tuple[str, str | None]:
    """Field and clock of the time."""
    there = {key for row in part.rows for key, value in row.items() if value not in (None, "")}
    if t is not None:
        if t not in there:
            raise opened.error(f"there is no field {show(t)} for the time. {suggest(str(t), there)}")
        return t, dict(source.times).get(t)
    for field, clock in source.times:
        if field in there:
            return field, clock
    raise opened.error(no_time(opened, part, [field for field, _ in source.times]))


def _said(opened: Opened, source: Source, chosen: Chosen, times: Mapping[str, Any]) -> list[Finding]:
    taken = {"t": next(iter(times.values()))[0], **chosen.fields}
    text = f"{opened.path.name} was read as {source.name}: {', '.join(f'{a} = {b!r}' for a, b in taken.items())}."
    if not chosen.fields:
        text = f"{opened.path.name} was read as {source.name}; none of its fields was taken for u_s, acc_s or len_s."
        return [Finding("warning", "fields", text, "Name one, such as u_s='<its name>'.")]
    return [Finding("info", "fields", text, "Name fields yourself to change that, such as u_s='<its name>'.")]


def _meanings(chosen: Chosen) -> list[Finding]:
    """What a default field is not, though it stands in for it."""
    found = []
    if "u_s" in chosen.assumed and chosen.fields["u_s"] != "u_s":
        text = (
            f"{chosen.fields['u_s']!r} is the policy's mean entropy per token, which stands in for u_s in nats/token."
        )
        remedy = "No trainer logs u_v: measure samples with gd.measure where you need the gap."
        found.append(Finding("info", "entropy", text, remedy))
    if "acc_s" in chosen.assumed and chosen.fields["acc_s"] != "acc_s":
        text = f"{chosen.fields['acc_s']!r} is taken for the accuracy, since it lies within 0 and 1."
        remedy = "Leave it out with acc_s=None if a reward here is not the share of right responses."
        found.append(Finding("info", "reward", text, remedy))
    return found
