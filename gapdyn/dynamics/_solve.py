"""`solve`: trajectories of a law at given times, by the best route there is."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, NamedTuple

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from .._check import InputError, choose
from .._typing import Array, Float, Int
from ._curve import AbstractCurve
from ._exact import exact_flow, piecewise
from ._fixed import integrate_fixed
from ._law import GapLaw
from ._map import iterate
from ._pieces import displacement_scale
from ._spec import LawSpec

if TYPE_CHECKING:
    import diffrax

ROUTES = ("auto", "exact", "fixed", "ode", "map")
MOST_ROUNDS = 100_000
FINE = 128  # fixed steps over the longest stretch of a solve that cannot look at its numbers
MOST_ODE_STEPS = 4096
MOST_STEPS = 1024  # between two times: beyond that an adaptive solver is the better tool


class Status(enum.IntEnum):
    """How a solve ended. A failed solve is data: finite values (the start), and the reason here."""

    OK = 0
    MAX_STEPS = 1
    NOT_FINITE = 2
    INACCURATE = 3

    @property
    def message(self) -> str:
        return {
            Status.OK: "solved",
            Status.MAX_STEPS: "the integrator reached max_steps; raise max_steps or loosen rtol",
            Status.NOT_FINITE: "the solution left the range of floating-point numbers; check the law's numbers",
            Status.INACCURATE: "the fixed steps were too coarse; raise steps, or take route='ode'",
        }[self]


class Trajectory(eqx.Module):
    """A law's solution.

    Attributes
    ----------
    ts : (times,)
    u_s, u_v : (times,), in the unit of the law's start; where `status` is not OK, the start repeated.
    status : () integer, a `Status`.
    steps : () integer, steps of the integrator; 0 for a closed form.
    route : "exact", "fixed", "ode" or "map".
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


class Route(NamedTuple):
    """A route with what must be known before compiling: steps between times ("fixed"), rounds in all ("map")."""

    name: str
    steps: int = 0


def choose_route(law: GapLaw | AbstractCurve, route: str) -> str:
    """The route that `solve` takes. "auto": "exact" where a closed form exists, "map" for rounds, else "fixed"."""
    choose(route, ROUTES, "route")
    if isinstance(law, AbstractCurve):
        if route not in ("auto", "exact"):
            raise InputError(f"a curve is a formula: route={route!r} does not apply. Use route='exact' or 'auto'.")
        return "exact"
    rounds, known = law.round_length is not None, exact_flow(law) is not None
    if route == "auto":
        return "map" if rounds else "exact" if known else "fixed"
    if rounds != (route == "map"):
        what = "in rounds is a map" if rounds else "is a differential equation, not a map"
        raise InputError(f"this law {what}: route={route!r} does not apply. Use route='auto'.")
    if route == "exact" and not known:
        parts = [law.potential, law.response, law.relaxation, law.forcing]
        named = " with ".join(type(p).__name__ for p in parts if p is not None)
        raise InputError(f"there is no closed form for {named}. Use route='fixed', 'ode' or 'auto'.")
    return route


def plan(
    law: GapLaw | AbstractCurve, route: str, ts: Any, t0: float, steps: int | None = None, fine: int = FINE
) -> Route:
    """The route with its number of steps, for times (NumPy) that are known while the law's numbers may not be.

    `fine` is how many fixed steps the whole span of the times gets at least.
    """
    name = choose_route(law, route)
    if name == "map":
        assert isinstance(law, GapLaw)
        needed = int(np.ceil((float(np.max(ts)) - t0) / float(law.round_length) - 1e-6))  # pyright: ignore
        if needed > MOST_ROUNDS:
            raise InputError(
                f"{needed} rounds of length {float(law.round_length):g} lie between t0={t0:g} and "  # pyright: ignore
                f"{float(np.max(ts)):g}; at most {MOST_ROUNDS} are computed. Give a round's length in the run's clock."
            )
        return Route(name, max(needed, 1))
    if name == "fixed" and steps is None:
        known = np.unique(np.append(np.asarray(ts, np.float64), t0))
        longest, span = np.max(np.diff(known), initial=0.0), known[-1] - known[0]
        asked = fine * longest / span if span > 0 else 1.0
        steps = 2 ** max(0, int(np.ceil(np.log2(asked))))  # few numbers: each is a program of its own
    return Route(name, steps or 0)


def solve(
    law: GapLaw | AbstractCurve | LawSpec,
    ts: Any,
    route: str = "auto",
    *,
    rtol: float | None = None,
    steps: int | None = None,
    max_steps: int = MOST_ODE_STEPS,
    adjoint: diffrax.AbstractAdjoint | None = None,
) -> Trajectory:
    """Solve a law at the times `ts`.

    Parameters
    ----------
    law
        A `GapLaw`, or a law of `gapdyn.laws` (its numbers, or its example numbers where none were given). A curve of
        `gapdyn.curves` too.
    ts : (times,)
        Times in the law's clock. The closed form takes any; the others want them increasing, from t0 on.
    route
        "exact" (closed form), "fixed" (a fixed number of steps of order 5, checked), "ode" (Diffrax, adaptive), "map"
        (laws in rounds), or "auto": "map" for rounds, exact where it exists, else fixed.

    Other Parameters
    ----------------
    rtol
        Tolerance relative to the displacement from the start: what "ode" steps by (default 1e-9, in float32 1e-5), and
        the estimated error beyond which "fixed" says INACCURATE (default 1e-6, in float32 1e-4).
    steps
        For "fixed": steps between neighbouring times. Default: as many as the law's numbers ask for where they can be
        looked at, refined until `rtol` holds, and Diffrax where they do not suffice; inside a JAX transformation 128
        over the whole span. For "map" inside a transformation: the number of rounds.
    max_steps
        Steps after which "ode" gives up, with status MAX_STEPS.
    adjoint
        A Diffrax adjoint for the gradient of "ode", such as `diffrax.ForwardMode()`; default: reverse mode by
        recursive checkpointing. All routes but "ode" take either mode as they are.

    Returns
    -------
    Trajectory
        Differentiable in every number of `law` and in `ts`; use it under `jax.jit`, `jax.vmap`, `jax.grad`. At the very
        time of an impulse it has not acted yet.

    Raises
    ------
    InputError
        An unknown route, a route that this law lacks, times that are not a vector or not finite, or except for "exact"
        times that decrease or come before t0. Inside a JAX transformation values cannot be looked at.
    """
    if isinstance(law, LawSpec):
        law = law.law()
    ts = jnp.asarray(ts, float)
    if ts.ndim != 1 or ts.shape[0] == 0:
        raise InputError(f"ts must be a vector of at least one time; got shape {ts.shape}.")
    if steps is not None and (not isinstance(steps, int) or isinstance(steps, bool) or steps < 1):
        raise InputError(f"steps={steps!r}: give a positive integer.")
    name = choose_route(law, route)
    _check_times(law, ts, name)
    hidden = any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves((law, ts)))
    if name == "ode":
        assert isinstance(law, GapLaw)
        return _ode(law, ts, ode_tolerance(ts) if rtol is None else jnp.asarray(rtol, float), max_steps, adjoint)
    if hidden:
        if name == "map" and steps is None:
            raise InputError("a map inside a JAX transformation needs the number of rounds: solve(..., steps=ROUNDS).")
        if name == "fixed" and steps is None:
            steps = -(-FINE // ts.shape[0])
        return along(law, ts, Route(name, steps or 0), _accuracy(rtol, ts))
    if name == "fixed" and steps is None:
        return _refined(law, ts, rtol, max_steps, adjoint, need_not=route == "auto")
    return along(law, ts, plan(law, name, np.asarray(ts), float(law.t0), steps), _accuracy(rtol, ts))


def ode_tolerance(ts: Array) -> Array:
    """What "ode" steps by where nothing else is asked, relative to the displacement."""
    return jnp.asarray(1e-9 if ts.dtype == jnp.float64 else 1e-5, float)


def _accuracy(rtol: float | None, ts: Array) -> Array:
    return jnp.asarray(rtol if rtol is not None else 1e-6 if ts.dtype == jnp.float64 else 1e-4, float)


def _refined(law: Any, ts: Array, rtol: float | None, max_steps: int, adjoint: Any, need_not: bool) -> Trajectory:
    """Fixed steps, four times as many until they are accurate; in the end an adaptive solve, where one may."""
    steps = plan(law, "fixed", np.asarray(ts), float(law.t0)).steps
    while True:
        found = along(law, ts, Route("fixed", steps), _accuracy(rtol, ts))
        if found.ok or 4 * steps > MOST_STEPS:
            break
        steps *= 4
    if found.ok or not need_not:
        return found
    return solve(law, ts, "ode", rtol=rtol, max_steps=max_steps, adjoint=adjoint)


@eqx.filter_jit
def along(law: GapLaw | AbstractCurve, ts: Array, route: Route, rtol: Any) -> Trajectory:
    """`solve` along a planned route, without a look at any number: for compiled code."""
    count, error = jnp.asarray(0), jnp.zeros(())
    if isinstance(law, AbstractCurve):
        u_s, u_v = law(ts)
    elif route.name == "exact":
        u_s, u_v = piecewise(law, ts)
    elif route.name == "map":
        u_s, u_v = iterate(law, ts, route.steps)
        count = jnp.asarray(route.steps)
    elif route.name == "fixed":
        u_s, u_v, error = integrate_fixed(law, ts, route.steps)
        error = error / displacement_scale(law)
        count = jnp.asarray(route.steps * ts.shape[0])
    else:
        return _ode(law, ts, rtol, MOST_ODE_STEPS, None)
    accurate = jnp.where(error <= rtol, Status.OK, Status.INACCURATE)
    return _finish(law, ts, u_s, u_v, accurate, count, route.name)


@eqx.filter_jit
def _ode(law: GapLaw, ts: Array, rtol: Any, max_steps: int, adjoint: Any) -> Trajectory:
    from ._ode import integrate  # Diffrax takes a second to import, and the other routes do not need it

    u_s, u_v, finished, count = integrate(law, ts, rtol, max_steps, adjoint)
    return _finish(law, ts, u_s, u_v, jnp.where(finished, Status.OK, Status.MAX_STEPS), count, "ode")


def _finish(law: Any, ts: Array, u_s: Any, u_v: Any, status: Any, steps: Any, route: str) -> Trajectory:
    finite = jnp.all(jnp.isfinite(u_s) & jnp.isfinite(u_v))
    status = jnp.where((status != Status.MAX_STEPS) & ~finite, Status.NOT_FINITE, status)
    good = status == Status.OK
    u_s, u_v = jnp.where(good, u_s, law.u_s0), jnp.where(good, u_v, law.u_v0)
    return Trajectory(ts, u_s, u_v, status, steps, route)


def _check_times(law: GapLaw | AbstractCurve, ts: Array, route: str) -> None:
    if isinstance(ts, jax.core.Tracer) or isinstance(law.t0, jax.core.Tracer):
        return
    known = np.asarray(ts)  # NumPy: under `jit` JAX would turn even these known times into traced ones
    if not np.isfinite(known).all():
        raise InputError("ts has NaN or infinite times; every time must be finite.")
    if route != "exact" and not (np.all(np.diff(known) >= 0) and known[0] >= np.asarray(law.t0)):
        raise InputError(f"ts must increase and start at or after the law's t0={float(law.t0):g} for route={route!r}.")
