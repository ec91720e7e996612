"""A fleet, a law and its priors in plain data: what a folder is held to, and what a law is made of again."""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
import numpyro.distributions as dist

from .._check import InputError
from ..data import Fleet
from ..data._columns import SERIES_NAMES
from ..dynamics import LawSpec, curves, forcings, laws


def describe_fleet(fleet: Fleet) -> dict[str, Any]:
    """The number of runs, and a hash of all that is measured, in order."""
    made = hashlib.sha256()
    for run in fleet:
        extra = sorted(run.extra)
        made.update(repr((run.name, run.clock, run.unit, len(run), dict(run.labels), extra)).encode())
        for name in ("t", *SERIES_NAMES):
            made.update(getattr(run, name).data)
        for name in extra:
            made.update(run.extra[name].data)
    return {"runs": len(fleet), "sha256": made.hexdigest()}


def describe_law(law: LawSpec) -> dict[str, Any]:
    """All that a law's numbers depend on."""
    taken = {} if law.from_run is None else law.from_run(None)  # what it was given, or an example's
    forcing = law.forcing
    schedule = None if forcing is None else forcing.schedule
    when = schedule and {"times": _plain(schedule.times), "amounts": _plain(schedule.amounts), "end": schedule.end}
    return {
        "home": law.home,
        "name": law.name,
        "given": {name: describe_prior(x) for name, x in law.given.items()},
        "static": repr(law.static),
        "constants": {name: _plain(x) for name, x in {**law.constants, **taken}.items()},
        "forcing": forcing and {"name": forcing.name, "schedule": when},
    }


def describe_prior(prior: Any) -> Any:
    """A NumPyro distribution by its kind and numbers; a number is itself."""
    if isinstance(prior, float):
        return prior
    if not isinstance(prior, dist.Distribution):
        return [type(prior).__name__, *(_plain(leaf) for leaf in jax.tree.leaves(prior))]
    fields = {n for n in (*prior.arg_constraints, *prior.gather_pytree_data_fields()) if not n.startswith("_")}
    numbers: dict[str, Any] = {}
    for name in sorted(fields):
        x = getattr(prior, name)
        if isinstance(x, list | tuple):
            numbers[name] = [describe_prior(part) for part in x]
        else:
            numbers[name] = describe_prior(x) if isinstance(x, dist.Distribution) else _plain(x)
    return {"kind": type(prior).__name__, **numbers}


def law_of(said: Mapping[str, Any]) -> LawSpec | None:
    """The law of a description; None where it was made of more than names, numbers and usual distributions."""
    makers = {"laws": laws.ALL_LAWS, "curves": curves.ALL_CURVES}.get(said["home"], {})
    if said["name"] not in makers:
        return None
    more: dict[str, Any] = {}
    try:
        if said["forcing"]:
            when = said["forcing"]["schedule"]
            schedule = when and forcings.Schedule(when["times"], when["amounts"], when["end"])
            more["forcing"] = forcings.ALL_FORCINGS[said["forcing"]["name"]](schedule)
        if "round_length" in said["constants"]:
            more["length"] = said["constants"]["round_length"]
        if "k" in inspect.signature(makers[said["name"]]).parameters:
            (more["k"],) = ast.literal_eval(said["static"])
        law = makers[said["name"]](**more)
        law = law.replace(**{name: prior_of(x) for name, x in said["given"].items()})
    except (InputError, TypeError, ValueError, KeyError):
        return None
    return law if describe_law(law) == said else None


def prior_of(said: Any) -> Any:
    """The distribution of a description, where its kind is a usual one; a number is itself.

    Raises
    ------
    ValueError
        It is not.
    """
    if isinstance(said, float | int):
        return float(said)
    if not isinstance(said, dict) or said["kind"] not in dist.__all__:
        raise ValueError
    numbers = {name: x for name, x in said.items() if isinstance(x, float)}  # the rest follows from them, or see below
    made = getattr(dist, said["kind"])(**{n: np.asarray(x, jax.numpy.result_type(float)) for n, x in numbers.items()})
    if describe_prior(made) != said:
        raise ValueError
    return made


def _plain(x: Any) -> Any:
    return np.asarray(x, np.float64).tolist()
