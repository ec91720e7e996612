"""What every engine returns."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Sampled:
    """Draws of the model's sampled sites, in unconstrained space, and how they were made.

    Attributes
    ----------
    z : site -> (chain, draw).
    stats : name -> (chain, draw): `diverging`, `energy`, `n_steps`, `acceptance`, `max_depth` (reached).
    seconds : phase -> seconds.
    """

    z: dict[str, Any]
    stats: dict[str, Any]
    seconds: dict[str, float]
