"""Predictive checks: would this model, with these parameters, produce runs like the one that was seen?"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..data import Run
from ..dynamics import LawSpec
from ..inference import Curves, Finding, Fit, Likelihood, prior_curves
from ._statistics import autocorrelation, early_slope, falling_share, final_gap, largest, spike

TAIL = 0.005  # two tails of this size: the false-alarm rate of one statistic is at most 1%


@dataclasses.dataclass(frozen=True)
class Statistic:
    """One check: the observed value, the replicates' central 90%, and P(replicate >= observed).

    For statistics of residuals the observed value too depends on the draw; its median is given, and the probability
    compares replicate and observation draw by draw.
    """

    observed: float
    q05: float
    q50: float
    q95: float
    p: float

    @property
    def surprising(self) -> bool:
        """Whether the observation lies in the outer 0.5% of either side."""
        return self.p < TAIL or self.p > 1 - TAIL


@dataclasses.dataclass(frozen=True, eq=False)
class Check:
    """A prior or posterior predictive check of a run.

    Attributes
    ----------
    run : the run that was checked.
    kind : "posterior" or "prior".
    statistics : name -> `Statistic`.
    coverage : nominal level (0.5, 0.9) -> share of the measured values inside the replicates' central interval.
    replicates : `Curves`, the replicated runs.
    findings : what is surprising.
    """

    run: Run
    kind: str
    statistics: Mapping[str, Statistic]
    coverage: Mapping[float, float]
    replicates: Curves
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return {
            "kind": self.kind,
            "statistics": {k: dataclasses.asdict(s) for k, s in self.statistics.items()},
            "coverage": {f"{level:.0%}": share for level, share in self.coverage.items()},
        }

    def __str__(self) -> str:
        lines = [f"{self.kind} predictive check of {self.run.name}"]
        lines.append(f"{'':24s}{'observed':>11s}{'rep q05':>11s}{'rep q95':>11s}{'p':>8s}")
        for name, s in self.statistics.items():
            mark = "  <- surprising" if s.surprising else ""
            lines.append(f"{name:24s}{s.observed:>11.4g}{s.q05:>11.4g}{s.q95:>11.4g}{s.p:>8.3f}{mark}")
        inside = ", ".join(
            f"{share:.0%} of the data in the {level:.0%} interval" for level, share in self.coverage.items()
        )
        return "\n".join([*lines, inside, *(str(f) for f in self.findings)])


def check(fit: Fit, *, key: Any = 0) -> Check:
    """Posterior predictive check: replicated runs on the same prompts against the measured one.

    Parameters
    ----------
    fit : the posterior.
    key : seed of the replicated noise.

    Returns
    -------
    Check
        With a finding `posterior_misfit` or `outlier` where the run has what the law's replicates have not.
    """
    replicates = fit.curves(key=key, anew=True)
    return _check(fit.data, replicates, "posterior")


def prior_check(
    run: Run,
    law: LawSpec,
    *,
    key: Any = 0,
    prior: Mapping[str, Any] | None = None,
    likelihood: Likelihood | None = None,
    draws: int = 1000,
) -> Check:
    """Prior predictive check: runs that the priors expect before seeing this one's course.

    A run far outside them says that the priors, or the units, are off. Arguments as in `fit`; `draws` replicates.
    """
    replicates = prior_curves(run, law, key=key, prior=prior, likelihood=likelihood, draws=draws)
    return _check(run, replicates, "prior")


def _check(run: Run, rep: Curves, kind: str) -> Check:
    statistics: dict[str, Statistic] = {}
    inside = {0.5: [], 0.9: []}
    for j, name in enumerate(("u_s", "u_v")):
        if name not in run.measured:
            continue
        seen = np.isfinite(getattr(run, name))
        t, y = run.t[seen], getattr(run, name)[None, seen]
        replicate = (rep.rep_s, rep.rep_v)[j][:, seen]
        if len(t) >= 3:
            statistics[f"early_slope_{name}"] = _statistic(early_slope(t, y), early_slope(t, replicate))
        if len(t) >= 6:
            statistics[f"spike_{name}"] = _statistic(spike(y), spike(replicate))
        statistics[f"falling_share_{name}"] = _statistic(falling_share(y), falling_share(replicate))
        if kind == "posterior":
            curve = (rep.u_s, rep.u_v)[j][:, seen]
            r_y, r_rep = y - curve, replicate - curve
            statistics[f"autocorrelation_{name}"] = _statistic(autocorrelation(r_y), autocorrelation(r_rep))
            statistics[f"largest_residual_{name}"] = _statistic(largest(r_y), largest(r_rep))
        for level, hits in inside.items():
            low, high = np.quantile(replicate, [(1 - level) / 2, (1 + level) / 2], axis=0)
            hits.append((y[0] >= low) & (y[0] <= high))
    both = np.isfinite(run.gap)
    if both.any():
        gap = run.gap[None, both]
        statistics["final_gap"] = _statistic(final_gap(gap), final_gap(rep.rep_gap[:, both]))
    coverage = {level: float(np.mean(np.concatenate(hits))) for level, hits in inside.items()}
    return Check(run, kind, statistics, coverage, rep, tuple(_findings(run, kind, statistics)))


def _statistic(observed: np.ndarray, replicated: np.ndarray) -> Statistic:
    q05, q50, q95 = (float(q) for q in np.quantile(replicated, [0.05, 0.5, 0.95]))
    ties = np.mean(replicated == observed)  # falling shares are whole numbers of steps: a tie is half a surprise
    p = float(np.mean(replicated > observed) + 0.5 * ties)
    return Statistic(float(np.median(observed)), q05, q50, q95, p)


_MEANING = {
    "early_slope": "the start is steeper or flatter",
    "falling_share": "the curve wobbles more or less",
    "autocorrelation": "residuals keep their sign",
    "largest_residual": "one checkpoint is far off",
    "spike": "one checkpoint is off its neighbours",
    "final_gap": "the gap ends elsewhere",
}


def _findings(run: Run, kind: str, statistics: Mapping[str, Statistic]) -> list[Finding]:
    surprising = {name: s for name, s in statistics.items() if s.surprising}
    bends = {k: s for k, s in surprising.items() if kind == "prior" or not k.startswith(("spike", "largest_residual"))}
    # where the law bends otherwise, its largest residual says the same again
    told = "spike" if bends else ("spike", "largest_residual")
    outliers = {k: s for k, s in surprising.items() if k not in bends and s.p < 0.5 and k.startswith(told)}
    found = []
    if bends:
        remedy = "The ceiling is this law's opinion, not the data's: gd.backtest puts its rivals on trial."
        if any(name.startswith("autocorrelation") for name in bends):
            remedy += " likelihood=gd.Likelihood(residuals='wander') keeps this one from growing sure of itself."
        if kind == "prior":
            remedy = "Widen or move the priors, or check the columns and units."
        text = f"Run {run.name!r} is not one that the {kind} would produce: {_seen(bends)}."
        found.append(Finding("warning", f"{kind}_misfit", text, remedy))
    if outliers:
        remedy = "Look at that checkpoint; likelihood=gd.Likelihood(noise='student_t') lets it cost little."
        text = f"A checkpoint of run {run.name!r} is off by more than the noise: {_seen(outliers)}."
        found.append(Finding("warning", "outlier", text, remedy))
    return found


def _seen(statistics: Mapping[str, Statistic]) -> str:
    return "; ".join(
        f"{name} {s.observed:.3g} against {s.q05:.3g}..{s.q95:.3g} (p {s.p:.3f}, {_meaning(name)})"
        for name, s in statistics.items()
    )


def _meaning(name: str) -> str:
    return next(text for stem, text in _MEANING.items() if name.startswith(stem))
