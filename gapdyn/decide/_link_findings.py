"""What speaks against the accuracy link: accuracy that does not follow, that turns, or that follows by two slopes."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from .._random import generator
from ..criticism._progress import Change, turned
from ..inference import Finding
from ._link import SD, UNCERTAINTY, Graded, Proposed

UNTOLD = 0.05  # P(c < 0), had c no sign, from which the link counts as not seen
FEW = 8  # checkpoints, fewer of which show no bend
SIDE = 3  # checkpoints on either side of a bend
SURPRISING = 0.002  # of straight links that would show as large a bend
REPLICATES = 4000
UNEQUAL = 2.0  # the factor by which slopes differ where it matters
STEPS = 50
WHO = {"acc_s": "solver", "acc_v": "verifier"}

Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Bend:
    """The best link of two slopes, held against the straight one.

    Attributes
    ----------
    at : the U at which it bends.
    early, late : its slopes c above and below that, in 1/unit of U.
    p : share of straight links whose best bend would be as large.
    limit : the accuracy that the later slope leads to at the limit of U.
    """

    at: float
    early: float
    late: float
    p: float
    limit: float

    @property
    def uneven(self) -> bool:
        """Whether the slopes differ, clearly and by a factor that matters."""
        small, large = sorted((self.early, self.late))
        return self.p < SURPRISING and large > UNEQUAL * max(small, 0.0)


def bend(data: Graded, u: Array, limit: float) -> Bend | None:
    """The largest bend of the link along the course `u` (obs,); None of few checkpoints.

    A score test at every place that leaves 3 checkpoints on either side, against the residuals about that bend, which
    count as binomial where they are smaller (those of neighbouring checkpoints are alike); the largest of them against
    the largest of straight links.
    """
    x = data.fallen(u)
    places = np.sort(x)[SIDE - 1 : -SIDE]
    if len(x) < FEW or not places[-1] > places[0]:
        return None
    straight = np.stack([np.ones_like(x), x], -1)
    b, p = _regress(data, straight)
    root = np.sqrt(data.count * p * (1 - p))
    base, _ = np.linalg.qr(straight * root[:, None])
    hinges = np.maximum(x[:, None] - places, 0.0) * root[:, None]
    hinges -= base @ (base.T @ hinges)
    hinges /= np.linalg.norm(hinges, axis=0)
    size, best = _largest((data.right - data.count * p) / root, base, hinges)
    noise = generator(0).standard_normal((REPLICATES, len(x)))
    as_large = (np.sum(_largest(noise, base, hinges)[0] >= size) + 1) / (REPLICATES + 1)
    at = places[int(best)]
    b, _ = _regress(data, np.concatenate([straight, np.maximum(x[:, None] - at, 0.0)], -1))
    end = data.fallen(np.asarray(limit))
    last = b[0] + b[1] * end + b[2] * np.maximum(end - at, 0.0)
    slopes = np.array([b[1], b[1] + b[2]]) / data.size
    u_at = data.middle - at * data.size
    return Bend(float(u_at), float(slopes[0]), float(slopes[1]), float(as_large), float(expit(last)))


def _largest(residual: Array, base: Array, hinges: Array) -> tuple[Array, Array]:
    """The largest score of standardised residuals (..., obs), and its place."""
    residual = residual - residual @ base @ base.T
    score = (residual @ hinges) ** 2
    best = np.argmax(score, axis=-1)
    top = np.max(score, axis=-1)
    left = np.sum(residual**2, axis=-1) - top
    return top / np.maximum(left / (residual.shape[-1] - 4), 1.0), best


def _regress(data: Graded, design: Array) -> tuple[Array, Array]:
    """Weakly held binomial regression: coefficients (k,), probabilities (obs,)."""
    held = np.diag(1 / np.array([SD[0], *[4 * SD[1]] * (design.shape[1] - 1)]) ** 2)
    b, p = np.zeros(design.shape[1]), np.full(len(design), 0.5)
    for _ in range(STEPS):
        p = expit(design @ b)
        information = design.T @ (design * (data.count * p * (1 - p))[:, None]) + held
        step = np.linalg.solve(information, design.T @ (data.right - data.count * p) - held @ b)
        length = float(np.max(np.abs(step)))
        b = b + step / max(length, 1.0)
        if length < 1e-8:
            break
    return b, np.clip(p, 1e-12, 1 - 1e-12)


def doubts(data: Graded, proposed: Proposed, found: Bend | None, change: Change | None) -> list[Finding]:
    """Findings against the link of one series; without any, it holds as far as is seen."""
    who, u = WHO[data.series], UNCERTAINTY[data.series]
    seen = data.right / data.count
    out: list[Finding] = []
    if change is not None and turned(change):
        text = f"{who.capitalize()} accuracy turns: from {change.best:.3f} at its best to {change.end:.3f}."
        remedy = f"Go back to its best checkpoint; where {u} settles says nothing of such an accuracy."
        out.append(Finding("warning", "accuracy_turns", text, remedy))
    if proposed.negative > UNTOLD:
        went = f"{who} accuracy goes from {seen[0]:.3f} to {seen[-1]:.3f}"
        if proposed.negative > 1 - UNTOLD:
            text = f"Accuracy does not follow: {went} and falls as {u} does (P {proposed.negative:.2f})."
        else:
            text = f"No link is seen: {went}, and whether it rises as {u} falls is not told."
        remedy = f"The limit of {u} is then no limit of accuracy. Grade more responses, or mend the verifier."
        out.append(Finding("warning", "no_link", text, remedy))
    elif found is not None and found.uneven:
        text = (
            f"The {who}'s link bends at {u} {found.at:.3g}: per unit of {u} its logit gains {found.early:.2g} before "
            f"and {found.late:.2g} after it (p {found.p:.1g}); by the latter the limit is {found.limit:.3f}."
        )
        remedy = f"Do not trust the limit: {u} goes on without accuracy, or accuracy without it."
        out.append(Finding("warning", "link_bends", text, remedy))
    return out
