"""`gapdyn laws`: what can be fitted, with equations, parameters, defaults and sources."""

from __future__ import annotations

import argparse
from typing import Any

from .._check import InputError, did_you_mean
from ._output import to_json


def run(arguments: argparse.Namespace) -> int:
    """List the laws, the reference curves and the forcings, or one of them in full."""
    known = {f"{kind}.{entry['name']}": entry for kind, entries in catalogue().items() for entry in entries}
    if arguments.name is None:
        print(to_json(catalogue()) if arguments.json else _list(catalogue()))
        return 0
    chosen = [entry for full, entry in known.items() if arguments.name in (full, entry["name"])]
    if not chosen:
        names = [entry["name"] for entry in known.values()]
        raise InputError(f"there is no law, curve or forcing {arguments.name!r}. {did_you_mean(arguments.name, names)}")
    print(to_json(chosen[0] if len(chosen) == 1 else chosen) if arguments.json else "\n\n".join(map(_one, chosen)))
    return 0


def catalogue() -> dict[str, list[dict[str, Any]]]:
    """ "laws", "curves", "forcings" -> entries with name, title, equation, source, parameters and coordinates."""
    from ..dynamics import curves, forcings, laws

    return {
        "laws": [_law(spec) for spec in laws.all().values()],
        "curves": [_law(spec) for spec in curves.all().values()],
        "forcings": [
            {**_about(spec), "parameters": [_parameter(spec.parameter, None)], "coordinates": [[spec.parameter]]}
            for spec in forcings.all().values()
        ],
    }


def _about(spec: Any) -> dict[str, Any]:
    return {"name": spec.name, "title": spec.title, "equation": spec.equation, "source": spec.source}


def _law(spec: Any) -> dict[str, Any]:
    parameters = [_parameter(name, spec.example.get(name)) for name in spec.names]
    return {**_about(spec), "parameters": parameters, "coordinates": [list(c.names) for c in spec.family]}


def _parameter(name: str, example: float | None) -> dict[str, Any]:
    from ..inference import SITES

    site = SITES[name]
    return {
        "name": name, "symbol": site.symbol, "meaning": site.meaning, "support": site.support, "prior": site.prior,
        "example": example,
    }  # fmt: skip


_HEADS = {
    "laws": "laws (--law NAME, gapdyn.laws)",
    "curves": "reference curves, without mechanism (--law NAME, gapdyn.curves)",
    "forcings": "external data, for any law (--forcing NAME, gapdyn.forcings)",
}


def _list(every: dict[str, list[dict[str, Any]]]) -> str:
    rows = []
    for kind, entries in every.items():
        rows += [_HEADS[kind], *(f"  {e['name']:22s}{e['equation']}" for e in entries), ""]
    return "\n".join([*rows, "In full, with parameters, default priors and source: gapdyn laws NAME"])


def _one(entry: dict[str, Any]) -> str:
    rows = [f"{entry['name']}: {entry['title']}", entry["equation"], f"source: {entry['source']}", ""]
    for p in entry["parameters"]:
        example = "" if p["example"] is None else f", example {p['example']:g}"
        rows.append(f"  {p['name']:14s}{p['meaning']}; {p['support']}{example}")
        rows.append(f"  {'':14s}default prior, in standard units: {p['prior']}")
    if len(entry["coordinates"]) > 1:
        rows += ["", "state it by any one of these sets:"]
        rows += [f"  {', '.join(names)}" for names in entry["coordinates"]]
    return "\n".join(rows)
