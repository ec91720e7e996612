"""Many runs as few stacks of arrays: all that an engine takes from them, in each run's standard units.

What one run is prepared to (`inference.prepare`) is what each row here holds; a test compares them number by number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._check import InputError
from ..data import Run
from ..dynamics import LawSpec
from ..inference._held import Held
from ..inference._likelihood import Likelihood
from ..inference._model import Model, Observations, in_standard_units, measured, prepare
from ..inference._padding import LEAST, padded_length
from ..inference._prior import Seen, default_prior, standardised
from ..inference._scale import Scale
from ..inference._table import Table

ROOM = 6.0  # times the shortest run's checkpoints that a stack may be wide: padding costs less than a compiled program


class Stack(NamedTuple):
    """Runs of one compiled program.

    at : (runs,), positions in what was given.
    model : of all of them.
    obs : as of one run, each array with the runs along a first axis.
    scale : arrays (runs,).
    """

    at: np.ndarray
    model: Model
    obs: Observations
    scale: Scale

    def __len__(self) -> int:
        return len(self.at)


def stacks(
    runs: Sequence[Run],
    law: LawSpec,
    *,
    prior: Mapping[str, Any] | None = None,
    likelihood: Likelihood | None = None,
    route: str = "auto",
    length: int = 0,
) -> tuple[list[Stack], dict[int, str]]:
    """The runs as stacks, as wide as `length` checkpoints at least, and position -> why a run cannot be fitted."""
    made: list[Stack] = []
    declined: dict[int, str] = {}
    settings: dict[str, Any] = {"prior": prior, "likelihood": likelihood, "route": route}
    one_by_one = law.forcing is not None or law.from_run is not None
    for width, group in _alike(runs, length):
        at = np.asarray(group)
        table = Table.of([runs[i] for i in group], width)
        scale = Scale.of(table)
        still = _still(table, scale)
        for i in at[still]:
            declined[int(i)] = _why(runs[i], law, settings)
        at = at[~still]
        if not at.size:
            continue
        if one_by_one:
            made += _collected(runs, at, law, width, settings, declined)
        else:
            moving = (table, scale) if not still.any() else (Table(*(x[~still] for x in table)), scale.rows(~still))
            made.append(_stack(runs, at, law, *moving, settings))
    return made, declined


def widths(lengths: Sequence[int]) -> np.ndarray:
    """How many checkpoints each run is padded to, (runs,): few widths, none many times as wide as a run of it."""
    every = np.asarray(lengths)
    wide = np.zeros(len(every), int)
    while (left := wide == 0).any():
        width = padded_length(int(every[left].max()))
        wide[left & (ROOM * np.maximum(every, LEAST) >= width)] = width
    return wide


def _alike(runs: Sequence[Run], length: int) -> Iterator[tuple[int, list[int]]]:
    """Positions of runs with the same columns and about as many checkpoints, and a width for them."""
    kinds: dict[Any, list[int]] = defaultdict(list)
    for i, (run, width) in enumerate(zip(runs, widths([len(run) for run in runs]), strict=True)):
        kinds[max(int(width), length), (run.measured, run.stated)].append(i)
    for (width, _), members in kinds.items():
        yield width, members


def _still(table: Table, scale: Scale) -> np.ndarray:
    """Runs without a measured series, or that do not move."""
    level = np.maximum(*(np.max(np.abs(u), axis=1, where=np.isfinite(u), initial=0.0) for u in (table.u_s, table.u_v)))
    return ~(scale.size > 1e-9 * level)


def _why(run: Run, law: LawSpec, settings: Mapping[str, Any]) -> str:
    try:
        prepare(run, law, **settings)
    except InputError as error:
        return str(error)
    raise AssertionError(run.name)


def _stack(
    runs: Sequence[Run], at: np.ndarray, law: LawSpec, table: Table, scale: Scale, settings: Mapping[str, Any]
) -> Stack:
    """A stack of runs that differ in their numbers alone: those of all are made at once."""
    model, one, _ = prepare(runs[at[0]], law, **settings, length=table.real.shape[1])
    numbers = {
        "fixed": in_standard_units(scale, model.law.fixed),
        "constants": in_standard_units(scale, model.law.constants),
    }
    spread = jax.tree.map(lambda x: np.broadcast_to(x, at.shape), numbers)
    obs = Observations(
        **measured(table, scale), priors=_priors(one, model, Seen.of(table, scale), scale, settings["prior"]),
        fixed=spread["fixed"], constants=spread["constants"],
    )  # fmt: skip
    assert jax.tree.structure(obs) == jax.tree.structure(one)
    return Stack(at, model, jax.tree.map(np.asarray, obs), scale)


def _priors(
    one: Observations, model: Model, seen: Seen, scale: Scale, prior: Mapping[str, Any] | None
) -> dict[str, Held]:
    """What `choose_priors` chooses of each run, with the runs along a first axis; `one` has those of one."""
    given, curve, made = {**model.law.priors, **(prior or {})}, model.law.home == "curves", {}
    for name, held in one.priors.items():
        if name in given:
            made[name] = jax.vmap(lambda own, n=name: Held(standardised(n, given[n], Scale(*own))))(astuple(scale))
        else:
            leaves, form = jax.tree.flatten(held)
            many = jax.tree.leaves(Held(default_prior(name, seen, curve)))
            shapes = [(*scale.size.shape, *np.shape(x)) for x in leaves]
            made[name] = form.unflatten(np.broadcast_to(x, shape) for x, shape in zip(many, shapes, strict=True))
    return made


def _collected(
    runs: Sequence[Run], at: np.ndarray, law: LawSpec, width: int, settings: Mapping[str, Any], declined: dict[int, str]
) -> list[Stack]:
    """Stacks of runs that bring something of their own into the law (schedules), prepared one by one."""
    groups: dict[Any, list[tuple[int, Model, Observations, Scale]]] = defaultdict(list)
    for i in at:
        try:
            model, obs, scale = prepare(runs[i], law, **settings, length=width)
        except InputError as error:
            declined[int(i)] = str(error)
            continue
        groups[model, tuple(jnp.shape(x) for x in jax.tree.leaves(obs))].append((int(i), model, obs, scale))
    made = []
    for rows in groups.values():
        where, models, every, scales = zip(*rows, strict=True)
        obs = jax.tree.map(lambda *x: np.stack(x), *every)
        scale = Scale(*np.transpose([astuple(s) for s in scales]))
        made.append(Stack(np.asarray(where), models[0], obs, scale))
    return made
