"""`gapdyn convert`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from .._check import InputError
from ._output import ready_file, say, to_json
from ._words import reworded


def run(arguments: argparse.Namespace) -> int:
    """Read logs or dumps of other tools; write the run or the samples that the other commands take."""
    from ..logs._read_samples import open_every
    from ..logs._sources import find_source

    ready_file(arguments.out, arguments.overwrite)
    files = open_every(arguments.files, arguments.source)
    kind = find_source(files[0], arguments.source, None).kind
    both = [name for name in arguments.without if name in arguments.column]
    if both:
        raise InputError(f"{both[0]!r} is given to --column and to --without. Keep one of the two.")
    fields = {**arguments.column, **dict.fromkeys(arguments.without)}
    report = _log(arguments, files, fields) if kind == "log" else _samples(arguments, files, fields)
    text = report.pop("text")
    say(f"wrote {arguments.out}")
    found = reworded(report["findings"])
    if arguments.json:
        print(to_json({**report, "findings": [f.to_dict() for f in found]}))
    else:
        print(text)
    for finding in found:
        say(str(finding))
    return 0


def _log(arguments: argparse.Namespace, files: Sequence[Any], fields: dict[str, Any]) -> dict[str, Any]:
    from ..data import Fleet, write_run
    from ..logs._read_log import load_log

    _only("samples", at=arguments.at, where=arguments.where)
    logs = [
        load_log(
            file.path, arguments.source, t=arguments.t, clock=arguments.clock, unit=arguments.unit,
            name=arguments.name, run=arguments.run, fields=fields, opened=file,
        )
        for file in files
    ]  # fmt: skip
    runs = [run for log in logs for run in log.runs]
    write_run(runs[0] if len(runs) == 1 else Fleet(runs), arguments.out, overwrite=arguments.overwrite)
    return {
        "source": logs[0].source.name,
        "gives": "run",
        "fields": [dict(run.meta["fields"]) for run in runs],
        "runs": [{"name": run.name, "checkpoints": len(run), "clock": run.clock, "unit": run.unit} for run in runs],
        "findings": list(dict.fromkeys(finding for log in logs for finding in log.findings)),
        "text": "\n".join(map(repr, runs)),
    }


def _samples(arguments: argparse.Namespace, files: Sequence[Any], fields: dict[str, Any]) -> dict[str, Any]:
    from ..logs._read_samples import load_samples
    from ..logs._write_samples import write_samples

    _only("runs", run=arguments.run, unit=arguments.unit)
    dump = load_samples(
        arguments.files, arguments.source, at=arguments.at, t=arguments.t, clock=arguments.clock,
        name=arguments.name, where=arguments.where, fields=fields, opened=files,
    )  # fmt: skip
    write_samples(dump.frame, arguments.out, overwrite=arguments.overwrite)
    return {
        "source": dump.source.name,
        "gives": "samples",
        "fields": dump.fields,
        "rows": dump.frame.height,
        "columns": dump.frame.columns,
        "findings": list(dump.findings),
        "text": f"{dump.frame.height:,} samples: {', '.join(dump.frame.columns)}",
    }


def _only(what: str, **options: Any) -> None:
    """Refuse options that say nothing about this kind of file."""
    for name, value in options.items():
        if value:
            raise InputError(f"--{name} is for {what}, and the file holds none. Leave it out.")
