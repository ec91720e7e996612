"""Quadrature: what is Gaussian given the rest is integrated out exactly, the rest by adaptive importance sampling.

A law's levels enter linearly, so with Gaussian errors and normal priors they are integrated out in closed form. What is
left, 2 to 7 numbers, is found by annealing and explored by importance sampling, and the levels are drawn given it.
Posteriors of which points can be had outright (see `Target`) are not searched for unless these are not verified.
The weights are those of the whole posterior, so that nothing is taken on trust.
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from ..._check import InputError
from ..._progress import progress_bar
from ..._random import generator
from ._annealing import annealed
from ._exploring import explored, found_outright
from ._result import Sampled
from ._target import Target


@dataclasses.dataclass(frozen=True)
class Quadrature:
    """Settings of quadrature.

    Parameters
    ----------
    chains, draws : draws in all are their product; they are independent, and in chains for those who expect them so.
    rounds : of a search, most proposals, each fitted to the points of those before it, before draws are taken and
        judged.
    components : of its proposal.
    """

    chains: int = 4
    draws: int = 1000
    rounds: int = 12
    components: int = 12
    name = "quadrature"

    def run(
        self, target: Target, args: tuple[Any, ...], key: Any, progress: bool | None = None, start: Any = None
    ) -> Sampled:
        """Sample the posterior, from the proposal of one much like it if there is one."""
        if target.given_rest is None:
            raise InputError(
                "engine 'quadrature': this model has no parameters that are Gaussian given the others (levels of a law "
                "that is affine in them, with Gaussian errors and normal priors). Use engine='importance'."
            )
        began, random, aim = time.perf_counter(), generator(key), target.collapsed(args)
        sampled = None if target.outright is None else found_outright(target, args, self, random)
        if sampled is not None:
            return dataclasses.replace(sampled, seconds={"sampling": time.perf_counter() - began})
        with progress_bar(1 + self.rounds, "quadrature", progress) as bar:
            mixture = start or annealed(aim, random, self.components)
            bar.update(1)
            sampled = explored(aim, mixture, self, random, bar)
        return dataclasses.replace(sampled, seconds={"sampling": time.perf_counter() - began})
