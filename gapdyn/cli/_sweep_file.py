"""A sweep as a file says it, TOML or JSON, to the arguments of `gapdyn.sweep`."""

from __future__ import annotations

import json
import tomllib
from argparse import ArgumentTypeError
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from .._check import InputError, did_you_mean
from . import _request, _values
from ._names import CURVES, FORCINGS, LAWS

KEYS = ("law", "length", "fix", "forcing", "run", "draws", "seed", "quantities", "times", "chunk", "grid", "sobol")
SPACED = ("from", "to", "n", "log")


def load(path: str) -> dict[str, Any]:
    """The file's entries, all of them known.

    Raises
    ------
    InputError
        A file that cannot be read, is neither TOML nor JSON, or has an unknown entry.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "is not text"
        raise InputError(f"{path}: cannot be read: {reason}. Give a .toml or .json file.") from None
    try:
        said = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError and JSONDecodeError are ones
        kind = "JSON" if file.suffix == ".json" else "TOML"
        raise InputError(f"{path}: is not {kind}: {error}.") from None
    if not isinstance(said, dict):
        raise InputError(f"{path}: holds no entries. Allowed: {', '.join(KEYS)}.")
    _known(path, "", said, KEYS)
    return said


def arguments(path: str, said: Mapping[str, Any], progress: bool | None = None) -> dict[str, Any]:
    """Keyword arguments of `gapdyn.sweep`. Needs JAX; fits the run, if there is one."""
    from ..dynamics import forcings

    try:
        laws = {name: _law(path, name, said) for name in _names(path, said)}
        settings = _settings(path, said, next(iter(laws.values())))
        out: dict[str, Any] = {"quantities": said.get("quantities", "u_s_inf"), "chunk": said.get("chunk")}
        if "times" in said:
            out["ts"] = _numbers(path, "times", said["times"])
        if "run" in said:
            forcing = _forcing(path, said, forcings)
            out |= {"forcing": forcing, "draws": said.get("draws")}
            laws = {name: _fit(path, law, said, progress) for name, law in laws.items()}
    except ArgumentTypeError as error:
        raise InputError(f"{path}: {error}") from None
    return {"law": laws if len(laws) > 1 else next(iter(laws.values())), "settings": settings, **out}


def _known(path: str, where: str, said: Any, allowed: Sequence[str]) -> None:
    if not isinstance(said, Mapping):
        raise InputError(f"{path}: {where} is a table of {', '.join(allowed)}; got {said!r}.")
    for name in said:
        if name not in allowed:
            raise InputError(
                f"{path}: unknown entry {where + '.' if where else ''}{name}. {did_you_mean(name, allowed)}"
            )


def _names(path: str, said: Mapping[str, Any]) -> list[str]:
    names = said.get("law", LAWS[0])
    names = [names] if isinstance(names, str) else names
    if not (isinstance(names, list) and names):
        raise InputError(f"{path}: law = {names!r}; give a name, or a list of them.")
    for name in names:
        if name not in (*LAWS, *CURVES):
            raise InputError(f"{path}: unknown law {name!r}. {did_you_mean(str(name), (*LAWS, *CURVES))}")
    return names


def _law(path: str, name: str, said: Mapping[str, Any]) -> Any:
    """The law by the rules of the other commands; of a run, what is fitted has no forcing of its own."""
    given = {
        "law": name,
        "length": said.get("length"),
        "forcing": None,
        "schedule": None,
        "fix": {},
        "command": "sweep",
    }
    for parameter, number in _table(path, "fix", said).items():
        given["fix"][parameter] = _values.number_assignment(f"{parameter}={number}")[1]
    forcing = _table(path, "forcing", said)
    _known(path, "forcing", forcing, ("name", "schedule", "strength"))
    if forcing and "run" not in said:
        given["forcing"] = _values.one_of("forcing", FORCINGS)(str(forcing.get("name", FORCINGS[0])))
        given["schedule"] = _values.schedule(forcing["schedule"]) if "schedule" in forcing else None
        if "strength" in forcing:
            strength = _strength(given["forcing"])
            given["fix"][strength] = _values.number_assignment(f"{strength}={forcing['strength']}")[1]
    return _request.law(SimpleNamespace(**given))  # pyright: ignore[reportArgumentType]


def _forcing(path: str, said: Mapping[str, Any], forcings: Any) -> Any:
    table = _table(path, "forcing", said)
    if not table:
        return None
    name = _values.one_of("forcing", FORCINGS)(str(table.get("name", FORCINGS[0])))
    strength = {_strength(name): table["strength"]} if "strength" in table else {}
    return forcings.ALL_FORCINGS[name](_schedule(table["schedule"]) if "schedule" in table else None, **strength)


def _strength(forcing: str) -> str:
    """What a forcing's strength is called; known without JAX."""
    return "dose" if "additive" in forcing else "gamma"


def _schedule(text: str) -> Any:
    from ..dynamics import forcings

    kind, positional, named = _values.schedule(text)
    return getattr(forcings, kind)(*positional, **named)


def _fit(path: str, law: Any, said: Mapping[str, Any], progress: bool | None) -> Any:
    from ..inference import fit

    file = str(said["run"])
    options = dict.fromkeys(("run", "t", "clock", "unit", "delimiter"))
    run = _request.read(SimpleNamespace(file=file, **options, column={}, sort=False))  # pyright: ignore[reportArgumentType]
    return fit(run, law, key=said.get("seed", 0), progress=progress)


def _settings(path: str, said: Mapping[str, Any], law: Any) -> Any:
    from ..sweeps import grid, sobol

    parts = []
    if "sobol" in said:
        table = _table(path, "sobol", said)
        _known(path, "sobol", table, ("n", "ranges"))
        ranges = {n: _range(path, n, r, law) for n, r in _table(path, "ranges", table).items()}
        parts.append(sobol(ranges, table.get("n", 1024), key=said.get("seed", 0)))
    if "grid" in said:
        table = _table(path, "grid", said)
        values = {n: x if n == "schedule" else _numbers(path, f"grid.{n}", x) for n, x in table.items()}
        if "schedule" in values:
            named = values["schedule"]
            if not (isinstance(named, list) and all(isinstance(s, str) for s in named)):
                raise InputError(f'{path}: grid.schedule = {named!r}; give a list such as ["early:8", "late:8"].')
            values["schedule"] = {s: _schedule(s) for s in named}
        parts.append(grid(values))
    if not parts and "run" not in said:
        raise InputError(f"{path}: says nothing to sweep. Give a table [grid] or [sobol].")
    return None if not parts else parts[0] if len(parts) == 1 else parts[0] * parts[1]


def _range(path: str, name: str, said: Any, law: Any) -> Any:
    if not isinstance(said, str):
        return said
    _, call = _values.prior_assignment(f"{name}={said}")
    try:
        return _request.prior(name, call, set(law.names))
    except InputError as error:
        raise InputError(f"{path}: {str(error).removeprefix('--prior ')}") from None


def _numbers(path: str, where: str, said: Any) -> Any:
    """A list of numbers, one number, or {from, to, n, log}."""
    if not isinstance(said, Mapping):
        return said
    import numpy as np

    _known(path, where, said, SPACED)
    try:
        low, high, n = float(said["from"]), float(said["to"]), int(said["n"])
        return np.geomspace(low, high, n) if said.get("log") else np.linspace(low, high, n)
    except (KeyError, TypeError, ValueError):
        text = f"{path}: {where} is a list of numbers, or {{from = 0, to = 1, n = 11}}, with log = true above 0."
        raise InputError(text) from None


def _table(path: str, name: str, said: Mapping[str, Any]) -> Mapping[str, Any]:
    table = said.get(name, {})
    if not isinstance(table, Mapping):
        raise InputError(f"{path}: {name} is a table; got {table!r}.")
    return table
