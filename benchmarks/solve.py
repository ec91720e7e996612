"""Solving | Value, and value with gradient, of every law by every route, beside SciPy and torchdiffeq in one process.

The routes: closed form (per segment between arrivals of external data), fixed steps, Diffrax adaptive (at its default
tolerance 1e-9, and loosely at 1e-6), the map of rounds. `first_s` is tracing, compiling and one run, without a cache;
`us` is warm and per law, for laws of perturbed numbers in one `vmap`: one law takes microseconds, most of them the
call's. The calls of a law take turns, so that a busy machine is busy for all. What "auto" chooses inside `jit` is not
timed again where it is that route's program letter by letter (`same_program`); it is timed for one law (`one`), and as
a plain call outside of `jit` (`plain`), where it refines fixed steps until they are accurate.

Errors are the largest of u_s and u_v at all times over the displacement, against SciPy's DOP853 at 1e-13 stopped at
every time and event; those of gradients over the largest, against Diffrax at 1e-12. Differentiated is a weighted sum of
u_s and u_v, by the numbers in which laws differ, as a sampler does, and not by times of a schedule, which one law may
share with all. `auto_is_best` says what equal accuracy means. Peers: the same laws written by hand, SciPy at 1e-8 one
law at a time, torchdiffeq's dopri5 at 1e-8 on one thread. `python benchmarks/solve.py [--quick]`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import _bench
import _peer_solvers as peers
import jax
import numpy as np

jax.config.update("jax_enable_x64", True)

import diffrax  # noqa: E402, F401  (its import is no part of a first call)
import equinox as eqx  # noqa: E402
import jax.numpy as jnp  # noqa: E402
from scipy.integrate import solve_ivp  # noqa: E402

import gapdyn as gd  # noqa: E402
from gapdyn.dynamics import forcings  # noqa: E402
from gapdyn.dynamics._pieces import all_events, kick, kicks  # noqa: E402

TIMES = np.linspace(0.0, 20.0, 41)
WEIGHTS = np.random.default_rng(1).normal(size=(2, TIMES.size))
SPREAD = 0.05  # of the numbers of a batch, relative
EQUAL, SLOWER = 1e-6, 1.2
ODE, LOOSE, TIGHT = 1e-9, 1e-6, 1e-12
MEASURES = ("value", "value_grad")
UNFORCED = ("shared_rate", "power_potential", "saturating_potential", "neural_potential", "relaxing_verifier",
            "chasing_solver", "drifting_response", "decaying_response", "lr_clock", "rounds")  # fmt: skip
FORCED = (("shared_rate", "impulse"), ("relaxing_verifier", "impulse"), ("power_potential", "impulse"),
          ("shared_rate", "rate"), ("shared_rate", "ramp"))  # fmt: skip
QUICK = ("shared_rate", "neural_potential", "rounds")


def cases() -> dict[str, Any]:
    """Laws without and with external data. (The mean course of `stochastic` is the shared-rate law.)"""
    schedule = forcings.early(8)
    forced = {f"{a} + {b}": gd.laws.ALL_LAWS[a](forcing=forcings.ALL_FORCINGS[b](schedule)) for a, b in FORCED}
    return {**{name: gd.laws.ALL_LAWS[name]() for name in UNFORCED}, **forced}


def batch_of(spec: Any, size: int) -> tuple[Any, Any]:
    """(the numbers in which the laws differ, with a leading axis; those that they share). The first is the example."""
    bound = spec.bind(None)
    names = bound.coordinates.names
    factors = 1 + SPREAD * np.random.default_rng(0).uniform(-1, 1, (len(names), size))
    factors[:, 0] = 1
    values = {n: bound.example[n] * f for n, f in zip(names, factors, strict=True)}
    laws = jax.vmap(lambda v: bound.build({**bound.coordinates.resolve(v), **bound.constants}))(values)
    varying, shared = eqx.partition(laws, jax.tree.map(lambda x: bool(jnp.any(x != x[:1])), laws))
    return varying, jax.tree.map(lambda x: x[0], shared)


def rounds_of(law: Any) -> int | None:
    """Rounds until the last time; None: the law is a differential equation."""
    return None if law.round_length is None else int(np.ceil(TIMES[-1] / float(law.round_length)))


def by_rounds(law: Any) -> np.ndarray:
    """(2, times): the map in a loop."""
    length, states = float(law.round_length), [np.asarray([law.u_s0, law.u_v0], float)]
    for n in range(rounds_of(law) or 0):
        states.append(states[-1] + length * np.asarray(law.vector_field(n * length, tuple(states[-1])), float))
    knots = length * np.arange(len(states))
    return np.stack([np.interp(TIMES, knots, u) for u in np.stack(states, 1)])


def reference(law: Any) -> np.ndarray:
    """(2, times): SciPy from each time or event to the next."""
    if law.round_length is not None:
        return by_rounds(law)
    field = jax.jit(lambda t, y, within: jnp.stack(law.vector_field(t, (y[0], y[1]), within)))
    events = all_events(law)
    # at the same time an event comes after: an impulse shows later
    stops = [(float(t), False, i) for i, t in enumerate(TIMES)]
    stops += [(float(t), True, float(a)) for t, a in zip(*events, strict=True) if t <= TIMES[-1]]
    t, y, found = float(law.t0), np.asarray([law.u_s0, law.u_v0], float), np.empty((2, TIMES.size))
    for t_next, is_event, x in sorted(stops):
        if t_next > t:
            within = ((t + t_next) / 2,)
            y = solve_ivp(field, (t, t_next), y, "DOP853", args=within, rtol=1e-13, atol=1e-13).y[:, -1]
        t = t_next
        if is_event:
            y = np.asarray(kick(law, (y[0], y[1]), x), float)
        else:
            found[:, int(x)] = y
    return found


def function(measure: str, route: str, steps: int | None) -> Callable[..., Any]:
    """(varying, shared, ts, rtol) -> (u_s, u_v), or (loss, gradients in `varying`). No number is the program's own."""

    def value(varying: Any, shared: Any, ts: Any, rtol: Any) -> tuple[Any, Any]:
        rtol = rtol if route == "ode" else None
        found = gd.solve(eqx.combine(varying, shared), ts, route, rtol=rtol, steps=steps)
        return found.u_s, found.u_v

    def loss(*args: Any) -> Any:
        u_s, u_v = value(*args)
        return WEIGHTS[0] @ u_s + WEIGHTS[1] @ u_v

    return value if measure == "value" else jax.value_and_grad(loss, argnums=0)


def lower(f: Callable[..., Any], args: Any, batched: bool) -> Any:
    """`f` traced, with nothing left of what was traced before."""
    jax.clear_caches()
    return jax.jit(jax.vmap(f, in_axes=(0, None, None, None)) if batched else f).lower(*args)


def first_call(f: Callable[..., Any], args: Any, batched: bool = True) -> tuple[Any, str, float]:
    """(the compiled function, its program as text, seconds)."""
    began = time.perf_counter()
    program = lower(f, args, batched)
    compiled = program.compile()
    jax.block_until_ready(compiled(*args))
    seconds = time.perf_counter() - began
    return compiled, program.as_text(), seconds


def warm(calls: dict[str, Callable[[], Any]], samples: int) -> dict[str, float]:
    """Seconds per call: the median of samples of 5 ms or more, in turns; of calls beyond 0.2 s, three samples do."""
    plans, seconds = {}, {name: [] for name in calls}
    for name, call in calls.items():
        call()
        began = time.perf_counter()
        call()
        once = time.perf_counter() - began
        plans[name] = (max(1, int(np.ceil(5e-3 / once))), samples if once < 0.2 else min(samples, 3))
    for turn in range(samples):
        for name, call in calls.items():
            count, turns = plans[name]
            if turn < turns:
                began = time.perf_counter()
                for _ in range(count):
                    call()
                seconds[name].append((time.perf_counter() - began) / count)
    return {name: float(np.median(s)) for name, s in seconds.items()}


def largest(tree: Any) -> float:
    return max(float(np.max(np.abs(x))) for x in jax.tree.leaves(tree))


def error(found: Any, truth: Any, size: float) -> float:
    """The largest difference of any number, in units of `size`."""
    return largest(jax.tree.map(lambda a, b: np.asarray(a) - np.asarray(b), found, truth)) / size


def of_first(tree: Any) -> Any:
    return jax.tree.map(lambda x: x[0], tree)


def study(name: str, spec: Any, size: int, samples: int) -> dict[str, Any]:
    """All routes of a law, and its peers."""
    law, (varying, shared), ts = spec.law(), batch_of(spec, size), jnp.asarray(TIMES)
    steps, args = rounds_of(law), (varying, shared, ts, ODE)
    truth = reference(law)
    scale = float(np.max(np.abs(truth - truth[:, :1])))

    chosen = jax.eval_shape(lambda law: gd.solve(law, ts, steps=steps), law).route
    others = ("map",) if chosen == "map" else ("exact", "fixed", "ode") if chosen == "exact" else ("fixed", "ode")
    programs = {(m, r): first_call(function(m, r, steps), args) for r in others for m in MEASURES}
    same = all(lower(function(m, "auto", steps), args, True).as_text() == programs[m, chosen][1] for m in MEASURES)
    if not same:
        programs |= {(m, "auto"): first_call(function(m, "auto", steps), args) for m in MEASURES}
    calls = {key: (compiled, args) for key, (compiled, _, _) in programs.items()}
    for m in MEASURES if "ode" in others else ():  # the tolerance is an argument: the same program
        calls[m, "ode_loose"] = (calls[m, "ode"][0], (*args[:-1], LOOSE))
    times = warm({key: ready(*call) for key, call in calls.items()}, samples)

    gradients = None if chosen == "map" else of_first(calls["value_grad", "ode"][0](*args[:-1], TIGHT)[1])
    routes: dict[str, Any] = {}
    for (measure, route), (compiled, inputs) in calls.items():
        entry = routes.setdefault(route, {})
        entry[measure] = {"us": 1e6 * times[measure, route] / size}
        if (measure, route) in programs:
            entry[measure]["first_s"] = programs[measure, route][2]
        found = of_first(compiled(*inputs))
        if measure == "value":
            entry["error"] = error(found, tuple(truth), scale)
        elif gradients is not None:
            entry["gradient_error"] = error(found[1], gradients, largest(gradients))

    single = (of_first(varying), *args[1:])
    one = {m: first_call(function(m, "auto", steps), single, batched=False) for m in MEASURES}
    jax.clear_caches()
    began = time.perf_counter()
    plain = gd.solve(law, TIMES)
    jax.block_until_ready(plain)
    plain_first = time.perf_counter() - began
    lone = {m: ready(compiled, single) for m, (compiled, _, _) in one.items()}
    times = warm({**lone, "plain": lambda: jax.block_until_ready(gd.solve(law, TIMES))}, samples)
    return {
        "law": name,
        "auto": chosen if same else "auto",
        "segments": len(kicks(law)) + 1,
        "same_program": same,
        "routes": routes,
        "one": {m: {"us": 1e6 * times[m], "first_s": one[m][2]} for m in MEASURES},
        "plain": {
            "route": plain.route,
            "steps": int(plain.steps),
            "error": error((plain.u_s, plain.u_v), tuple(truth), scale),
            "first_s": plain_first,
            "us": 1e6 * times["plain"],
        },
        "peers": peers_of(name, law, eqx.combine(varying, shared), truth, scale, samples),
    }


def ready(compiled: Any, args: Any) -> Callable[[], Any]:
    return lambda: jax.block_until_ready(compiled(*args))


def peers_of(name: str, law: Any, laws: Any, truth: np.ndarray, scale: float, samples: int) -> dict[str, Any]:
    """SciPy, one law at a time; torchdiffeq, one law (`one_us`) and the batch in one state (`us`, per law)."""
    if name not in peers.FIELDS:
        return {}
    scipy = {m: peers.scipy_solver(name, law, TIMES, scale, m) for m in peers.METHODS}
    times = warm(scipy, samples)
    found = {
        f"scipy {m}": {"error": error(f(), truth, scale), "value": {"us": 1e6 * times[m]}} for m, f in scipy.items()
    }
    if peers.torch is None:
        return found
    size = laws.u_s0.shape[0]
    calls = {
        (m, n): peers.torch_solver(name, which, TIMES, scale, WEIGHTS, gradient=m == "value_grad")
        for n, which in ((1, law), (size, laws))
        for m in MEASURES
    }
    times = warm(calls, samples)
    entry: dict[str, Any] = {"error": error(calls["value", 1]().T, truth, scale)}
    for m in MEASURES:
        entry[m] = {"us": 1e6 * times[m, size] / size, "one_us": 1e6 * times[m, 1]}
    return {**found, "torchdiffeq dopri5": entry}


def auto_is_best(result: dict) -> list[str]:
    """Where "auto" takes over 20% longer than a route as accurate: an error of at most 1e-6, or at most auto's own."""
    said = []
    for case in result["cases"]:
        ours = case["routes"][case["auto"]]
        for measure, which in zip(MEASURES, ("error", "gradient_error"), strict=True):
            enough = max(EQUAL, ours.get(which, 0.0))
            equal = {r: x[measure]["us"] for r, x in case["routes"].items() if x.get(which, 0.0) <= enough}
            best, mine = min(equal, key=lambda r: equal[r]), ours[measure]["us"]
            if mine > SLOWER * equal[best]:
                said.append(f"{case['law']}, {measure}: auto {mine:.2f} us, {best} {equal[best]:.2f} us")
    return said


def pair(entry: dict | None, figure: str = "us") -> str:
    """Value / value with gradient, to two digits."""
    cells = [f"{entry[m][figure]:#.2g}".rstrip(".") for m in MEASURES if m in entry] if entry else []
    return " / ".join(f"{float(c):.0f}" if float(c) >= 10 else c for c in cells)


def table(result: dict) -> str:
    """The figures as Markdown."""
    rows = [
        "| law | `auto` takes | error | µs | first call, s | fixed steps | Diffrax | torchdiffeq | SciPy |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for case in result["cases"]:
        routes, auto = case["routes"], case["routes"][case["auto"]]
        pieces = f", {case['segments']} segments" if case["segments"] > 1 and case["auto"] == "exact" else ""
        cells = [
            f"`{case['law']}`",
            f"{case['auto']}{pieces}",
            f"{auto['error']:.0e}",
            pair(auto),
            pair(case["one"], "first_s"),
            pair(routes.get("fixed")),
            pair(routes.get("ode")),
            pair(case["peers"].get("torchdiffeq dopri5")),
            pair(case["peers"].get("scipy DOP853")),
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def main(names: Any, size: int, samples: int) -> dict[str, Any]:
    jax.config.update("jax_enable_compilation_cache", False)  # a first call compiles
    studies, began = [], time.perf_counter()
    for name, spec in cases().items():
        if name in names:
            studies.append(study(name, spec, size, samples))
            auto = studies[-1]["routes"][studies[-1]["auto"]]
            print(f"{time.perf_counter() - began:5.0f} s  {name}: {studies[-1]['auto']}, {pair(auto)} us", flush=True)
    return {
        "times": TIMES.size,
        "batch": size,
        "ode_rtol": {"ode": ODE, "ode_loose": LOOSE},
        "peer_rtol": peers.RTOL,
        "peers": peers.versions(),
        "cases": studies,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three laws, few repeats, no file: does it run?")
    options = parser.parse_args()
    result = main(QUICK, 16, 2) if options.quick else main(cases(), 256, 7)
    print(table(result))
    print("auto is slower than it need be:", *(auto_is_best(result) or ["nowhere"]), sep="\n  ")
    if not options.quick:
        _bench.save("solve", result)
