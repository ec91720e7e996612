"""What the population says of a run that nobody has made yet."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._check import InputError
from .._finding import AbstractResult, Finding
from .._random import as_seed, generator
from ..data._text import show, suggest
from ..inference import Summary
from ..inference._diagnostics import summarise
from ..inference._model import unit_of
from ..inference._sites import is_noise
from ._pooled_data import Prepared
from ._pooled_draws import outputs
from ._pooled_model import effect, scatter, slope, typical


@dataclasses.dataclass(frozen=True, eq=False)
class NewRun(AbstractResult):
    """The predictive posterior of an unseen run. Made by `PooledFit.new_run`; prints itself.

    Attributes
    ----------
    draws : parameter, limit or noise -> (draw,), in the fleet's units. `draws["u_s_inf"]` is its ceiling.
    groups : group -> the member that it is of, None for a new one.
    covariates : name -> number.
    unit, clock : of the fleet.
    summary : parameter -> `Summary`.
    findings : a covariate beyond those of the runs.
    """

    draws: Mapping[str, np.ndarray]
    groups: Mapping[str, str | None]
    covariates: Mapping[str, float]
    unit: str
    clock: str
    summary: Mapping[str, Summary]
    findings: tuple[Finding, ...]
    units: Mapping[str, str] = dataclasses.field(repr=False)

    def __getitem__(self, name: str) -> np.ndarray:
        """Draws of one number, (draw,)."""
        if name not in self.draws:
            raise InputError(f"a new run has no number {show(name)}. {suggest(str(name), self.draws)}")
        return self.draws[name]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        figures = ("mean", "sd", "q05", "q50", "q95")
        numbers = {n: {f: getattr(s, f) for f in figures} for n, s in self.summary.items()}
        found = [f.to_dict() for f in self.findings]
        return {"groups": dict(self.groups), "covariates": dict(self.covariates), "numbers": numbers, "findings": found}

    def table(self) -> str:
        """The numbers of the run, without the findings."""
        told = [f"{g} {m or '(a new one)'}" for g, m in self.groups.items()]
        told += [f"{c} {x:g}" for c, x in self.covariates.items()]
        rows = [" | ".join(["a new run", *told]), f"{'':10s}{'median':>11s}{'90% interval':>24s}  unit"]
        for name, s in self.summary.items():
            interval = f"[{s.q05:.4g}, {s.q95:.4g}]"
            rows.append(f"{name:10s}{s.q50:>11.4g}{interval:>24s}  {self.units[name]}")
        return "\n".join(rows)


def new_run(
    prepared: Prepared, hyper: Mapping[str, np.ndarray], group: Any, covariates: Mapping[str, float] | None, key: Any
) -> NewRun:
    """See `PooledFit.new_run`; `hyper` in standard units, (chain, draw[, member])."""
    whose = _whose(prepared, group)
    numbers = _numbers(prepared, covariates)
    mean, spread = prepared.centre
    at = (np.array([*numbers.values()]) - mean) / spread
    member = [None if m is None else prepared.labels[g].index(m) for g, m in whose.items()]
    values = predicted(prepared, hyper, at[None], member, generator(as_seed(key)), True)
    draws = {n: x[:, 0] for n, x in values.items()}
    summary = {n: summarise(x[None]) for n, x in draws.items()}
    run = prepared.fleet.runs[0]
    units = {n: unit_of(n, run) for n in draws}
    found = []
    for name, x in numbers.items():
        low, high = prepared.covariates[name].min(), prepared.covariates[name].max()
        if not low <= x <= high:
            text = f"{name} {x:g} lies beyond the runs' own, {low:g} to {high:g}: the line is drawn on straight."
            found.append(Finding("warning", "beyond_the_runs", text, "Believe it the less, the further out it is."))
    return NewRun(draws, whose, numbers, run.unit, run.clock, summary, tuple(found), units)


def predicted(
    prepared: Prepared,
    hyper: Mapping[str, np.ndarray],
    at: np.ndarray,
    members: list[int | None],
    random: np.random.Generator,
    scattered: bool,
) -> dict[str, np.ndarray]:
    """Every number (draw, points) of runs with standardised covariates `at` (points, covariates), in the fleet's units.

    `members`: for each group the number of the member, None for a new one. `scattered`: with the deviations that runs
    and new members have, which are the same at all points; else of the typical run.
    """
    check_schedules(prepared)
    model, pool = prepared.model, prepared.pool
    flat = {n: x.reshape(-1, *x.shape[2:]) for n, x in hyper.items()}
    count, points = len(flat[typical(model.pooled[0])]), len(at)
    values = {n: np.repeat(flat[n], points) for n in model.common}
    for name in model.pooled:
        line = model.line(name, pool)
        loc = np.asarray(line.inv(jnp.asarray(flat[typical(name)], float)))[:, None] + np.zeros(points)
        if name in model.explained:
            for (group, _), who in zip(model.groups, members, strict=True):
                fresh = flat[scatter(name, group)] * random.standard_normal(count) * scattered
                loc = loc + (fresh if who is None else flat[effect(name, group)][:, who])[:, None]
            for j, covariate in enumerate(model.covariates):
                loc = loc + flat[slope(name, covariate)][:, None] * at[:, j]
        own = flat[scatter(name)] * random.standard_normal(count)
        loc = loc + (own * scattered)[:, None]
        values[name] = np.asarray(line(jnp.asarray(loc.reshape(-1), float)))
    found = outputs(prepared, {**values, **{n: np.zeros(count * points) for n in model.own}})
    return {n: x.reshape(count, points) for n, x in found.items() if not (is_noise(n) and n in model.own)}


def check_schedules(prepared: Prepared) -> None:
    """A run that nobody has made has no schedule, so it takes that of the others, if they have one."""
    alike = [jax.tree.map(np.asarray, o.constants) for o in prepared.observations]
    for name, first in alike[0].items():
        if any(not np.array_equal(first, other[name]) for other in alike):
            raise InputError(
                "the runs have schedules of their own, so nobody can say what that of a new run would be. Give the law "
                "one schedule for all runs."
            )


def _whose(prepared: Prepared, group: Any) -> dict[str, str | None]:
    groups = list(prepared.labels)
    if group is None:
        stated: Mapping[str, Any] = {}
    elif isinstance(group, Mapping):
        stated = group
    elif len(groups) == 1:
        stated = {groups[0]: group}
    else:
        told = f"by {', '.join(groups)}" if groups else "in no way"
        raise InputError(f"group={show(group)}: runs are grouped {told}. Pass a mapping, group -> member.")
    for name, member in stated.items():
        if name not in groups:
            raise InputError(f"runs are not grouped by {show(name)}. {suggest(str(name), groups)}")
        if member is not None and str(member) not in prepared.labels[name]:
            known = suggest(str(member), prepared.labels[name])
            raise InputError(f"group {name!r} has no member {show(member)}. {known} For a new one pass None.")
    return {name: None if stated.get(name) is None else str(stated[name]) for name in groups}


def _numbers(prepared: Prepared, covariates: Mapping[str, float] | None) -> dict[str, float]:
    stated, names = dict(covariates or {}), list(prepared.covariates)
    if set(stated) != set(names):
        wanted = f"those of the fit, {', '.join(names)}" if names else "none, for the fit has none"
        raise InputError(f"covariates={stated}: a new run needs {wanted}.")
    return {name: float(stated[name]) for name in names}
