"""One method of `fleet.py` in a process of its own: `python _fleet_peers.py METHOD KIND RUNS COMPARED`, prints JSON.
"beside:5" is ours and `curve_fit`, five times by turns.

Prints the seconds of a first pass and of a warm one (the median of a few, where they are short), what the 90% intervals
cover, what failed, and mean, sd and quantiles of the first COMPARED runs. Runs are made before the clock starts.
"""

from __future__ import annotations

import functools
import json
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_enable_compilation_cache", False)  # a first call compiles

import _bench  # noqa: E402
import _fleet_runs as made  # noqa: E402

import gapdyn as gd  # noqa: E402

METHOD, KIND, RUNS, COMPARED = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
CHUNK = min(1000, RUNS)  # runs of a compiled program of a peer
LENGTH = 40  # the longest run
ENOUGH, PASSES = 5.0, 9  # seconds of warm passes after which there is no further one, and passes at most
AT_ONCE = 3  # passes of ours in a turn
QUANTILES = {"q05": 0.05, "q50": 0.5, "q95": 0.95}
NORMAL = 1.6448536269514722
Figures = dict[str, dict[str, np.ndarray]]  # parameter -> figure -> (runs,)


def ours() -> tuple[Figures, dict[str, Any]]:
    """`gapdyn.fit` of the fleet, whole."""
    prior = made.priors() if KIND == "prior" else None
    fit = gd.fit(runs.fleet, law, key=0, prior=prior, progress=False)
    k = np.asarray(fit.pareto_k, float)
    said = {
        "status": dict(Counter(map(str, fit.status))),
        "engine": dict(Counter(map(str, fit.engine))),
        "k_hat_99": float(np.nanquantile(k, 0.99)) if np.isfinite(k).any() else None,
    }
    return {n: {f: getattr(s, f) for f in ("mean", "sd", *QUANTILES)} for n, s in fit.summary.items()}, said


def _start(run: gd.Run) -> list[float]:
    """Where a user would begin."""
    s, v = run.u_s[np.isfinite(run.u_s)], run.u_v[np.isfinite(run.u_v)]
    numbers = {
        "rate": 2.0 / made.SPAN, "rho": 0.3, "gap_inf": s[-1] - v[-1], "u_s0": s[0], "u_v0": v[0], "m": 1.5,
        "kappa": 1.0 / made.SPAN, "u_v_inf": v[-1],
    }  # fmt: skip
    return [float(numbers[n]) for n in names]


def curve_fit(bounded: bool) -> tuple[Figures, dict[str, Any]]:
    """SciPy, one call for each run: both series at once; the ceiling's sd from the covariance by the delta method."""
    from scipy.optimize import curve_fit as fit

    low = {"rate": 0.0, "rho": 0.0, "m": 1.0, "kappa": 0.0}
    high = {"rho": 1.0, "m": 10.0}
    bounds = ([low.get(n, -np.inf) for n in names], [high.get(n, np.inf) for n in names])
    curve = {"relaxing_verifier": made.relaxing, "power_potential": made.power}.get(KIND, made.shared)
    p, cov = np.full((RUNS, len(names)), np.nan), np.full((RUNS, len(names), len(names)), np.nan)
    failed = 0
    for i, run in enumerate(runs.fleet.runs):
        y = np.stack([run.u_s, run.u_v])
        seen = np.isfinite(y)

        def f(t: Any, *p: float, seen: Any = seen) -> Any:
            return curve(t, *p)[seen]

        p0 = np.asarray(_start(run))
        if bounded:
            p0 = np.clip(p0, np.asarray(bounds[0]) + 1e-3, np.asarray(bounds[1]) - 1e-3)
        try:
            p[i], cov[i] = fit(f, run.t, y[seen], p0, **({"bounds": bounds} if bounded else {"maxfev": 1000}))
        except (RuntimeError, ValueError):  # no convergence, or a curve that is no number
            failed += 1
    v = dict(zip(names, p.T, strict=True))
    sd = np.sqrt(np.einsum("ni,nij,nj->n", slope := made.slope(KIND, v), cov, slope))
    spread = np.concatenate([np.sqrt(np.einsum("nii->ni", cov)), sd[:, None]], 1)
    found = np.stack([np.concatenate([p, made.ceiling(KIND, v)[:, None]], 1), spread])
    return _gaussian(found), {"failed": failed}


def _gaussian(found: np.ndarray) -> Figures:
    """Figures of estimates and their standard errors, (2, runs, parameters and ceiling)."""
    out: Figures = {}
    for j, n in enumerate((*names, "u_s_inf")):
        mean, sd = found[0, :, j], found[1, :, j]
        sd = np.where(np.isfinite(sd), sd, np.nan)
        out[n] = {"mean": mean, "sd": sd, "q05": mean - NORMAL * sd, "q50": mean, "q95": mean + NORMAL * sd}
    return out


def _padded() -> tuple[np.ndarray, np.ndarray]:
    """Times (runs, LENGTH) and both series (runs, LENGTH, 2) of all runs, NaN where there is nothing."""
    t, y = np.full((RUNS, LENGTH), made.SPAN), np.full((RUNS, LENGTH, 2), np.nan)
    for i, run in enumerate(runs.fleet.runs):
        t[i, : len(run)], y[i, : len(run)] = run.t, np.stack([run.u_s, run.u_v], -1)
    return t, y


def optimistix() -> tuple[Figures, dict[str, Any]]:
    """Optimistix's Levenberg-Marquardt under `vmap`, in a rate that is positive; covariance from the Jacobian."""
    t, y = _padded()
    starts = np.asarray([_start(run) for run in runs.fleet.runs])
    starts[:, 0] = np.log(starts[:, 0])
    parts = [
        _least_squares(*(x[i : i + CHUNK] for x in (_repeated(t), _repeated(y), _repeated(starts))))
        for i in range(0, RUNS, CHUNK)
    ]
    p, sd, ok = (np.concatenate(x)[:RUNS] for x in zip(*parts, strict=True))
    p, sd = np.where(ok[:, None], p, np.nan), np.where(ok[:, None], sd, np.nan)
    return _gaussian(np.stack([p, sd])), {"failed": int(np.sum(~ok))}


def _repeated(x: np.ndarray) -> np.ndarray:
    """Whole chunks, the last run repeated."""
    return np.concatenate([x, np.repeat(x[-1:], -len(x) % CHUNK, 0)])


@jax.jit
def _least_squares(t: Any, y: Any, starts: Any) -> Any:
    import jax.numpy as jnp
    import optimistix as optx

    def off(p: Any, data: Any) -> Any:
        t, y = data
        fallen = (p[3] - p[4] - p[2]) / (1 - p[1]) * -jnp.expm1(-jnp.exp(p[0]) * t)
        course = jnp.stack([p[3] - fallen, p[4] - p[1] * fallen], -1)
        return jnp.where(jnp.isnan(y), 0.0, course - jnp.nan_to_num(y)).ravel()

    def numbers(p: Any) -> Any:
        return jnp.append(p.at[0].set(jnp.exp(p[0])), p[3] - (p[3] - p[4] - p[2]) / (1 - p[1]))

    def one(t: Any, y: Any, p0: Any) -> Any:
        solver = optx.LevenbergMarquardt(rtol=1e-8, atol=1e-8)
        solved = optx.least_squares(off, solver, p0, (t, y), max_steps=256, throw=False)
        p = solved.value
        jac, slope = jax.jacfwd(off)(p, (t, y)), jax.jacfwd(numbers)(p)
        free = jnp.sum(~jnp.isnan(y)) - p.size
        cov = jnp.linalg.pinv(jac.T @ jac) * jnp.sum(off(p, (t, y)) ** 2) / free
        sd = jnp.sqrt(jnp.einsum("ij,jk,ik->i", slope, cov, slope))
        ok = (solved.result == optx.RESULTS.successful) & jnp.isfinite(p).all()
        return numbers(p), sd, ok

    return jax.block_until_ready(jax.vmap(one)(t, y, starts))


@functools.cache
def _prepared() -> tuple[Any, list[Any], Any]:
    """What NUTS samples, the runs as it sees them, and all of them as one."""
    from gapdyn.inference import prepare
    from gapdyn.inference._target import target

    every = [prepare(run, law, length=LENGTH) for run in runs.fleet.runs]
    stacked = jax.tree.map(lambda *x: np.stack(x), *[obs for _, obs, _ in every])
    return target(every[0][0], every[0][1]), every, stacked


@functools.cache
def _sampler(draws: int) -> Any:
    """One chain for each run, under one `vmap`, compiled once."""
    import blackjax
    import jax.numpy as jnp

    aim = _prepared()[0]

    def one(key: Any, obs: Any) -> Any:
        at = aim.collapsed_log_density((obs,))
        adapt = blackjax.window_adaptation(blackjax.nuts, lambda x: at(x)[0], is_mass_matrix_diagonal=False)
        k_warm, k_draw = jax.random.split(key)
        (state, settings), _ = adapt.run(k_warm, jnp.zeros(aim.size), draws // 2)
        step = blackjax.nuts(lambda x: at(x)[0], **settings).step

        def go(state: Any, key: Any) -> Any:
            state, info = step(key, state)
            return state, (at(state.position)[1], info.is_divergent)

        return jax.lax.scan(go, state, jax.random.split(k_draw, draws))[1]

    return jax.jit(jax.vmap(one))


def nuts(draws: int) -> tuple[Figures, dict[str, Any]]:
    """BlackJAX's NUTS; the density is gapdyn's, levels standardised."""
    from gapdyn.inference._posterior import complete

    aim, every, stacked = _prepared()
    x, diverged = jax.block_until_ready(_sampler(draws)(jax.random.split(jax.random.key(0), RUNS), stacked))
    values: dict[str, list[Any]] = {}
    for i, (model, obs, scale) in enumerate(every):
        for n, d in complete(model, aim.split(x[i][None]), obs, scale, i).draws.items():
            values.setdefault(n, []).append(d.ravel())
    found = {n: _of_draws(np.stack(d)) for n, d in values.items()}
    return found, {"diverged": float(np.mean(np.asarray(diverged))), "draws": draws}


def _of_draws(draws: np.ndarray) -> dict[str, np.ndarray]:
    """Figures of draws (runs, draws)."""
    quantiles = np.quantile(draws, list(QUANTILES.values()), axis=1)
    return {"mean": draws.mean(1), "sd": draws.std(1, ddof=1), **dict(zip(QUANTILES, quantiles, strict=True))}


def reference(draws: int) -> tuple[Figures, dict[str, Any]]:
    """Long NUTS of each run by itself; runs whose chains did not agree are NaN."""
    engine = gd.engines.NUTS(warmup=1000, draws=draws, target_acceptance=0.95)
    doubtful, ess = [], []
    kept: dict[str, list[Any]] = {}
    for i, run in enumerate(runs.fleet.runs):
        fit = gd.fit(run, law, key=1000 + i, engine=engine, length=LENGTH, progress=False)
        doubts = {f.code for f in fit.findings if f.level != "info"} & {"rhat", "ess", "divergences", "max_depth"}
        doubtful.append(bool(doubts))
        ess.append(min(s.ess_bulk for s in fit.summary.values()))
        for n, d in fit.draws.items():
            kept.setdefault(n, []).append(np.full_like(d, np.nan) if doubts else d)
    found = {}
    for n, each in kept.items():
        whole = np.stack(each)  # (runs, chain, draw)
        first, second = (whole[:, half].reshape(RUNS, -1) for half in (slice(2), slice(2, None)))
        halves = {"first": _of_draws(first)["sd"], "second": _of_draws(second)["sd"]}
        found[n] = {**_of_draws(whole.reshape(RUNS, -1)), **halves}
    return found, {"doubtful": int(np.sum(doubtful)), "ess_median": float(np.median(ess))}


def beside(turns: int) -> dict[str, Any]:
    """How many times as fast as `curve_fit` ours is, turn by turn in one process: a machine's speed may waver."""
    ours()  # which compiles
    each: list[list[float]] = []
    for _ in range(turns):
        each.append([np.median([_seconds(ours) for _ in range(AT_ONCE)]), _seconds(lambda: curve_fit(False))])
    seconds = np.asarray(each)
    ratios = seconds[:, 1] / seconds[:, 0]
    gapdyn, peer = RUNS / np.median(seconds, 0)
    return {"runs": RUNS, "turns": turns, "per_s": float(gapdyn), "curve_fit_per_s": float(peer),
            "ratio": float(np.median(ratios)), "least": float(ratios.min()), "most": float(ratios.max())}  # fmt: skip


def _seconds(method: Callable[[], Any]) -> float:
    began = time.perf_counter()
    method()
    return time.perf_counter() - began


def coverage(found: Figures) -> dict[str, dict[str, float]]:
    """Parameter -> share of all runs whose 90% interval holds the truth, and share of those that have an interval."""
    out = {}
    for n, truth in runs.truth.items():
        if n in found:
            low, high = found[n]["q05"], found[n]["q95"]
            inside, there = (low <= truth) & (truth <= high), np.isfinite(low) & np.isfinite(high)
            out[n] = {"of_all": float(inside.mean()), "of_intervals": float(inside.sum() / max(there.sum(), 1))}
    return out


if __name__ == "__main__":
    warnings.filterwarnings("ignore")  # SciPy's, on covariances that it cannot estimate
    runs, law = made.make(KIND, RUNS), made.LAWS[KIND]()
    names = made.NAMES.get(KIND, made.NAMES["hard"])
    before = _bench.peak_mb()
    method, _, number = METHOD.partition(":")
    if method == "beside":
        print(json.dumps(beside(int(number))))
        sys.exit()
    methods: dict[str, Callable[[], tuple[Figures, dict[str, Any]]]] = {
        "gapdyn": ours,
        "curve_fit": lambda: curve_fit(False),
        "curve_fit bounded": lambda: curve_fit(True),
        "optimistix": optimistix,
        "nuts": lambda: nuts(int(number or 1000)),
        "reference": lambda: reference(int(number or 5000)),
    }
    seconds: list[float] = []
    while not seconds or (method != "reference" and sum(seconds[1:]) < ENOUGH and len(seconds) <= PASSES):
        began = time.perf_counter()
        found, said = methods[method]()
        seconds.append(time.perf_counter() - began)
    warm = float(np.median(seconds[1:] or seconds))
    peak = _bench.peak_mb()
    kept = {n: {f: np.asarray(x[:COMPARED], float).tolist() for f, x in v.items()} for n, v in found.items()}
    limit, truth = found["u_s_inf"], runs.truth["u_s_inf"]
    inside = (limit["q05"] <= truth) & (truth <= limit["q95"])
    parts = {str(p): float(inside[runs.part == p].mean()) for p in np.unique(runs.part)}
    nan = int(np.sum(~(np.isfinite(limit["mean"]) & np.isfinite(limit["sd"]))))
    print(json.dumps({
        "runs": RUNS, "first_s": seconds[0], "warm_s": warm, "per_s": RUNS / warm, "nan": nan, **said,
        "coverage": coverage(found), "coverage_by_part": parts, "peak_mb": peak, "before_mb": before, "compared": kept,
    }))  # fmt: skip
