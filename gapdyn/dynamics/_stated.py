"""What the laws of `laws` have in common: the ways from parameters to a `GapLaw`, and their specifications."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from .._check import InputError
from ._coefficients import to_paper
from ._families import CENTRED, nowhere_affine, relaxing, without_relaxation
from ._law import GapLaw
from ._limits import limits
from ._potential import LinearPotential
from ._relaxation import RelaxingVerifier
from ._response import ConstantResponse
from ._spec import LawSpec, Values
from .forcings import ForcingSpec

EXAMPLE = {"rate": 0.5, "rho": 0.3, "gap_inf": 0.05, "u_s0": 1.0, "u_v0": 0.6}
_STRENGTH = {"gamma": 0.3, "dose": 0.1}
SUN = "Sun et al. 2025, arXiv:2507.00075, section 3"
OURS = "gapdyn, after arXiv:2507.00075, section 3"


def _forced(forcing: Any) -> tuple[ForcingSpec | None, tuple[str, ...], dict[str, Any]]:
    """The forcing, the names of its parameters, and what was given for them."""
    if forcing is None:
        return None, (), {}
    if not isinstance(forcing, ForcingSpec):
        raise InputError(
            f"forcing={forcing!r}: give one of gapdyn.forcings, such as gd.forcings.impulse(gd.forcings.early(8))."
        )
    return forcing, (forcing.parameter,), {forcing.parameter: forcing.strength}


def alpha_of(v: Values) -> Any:
    """alpha in the gauge k = 1."""
    return v["rate"] / (1 - v["rho"])


def assemble(v: Values, potential: Any, response: Any, forcing: ForcingSpec | None, **more: Any) -> GapLaw:
    made = None if forcing is None else forcing.build(v)
    return GapLaw(potential, response, v["u_s0"], v["u_v0"], v.get("t0", 0.0), forcing=made, **more)


def limit_outputs(law: GapLaw) -> dict[str, Any]:
    ends = limits(law)
    return {"u_s_inf": ends.u_s_inf, "u_v_inf": ends.u_v_inf}


def start_size(v: Values) -> Any:
    """|G_0 - G_inf|, the reference in which nonlinear potentials are written; 1 at rest."""
    size = jnp.abs(v["u_s0"] - v["u_v0"] - v["gap_inf"])
    return jnp.where(size == 0, 1.0, size)


def conserving(
    name: str, title: str, equation: str, source: str, build: Callable[[Values], GapLaw], given: Mapping[str, Any],
    forcing: Any, extra: Mapping[str, float] | None = None, k: float = 1.0, outputs: Any = limit_outputs,
    affine: bool = True, **more: Any,
) -> LawSpec:  # fmt: skip
    """A law without relaxation: the five common parameters, `extra` ones (name -> example), and the forcing's.

    `affine`: whether it is so in levels, the other parameters given.
    """
    spec, strengths, said = _forced(forcing)
    names = (*(extra or {}), *strengths)
    simple = extra is None or not {"tau", "q"} <= set(extra)
    # limits stand in for coefficients where they are formulas of them
    family = without_relaxation(k, names, limits=spec is None and simple)
    return LawSpec(
        name=name,
        title=title,
        equation=equation,
        source=source,
        example={**EXAMPLE, **(extra or {}), **{n: _STRENGTH[n] for n in strengths}},
        family=family if affine else nowhere_affine(family),
        build=build,
        outputs=outputs,
        centring=CENTRED,
        given={**given, **said},
        forcing=spec,
        **more,
    )


def linear_law(
    name: str, title: str, equation: str, source: str, given: Mapping[str, Any], forcing: Any, gauge: float = 1.0,
    extra: Mapping[str, float] | None = None, **more: Any,
) -> LawSpec:  # fmt: skip
    def build(v: Values) -> GapLaw:
        c = to_paper(v["rate"], v["rho"], v["gap_inf"], k=gauge)
        response = ConstantResponse(c.alpha, c.beta)
        parts = {n: v[n] for n in ("round_length", "diffusion") if n in v}
        return assemble(v, LinearPotential(c.k, c.b), response, spec.forcing, **parts)

    def outputs(law: GapLaw) -> dict[str, Any]:
        assert isinstance(law.potential, LinearPotential)
        assert isinstance(law.response, ConstantResponse)
        return {**limit_outputs(law), "alpha": law.response.a, "beta": law.response.b, "b": law.potential.b}

    spec = conserving(
        name, title, equation, source, build, given, forcing, extra, gauge, outputs, static=(gauge,), **more
    )
    return spec


def relaxing_law(
    name: str, title: str, equation: str, base: Mapping[str, float], given: Mapping[str, Any], forcing: Any
) -> LawSpec:
    spec, strengths, said = _forced(forcing)

    def build(v: Values) -> GapLaw:
        rho = v.get("rho", 0.0)
        c = to_paper(v["rate"], rho, v["gap_inf"])
        relaxation = RelaxingVerifier(v["kappa"], v["u_v_inf"])
        response = ConstantResponse(c.alpha, c.beta)
        return assemble(v, LinearPotential(c.k, c.b), response, spec, relaxation=relaxation)

    start = {n: EXAMPLE[n] for n in ("gap_inf", "u_s0", "u_v0")}
    return LawSpec(
        name=name,
        title=title,
        equation=equation,
        source=OURS,
        example={**base, **start, "u_v_inf": 0.35, **{n: _STRENGTH[n] for n in strengths}},
        family=relaxing(tuple(base), strengths),
        build=build,
        outputs=lambda law: {"u_s_inf": limit_outputs(law)["u_s_inf"]},
        given={**given, **said},
        forcing=spec,
    )


def speeds(times: np.ndarray, lr: np.ndarray, who: str) -> dict[str, np.ndarray]:
    """The schedule over its mean, checked."""
    if times.ndim != 1 or times.shape != lr.shape or times.size < 2:
        raise InputError(f"{who}: learning rates need two or more times and one rate for each.")
    if not (np.isfinite(times).all() and (np.diff(times) > 0).all()):
        raise InputError(f"{who}: the times of the learning rates must be finite and increase.")
    if not (np.isfinite(lr).all() and (lr >= 0).all() and lr.any()):
        raise InputError(f"{who}: learning rates must be finite and >= 0, and not all 0.")
    mean = float(np.trapezoid(lr, times) / (times[-1] - times[0]))
    return {"clock_times": times, "clock_speeds": lr / mean}
