"""The engine that picks one: the fastest whose draws are verified on this posterior, else NUTS."""

from __future__ import annotations

import dataclasses
from typing import Any

from ._importance import Importance
from ._nuts import NUTS


@dataclasses.dataclass(frozen=True)
class Auto:
    """Importance sampling where its own checks and those of its draws pass, NUTS where they do not.

    Parameters
    ----------
    chains, draws : of either.
    warmup, target_acceptance : of NUTS.
    """

    chains: int = 4
    warmup: int = 500
    draws: int = 1000
    target_acceptance: float = 0.9
    name = "auto"

    @property
    def candidates(self) -> tuple[Any, ...]:
        """Engines in the order in which they are tried."""
        return Importance(self.chains, self.draws), NUTS(**dataclasses.asdict(self))
