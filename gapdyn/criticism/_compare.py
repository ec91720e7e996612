"""Rival laws on one run: what each is worth by the later checkpoints it had foretold, with leave-one-out beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._check import InputError, choose
from .._finding import AbstractResult
from ..data import Run
from ..dynamics import LawSpec
from ..inference import Finding, Fit, Likelihood
from ._backtest import LEAST, first_origin, named, weigh
from ._loo import Loo, loo, spread
from ._rolling import ENGINE, Prediction, doubts, roll
from ._weights import METHODS

TOLD = 0.75  # weight from which a law counts as told from the others
COUNTS = 0.05  # weight from which it counts at all


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison(AbstractResult):
    """Laws fitted to a whole run and weighed. Made by `gapdyn.compare`; prints itself, `gapdyn.ceiling` takes it.

    Attributes
    ----------
    run : the run.
    laws : name -> law or curve.
    fits : name -> posterior given the whole run.
    weights : name -> weight, from what each law, fitted to fewer checkpoints, said of the later ones.
    lfo : name -> (obs,), log predictive density of each checkpoint given earlier ones, averaged over the origins that
        foretold it; NaN for the first half, which no origin foretold.
    loo : name -> leave-one-out, by checkpoint.
    findings : what to know before using it.
    """

    run: Run
    laws: Mapping[str, LawSpec]
    fits: Mapping[str, Fit]
    weights: Mapping[str, float]
    lfo: Mapping[str, np.ndarray]
    loo: Mapping[str, Loo]
    findings: tuple[Finding, ...]

    @property
    def order(self) -> list[str]:
        """Names, the heaviest first."""
        return sorted(self.laws, key=lambda name: -self.weights[name])

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return {
            "run": self.run.name,
            "laws": {
                name: {
                    "weight": self.weights[name],
                    "elpd_lfo": float(np.nansum(self.lfo[name])),
                    "elpd_loo": self.loo[name].elpd,
                    "se_loo": self.loo[name].se,
                    "p_loo": self.loo[name].p_loo,
                    "doubtful_k": self.loo[name].doubtful,
                }
                for name in self.order
            },
            "findings": [f.to_dict() for f in self.findings],
        }

    def table(self) -> str:
        """The laws as a table, without the findings."""
        lines = [f"laws of {self.run.name}, {len(self.run)} checkpoints, weighed by forecasts of the later half"]
        heads = f"{'':20s}{'weight':>8s}{'elpd lfo':>10s}{'less':>8s}{'se':>7s}{'elpd loo':>10s}{'less':>8s}{'se':>7s}"
        lines.append(f"{heads}{'k > 0.7':>9s}")
        best_lfo = max(self.laws, key=lambda n: np.nansum(self.lfo[n]))
        best_loo = max(self.laws, key=lambda n: self.loo[n].elpd)
        for name in self.order:
            lfo, one = self.lfo[name], self.loo[name]
            later, each = lfo - self.lfo[best_lfo], one.elpd_i - self.loo[best_loo].elpd_i
            lines.append(
                f"{name:20s}{self.weights[name]:>8.2f}{np.nansum(lfo):>10.1f}{np.nansum(later):>8.1f}"
                f"{spread(later):>7.1f}{one.elpd:>10.1f}{np.nansum(each):>8.1f}{spread(each):>7.1f}{one.doubtful:>9d}"
            )
        lines.append("less: than the best, with its standard error; lfo: leave future out, loo: leave one out (PSIS)")
        return "\n".join(lines)


def compare(
    run: Run,
    laws: Mapping[str, LawSpec] | LawSpec | Sequence[LawSpec] | None = None,
    *,
    key: Any,
    weights: str = "pseudo_bma",
    likelihood: Likelihood | None = None,
    engine: Any = ENGINE,
    progress: bool | None = None,
    workers: int = 1,
) -> Comparison:
    """Fit laws to a run and weigh them by how they foretell its second half.

    Parameters
    ----------
    run : a run of at least 5 checkpoints.
    laws, weights, likelihood, engine, progress, workers : as for `gapdyn.backtest`.
    key : seed.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        A run that is too short, or without u_s and u_v; laws none of which can be fitted.
    """
    choose(weights, METHODS, "weights")
    chosen, count = named(run, laws), len(run)
    if count <= LEAST:
        raise InputError(f"run {run.name!r} has {count} checkpoints; to foretell some from others takes {LEAST + 1}.")
    between = list(range(first_origin(count), count))
    rolled, failed = roll(run, chosen, between, [count], key=key, likelihood=likelihood, engine=engine,
                          progress=progress, workers=workers)  # fmt: skip
    fits = {name: found[count].fit for name, found in rolled.items()}
    whole = {name: fit for name, fit in fits.items() if fit is not None}  # the last origin is always fitted
    weight = weigh(rolled, count, weights)
    found = [*doubts(rolled, [count], failed), *_findings(run, weight)]
    return Comparison(
        run,
        {name: chosen[name] for name in rolled},
        whole,
        weight,
        {name: _by_checkpoint(by_origin, count) for name, by_origin in rolled.items()},
        {name: loo(fit) for name, fit in whole.items()},
        tuple(found),
    )


def _by_checkpoint(by_origin: Mapping[int, Prediction], count: int) -> np.ndarray:
    said = np.full((len(by_origin), count), np.nan)
    for row, prediction in zip(said, by_origin.values(), strict=True):
        seen = np.isfinite(prediction.ahead.y).any(-1)
        row[prediction.train :] = np.where(seen, prediction.log_score, np.nan)
    foretold = np.isfinite(said)
    return np.where(foretold.any(0), np.nansum(said, 0) / np.maximum(foretold.sum(0), 1), np.nan)


def _findings(run: Run, weights: Mapping[str, float]) -> list[Finding]:
    order = sorted(weights, key=lambda name: -weights[name])
    close = [f"{name} ({weights[name]:.2f})" for name in order if weights[name] >= COUNTS]
    if len(weights) == 1 or weights[order[0]] >= TOLD:
        return []
    text = f"Run {run.name!r} does not tell these laws apart: {', '.join(close)}."
    return [Finding("info", "not_told_apart", text, "gd.ceiling(comparison) is over all of them.")]
