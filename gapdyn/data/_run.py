"""`Run`: one training run as a checked, read-only table of checkpoints."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from types import MappingProxyType
from typing import Any, cast

import numpy as np

from .._check import InputError, choose
from ._columns import CLOCKS, DEFAULT_CLOCK, DEFAULT_UNIT, MEASURED, SERIES, SERIES_NAMES, UNITS
from ._labels import LABELS, check_labels
from ._text import show
from ._validate import (
    as_column,
    check_extra_name,
    check_finite,
    check_measured,
    check_name,
    check_series,
    check_times,
)

_UNMEASURED = cast(np.ndarray, None)  # given as None, stored as NaN


@dataclass(frozen=True, eq=False)
class Run:
    """One training run: uncertainties and what was measured beside them, over n checkpoints.

    All arrays have shape (n,), are float64 copies of what was given, and are read-only. NaN means "not
    measured". Whatever was never measured may be left out (None) and is stored as NaN.

    Parameters
    ----------
    name
        Name of the run, not empty.
    t
        Times of the checkpoints in units of the clock, finite and increasing; n >= 2.
    clock
        What `t` counts: "epoch", "round", "step", "token", or "lr" (the learning rate summed up to then).
    u_s, u_v
        Solver and verifier uncertainty, in `unit`.
    se_s, se_v
        Their standard errors, > 0, in `unit`. An unknown error is NaN, never 0.
    corr
        Correlation of the errors of `u_s` and `u_v` at one checkpoint, in (-1, 1).
    acc_s, acc_v
        Accuracy of the solver and of its best-of-N responses, in [0, 1].
    n_acc
        Number of graded responses behind `acc_s`, >= 1.
    len_s, len_v
        Mean length of the sampled and of the best-of-N responses, in tokens, > 0.
    external
        External items brought in at this checkpoint, >= 0; NaN means none.
    unit
        "nats/response", "nats/token", or "arbitrary": an affine scale whose levels have no meaning.
    extra
        Other numeric columns by name, such as pass_n, auc, fallback or n_prompts: (n,) each. One without a
        single finite value is left out.
    meta
        Anything worth keeping about the run; the readers put "source", "text_columns" and "unused_columns"
        here. "labels" is name -> text of what holds for the whole run, such as {"model": "a"}: see `labels`.

    Raises
    ------
    InputError
        If anything above does not hold, if a checkpoint has no measured value at all, if any value is
        infinite, or if a size lies outside 1e-100 .. 1e100 (float64 could not square it).

    Examples
    --------
    >>> run = Run("a", [0, 1, 2], clock="epoch", u_s=[2.0, 1.5, 1.3], u_v=[1.0, 0.9, None])
    >>> run
    Run('a', 3 checkpoints, epoch 0 to 2, u_s u_v, nats/response)
    >>> run.gap
    array([1. , 0.6, nan])
    """

    name: str
    t: np.ndarray
    _: KW_ONLY
    clock: str = DEFAULT_CLOCK
    u_s: np.ndarray = _UNMEASURED
    u_v: np.ndarray = _UNMEASURED
    se_s: np.ndarray = _UNMEASURED
    se_v: np.ndarray = _UNMEASURED
    corr: np.ndarray = _UNMEASURED
    acc_s: np.ndarray = _UNMEASURED
    acc_v: np.ndarray = _UNMEASURED
    n_acc: np.ndarray = _UNMEASURED
    len_s: np.ndarray = _UNMEASURED
    len_v: np.ndarray = _UNMEASURED
    external: np.ndarray = _UNMEASURED
    unit: str = DEFAULT_UNIT
    extra: Mapping[str, np.ndarray] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_name(self.name, "the name of a run")
        choose(self.clock, CLOCKS, f"clock of run {show(self.name)}:")
        choose(self.unit, UNITS, f"unit of run {show(self.name)}:")
        for mapping in ("extra", "meta"):
            if not isinstance(getattr(self, mapping), Mapping):
                given = show(getattr(self, mapping))
                raise InputError(f"run {show(self.name)}: {mapping} must be a mapping of names; it is {given}.")
        t = as_column(self.name, "t", self.t, None)
        check_times(self.name, t)
        self._set("t", t)
        for column in SERIES:
            given = getattr(self, column.name)
            values = as_column(self.name, column.name, given, t.size)
            if given is not None:
                check_series(self.name, column, values)
            self._set(column.name, values)
        extra = {}
        for name, given in self.extra.items():
            check_extra_name(self.name, self.clock, name)
            values = as_column(self.name, name, given, t.size)
            check_finite(f"run {show(self.name)}", name, values)
            # A file cannot tell an empty column from an absent one, so neither does a Run.
            if not np.all(np.isnan(values)):
                extra[name] = values
        self._set("extra", MappingProxyType(extra))
        meta = dict(self.meta)
        if LABELS in meta:
            meta[LABELS] = check_labels(self.name, meta[LABELS], extra)
        self._set("meta", MappingProxyType(meta))
        check_measured(self.name, [*(getattr(self, name) for name in MEASURED), *extra.values()])

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def __reduce__(self):  # a read-only mapping cannot be pickled; validation runs again on the other side
        state = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return _rebuild, ({**state, "extra": dict(self.extra), "meta": dict(self.meta)},)

    @property
    def gap(self) -> np.ndarray:
        """u_s - u_v, shape (n,); NaN where either is missing."""
        return self.u_s - self.u_v

    @functools.cached_property
    def measured(self) -> tuple[str, ...]:
        """Which of "u_s" and "u_v" have any value."""
        return tuple(name for name in ("u_s", "u_v") if np.any(np.isfinite(getattr(self, name))))

    @functools.cached_property
    def stated(self) -> tuple[str, ...]:
        """Which of "se_s" and "se_v" have any value."""
        return tuple(name for name in ("se_s", "se_v") if np.any(np.isfinite(getattr(self, name))))

    @property
    def labels(self) -> Mapping[str, str]:
        """Name -> text of what holds for the whole run; numbers that do, such as a seed, are in `extra`."""
        return MappingProxyType(self.meta.get(LABELS, {}))

    def __len__(self) -> int:
        """Number of checkpoints."""
        return self.t.size

    def head(self, n: int) -> Run:
        """The first `n` checkpoints as a run of the same name.

        Raises
        ------
        InputError
            Unless 2 <= n <= len(run).
        """
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or not 2 <= n <= len(self):
            raise InputError(f"run {show(self.name)}: head(n) needs 2 <= n <= {len(self)}; n is {show(n)}.")
        cut = {name: getattr(self, name)[:n] for name in ("t", *SERIES_NAMES)}
        extra = {name: values[:n] for name, values in self.extra.items()}
        return dataclasses.replace(self, **cut, extra=extra)

    def columns(self) -> dict[str, np.ndarray]:
        """Columns with any finite value, in contract order: time (by the clock's name), series, extras."""
        series = {name: getattr(self, name) for name in SERIES_NAMES}
        measured = {name: values for name, values in series.items() if not np.all(np.isnan(values))}
        return {self.clock: self.t, **measured, **self.extra}

    def __repr__(self) -> str:
        span = f"{self.clock} {self.t[0]:g} to {self.t[-1]:g}"
        series = " ".join(name for name in self.columns() if name in MEASURED) or " ".join(self.extra)
        return f"Run({self.name!r}, {len(self)} checkpoints, {span}, {series}, {self.unit})"


def _rebuild(state: dict[str, Any]) -> Run:
    return Run(**state)
