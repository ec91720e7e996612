"""Sets of names that fix a law, and the ways between them: coefficients, limits, the paper's coefficients."""

from __future__ import annotations

from typing import Any

from ._coefficients import from_paper
from ._spec import Centring, Coordinates, Values

START = ("u_s0", "u_v0")


def _canonical(values: Values, rate: Any, rho: Any, gap_inf: Any) -> dict[str, Any]:
    return {"rate": rate, "rho": rho, "gap_inf": gap_inf, "u_s0": values["u_s0"], "u_v0": values["u_v0"]}


def gap_0(v: Values) -> Any:
    """The gap at the start."""
    return v["u_s0"] - v["u_v0"]


def _from_limit_u_s(v: Values) -> dict[str, Any]:
    return _canonical(v, v["rate"], v["rho"], gap_0(v) - (1 - v["rho"]) * (v["u_s0"] - v["u_s_inf"]))


def _from_limit_u_v(v: Values) -> dict[str, Any]:
    # U_v0 - U_v,inf = rho delta/(1 - rho), so U_s,inf = U_s0 - (U_v0 - U_v,inf)/rho
    return _from_limit_u_s({**v, "u_s_inf": v["u_s0"] - (v["u_v0"] - v["u_v_inf"]) / v["rho"]})


def _from_both_limits(v: Values) -> dict[str, Any]:
    rho = (v["u_v0"] - v["u_v_inf"]) / (v["u_s0"] - v["u_s_inf"])
    return _canonical(v, v["rate"], rho, v["u_s_inf"] - v["u_v_inf"])


def _from_gap_and_u_s(v: Values) -> dict[str, Any]:
    return _from_both_limits({**v, "u_v_inf": v["u_s_inf"] - v["gap_inf"]})


def nowhere_affine(family: tuple[Coordinates, ...]) -> tuple[Coordinates, ...]:
    """The family of a law that is affine in none of its parameters."""
    return tuple(Coordinates(c.names, c.resolve) for c in family)


def _extended(family: tuple[Coordinates, ...], extra: tuple[str, ...]) -> tuple[Coordinates, ...]:
    """The family with further parameters that are themselves in all coordinates; a dose adds up as levels do."""

    def carry(coordinates: Coordinates) -> Coordinates:
        def resolve(v: Values) -> dict[str, Any]:
            return {**coordinates.resolve(v), **{n: v[n] for n in extra}}

        more = tuple(n for n in extra if n == "dose" and coordinates.affine)
        return Coordinates((*coordinates.names, *extra), resolve, (*coordinates.affine, *more))

    return tuple(carry(c) for c in family)


def without_relaxation(k: float, extra: tuple[str, ...], limits: bool) -> tuple[Coordinates, ...]:
    """Laws with a conserved quantity: coefficients, limits (of the unforced law only), the paper's in the gauge `k`."""

    def from_alpha_rho(v: Values) -> dict[str, Any]:
        return _canonical(v, k * v["alpha"] * (1 - v["rho"]), v["rho"], v["gap_inf"])

    def from_coefficients(v: Values) -> dict[str, Any]:
        return _canonical(v, *from_paper(v["alpha"], v["beta"], k, v["b"]))

    by_limits = (
        Coordinates(("rate", "rho", "u_s_inf", *START), _from_limit_u_s, ("u_s_inf", *START)),
        Coordinates(("rate", "rho", "u_v_inf", *START), _from_limit_u_v, ("u_v_inf", *START)),
        Coordinates(("rate", "u_s_inf", "u_v_inf", *START), _from_both_limits),
        Coordinates(("rate", "u_s_inf", "gap_inf", *START), _from_gap_and_u_s),
    )
    family = (
        Coordinates(("rate", "rho", "gap_inf", *START), dict, ("gap_inf", *START)),
        *(by_limits if limits else ()),
        Coordinates(("alpha", "rho", "gap_inf", *START), from_alpha_rho, ("gap_inf", *START)),
        Coordinates(("alpha", "beta", "b", *START), from_coefficients, ("b", *START)),
    )
    return _extended(family, extra) if extra else family


def relaxing(base: tuple[str, ...], extra: tuple[str, ...]) -> tuple[Coordinates, ...]:
    """Laws whose verifier settles: `base` are the names beside gap_inf and the verifier's limit u_v_inf = U_v*.

    Of gap_inf, u_v_inf and u_s_inf = u_v_inf + gap_inf any two may be given.
    """
    kept = (*base, *START)

    def of(v: Values, gap_inf: Any, u_v_inf: Any) -> dict[str, Any]:
        return {**{n: v[n] for n in kept}, "gap_inf": gap_inf, "u_v_inf": u_v_inf}

    def by(first: str, second: str, resolve: Any) -> Coordinates:
        levels = (first, second, *START)
        return Coordinates((*base, *levels), resolve, levels)

    family = (
        by("gap_inf", "u_v_inf", lambda v: of(v, v["gap_inf"], v["u_v_inf"])),
        by("gap_inf", "u_s_inf", lambda v: of(v, v["gap_inf"], v["u_s_inf"] - v["gap_inf"])),
        by("u_s_inf", "u_v_inf", lambda v: of(v, v["u_s_inf"] - v["u_v_inf"], v["u_v_inf"])),
    )
    return _extended(family, extra) if extra else family


def _u_s_inf_from_gap_inf(v: Values) -> tuple[Any, Any]:
    """U_s,inf = U_s0 - (U_s0 - U_v0)/(1 - rho) + G_inf/(1 - rho): increasing and affine in G_inf."""
    scale = 1 / (1 - v["rho"])
    return v["u_s0"] - gap_0(v) * scale, scale


# the limit without external data; a sampler's matter, so its name is one that no parameter has
CENTRED = Centring("gap_inf", "u_s_inf_unforced", ("rho", *START), _u_s_inf_from_gap_inf)
