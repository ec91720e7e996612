"""One posterior by one program in a fresh process, for `posterior.py`: `python _posterior_peers.py NAME FILE REPEATS`.

FILE (JSON) has the checkpoints and the priors in standard units. Each program is written as one of its users would, in
its own defaults, with 4 chains of 1000 draws after 1000 of warm-up. Prints JSON: seconds, and the mean and sd of every
parameter for each of REPEATS seeds.
"""

from __future__ import annotations

import time

T0 = time.perf_counter()

import json  # noqa: E402
import math  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable, Mapping  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402

NAMES = ("rate", "rho", "gap_inf", "u_s0", "u_v0", "sigma")
FLOOR = 1e-8  # the variance that is added to sigma squared
Draws = Mapping[str, Any]  # name -> (chain, draw)
Sampler = Callable[[int], Draws]

STAN = """
data { int n; vector[n] t; vector[n] u_s; vector[n] u_v; real start_s; real start_v; real floor_; }
parameters {
  real<lower=0> rate; real<lower=0, upper=1> rho; real gap_inf; real u_s0; real u_v0; real<lower=0> sigma;
}
model {
  vector[n] fall = (u_s0 - u_v0 - gap_inf) / (1 - rho) * (1 - exp(-rate * t));
  real sd_ = sqrt(sigma^2 + floor_);
  rate ~ lognormal(log(1.5), 1.25);
  gap_inf ~ normal(0, 1);
  u_s0 ~ normal(start_s, 1);
  u_v0 ~ normal(start_v, 1);
  sigma ~ cauchy(0, 0.05);
  u_s ~ normal(u_s0 - fall, sd_);
  u_v ~ normal(u_v0 - rho * fall, sd_);
}
"""


def pystan(data: dict[str, Any]) -> Sampler:
    import contextlib
    import io

    import stan

    fields = {"n": len(data["t"]), "floor_": FLOOR, **{k: data[k] for k in ("t", "u_s", "u_v", "start_s", "start_v")}}

    code = f"// {data['nonce']}\n{STAN}"  # httpstan keeps what it compiled, from earlier benchmarks too

    def sample(seed: int) -> Draws:
        # a fit of the same model, data and seed would come from httpstan's cache
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            model = stan.build(code, data=fields, random_seed=seed + 1)
            fit = model.sample(num_chains=4, num_samples=1000, num_warmup=1000)
        return {n: fit[n].reshape(-1, 4).T for n in NAMES}

    return sample


def nutpie(data: dict[str, Any]) -> Sampler:
    import nutpie
    import pymc as pm
    import pytensor.tensor as pt

    t = np.asarray(data["t"])
    with pm.Model() as model:
        rate, rho = pm.LogNormal("rate", math.log(1.5), 1.25), pm.Uniform("rho", 0, 1)
        gap_inf, sigma = pm.Normal("gap_inf", 0, 1), pm.HalfCauchy("sigma", 0.05)
        u_s0, u_v0 = pm.Normal("u_s0", data["start_s"], 1), pm.Normal("u_v0", data["start_v"], 1)
        fall = (u_s0 - u_v0 - gap_inf) / (1 - rho) * -pt.expm1(-rate * t)
        sd = pt.sqrt(sigma**2 + FLOOR)
        pm.Normal("u_s", u_s0 - fall, sd, observed=np.asarray(data["u_s"]))
        pm.Normal("u_v", u_v0 - rho * fall, sd, observed=np.asarray(data["u_v"]))
    compiled = nutpie.compile_pymc_model(model, backend="numba")

    def sample(seed: int) -> Draws:
        trace = nutpie.sample(compiled, tune=1000, draws=1000, chains=4, seed=seed, progress_bar=False)
        return {n: np.asarray(trace.posterior[n]) for n in NAMES}

    return sample


def _numpyro(data: dict[str, Any], adaptive: bool) -> Sampler:
    import jax

    jax.config.update("jax_enable_x64", True)
    import diffrax
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist
    from numpyro.infer import MCMC, NUTS

    t, u_s, u_v = (jnp.asarray(data[k]) for k in ("t", "u_s", "u_v"))

    def field(_: Any, y: Any, args: Any) -> Any:
        rate, rho, gap_inf = args
        return -rate / (1 - rho) * (y[0] - y[1] - gap_inf) * jnp.stack([jnp.ones(()), rho])

    def course(rate: Any, rho: Any, gap_inf: Any, u_s0: Any, u_v0: Any) -> tuple[Any, Any]:
        if not adaptive:
            fall = (u_s0 - u_v0 - gap_inf) / (1 - rho) * -jnp.expm1(-rate * t)
            return u_s0 - fall, u_v0 - rho * fall
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(field), diffrax.Tsit5(), t[0], t[-1], 0.01, jnp.stack([u_s0, u_v0]), (rate, rho, gap_inf),
            saveat=diffrax.SaveAt(ts=t), stepsize_controller=diffrax.PIDController(rtol=1e-6, atol=1e-8), throw=False,
        )  # fmt: skip
        assert solution.ys is not None
        return solution.ys[:, 0], solution.ys[:, 1]

    def model() -> None:
        v = [
            numpyro.sample("rate", dist.LogNormal(math.log(1.5), 1.25)),
            numpyro.sample("rho", dist.Uniform(0, 1)),
            numpyro.sample("gap_inf", dist.Normal(0, 1)),
            numpyro.sample("u_s0", dist.Normal(data["start_s"], 1)),
            numpyro.sample("u_v0", dist.Normal(data["start_v"], 1)),
        ]
        sd = jnp.sqrt(numpyro.sample("sigma", dist.HalfCauchy(0.05)) ** 2 + FLOOR)
        s, v_ = course(*v)
        numpyro.sample("u_s", dist.Normal(s, sd), obs=u_s)
        numpyro.sample("u_v", dist.Normal(v_, sd), obs=u_v)

    mcmc = MCMC(NUTS(model), num_warmup=1000, num_samples=1000, num_chains=4, progress_bar=False)

    def sample(seed: int) -> Draws:
        mcmc.run(jax.random.PRNGKey(seed))
        return {k: np.asarray(v) for k, v in mcmc.get_samples(group_by_chain=True).items()}

    return sample


def numpyro_nuts(data: dict[str, Any]) -> Sampler:
    return _numpyro(data, adaptive=False)


def numpyro_diffrax(data: dict[str, Any]) -> Sampler:
    return _numpyro(data, adaptive=True)


PEERS = {f.__name__: f for f in (pystan, nutpie, numpyro_nuts, numpyro_diffrax)}


def ours(engine: str, data: dict[str, Any]) -> tuple[Sampler, dict[str, list[float]]]:
    """A sampler of `gapdyn.fit`, whole; and what the weights said, one figure for each call."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import gapdyn as gd

    kind, _, draws = engine.partition(":")
    chosen = gd.engines.ALL_ENGINES[kind](**({"draws": int(draws)} if draws else {}))
    run = gd.Run("run", data["run"]["t"], clock="round", u_s=data["run"]["u_s"], u_v=data["run"]["u_v"])
    law, said = gd.laws.shared_rate(), {"effective": [], "pareto_k": [], "engine_s": []}

    def sample(seed: int) -> Draws:
        fit = gd.fit(run, law, key=seed, engine=chosen, progress=False)
        if "effective" in fit.quality:
            said["effective"].append(fit.quality["effective"].item())
            said["pareto_k"].append(fit.quality["pareto_k"].item())
        said["engine_s"].append(fit.seconds["sampling"] + fit.seconds.get("first_block", 0.0))
        return {n: fit.scale.to_standard(n, fit.draws[n]) for n in NAMES}

    return sample, said


def main(name: str, path: str, repeats: int) -> None:
    with open(path) as file:
        data = json.load(file)
    sample, said = (PEERS[name](data), {}) if name in PEERS else ours(name, data)
    began = time.perf_counter()
    draws = sample(0)
    cold, first = time.perf_counter() - T0, time.perf_counter() - began
    walls, found = [], []
    for seed in range(1, repeats + 1):
        began = time.perf_counter()
        draws = sample(seed)
        walls.append(time.perf_counter() - began)
        ends = draws["u_s0"] - (draws["u_s0"] - draws["u_v0"] - draws["gap_inf"]) / (1 - draws["rho"])
        found.append({**draws, "u_s_inf": ends})

    from arviz_stats.base import array_stats

    ess = [min(float(array_stats.ess(x)) for x in f.values()) for f in found]
    if said.get("effective"):
        ess = [min(e, w) for e, w in zip(ess, said["effective"][1:], strict=True)]
    report = {
        "cold": cold,
        "first": first,
        "warm": float(np.median(walls)),
        "min_ess": float(np.median(ess)),
        "means": [{n: float(x.mean()) for n, x in f.items()} for f in found],
        "sds": [{n: float(x.std()) for n, x in f.items()} for f in found],
        "engine_s": float(np.median(said["engine_s"][1:])) if said else None,
        "pareto_k": max(said["pareto_k"]) if said and said["pareto_k"] else None,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
