"""One method of `sweep.py` in a process of its own: `python _sweep_peers.py METHOD CASE SETTINGS X64`, prints JSON.

Cases: "linear" (the shared-rate law) and "neural" (the neural-potential law, which has no closed form); 200 times in
[0, 10]. All methods get the same settings, made before the clock starts; ours makes its own inside.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

METHOD, CASE, SETTINGS, X64 = sys.argv[1], sys.argv[2], int(float(sys.argv[3])), bool(int(sys.argv[4]))
jax.config.update("jax_enable_x64", X64)
jax.config.update("jax_enable_compilation_cache", False)  # a first call compiles

import _bench  # noqa: E402
import _peer_solvers as peers  # noqa: E402

import gapdyn as gd  # noqa: E402
from gapdyn.sweeps import _sweep  # noqa: E402
from gapdyn.sweeps._part import make_part  # noqa: E402
from gapdyn.sweeps._program import Program  # noqa: E402
from gapdyn.sweeps._quantities import parse  # noqa: E402

FLOAT = np.float64 if X64 else np.float32
TIMES = np.linspace(0, 10, 200)
RANGES = {"rho": (0.0, 0.8), "rate": (0.2, 1.0), "gap_inf": (0.0, 0.1), "u_s0": (0.8, 1.2), "u_v0": (0.3, 0.6)}
LAW = gd.laws.shared_rate() if CASE == "linear" else gd.laws.neural_potential()
POINTS = gd.sweeps.sobol(RANGES, SETTINGS)


def batch() -> Any:
    """All laws as one, numbers (settings,)."""
    part = make_part(LAW, POINTS)
    columns = POINTS.at(jax.numpy.arange(SETTINGS, dtype="uint32"))
    return jax.vmap(lambda c: part.build(part.complete(c))[0])(columns)


def ours() -> Callable[[], Any]:
    """Chunks one after another, each written into the memory of an earlier one."""
    part = make_part(LAW, POINTS)
    asked = parse("trajectory", POINTS.names, part.parameters)
    per = min(SETTINGS, _sweep._chunk(asked, TIMES, [part]))
    program = Program(part, asked, TIMES, per, jax.local_devices(), False)
    last: list[Any] = []
    looked: dict[str, np.ndarray] = {}  # the first chunk of the first call: later ones write over it

    def go() -> Any:
        for first in range(0, SETTINGS, per):
            begun = program.start(first)
            if not looked:
                whole = {n: np.array(x).reshape(program.length, -1) for n, x in begun.items() if n != "status"}
                looked.update({n: x[:per] for n, x in whole.items()})  # the program may fill up its last block
            if last:
                program.release(jax.block_until_ready(last.pop()))
            last.append(begun)
        jax.block_until_ready(last[-1])
        return looked

    return go


def fill() -> Callable[[], Any]:
    """STREAM's fill of the same bytes, in arrays that are there: what memory takes, two threads."""
    import threading

    whole = np.zeros((2, SETTINGS, TIMES.size), FLOAT)
    halves = (whole[0], whole[1])

    def go() -> None:
        threads = [threading.Thread(target=half.fill, args=(1.0,)) for half in halves]
        for t in threads:
            t.start()
        for t in threads:
            t.join()

    return go


def closed() -> Callable[[], Any]:
    """NumPy's closed form."""
    p = {n: np.asarray(x, FLOAT)[:, None] for n, x in peers.numbers(laws).items()}
    u_s0, u_v0, ts = (np.asarray(x, FLOAT)[:, None] for x in (laws.u_s0, laws.u_v0, TIMES))

    def go() -> Any:
        rate = p["k"] * (p["alpha"] - p["beta"])
        fallen = p["k"] * (u_s0 - u_v0 - p["rest"]) / rate * -np.expm1(-rate * ts.T)
        return {"u_s": u_s0 - p["alpha"] * fallen, "u_v": u_v0 - p["beta"] * fallen}

    return go


def torch(method: str) -> Callable[[], Any]:
    """torchdiffeq with one thread, all settings in one state."""
    import torch
    import torchdiffeq

    torch.set_num_threads(1)
    p = {n: torch.tensor(np.asarray(x, FLOAT)) for n, x in peers.numbers(laws).items()}
    name = "shared_rate" if CASE == "linear" else "neural_potential"
    start = torch.tensor(np.stack([laws.u_s0, laws.u_v0], -1).astype(FLOAT))
    ts, tolerance = torch.tensor(TIMES.astype(FLOAT)), 1e-6 if X64 else 1e-5
    more = {"rtol": tolerance, "atol": tolerance / 100} if method == "dopri5" else {}

    def down(t: Any, y: Any) -> Any:
        return torch.stack(peers.FIELDS[name](torch, p, y[..., 0], y[..., 1]), -1)

    @torch.no_grad()
    def go() -> Any:
        y = torchdiffeq.odeint(down, start, ts, method=method, **more).numpy()
        return {"u_s": y[..., 0].T, "u_v": y[..., 1].T}

    return go


def diffrax() -> Callable[[], Any]:
    """Diffrax's Tsit5 with a PID controller under `vmap`."""
    from diffrax import ODETerm, PIDController, SaveAt, Tsit5, diffeqsolve

    tolerance = 1e-6 if X64 else 1e-5
    control = PIDController(rtol=tolerance, atol=tolerance / 100)

    def one(law: Any) -> Any:
        term, save = ODETerm(lambda t, y, args: args.vector_field(t, y)), SaveAt(ts=jax.numpy.asarray(TIMES))
        return diffeqsolve(term, Tsit5(), 0.0, 10.0, 0.1, (law.u_s0, law.u_v0), law, saveat=save,
                           stepsize_controller=control).ys  # fmt: skip

    every = jax.jit(jax.vmap(one))

    def go() -> Any:
        u_s, u_v = jax.block_until_ready(every(laws))
        return {"u_s": np.asarray(u_s), "u_v": np.asarray(u_v)}

    return go


def scipy() -> Callable[[], Any]:
    """SciPy's RK45, one setting after another."""
    name = "shared_rate" if CASE == "linear" else "neural_potential"
    each = [jax.tree.map(lambda x, i=i: x[i], laws) for i in range(SETTINGS)]
    solvers = [peers.scipy_solver(name, law, TIMES, 0.01, "RK45") for law in each]

    def go() -> Any:
        y = np.stack([solve() for solve in solvers])
        return {"u_s": y[:, 0], "u_v": y[:, 1]}

    return go


def error(found: dict[str, np.ndarray]) -> float:
    """Largest departure of 16 of the settings that were found, the first ones, from a solve to 1e-11, unit of u."""
    with jax.enable_x64(True):
        worst = 0.0
        for i in np.linspace(0, len(found["u_s"]) - 1, 16).astype(int):
            law = jax.tree.map(lambda x, i=i: np.asarray(x[i], float) if np.ndim(x) else x, laws)
            exact = gd.solve(law, TIMES, "ode", rtol=1e-11)
            worst = max(worst, *(float(np.abs(found[n][i] - getattr(exact, n)).max()) for n in ("u_s", "u_v")))
    return worst


if __name__ == "__main__":
    laws = batch()
    makers = {"gapdyn": ours, "fill": fill, "numpy": closed, "torch rk4": lambda: torch("rk4"),
              "torch dopri5": lambda: torch("dopri5"), "diffrax": diffrax, "scipy": scipy}  # fmt: skip
    go = makers[METHOD]()
    began = time.perf_counter()
    found = go()
    first, warm = time.perf_counter() - began, []
    wrong = None if METHOD == "fill" else error(found)
    del found
    go()
    while len(warm) < 9 and (len(warm) < 3 or sum(warm) < 4):
        began = time.perf_counter()
        go()
        warm.append(time.perf_counter() - began)
    seconds = float(np.median(warm))
    peak = _bench.peak_mb()
    numbers = 2 * TIMES.size * SETTINGS * np.dtype(FLOAT).itemsize
    print(json.dumps({"settings": SETTINGS, "first_s": first, "warm_s": seconds, "per_s": SETTINGS / seconds,
                      "gb_per_s": numbers / seconds / 1e9, "error": wrong, "peak_mb": peak}))  # fmt: skip
