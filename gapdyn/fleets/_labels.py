"""What runs are told apart by: labels that group them, numbers that order them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._check import InputError
from ..data import Fleet, Run
from ..data._text import listing, show, suggest


def labels(fleet: Fleet, names: Sequence[str]) -> list[tuple[str, ...]]:
    """The group of each run: its labels of these names, in their order.

    Parameters
    ----------
    fleet : the runs.
    names : labels (`run.labels`), or extra columns that hold one number throughout a run, such as a seed.

    Returns
    -------
    (runs,) tuples of texts; a whole number is written without a point.

    Raises
    ------
    InputError
        A run that has no such label, or whose column changes; a name that is given twice.
    """
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise InputError(f"groups={show(names)}: give a list of names of labels, such as ['model'].")
    if len(set(names)) < len(names):
        raise InputError(f"groups={show(list(names))}: a name stands there twice. Keep it once.")
    return [tuple(_label(fleet, run, name) for name in names) for run in fleet]


def covariate(fleet: Fleet, name: str) -> np.ndarray:
    """A number of each run, (runs,): that of an extra column that holds one number throughout a run.

    Raises
    ------
    InputError
        A run that has no such column, or whose column changes.
    """
    if not isinstance(name, str):
        raise InputError(f"covariate={show(name)}: give the name of an extra column, such as 'log_flops'.")
    return np.asarray([_number(fleet, run, name, "number") for run in fleet])


def _label(fleet: Fleet, run: Run, name: str) -> str:
    return run.labels[name] if name in run.labels else _in_words(_number(fleet, run, name, "label"))


def _in_words(number: float) -> str:
    return str(int(number)) if number.is_integer() else repr(number)


def _own_label(run: Run, name: str) -> str | None:
    if name in run.labels or name not in run.extra or not _constant(run.extra[name]):
        return run.labels.get(name)
    return _in_words(_value(run.extra[name]))


def _value(values: np.ndarray) -> float:
    return float(values[np.isfinite(values)][0])


def _number(fleet: Fleet, run: Run, name: str, what: str) -> float:
    if name not in run.extra:
        if what == "number" and name in run.labels:
            text = show(run.labels[name])
            raise InputError(f"run {run.name!r}: {name!r} is the text {text}, and a number is needed.")
        raise InputError(f"run {run.name!r} has no {what} {name!r}. {_known(fleet, name, what)}")
    values = run.extra[name]
    seen = np.unique(values[np.isfinite(values)])
    if seen.size > 1:
        raise InputError(
            f"run {run.name!r}: column {name!r} changes from {seen[0]:g} to {seen[-1]:g}; a {what} of a run is the "
            "same at all its checkpoints."
        )
    return float(seen[0])


def _known(fleet: Fleet, name: str, what: str) -> str:
    """Which names would do for every run."""
    texts = what == "label"
    own = [{*(run.labels if texts else ()), *(n for n, x in run.extra.items() if _constant(x))} for run in fleet]
    common = sorted(set.intersection(*own))
    if common:
        return suggest(name, common)
    remedy = "Give the log a column that is the same at all checkpoints of a run."
    some = sorted(set.union(*own))
    return f"No {what} is there for every run{f', only for some: {listing(some)}' if some else ''}. {remedy}"


def _constant(values: np.ndarray) -> bool:
    return np.unique(values[np.isfinite(values)]).size == 1


def constants(fleet: Fleet) -> dict[str, list[str | None] | list[float]]:
    """What holds for whole runs: labels, None where a run has none, and numbers that no run changes, NaN where none."""
    out: dict[str, list[str | None] | list[float]] = {}
    for name in dict.fromkeys(name for run in fleet for name in run.labels):
        out[name] = [_own_label(run, name) for run in fleet]
    numbers = dict.fromkeys(name for run in fleet for name in run.extra if name not in out)
    for name in numbers:
        if all(name not in run.extra or _constant(run.extra[name]) for run in fleet):
            out[name] = [_value(run.extra[name]) if name in run.extra else float("nan") for run in fleet]
    return out
