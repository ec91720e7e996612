"""What every engine returns."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple


class Weighted(NamedTuple):
    """Points that a posterior was found at: x (n, rest), where proposals put them; the target's own vectors of them (n,
    size); log densities (n,) of the rest, of the target and of what proposed them.
    """

    x: Any
    own: Any
    log_target: Any
    log_proposal: Any


@dataclasses.dataclass(frozen=True)
class Sampled:
    """Draws of a target, in unconstrained space, and how they were made.

    Attributes
    ----------
    x : (chain, draw, size).
    stats : name -> (chain, draw): of NUTS `diverging`, `energy`, `n_steps`, `acceptance`, `max_depth` (reached).
    quality : name -> (1,): of weighted draws `pareto_k`, `effective` (draws that they are worth), `log_evidence`, and
        the share of starts that `converged`, where there were starts; of importance sampling, too, the `share` of a
        draw that a point is worth. Of an approximation, whose draws are not weighted, in place of `effective` how far
        it is `off` (in sds, by its weights).
    seconds : phase -> seconds.
    proposal : of weighted draws, what they were proposed by, for a posterior much like this one to start from.
    points : of weighted draws, all points (points, size) that they were picked from, where the proposals put them, and
        the log density (points,) of all proposals together.
    """

    x: Any
    stats: dict[str, Any] = dataclasses.field(default_factory=dict)
    quality: dict[str, Any] = dataclasses.field(default_factory=dict)
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    proposal: Any = None
    points: Any = None
