"""How a verifier's scores weigh responses: f[w] is f times w(score), prompt by prompt (Song et al., arXiv:2412.02674).

Each is called as `weight(batch, score)` with the scores (rows,), none missing, and gives weights (rows,), at least 0.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from .._check import InputError
from .._random import generator
from ..data._text import show

if TYPE_CHECKING:
    from ._batches import Batch


class AbstractWeight:
    """A rule that turns the scores of a prompt's responses into weights."""

    def __call__(self, batch: Batch, score: np.ndarray) -> np.ndarray:
        """Weights, (rows,), of scores, (rows,)."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Threshold(AbstractWeight):
    """1 where the score is at least `tau`."""

    tau: float = 0.5

    def __post_init__(self) -> None:
        _between("tau", self.tau, 0, 1)

    def __call__(self, batch: Batch, score: np.ndarray) -> np.ndarray:
        return (score >= self.tau).astype(float)


@dataclasses.dataclass(frozen=True)
class Top(AbstractWeight):
    """The best `share` of a prompt's responses by score, at least one; of equal scores at the edge all count alike."""

    share: float = 0.25

    def __post_init__(self) -> None:
        _between("share", self.share, 1e-9, 1)

    def __call__(self, batch: Batch, score: np.ndarray) -> np.ndarray:
        order = np.lexsort((-score, batch.group))
        size = batch.sizes
        keep = np.maximum(np.ceil(self.share * size - 1e-9), 1).astype(int)
        edge = score[order][batch.starts + keep - 1][batch.group]
        above, level = score > edge, score == edge
        # what is left of the places for those that share the edge
        left = (keep - batch.add(above.astype(float))) / batch.add(level.astype(float))
        return np.where(above, 1.0, np.where(level, left[batch.group], 0.0))


@dataclasses.dataclass(frozen=True)
class Tilt(AbstractWeight):
    """exp(score / b): all alike for large b, the highest score alone for small b."""

    b: float = 0.1

    def __post_init__(self) -> None:
        _between("b", self.b, 1e-9, 1e9)

    def __call__(self, batch: Batch, score: np.ndarray) -> np.ndarray:
        top = np.maximum.reduceat(score, batch.starts)
        return np.exp((score - top[batch.group]) / self.b)


@dataclasses.dataclass(frozen=True)
class Tournament(AbstractWeight):
    """The chance of winning a single-elimination tournament among a prompt's responses, over random brackets.

    A response with score s beats one with score r with odds s (1 - r) : r (1 - s). Whoever has no opponent goes on.
    """

    brackets: int = 64
    key: Any = 0

    def __post_init__(self) -> None:
        if isinstance(self.brackets, bool) or not isinstance(self.brackets, int) or not 1 <= self.brackets <= 10_000:
            raise InputError(f"brackets={show(self.brackets)}: give a whole number from 1 to 10000.")

    def __call__(self, batch: Batch, score: np.ndarray) -> np.ndarray:
        rng, wins = generator(self.key), np.zeros(len(score))
        place = np.arange(len(score)) - batch.starts[batch.group]
        safe = np.clip(score, 1e-9, 1 - 1e-9)
        odds = safe / (1 - safe)
        for _ in range(self.brackets):
            drawn = np.lexsort((rng.random(len(score)), batch.group))
            field = np.full((len(batch.starts), int(batch.sizes.max())), -1)
            field[batch.group, place] = drawn
            while field.shape[1] > 1:
                field = _round(field, odds, rng)
            wins[field[:, 0]] += 1
        return wins / self.brackets


def _round(field: np.ndarray, odds: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One round: (groups, m) rows, -1 for nobody -> (groups, ceil(m / 2))."""
    if field.shape[1] % 2:
        field = np.hstack([field, np.full((len(field), 1), -1)])
    one, other = field[:, ::2], field[:, 1::2]
    chance = odds[one] / (odds[one] + odds[other])
    return np.where((other < 0) | ((one >= 0) & (rng.random(one.shape) < chance)), one, other)


def _between(what: str, value: Any, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not low <= value <= high:
        raise InputError(f"{what}={show(value)}: give a number from {low:g} to {high:g}.")
