"""NumPyro's own NUTS: slower to start, independently written; the reference that the others are held to."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import jax
import numpy as np

from ..._progress import progress_bar
from ..._random import as_key
from ._result import Sampled
from ._target import Target


@dataclasses.dataclass(frozen=True)
class NumPyroNUTS:
    """Settings of the NumPyro engine: `numpyro.infer.MCMC(NUTS(model))` with a dense mass matrix, chains vectorised.

    Parameters
    ----------
    chains, warmup, draws : counts per fit and per chain.
    target_acceptance : in (0, 1).
    """

    chains: int = 4
    warmup: int = 500
    draws: int = 1000
    target_acceptance: float = 0.95
    name = "numpyro_nuts"

    def run(self, target: Target, args: tuple[Any, ...], key: Any, progress: bool | None = None) -> Sampled:
        """Sample the posterior."""
        from numpyro.infer import MCMC
        from numpyro.infer import NUTS as Kernel
        from numpyro.infer.util import unconstrain_fn

        began = time.perf_counter()
        kernel = Kernel(target.model, dense_mass=True, target_accept_prob=self.target_acceptance)
        mcmc = MCMC(
            kernel, num_warmup=self.warmup, num_samples=self.draws, num_chains=self.chains,
            chain_method="vectorized", progress_bar=False,
        )  # fmt: skip
        fields = ("diverging", "energy", "num_steps", "accept_prob")
        with progress_bar(1, "sampling (NumPyro)", progress) as bar:
            mcmc.run(as_key(key), *args, extra_fields=fields)
            samples = jax.block_until_ready(mcmc.get_samples(group_by_chain=True))
            bar.update(1)
        values = {n: samples[n] for n, _ in target.sites}
        x = jax.jit(jax.vmap(jax.vmap(lambda v: target.join(unconstrain_fn(target.model, args, {}, v)))))(values)
        extra = {k: np.asarray(v) for k, v in mcmc.get_extra_fields(group_by_chain=True).items()}
        stats = {
            "diverging": extra["diverging"],
            "energy": extra["energy"],
            "n_steps": extra["num_steps"],
            "acceptance": extra["accept_prob"],
            "max_depth": extra["num_steps"] >= 2**10 - 1,
        }
        return Sampled(np.asarray(x), stats, seconds={"sampling": time.perf_counter() - began})
