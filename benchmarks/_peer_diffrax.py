"""The peer of `first_run.py`: the same model and data as a NumPyro user would write them, MCMC over an adaptive ODE.

One fresh process; prints JSON. Same priors, likelihood and data (taken from gapdyn's own `prepare`), NumPyro's default
NUTS (diagonal mass matrix, chains one after another), Diffrax Tsit5 with a PID controller at rtol 1e-6, atol 1e-8. A
solve that runs out of steps rejects the proposal (`throw=False`); an exception would end the whole run.
"""

from __future__ import annotations

import time

T0 = time.perf_counter()

import json  # noqa: E402
import sys  # noqa: E402

import jax  # noqa: E402

jax.config.update("jax_enable_x64", True)

import diffrax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import numpyro  # noqa: E402
from numpyro.infer import MCMC, NUTS  # noqa: E402

import gapdyn as gd  # noqa: E402
from gapdyn.inference import prepare  # noqa: E402
from gapdyn.inference._diagnostics import summarise  # noqa: E402

SITES = ("rate", "rho", "gap_inf", "u_s0", "u_v0", "sigma", "shared_s", "shared_v")


def main(dataset: str, warmup: int, draws: int) -> None:
    ours, obs, scale = prepare(gd.datasets.load(dataset), gd.laws.shared_rate())
    obs = obs.unpadded()

    def field(t, y, args):
        alpha, beta, gap_inf = args
        drive = y[0] - y[1] - gap_inf
        return jnp.stack([-alpha * drive, -beta * drive])

    def model(obs):
        v = {n: numpyro.sample(n, obs.priors[n].distribution) for n in SITES}
        alpha = v["rate"] / (1 - v["rho"])
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(field), diffrax.Tsit5(), obs.ts[0], obs.ts[-1], 0.01, jnp.stack([v["u_s0"], v["u_v0"]]),
            (alpha, v["rho"] * alpha, v["gap_inf"]), saveat=diffrax.SaveAt(ts=obs.ts),
            stepsize_controller=diffrax.PIDController(rtol=1e-6, atol=1e-8), throw=False,
        )  # fmt: skip
        numpyro.sample("checkpoints", ours.errors(solution.ys, v, obs), obs=obs.y)

    def sample(seed):
        began = time.perf_counter()
        mcmc.run(jax.random.PRNGKey(seed), obs)
        draws = jax.block_until_ready(mcmc.get_samples(group_by_chain=True))
        return draws, time.perf_counter() - began

    mcmc = MCMC(NUTS(model), num_warmup=warmup, num_samples=draws, num_chains=4, progress_bar=False)
    z, _ = sample(0)
    cold = time.perf_counter() - T0
    z, warm = sample(1)
    ends = z["u_s0"] - (z["u_s0"] - z["u_v0"] - z["gap_inf"]) / (1 - z["rho"])
    ess = min(summarise(np.asarray(x)).ess_bulk for x in (*z.values(), ends))
    ceiling = scale.from_standard("u_s_inf", np.asarray(ends))
    report = {"cold": cold, "warm": warm, "min_ess": ess, "ess_per_s": ess / warm}
    print(json.dumps({**report, "ceiling": [float(ceiling.mean()), float(ceiling.std())]}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
