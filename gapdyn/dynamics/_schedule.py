"""Schedules: when external data arrive, and how much."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from .._check import InputError
from ..data import Run


@dataclasses.dataclass(frozen=True, eq=False)
class Schedule:
    """Amounts of external data and the times at which they arrive.

    Parameters
    ----------
    times : (arrivals,), increasing, in the run's clock.
    amounts : (arrivals,), >= 0, at least one positive. Shares of the whole (sum 1) by the paper's convention, so that
        the strength of a forcing is that of all the data; any other measure works, the strength is then per unit of it.
    end : when the last amount has arrived, for forcings that act at a rate; default: the last spacing further on.
    """

    times: Any
    amounts: Any
    end: float | None = None

    def __post_init__(self) -> None:
        times, amounts = (np.array(x, np.float64).reshape(-1) for x in (self.times, self.amounts))
        if times.size == 0 or times.shape != amounts.shape:
            raise InputError(
                f"schedule: {times.size} times and {amounts.size} amounts; give one amount for each time, at least one."
            )
        for name, x in (("times", times), ("amounts", amounts)):
            if not np.isfinite(x).all():
                raise InputError(f"schedule: {name}[{int(np.argmin(np.isfinite(x)))}] is not finite.")
        late = np.flatnonzero(np.diff(times) <= 0)
        if late.size:
            i = int(late[0])
            raise InputError(f"schedule: times must increase; times[{i + 1}]={times[i + 1]:g} follows {times[i]:g}.")
        if (amounts < 0).any() or not amounts.any():
            raise InputError("schedule: amounts must be >= 0, and one of them positive.")
        spacing = times[-1] - times[-2] if times.size > 1 else 1.0
        end = times[-1] + spacing if self.end is None else float(self.end)
        if not np.isfinite(end):
            raise InputError(f"schedule: end={end:g} is not finite.")
        if not end > times[-1]:
            raise InputError(f"schedule: end={end:g} is not after the last arrival at {times[-1]:g}.")
        for name, x in (("times", times), ("amounts", amounts)):
            x.setflags(write=False)
            object.__setattr__(self, name, x)
        object.__setattr__(self, "end", end)

    @classmethod
    def from_run(cls, run: Run) -> Schedule:
        """The run's `external` column as shares of its sum: items of a checkpoint arrive from its time on.

        Raises
        ------
        InputError
            The run has no external items.
        """
        items = np.nan_to_num(run.external, nan=0.0)
        if not items.any():
            raise InputError(
                f"run {run.name!r} has no external items, so no schedule follows from it. Log a column 'external', or "
                "give the forcing a schedule: gd.forcings.impulse(gd.forcings.early(8))."
            )
        arrived = np.flatnonzero(items)
        following = np.append(run.t[1:], run.t[-1] + (run.t[-1] - run.t[-2]))
        return cls(run.t[arrived], items[arrived] / items.sum(), float(following[arrived[-1]]))


def _rounds(rounds: Any, start: Any, length: Any) -> np.ndarray:
    if isinstance(rounds, bool) or not isinstance(rounds, int | np.integer) or rounds < 1:
        raise InputError(f"rounds={rounds!r}: give a positive integer.")
    if not (np.isfinite(start) and np.isfinite(length) and length > 0):
        raise InputError(f"start={start!r}, length={length!r}: both must be finite, and the length positive.")
    return start + length * np.arange(rounds)


def _shares(weights: np.ndarray, times: np.ndarray, length: float) -> Schedule:
    kept = weights > 0
    return Schedule(times[kept], weights[kept] / weights.sum(), float(times[-1] + length))


def early(rounds: Any, *, start: Any = 0.0, length: Any = 1.0) -> Schedule:
    """Most at first: shares fall linearly over the rounds (n, n-1, ..., 1 parts)."""
    times = _rounds(rounds, start, length)
    return _shares(np.arange(rounds, 0, -1.0), times, length)


def late(rounds: Any, *, start: Any = 0.0, length: Any = 1.0) -> Schedule:
    """Most at the end: shares rise linearly over the rounds (1, 2, ..., n parts)."""
    times = _rounds(rounds, start, length)
    return _shares(np.arange(1.0, rounds + 1), times, length)


def uniform(rounds: Any, *, start: Any = 0.0, length: Any = 1.0) -> Schedule:
    """The same share in each round."""
    times = _rounds(rounds, start, length)
    return _shares(np.ones(rounds), times, length)


def one_shot(at: Any = 0.0, *, length: Any = 1.0) -> Schedule:
    """Everything at one time (for forcings that act at a rate: over `length` from then on)."""
    times = _rounds(1, at, length)
    return _shares(np.ones(1), times, length)


def from_run(run: Run) -> Schedule:
    """The run's `external` column, see `Schedule.from_run`."""
    return Schedule.from_run(run)


def as_schedule(value: Any) -> Schedule | None:
    """A schedule, or None (the run's own)."""
    if value is None or isinstance(value, Schedule):
        return value
    raise InputError(
        f"schedule={value!r}: give one of gapdyn.forcings.early, uniform, late, one_shot, from_run, or "
        "gapdyn.forcings.Schedule(times, amounts)."
    )
