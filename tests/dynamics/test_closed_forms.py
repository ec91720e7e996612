"""Every closed form of the table against Diffrax, SciPy and finite differences, at its degenerate limits too."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from quick import quick_jit
from scipy.integrate import solve_ivp

import gapdyn as gd
from gapdyn.dynamics import (
    ClockedResponse,
    ConstantResponse,
    DriftingResponse,
    GapLaw,
    ImpulseForcing,
    LinearPotential,
    PowerClock,
    PowerPotential,
    RampForcing,
    RelaxingVerifier,
    SaturatingPotential,
    ScheduleClock,
    StepForcing,
)
from gapdyn.dynamics._exact import EXACT

T0 = 1.0
TS = T0 + np.linspace(0.0, 8.0, 9)
WEIGHTS = np.cos(np.arange(2.0 * TS.size)).reshape(2, -1)  # of a sum over the trajectory, whose gradient is compared
KNOTS, SPEEDS = np.asarray([0.0, 2.5, 5.2, 7.1]), np.asarray([0.2, 1.6, 0.0, 0.7])


@dataclasses.dataclass(frozen=True)
class Form:
    """One way of putting together a law that has a closed form."""

    potential: str = "linear"
    clock: str = "constant"
    relaxing: bool = False
    forcing: str = "none"

    def __str__(self) -> str:
        return "-".join((self.potential, self.clock, *(["relaxing"] if self.relaxing else []), self.forcing))

    def law(self, x: dict[str, Any]) -> GapLaw:
        potential = {
            "linear": lambda: LinearPotential(x["k"], x["k"] * x["gap_inf"]),
            "power": lambda: PowerPotential(x["k"], x["gap_inf"], 1 + x["excess"], 0.4),
            "one-sided": lambda: PowerPotential(x["k"], x["gap_inf"], 1 + x["excess"], 0.4, one_sided=True),
            "saturating": lambda: SaturatingPotential(x["k"], x["gap_inf"], x["s"]),
        }[self.potential]()
        clock = {
            "constant": lambda: None,
            "decaying": lambda: PowerClock(x["tau"], x["p"], T0),
            "scheduled": lambda: ScheduleClock(KNOTS, SPEEDS),
            "drifting": lambda: None,
        }[self.clock]()
        alpha, beta = x["alpha"], x["rho"] * x["alpha"]
        response = ConstantResponse(alpha, beta) if clock is None else ClockedResponse(alpha, beta, clock)
        if self.clock == "drifting":
            response = DriftingResponse(alpha, x["rho"], x["tau"], x["q"], T0)
        relaxation = RelaxingVerifier(x["kappa"], x["target"]) if self.relaxing else None
        rest = x["times"], x["amounts"], x["strength"], x["zero"]
        forcing = {
            "none": lambda: None,
            "impulses": lambda: ImpulseForcing(*rest),
            "falls": lambda: ImpulseForcing(*rest, multiplicative=False),
            "steps": lambda: StepForcing(*rest, end=x["end"]),
            "slides": lambda: StepForcing(*rest, end=x["end"], multiplicative=False),
        }[self.forcing]()
        return GapLaw(potential, response, x["u_s0"], x["u_v0"], T0, relaxation, forcing)

    @property
    def key(self) -> tuple[type, ...]:
        law = self.law(BASE)
        return type(law.potential), type(law.response), type(law.relaxation), type(law.forcing)


BASE: dict[str, Any] = {
    "k": 1.0, "alpha": 0.7, "rho": 0.3, "gap_inf": 0.05, "u_s0": 1.0, "u_v0": 0.6, "excess": 0.8, "s": 0.2,
    "tau": 2.0, "p": 0.7, "q": 0.4, "kappa": 0.2, "target": 0.35, "strength": 0.4, "zero": 0.1, "end": 7.7,
    "times": np.asarray([2.3, 4.6, 6.2]), "amounts": np.asarray([0.5, 0.2, 0.3]),
}  # fmt: skip

FORMS = [
    *(
        Form(potential, clock, relaxing, forcing)
        for (potential, relaxing), (clock, forcing) in itertools.product(
            (("linear", False), ("power", False), ("saturating", False), ("linear", True)),
            (("constant", "none"), ("decaying", "none"), ("constant", "impulses"), ("scheduled", "impulses")),
        )
    ),
    Form("one-sided"),
    Form("linear", "drifting"),
    Form("linear", "drifting", False, "impulses"),
    Form("linear", "constant", False, "falls"),
    Form("linear", "constant", False, "slides"),
    *(Form("linear", "constant", relaxing, "steps") for relaxing in (False, True)),
]


def test_no_closed_form_is_left_out():
    assert {form.key for form in FORMS} == set(EXACT)


@functools.cache
def compiled(form: Form) -> Any:
    """Each route's (u_s, u_v), whether it succeeded, and the gradient of one weighted sum of it in all numbers.

    Reverse mode through the closed form and forward mode through Diffrax, which compiles in half the time.
    """

    def weighted(x: dict[str, Any], route: str) -> Any:
        t = gd.solve(form.law(x), TS, route, adjoint=diffrax.ForwardMode() if route == "ode" else None)
        y = jnp.stack([t.u_s, t.u_v])
        return jnp.sum(WEIGHTS * y), (y, t.ok)

    def both(x: dict[str, Any]) -> dict[str, Any]:
        exact, (y, ok) = jax.grad(weighted, has_aux=True)(x, "exact")
        ode, (y_ode, ok_ode) = jax.jacfwd(weighted, has_aux=True)(x, "ode")
        return {"exact": (y, exact), "ode": (y_ode, ode), "ok": ok & ok_ode}

    return quick_jit(both)


@pytest.fixture(scope="module", params=FORMS, ids=str)
def form(request):
    """One form; tests of one form run one after the other, and its program is dropped after them."""
    yield request.param
    compiled.cache_clear()


@pytest.fixture(scope="module", autouse=True)
def programs_are_dropped():
    yield
    jax.clear_caches()


def scipy_path(form: Form, x: dict[str, Any]) -> np.ndarray:
    """The same law in NumPy, integrated by DOP853 from event to event."""
    alpha, beta, n = x["alpha"], x["rho"] * x["alpha"], len(x["times"])
    starts = np.append(x["times"], x["end"]) if form.forcing in ("steps", "slides") else x["times"]

    def potential(gap: float) -> float:
        d = gap - x["gap_inf"]
        if form.potential == "linear":
            return x["k"] * d
        if form.potential == "saturating":
            return x["k"] * x["s"] * np.tanh(d / x["s"])
        return 0.0 if form.potential == "one-sided" and d < 0 else x["k"] * d * abs(d / 0.4) ** x["excess"]

    def speed(t: float) -> float:
        if form.clock == "decaying":
            return (1 + (t - T0) / x["tau"]) ** -x["p"]
        return np.interp(t, KNOTS, SPEEDS) if form.clock == "scheduled" else 1.0

    def field(t: float, y: np.ndarray, density: float) -> list[float]:
        drive = speed(t) * potential(y[0] - y[1])
        pull = -speed(t) * x["kappa"] * (y[1] - x["target"]) if form.relaxing else 0.0
        push = x["strength"] * density * (y[1] - x["zero"] if form.forcing == "steps" else 1.0)
        b = beta
        if form.clock == "drifting":
            b = alpha * min(1.0, x["rho"] * (1 + (t - T0) / x["tau"]) ** x["q"])
        return [-alpha * drive, -b * drive + pull - push]

    def kicked(y: np.ndarray, amount: float) -> np.ndarray:
        push = x["strength"] * amount
        low = x["zero"]
        return np.asarray([y[0], low + (y[1] - low) / (1 + push) if form.forcing == "impulses" else y[1] - push])

    edges = [T0, *(() if form.forcing == "none" else starts[(starts >= T0) & (starts < TS[-1])]), TS[-1]]
    if form.clock == "scheduled":
        edges = [*edges, *KNOTS[(KNOTS > T0) & (TS[-1] > KNOTS)]]
    edges = np.unique(edges)
    h = min(1.0, 2 / (x["k"] * alpha + x["kappa"] + 1e-9))  # SciPy's interpolant is poor in longer steps
    y, out = np.asarray([x["u_s0"], x["u_v0"]]), np.zeros((2, TS.size))
    out[:, TS == T0] = y[:, None]
    for t, t_next in itertools.pairwise(edges):
        density = 0.0
        if form.forcing in ("impulses", "falls"):
            for i in np.flatnonzero(x["times"] == t):
                y = kicked(y, x["amounts"][i])
        elif form.forcing != "none":
            i = int(np.searchsorted(starts, t, side="right")) - 1
            density = x["amounts"][i] / (starts[i + 1] - starts[i]) if 0 <= i < n else 0.0
        inside = (t < TS) & (t_next >= TS)
        times = np.unique(np.append(TS[inside], t_next))
        path = solve_ivp(field, (t, t_next), y, "DOP853", times, args=(density,), rtol=1e-11, atol=1e-12, max_step=h).y
        out[:, inside], y = path[:, : inside.sum()], path[:, -1]
    return out


def agree(form: Form, x: dict[str, Any]) -> None:
    if (
        form.clock == "drifting"
    ):  # where its ratio reaches 1 Diffrax's derivatives are rough; see the test of that corner
        x = {**x, "rho": min(x["rho"], 0.98 / (1 + (TS[-1] - T0) / x["tau"]) ** max(x["q"], 0.0))}
    found = compiled(form)({name: jnp.asarray(value, float) for name, value in x.items()})
    (y, exact), (y_ode, ode), truth = found["exact"], found["ode"], scipy_path(form, x)
    size = 1 + np.abs(truth).max()
    assert found["ok"]
    np.testing.assert_allclose(y / size, truth / size, atol=2e-8, err_msg="exact and SciPy")
    np.testing.assert_allclose(y_ode / size, truth / size, atol=1e-6, err_msg="ode and SciPy")
    if form.potential == "power" and 0 < x["excess"] < 0.3 and np.abs(truth[0] - truth[1] - x["gap_inf"]).min() < 1e-9:
        return  # there E' = m |x|^excess: between no gap and one of rounding, 1e-17, a derivative changes by a tenth
    for name in sorted(set(x) - TIMES):
        size = 1 + np.abs(ode[name]).max()
        np.testing.assert_allclose(exact[name] / size, ode[name] / size, atol=1e-4, err_msg=f"d/d {name}")


TIMES = {"times", "end"}

reals = st.floats(-1, 1).filter(lambda x: x == 0 or abs(x) > 1e-3)
rates = st.floats(0.01, 1.5)


@st.composite
def numbers(draw: Any) -> dict[str, Any]:
    """Numbers of a law; arrivals from before its start to after its last checkpoint."""
    x = {n: draw(rates) for n in ("k", "alpha", "tau", "strength", "s")}
    x |= {n: draw(reals) for n in ("gap_inf", "u_s0", "u_v0", "target", "zero")}
    x |= {"rho": draw(st.floats(0, 1)), "excess": draw(st.floats(0, 2)), "p": draw(st.floats(0, 2))}
    x |= {"kappa": draw(st.floats(0, 1.5)), "q": draw(st.floats(-1, 1))}
    waits = np.asarray(draw(st.lists(st.floats(0.1, 4.0), min_size=4, max_size=4)))
    amounts = np.asarray(draw(st.lists(st.floats(0, 1), min_size=3, max_size=3)))
    times = np.cumsum(waits)
    return {**x, "times": times[:3], "end": times[3], "amounts": amounts}


DEGENERATE: dict[str, dict[str, Any]] = {
    "equal rates": {"rho": 1.0},
    "nearly equal rates": {"rho": 1 - 1e-9},
    "still verifier": {"rho": 0.0},
    "verifier faster": {"rho": 1.2, "alpha": 0.3},
    "no response": {"alpha": 0.0},
    "no gap": {"u_v0": 1.0, "gap_inf": 0.0},
    "at rest": {"gap_inf": 0.4, "u_s0": 1.0, "u_v0": 0.6},
    "nearly at rest": {"gap_inf": 0.4 + 1e-9},
    "below rest": {"gap_inf": 0.7},
    "fast": {"alpha": 40.0},
    "slow": {"alpha": 1e-7},
}
POWER = {"m = 1": {"excess": 0.0}, "m -> 1": {"excess": 1e-9}, "m near 1": {"excess": 1e-4}, "m = 2": {"excess": 1.0}}
SATURATING = {"s huge": {"s": 1e7}, "s small": {"s": 1e-3}, "s tiny": {"s": 1e-4}}
RELAXING = {
    "kappa = 0": {"kappa": 0.0},
    "kappa -> 0": {"kappa": 1e-9},
    "double root": {"rho": 0.0, "kappa": 0.7},
    "nearly a double root": {"rho": 0.0, "kappa": 0.7 + 1e-7},
    "complex roots": {"alpha": 1.0, "rho": 0.5, "kappa": 1.0},
    "complex double root": {"alpha": 1.0, "rho": 0.25, "kappa": 0.25},
    "at its target": {"target": 0.6, "gap_inf": 0.4},
    "no decay": {"rho": 1.0, "kappa": 0.0},
    "kappa fast": {"kappa": 40.0},
}
CLOCKED = {
    "p = 0": {"p": 0.0},
    "p = 1": {"p": 1.0},
    "p -> 1": {"p": 1 - 1e-9},
    "p near 1": {"p": 1 + 1e-4},
    "the clock stops": {"p": 2.5},
    "tau huge": {"tau": 1e9},
}
FORCED = {
    "no effect": {"strength": 0.0},
    "no amounts": {"amounts": np.zeros(3)},
    "an event at the start": {"times": np.asarray([T0, 4.6, 6.2])},
    "all before the start": {"times": np.asarray([0.1, 0.4, 0.6]), "end": 0.8},
    "all after the last time": {"times": np.asarray([9.5, 10.0, 12.0]), "end": 13.0},
    "an event at the last time": {"times": np.asarray([2.3, 4.6, TS[-1]]), "end": 11.0},
    "events at checkpoints": {"times": TS[[1, 3, 4]], "end": TS[6]},
    "the start within a step": {"times": np.asarray([0.2, 4.6, 6.2])},
    "a double root on the way": {"rho": 0.0, "strength": 0.7, "amounts": np.asarray([2.3, 1.6, 1.5])},
}


CASES = {**DEGENERATE, **POWER, **SATURATING, **RELAXING, **CLOCKED, **FORCED}


def at_every_degenerate_limit(test: Any) -> Any:
    for name, x in CASES.items():
        test = example(x={**BASE, **x}).via(name)(test)
    return test


@settings(max_examples=15)
@at_every_degenerate_limit
@given(x=numbers())
def test_it_agrees_with_diffrax_and_scipy_in_values_and_gradients(form, x):
    agree(form, x)


ARRIVALS = {ImpulseForcing: ("exact", "ode"), StepForcing: ("exact", "ode"), RampForcing: ("fixed", "ode")}


@pytest.mark.parametrize("kind", ARRIVALS, ids=lambda kind: kind.__name__)
def test_gradients_in_all_times_equal_finite_differences(kind):
    # the start, four of arrivals, those of checkpoints; none coincide, for there the trajectory jumps with the time
    times = jnp.asarray([T0, *BASE["times"], BASE["end"], *(TS + 0.05)])

    def total(times: Any, route: str) -> Any:
        when, ends = (times[1:4], {"end": times[4]}) if kind is StepForcing else (times[1:5], {})
        forcing = kind(when, jnp.full(when.size, 0.3), 0.4, **ends)
        law = GapLaw(LinearPotential(1.0, 0.05), ConstantResponse(0.7, 0.2), 1.0, 0.6, times[0], None, forcing)
        t = gd.solve(law, times[5:], route, **({"steps": 10} if route == "fixed" else {}))
        return jnp.sum(WEIGHTS * jnp.stack([t.u_s, t.u_v]))

    def gradients_and_differences(times: Any) -> Any:
        low, high = jnp.split(jax.vmap(lambda x: total(x, "fixed"))(times + jnp.concatenate([-steps, steps])), 2)
        # forward mode where it is as good: it compiles faster
        modes = {"exact": jax.jacfwd, "fixed": jax.jacfwd, "ode": jax.grad}
        return {route: modes[route](total)(times, route) for route in ARRIVALS[kind]}, (high - low) / 2e-5

    steps = 1e-5 * jnp.eye(times.size)
    found, expected = quick_jit(gradients_and_differences)(times)
    for route, gradient in found.items():
        np.testing.assert_allclose(gradient, expected, atol=1e-7, err_msg=route)


@pytest.mark.parametrize("rho", [0.6, 0.9, 0.98])
def test_a_ratio_that_reaches_one_stays_there(rho):
    """Values against SciPy, derivatives against differences: the corner moves with rho, q and tau."""
    form = Form("linear", "drifting")
    x = {**BASE, "rho": rho}

    def path(x: dict[str, Any]) -> Any:
        found = gd.solve(form.law(x), jnp.asarray(TS), route="exact")
        return jnp.stack([found.u_s, found.u_v])

    np.testing.assert_allclose(path(x), scipy_path(form, x), atol=1e-7)
    for name in ("rho", "q", "tau"):
        slope = jax.jacfwd(lambda v, name=name: path({**x, name: v}))(x[name])
        ends = [path({**x, name: x[name] + h}) for h in (1e-5, -1e-5)]
        np.testing.assert_allclose(slope, (ends[0] - ends[1]) / 2e-5, atol=1e-6)
