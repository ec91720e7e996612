"""Laplace's approximation: the Gaussian that has the mode and the curvature of the posterior.

Its draws are not corrected; their importance weights say how far off they are, and a finding says it when that matters.
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np
from scipy.special import logsumexp

from ..._progress import progress_bar
from ..._random import generator
from ._first import modes_of
from ._mixture import factor_of
from ._pareto import smooth
from ._result import Sampled
from ._target import Target


@dataclasses.dataclass(frozen=True)
class Laplace:
    """Settings of Laplace's approximation at the mode that is worth most.

    Parameters
    ----------
    chains, draws : draws in all are their product; they are independent.
    """

    chains: int = 4
    draws: int = 1000
    name = "laplace"

    def run(self, target: Target, args: tuple[Any, ...], key: Any, progress: bool | None = None) -> Sampled:
        """Sample the approximation."""
        began = time.perf_counter()
        random, values = generator(key), target.values(args)
        with progress_bar(1, "Laplace's approximation", progress) as bar:
            mode, factor, converged = highest(values, target.size, random)
            x, log_density = gaussian(mode, factor, self.chains * self.draws, random)
            log_weight = values(x) - log_density
            bar.update(1)
        quality = {**how_far_off(x, log_weight), "converged": np.asarray([converged])}
        seconds = {"sampling": time.perf_counter() - began}
        return Sampled(x.reshape(self.chains, self.draws, -1), quality=quality, seconds=seconds)


def highest(values: Any, size: int, random: np.random.Generator) -> tuple[Any, Any, float]:
    """The mode that is worth most (size,), a factor of its covariance, and the share of starts that converged."""
    modes = modes_of(values, size, random)
    best = int(np.argmax(np.nan_to_num(modes.log_evidence, nan=-np.inf, posinf=-np.inf)))
    return modes.x[best], factor_of(modes.covariance[best]), float(modes.converged.mean())


def gaussian(mean: Any, factor: Any, count: int, random: np.random.Generator) -> tuple[Any, Any]:
    """Draws (count, size) of a Gaussian and their log densities (count,); `factor` is a Cholesky factor."""
    e = random.standard_normal((count, len(mean)))
    log_density = -0.5 * np.sum(e**2 + np.log(2 * np.pi), 1) - np.sum(np.log(np.diag(factor)))
    return mean + e @ factor.T, log_density


def how_far_off(x: Any, log_weight: Any) -> dict[str, Any]:
    """What the weights (draws,) say against draws (draws, size) that were not corrected by them.

    `off` is the largest change that correcting makes: of a mean in sds, or of an sd in parts of itself.
    """
    weights, k = smooth(log_weight)
    mean, sd = np.mean(x, 0), np.std(x, 0)
    true_mean = weights @ x
    true_sd = np.sqrt(weights @ (x - true_mean) ** 2)
    off = max(np.max(np.abs(true_mean - mean) / sd), np.max(np.abs(true_sd / sd - 1)))
    evidence = logsumexp(log_weight) - np.log(len(x))
    return {"pareto_k": np.asarray([k]), "off": np.asarray([off]), "log_evidence": np.asarray([evidence])}
