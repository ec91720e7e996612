"""Convergence: R-hat, effective draws, divergences, E-BFMI, each with its remedy."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpyro.diagnostics import effective_sample_size, split_gelman_rubin
from scipy.special import ndtri

from .._finding import Finding
from ._sites import is_noise

if TYPE_CHECKING:
    from .engines import Sampled

QUANTILES = (0.05, 0.5, 0.95)
ENOUGH = 400  # effective draws of every quantity of the law
LONGER = "Sample longer: engine=gd.engines.NUTS(warmup=2000, draws=4000), on the command line --draws 4000."
CLOSE = 0.05  # of a standard deviation: what an approximation may be off
MORE = "Draw more: engine=gd.engines.Importance(draws=4000), on the command line --draws 4000."
OTHER = "Take another engine: engine='nuts'."
# least share of a draw that a point of importance sampling is worth. Where 24 components do not resemble a posterior,
# k-hat knows only of the tails they reach: thin bent ones had sds 10 to 45% small at k-hats 0.4 to 0.7, and shares 0.02
# to 0.10; posteriors of laws that agree with long NUTS have 0.12 and more
RESEMBLES = 0.1


@dataclasses.dataclass(frozen=True)
class Summary:
    """One parameter's posterior: moments, quantiles, and how well the draws know them."""

    mean: float
    sd: float
    q05: float
    q50: float
    q95: float
    rhat: float
    ess_bulk: float
    ess_tail: float

    def to_dict(self) -> dict[str, float]:
        """A plain dict, for JSON."""
        return dataclasses.asdict(self)


def summarise(draws: Any) -> Summary:
    """Summary of (chain, draw) draws, with rank-normalised split R-hat and ESS (Vehtari et al. 2021, as in ArviZ).

    NumPyro's diagnostics do the counting: importing ArviZ would take longer than the sampling.
    """
    x = np.asarray(draws, np.float64)
    q05, q50, q95 = (float(q) for q in np.quantile(x, QUANTILES))
    if np.ptp(x) == 0:  # a fixed number: nothing to converge
        return Summary(float(x.mean()), 0.0, q05, q50, q95, 1.0, float(x.size), float(x.size))
    z = _normal_scores(x)
    folded = _normal_scores(np.abs(x - np.median(x)))
    rhat = max(split_gelman_rubin(z), split_gelman_rubin(folded))
    tail = min(_split_ess((x <= q).astype(np.float64)) for q in (q05, q95))
    return Summary(float(x.mean()), float(x.std(ddof=1)), q05, q50, q95, float(rhat), _split_ess(z), tail)


def _normal_scores(x: np.ndarray) -> np.ndarray:
    """Normal quantiles of the (average) ranks, shape as `x`."""
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - 0.5 * (counts - 1))[inverse].reshape(x.shape)
    return ndtri((ranks - 0.375) / (x.size + 0.25))


def _split_ess(x: np.ndarray) -> float:
    """Effective size of (chain, draw), each chain split in two; at most size times log10(size), as in ArviZ."""
    half = x.shape[1] // 2
    halves = np.concatenate([x[:, :half], x[:, -half:]])
    if np.ptp(halves) == 0:
        return float(halves.size)
    return float(min(effective_sample_size(halves), halves.size * np.log10(halves.size)))


def e_bfmi(energy: Any) -> np.ndarray:
    """Energy Bayesian fraction of missing information of each chain, (chain,); below 0.3 is poor (Betancourt 2016)."""
    energy = np.asarray(energy, np.float64)
    return np.mean(np.diff(energy, axis=-1) ** 2, axis=-1) / np.var(energy, axis=-1)


def convergence_findings(summaries: Mapping[str, Summary], sampled: Sampled) -> list[Finding]:
    """What the engine's own figures say against trusting its draws."""
    found: list[Finding] = []
    weighted = "pareto_k" in sampled.quality
    more = LONGER
    if weighted:  # more draws help only where their number is what limits them
        effective = sampled.quality.get("effective")
        more = MORE if effective is None or effective.item() >= ENOUGH else OTHER
    worst, rhat = max(((n, s.rhat) for n, s in summaries.items()), key=lambda p: np.nan_to_num(p[1], nan=0.0))
    if rhat > 1.01 and not weighted:  # weighted draws are picked independently: there is nothing to agree on
        text = f"R-hat of {worst} is {rhat:.3f} (above 1.01): the chains have not agreed."
        found.append(Finding("error" if rhat > 1.1 else "warning", "rhat", text, more))
    # nobody reports the quantiles of a noise parameter; that its chains agree is asked above
    law = ((n, min(s.ess_bulk, s.ess_tail)) for n, s in summaries.items() if not is_noise(n))
    fewest, ess = min(law, key=lambda p: p[1])
    if ess < ENOUGH:
        text = f"{fewest} has {ess:.0f} effective draws (below {ENOUGH}): its quantiles are rough."
        found.append(Finding("error" if ess < ENOUGH / 10 else "warning", "ess", text, more))
    return found + (_weight_findings(sampled.quality) if weighted else _nuts_findings(sampled.stats))


def _weight_findings(quality: Mapping[str, Any]) -> list[Finding]:
    """k-hat above 0.7: the proposal misses so much of the tails that no number of draws helps (Vehtari et al. 2024)."""
    found: list[Finding] = []
    k = float(np.max(quality["pareto_k"]))
    if not k < 0.7:
        text = f"k-hat of the importance weights is {k:.2f} (0.7 or more): the proposal does not cover the posterior."
        found.append(Finding("error" if not k < 1 else "warning", "pareto_k", text, OTHER))
    share = float(np.min(quality.get("share", 1.0)))
    if not share >= RESEMBLES:
        text = f"A draw took {1 / share:.0f} points: the proposal does not resemble the posterior, and may lose tails."
        found.append(Finding("warning", "share", text, OTHER))
    off = float(np.max(quality.get("off", 0.0)))
    if not off < CLOSE:
        text = f"The approximation is off by {off:.0%} of a standard deviation in some parameter."
        found.append(Finding("warning", "approximation", text, OTHER))
    converged = float(np.mean(quality.get("converged", 1.0)))
    if converged < 0.5:
        text = f"Only {converged:.0%} of the starts converged to a mode."
        found.append(Finding("warning", "starts", text, OTHER))
    return found


def _nuts_findings(stats: Mapping[str, Any]) -> list[Finding]:
    found: list[Finding] = []
    share = float(np.mean(stats["diverging"]))
    if share > 0:
        text = f"{int(np.sum(stats['diverging']))} of {np.size(stats['diverging'])} draws diverged."
        remedy = (
            "Give the loosest parameter a tighter prior, or sample with smaller steps: "
            "engine=gd.engines.NUTS(target_acceptance=0.995)."
        )
        level = "error" if share > 0.05 else "warning" if share > 0.001 else "info"
        found.append(Finding(level, "divergences", text, remedy))
    energy = e_bfmi(stats["energy"])
    if np.min(energy) < 0.3:
        text = f"E-BFMI is {np.min(energy):.2f} in chain {int(np.argmin(energy))} (below 0.3): tails are missed."
        found.append(Finding("warning", "e_bfmi", text, LONGER))
    deep = float(np.mean(stats["max_depth"]))
    if deep > 0.01:
        text = f"{deep:.0%} of the steps reached the greatest tree depth: the posterior is long and narrow."
        found.append(Finding("warning", "max_depth", text, "Give the loosest parameter a tighter prior."))
    return found
