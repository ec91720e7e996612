"""Sweeps of a posterior: every draw under every setting, with external data that the run never had."""

from __future__ import annotations

import dataclasses
from typing import Any

import equinox as eqx
import numpy as np

from .._check import InputError
from ..dynamics import Coordinates, LawSpec
from ..dynamics.forcings import ForcingSpec
from ..inference import Fit
from ._part import Part, make_part
from ._settings import SCHEDULE, AbstractSettings, points


def part_of_fit(
    fit: Fit, settings: AbstractSettings | None, label: str, forcing: ForcingSpec | None, draws: int | None
) -> Part:
    """The fit's law with its draws, each under every setting; a setting of a parameter takes the draws' place."""
    constants = {**fit.law.constants, "t0": float(fit.scale.t0)}
    spec = dataclasses.replace(fit.law, given={}, constants=constants)
    if forcing is not None:
        spec = forced(spec, forcing, () if settings is None else settings.names)
    taken = () if settings is None else settings.names
    known = {n: x for n, x in fit.thinned(draws).items() if n in fit.law.example and n not in taken}
    if not known:
        raise InputError("settings: they take the place of every parameter of the fit. Sweep its law instead.")
    base = points({n: np.asarray(x, np.float64) for n, x in known.items()}, "draw")
    return make_part(spec, base if settings is None else base * settings, label)


def forced(spec: LawSpec, forcing: ForcingSpec, taken: tuple[str, ...]) -> LawSpec:
    """A law with external data put in.

    Raises
    ------
    InputError
        A forcing without a strength, or without a schedule, and neither is set.
    """
    name, strength = forcing.parameter, forcing.strength
    if strength is None and name not in taken:
        raise InputError(f"forcing: its strength {name!r} is not known from a run without external data. Give it, such "
                         f"as gd.forcings.{forcing.name}({name}=0.3), or sweep it.")  # fmt: skip
    if forcing.schedule is None and SCHEDULE not in taken:
        raise InputError("forcing: when do the data arrive? Give it a schedule, such as gd.forcings.early(8), or sweep "
                         "'schedule'.")  # fmt: skip
    bound = forcing.bind(None)
    family = tuple(Coordinates((*c.names, name), _carrying(c, name)) for c in spec.family if name not in c.names)

    def build(v: Any) -> Any:
        law = spec.build(v)
        return eqx.tree_at(lambda x: x.forcing, law, bound.build(v), is_leaf=lambda x: x is None)

    return dataclasses.replace(
        spec,
        build=build,
        forcing=bound,
        family=family or spec.family,
        example={**spec.example, name: 0.1},
        given={} if strength is None or name in taken else {name: strength},
        constants={**spec.constants, **bound.constants},
    )


def _carrying(coordinates: Coordinates, name: str) -> Any:
    return lambda v: {**coordinates.resolve(v), name: v[name]}
