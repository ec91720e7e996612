"""NUTS by BlackJAX: all chains vmapped, warm-up and sampling in one compiled step (see `_blackjax`).

Levels that are Gaussian given the rest are sampled as numbers that are standard normal whatever the rest is.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from ._result import Sampled
from ._target import Start, Target


@dataclasses.dataclass(frozen=True)
class NUTS:
    """Settings of the BlackJAX engine.

    Parameters
    ----------
    chains, warmup, draws : counts per fit and per chain.
    target_acceptance : in (0, 1); higher takes smaller steps, the remedy for divergences.
    """

    chains: int = 4
    warmup: int = 500
    draws: int = 1000
    target_acceptance: float = 0.95
    name = "nuts"

    def run(
        self, target: Target, args: tuple[Any, ...], key: Any, progress: bool | None = None, start: Start | None = None
    ) -> Sampled:
        """Sample the posterior, from what is known of it or from the best of random points."""
        from ._blackjax import run  # its import takes as long as that of JAX, and most fits need no NUTS

        return run(self, target, args, key, progress, start)
