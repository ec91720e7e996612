"""Stochastic variational inference: the Gaussian that is nearest to the posterior, by NumPyro's AutoGuide.

It starts as Laplace's approximation and moves to where the evidence lower bound is greatest. Its draws are not
corrected; their importance weights say how far off they are, and a finding says it when that matters.
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro import handlers
from numpyro.distributions import constraints

from ..._compile import quick_jit
from ..._progress import progress_bar
from ..._random import as_key, generator, split
from ._laplace import gaussian, highest, how_far_off
from ._result import Sampled
from ._target import Target

RATE = 0.02  # of Adam, falling to nothing, in units of the Laplace approximation's widths
PARTICLES = 16  # draws in an estimate of the bound


@dataclasses.dataclass(frozen=True)
class SVI:
    """Settings of variational inference with `numpyro.infer.autoguide.AutoMultivariateNormal`.

    Parameters
    ----------
    chains, draws : draws in all are their product; they are independent.
    steps : of the optimiser.
    """

    chains: int = 4
    draws: int = 1000
    steps: int = 2000
    name = "svi"

    def run(self, target: Target, args: tuple[Any, ...], key: Any, progress: bool | None = None) -> Sampled:
        """Sample the approximation."""
        began = time.perf_counter()
        k_start, k_fit, k_draw = split(key, 3)
        values = target.values(args)
        with progress_bar(1, "variational inference", progress) as bar:
            mode, factor, converged = highest(values, target.size, generator(k_start))
            found = _nearest(target, self.steps, as_key(k_fit), jnp.asarray(mode), jnp.asarray(factor), args)
            mean, factor = (np.asarray(a, np.float64) for a in found)
            x, log_density = gaussian(mean, factor, self.chains * self.draws, generator(k_draw))
            log_weight = values(x) - log_density
            bar.update(1)
        quality = {**how_far_off(x, log_weight), "converged": np.asarray([converged])}
        seconds = {"sampling": time.perf_counter() - began}
        return Sampled(x.reshape(self.chains, self.draws, -1), quality=quality, seconds=seconds)


@quick_jit(static_argnums=(0, 1))
def _nearest(target: Target, steps: int, key: Any, mode: Any, factor: Any, args: tuple[Any, ...]) -> tuple[Any, Any]:
    """Mean and factor of the nearest Gaussian, searched for from one with `mode` and `factor`."""
    import optax
    from numpyro.infer import SVI as Fitter
    from numpyro.infer import Trace_ELBO
    from numpyro.infer.autoguide import AutoMultivariateNormal
    from numpyro.infer.initialization import init_to_value

    def model() -> None:
        """The posterior in coordinates in which the first Gaussian is standard normal."""
        w = numpyro.sample("w", dist.ImproperUniform(constraints.real_vector, (), (target.size,)))
        with handlers.block():  # the sites inside are not this model's
            value = target.log_density(args)(mode + factor @ w)
        numpyro.factor("posterior", value)

    start = init_to_value(values={"w": jnp.zeros(target.size)})
    guide = AutoMultivariateNormal(model, init_loc_fn=start, init_scale=1.0)
    optimizer = optax.adam(optax.cosine_decay_schedule(RATE, steps))
    fitter = Fitter(model, guide, optimizer, Trace_ELBO(num_particles=PARTICLES))
    state, _ = jax.lax.scan(lambda s, _: fitter.update(s), fitter.init(key), None, length=steps)
    nearest = guide.get_posterior(fitter.get_params(state))
    return mode + factor @ nearest.loc, factor @ nearest.scale_tril
