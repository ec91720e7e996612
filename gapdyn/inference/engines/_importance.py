"""Importance sampling: Newton's method from several starts, a mixture of Student-t densities about the modes that
adapts to the posterior, Pareto-smoothed weights.

Where it works (a handful of parameters, few modes) its draws are independent and cost some thousands of densities,
and it knows whether it worked: k-hat says how well the proposal covers the posterior, and several replicates, each with
its own starts and its own adaptation, must agree.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..._compile import quick_jit
from .._progress import progress_bar
from ._mixture import Mixture, factor_of
from ._newton import climb
from ._pareto import smooth
from ._result import Sampled
from ._target import Target

ROUND = 1024  # points in a round
PER_DRAW = 4
STARTS = 4  # of Newton's method, in each replicate
TRIES = 64  # random points from which each start is the densest
COMPONENTS = 6
REFINEMENTS = 6  # steps of expectation-maximisation in a round
DEFENSIVE = 0.05  # share of a wide component over all that was seen, lest a tail be lost
LARGEST = 20  # weights that are cut to the least of them while adapting


@dataclasses.dataclass(frozen=True)
class Importance:
    """Settings of importance sampling.

    Parameters
    ----------
    chains : replicates, each with starts, proposal and draws of its own; their agreement is checked as chains' is.
    draws : kept per replicate, drawn with their weights from `PER_DRAW` times as many.
    rounds : times that the proposal adapts, on `ROUND` points each.
    """

    chains: int = 4
    draws: int = 1000
    rounds: int = 5
    name = "importance"

    def run(self, target: Target, args: tuple[Any, ...], key: Any, progress: bool | None = None) -> Sampled:
        """Sample the posterior."""
        began = time.perf_counter()
        k_run, k_pick = jax.random.split(key)
        random = np.random.default_rng(np.asarray(jax.random.key_data(k_pick)))
        tries = random.uniform(-2, 2, (self.chains, STARTS, TRIES, target.size))
        with progress_bar(1, "importance sampling", progress) as bar:
            keys = jax.random.split(k_run, self.chains)
            blocks = -(-PER_DRAW * self.draws // ROUND)
            found = _replicates(target, self.rounds, blocks, args, jnp.asarray(tries, float), keys)
            x, log_weight, converged = (np.asarray(a) for a in found)
            bar.update(1)
        smoothed = [smooth(w) for w in log_weight]
        place = (np.arange(self.draws) + random.uniform(size=(self.chains, 1))) / self.draws
        pick = [np.searchsorted(np.cumsum(w)[:-1], p) for (w, _), p in zip(smoothed, place, strict=True)]
        kept = np.stack([random.permutation(z[i]) for z, i in zip(x, pick, strict=True)])
        quality = {
            "pareto_k": np.asarray([k for _, k in smoothed]),
            "effective": np.asarray([1 / np.sum(w**2) for w, _ in smoothed]),
            "log_evidence": np.logaddexp.reduce(log_weight, axis=1) - np.log(log_weight.shape[1]),
            "converged": converged.mean(1),
        }
        return Sampled(kept, quality=quality, seconds={"sampling": time.perf_counter() - began})


@quick_jit(static_argnums=(0, 1, 2))
def _replicates(target: Target, rounds: int, blocks: int, args: tuple[Any, ...], tries: Any, keys: Any) -> Any:
    """x (chains, points, size), log weights (chains, points), and which starts converged (chains, starts).

    Adaptation and the final draw are rounds of one loop: the density is compiled once for both.
    """
    density = target.log_density(args)

    def one(tries: Any, key: Any) -> Any:
        scores = jax.vmap(jax.vmap(density))(tries)
        modes = jax.vmap(functools.partial(climb, density))(tries[jnp.arange(len(tries)), jnp.argmax(scores, -1)])
        evidence = jnp.where(jnp.isfinite(modes.log_evidence), modes.log_evidence, -jnp.inf)
        # starts that found the same mode share its weight; a bad one keeps a little, for it may be a tail's outpost
        each = jax.nn.log_softmax(jnp.logaddexp(jax.nn.log_softmax(evidence), jnp.log(1e-3)))
        mixture = _repeated(Mixture(each, modes.x, factor_of(1.5 * modes.covariance)), COMPONENTS + 1)

        def propose(mixture: Mixture, plan: tuple[Any, Any]) -> tuple[Mixture, tuple[Any, Any]]:
            key, adapts = plan
            k_draw, k_centre = jax.random.split(key)
            x = mixture.sample(k_draw, ROUND)
            log_weight = jax.vmap(density)(x) - mixture.log_prob(x)
            mixture = jax.lax.cond(adapts, lambda: _adapted(x, log_weight, k_centre), lambda: mixture)
            return mixture, (x, log_weight)

        plan = jax.random.split(key, rounds + blocks), jnp.arange(rounds + blocks) < rounds
        _, (x, log_weight) = jax.lax.scan(propose, mixture, plan)
        return x[rounds:].reshape(-1, target.size), log_weight[rounds:].reshape(-1), modes.converged

    return jax.vmap(one)(tries, keys)


def _repeated(mixture: Mixture, count: int) -> Mixture:
    """The same density with `count` components."""
    have = mixture.log_weight.shape[0]
    index = np.arange(count) % have
    times = np.bincount(index, minlength=have)[index]
    return Mixture(mixture.log_weight[index] - np.log(times), mixture.mean[index], mixture.factor[index])


def _adapted(x: Any, log_weight: Any, key: Any) -> Mixture:
    """A mixture that resembles the weighted points: expectation-maximisation from centres among them."""
    weight = jax.nn.softmax(log_weight)
    weight = jnp.minimum(weight, jax.lax.top_k(weight, LARGEST)[0][-1])
    weight = weight / jnp.sum(weight)
    mean = weight @ x
    whole = jnp.einsum("n,ni,nj->ij", weight, x - mean, x - mean)
    place = (jnp.arange(COMPONENTS) + jax.random.uniform(key, (COMPONENTS,))) / COMPONENTS
    centre = x[jnp.minimum(jnp.searchsorted(jnp.cumsum(weight), place), len(x) - 1)]
    even = jnp.full(COMPONENTS, -np.log(COMPONENTS), x.dtype)
    first = Mixture(even, centre, jnp.repeat(factor_of(0.4 * whole)[None], COMPONENTS, 0))
    spread = 0.5 * whole
    fitted, _ = jax.lax.scan(lambda m, _: (m.improved(x, weight, spread), None), first, None, length=REFINEMENTS)
    return Mixture(
        jnp.append(fitted.log_weight + np.log1p(-DEFENSIVE), np.log(DEFENSIVE)),
        jnp.concatenate([fitted.mean, mean[None]]),
        jnp.concatenate([fitted.factor, factor_of(2.5 * whole)[None]]),
    )
