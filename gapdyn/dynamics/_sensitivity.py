"""Derivatives of a law's limits, with what is held fixed said in the result."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from .._check import InputError, choose
from ._coefficients import from_paper, to_paper
from ._law import GapLaw
from ._limits import SERIES, is_shared_rate, limits
from ._potential import LinearPotential
from ._response import ConstantResponse
from ._spec import LawSpec

Vector = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Sensitivity:
    """Partial derivatives of one quantity.

    Attributes
    ----------
    of : the quantity.
    coordinates : the coordinate system; each derivative holds all its *other* members fixed.
    values : name -> derivative, in unit of the quantity per unit of the name.
    """

    of: str
    coordinates: str
    values: Mapping[str, float]

    def __getitem__(self, name: str) -> float:
        return self.values[name]

    def __str__(self) -> str:
        lines = [f"d {self.of} in {self.coordinates!r} coordinates"]
        for name, value in self.values.items():
            others = ", ".join(n for n in self.values if n != name)
            lines.append(f"  d/d {name:8s} {value: .6g}   at fixed {others}")
        return "\n".join(lines)


def _coefficients(law: GapLaw) -> Vector:
    assert isinstance(law.potential, LinearPotential)
    return {
        "alpha": law.response.alpha(law.t0),
        "beta": law.response.beta(law.t0),
        "k": law.potential.k,
        "b": law.potential.b,
    }


def _identifiable(law: GapLaw) -> Vector:
    return from_paper(**_coefficients(law))._asdict()


def _gap_0(law: GapLaw) -> Any:
    return law.u_s0 - law.u_v0


# name -> (from a law, back to coefficients and start)
_SYSTEMS: dict[str, tuple[Callable[[GapLaw], Vector], Callable[[Vector], Vector]]] = {
    "identifiable": (
        lambda law: {**_identifiable(law), "u_s0": law.u_s0, "u_v0": law.u_v0},
        lambda v: {
            **to_paper(v["rate"], v["rho"], v["gap_inf"])._asdict(),
            "u_s0": v["u_s0"],
            "u_v0": v["u_v0"],
        },
    ),
    "coefficients": (
        lambda law: {**_coefficients(law), "u_s0": law.u_s0, "u_v0": law.u_v0},
        lambda v: v,
    ),
    "gap_0 at fixed u_v0": (
        lambda law: {**_coefficients(law), "gap_0": _gap_0(law), "u_v0": law.u_v0},
        lambda v: {**v, "u_s0": v["u_v0"] + v["gap_0"]},
    ),
    "gap_0 at fixed u_s0": (
        lambda law: {**_coefficients(law), "gap_0": _gap_0(law), "u_s0": law.u_s0},
        lambda v: {**v, "u_v0": v["u_s0"] - v["gap_0"]},
    ),
}


OWN = "own"


def sensitivity(law: GapLaw | LawSpec, of: str = "u_s_inf", coordinates: str = "identifiable") -> Sensitivity:
    """Derivatives of a limit of a law by automatic differentiation.

    A derivative means nothing without what is held fixed: dU_s,inf/dG_0 is -beta/(alpha - beta) at fixed U_v0 and
    -alpha/(alpha - beta) at fixed U_s0. So the coordinate system is named.

    Parameters
    ----------
    law : one law (not a batch): the shared-rate law in any of the systems below, or any law of `gapdyn.laws` in "own".
    of : "u_s_inf", "u_v_inf", "gap_inf" or "time_constant".
    coordinates : "identifiable" (rate, rho, gap_inf, u_s0, u_v0), "coefficients" (alpha, beta, k, b, u_s0, u_v0),
        "gap_0 at fixed u_v0" or "gap_0 at fixed u_s0" (the coefficients, gap_0 and the named start); "own": the
        parameters by which a law of `gapdyn.laws` is stated, each with the others held fixed.

    Raises
    ------
    InputError
        Unknown names, a batch of laws, or another kind of law.
    """
    choose(of, (*(f"{s}_inf" for s in SERIES), "time_constant"), "quantity")
    choose(coordinates, (*_SYSTEMS, OWN), "coordinate system")
    if coordinates == OWN:
        return _in_its_own(law, of)
    one = law.law() if isinstance(law, LawSpec) else law
    if not is_shared_rate(one):
        raise InputError(
            f"coordinates={coordinates!r} are those of the shared-rate law. Use coordinates='own' with a law of "
            "gapdyn.laws, or jax.grad over gapdyn.limits."
        )
    if jnp.ndim(one.u_s0) != 0:
        raise InputError("sensitivity takes one law; use jax.vmap over gapdyn.limits and jax.grad for a batch.")
    there, back = _SYSTEMS[coordinates]

    def quantity(vector: Vector) -> Any:
        v = back(vector)
        potential, response = LinearPotential(v["k"], v["b"]), ConstantResponse(v["alpha"], v["beta"])
        return getattr(limits(GapLaw(potential, response, v["u_s0"], v["u_v0"], one.t0)), of)

    gradient = jax.grad(quantity)(there(one))
    return Sensitivity(of, coordinates, {name: float(gradient[name]) for name in there(one)})


def _in_its_own(law: Any, of: str) -> Sensitivity:
    if not isinstance(law, LawSpec):
        raise InputError("coordinates='own' are those in which a law of gapdyn.laws is stated; give such a law.")
    spec = law.bind(None)

    def quantity(vector: Vector) -> Any:
        return getattr(limits(spec.build({**spec.coordinates.resolve(vector), **spec.constants})), of)

    gradient = jax.grad(quantity)({name: jnp.asarray(x, float) for name, x in law.numbers.items()})
    return Sensitivity(of, OWN, {name: float(x) for name, x in gradient.items()})
