"""`solve`: trajectories of a law at given times, by the best route there is."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp

from .._check import InputError, choose
from .._typing import Array, Float, Int
from ._exact import exact_solution
from ._law import GapLaw
from ._spec import LawSpec

if TYPE_CHECKING:
    import diffrax

ROUTES = ("auto", "exact", "ode")


class Status(enum.IntEnum):
    """How a solve ended. A failed solve is data: finite values (the start), and the reason here."""

    OK = 0
    MAX_STEPS = 1
    NOT_FINITE = 2

    @property
    def message(self) -> str:
        return {
            Status.OK: "solved",
            Status.MAX_STEPS: "the integrator reached max_steps; raise max_steps or loosen rtol",
            Status.NOT_FINITE: "the solution left the range of floating-point numbers; check the law's numbers",
        }[self]


class Trajectory(eqx.Module):
    """A law's solution.

    Attributes
    ----------
    ts : (times,)
    u_s, u_v : (times,), in the unit of the law's start; where `status` is not OK, the start repeated.
    status : () integer, a `Status`.
    steps : () integer, steps of the integrator; 0 for a closed form.
    route : "exact" or "ode".
    """

    ts: Float[Array, " times"]
    u_s: Float[Array, " times"]
    u_v: Float[Array, " times"]
    status: Int[Array, ""]
    steps: Int[Array, ""]
    route: str = eqx.field(static=True)

    @property
    def gap(self) -> Float[Array, " times"]:
        """u_s - u_v."""
        return self.u_s - self.u_v

    @property
    def ok(self) -> Any:
        """Whether the solve succeeded."""
        return self.status == Status.OK


def choose_route(law: GapLaw, route: str) -> str:
    """The route that `solve` takes: "auto" becomes "exact" where a closed form exists, else "ode"."""
    choose(route, ROUTES, "route")
    known = exact_solution(law) is not None
    if route == "exact" and not known:
        parts = f"{type(law.potential).__name__} with {type(law.response).__name__}"
        raise InputError(f"there is no closed form for {parts}. Use route='ode' or route='auto'.")
    return ("exact" if known else "ode") if route == "auto" else route


def solve(
    law: GapLaw | LawSpec,
    ts: Any,
    route: str = "auto",
    *,
    rtol: float | None = None,
    max_steps: int = 4096,
    adjoint: diffrax.AbstractAdjoint | None = None,
) -> Trajectory:
    """Solve a law at the times `ts`.

    Parameters
    ----------
    law
        A `GapLaw`, or a law of `gapdyn.laws` (its numbers, or its example numbers where none were given).
    ts : (times,)
        Times in the law's clock. The closed form takes any; integration wants them increasing, from t0 on.
    route
        "exact" (closed form), "ode" (Diffrax, adaptive), or "auto": exact where it exists.

    Other Parameters
    ----------------
    rtol
        Tolerance of the integration relative to the displacement from the start (default 1e-9, in float32 1e-5).
    max_steps
        Steps after which the integration gives up, with status MAX_STEPS.
    adjoint
        A Diffrax adjoint for the integration's gradient, such as `diffrax.ForwardMode()`; default: reverse mode by
        recursive checkpointing.

    Returns
    -------
    Trajectory
        Differentiable in every number of `law` and in `ts`; use it under `jax.jit`, `jax.vmap`, `jax.grad`.

    Raises
    ------
    InputError
        An unknown route, a route that this law lacks, times that are not a vector or not finite, or for route "ode"
        times that decrease or come before t0. Inside a JAX transformation values cannot be looked at: times out of
        order then give status NOT_FINITE.
    """
    if isinstance(law, LawSpec):
        law = law.law()
    ts = jnp.asarray(ts, float)
    if ts.ndim != 1 or ts.shape[0] == 0:
        raise InputError(f"ts must be a vector of at least one time; got shape {ts.shape}.")
    route = choose_route(law, route)
    _check_times(law, ts, route)
    if route == "exact":
        u_s, u_v = exact_solution(law)(law, ts)  # pyright: ignore[reportOptionalCall]
        finished, steps = jnp.asarray(True), jnp.asarray(0)
    else:
        from ._ode import integrate  # Diffrax takes a second to import, and the exact route does not need it

        if rtol is None:
            rtol = 1e-9 if ts.dtype == jnp.float64 else 1e-5
        u_s, u_v, finished, steps = integrate(law, ts, rtol, max_steps, adjoint)
    finite = jnp.all(jnp.isfinite(u_s) & jnp.isfinite(u_v))
    status = jnp.where(finished, jnp.where(finite, Status.OK, Status.NOT_FINITE), Status.MAX_STEPS)
    good = status == Status.OK
    u_s, u_v = jnp.where(good, u_s, law.u_s0), jnp.where(good, u_v, law.u_v0)
    return Trajectory(ts, u_s, u_v, status, steps, route)


def _check_times(law: GapLaw, ts: Array, route: str) -> None:
    if isinstance(ts, jax.core.Tracer) or isinstance(law.t0, jax.core.Tracer):
        return
    if not bool(jnp.all(jnp.isfinite(ts))):
        raise InputError("ts has NaN or infinite times; every time must be finite.")
    if route == "ode" and not bool(jnp.all(jnp.diff(ts) >= 0) & (ts[0] >= law.t0)):
        raise InputError(f"ts must increase and start at or after the law's t0={float(law.t0):g} for route='ode'.")
