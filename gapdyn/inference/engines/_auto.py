"""The engine that picks one: the fastest whose draws are verified on this posterior, else NUTS."""

from __future__ import annotations

import dataclasses
from typing import Any

from ._importance import Importance
from ._nuts import NUTS
from ._quadrature import Quadrature
from ._target import Target


@dataclasses.dataclass(frozen=True)
class Auto:
    """Quadrature, or importance sampling where a model has nothing to integrate out; NUTS where checks do not pass.

    Parameters
    ----------
    chains, draws : of either.
    warmup, target_acceptance : of NUTS.
    fallback : whether NUTS samples where the checks do not pass. Without it, for many fits in a row, the draws stay and
        the findings say so.
    """

    chains: int = 4
    warmup: int = 500
    draws: int = 1000
    target_acceptance: float = 0.95
    fallback: bool = True
    name = "auto"

    def candidates(self, target: Target) -> tuple[Any, ...]:
        """Engines in the order in which they are tried."""
        fast = Importance if target.given_rest is None else Quadrature
        return fast(self.chains, self.draws), NUTS(self.chains, self.warmup, self.draws, self.target_acceptance)
