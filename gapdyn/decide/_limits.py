"""A ceiling as a value: draws of the limits, how much is behind, and its table."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..data import Run
from ..inference import Finding
from ..inference._diagnostics import QUANTILES
from ..inference._model import unit_of
from ..inference._result import quantities


@dataclasses.dataclass(frozen=True, eq=False)
class Ceiling:
    """Posterior of a run's limits. Made by `gapdyn.ceiling`.

    Attributes
    ----------
    u_s, u_v, gap : (draw,), limits in the run's unit; `u_s` is the ceiling (of the one series, if one was fitted).
        NaN in draws that have no limit.
    prompts : "new" (limits of the capability: other prompts of the same kind) or "same" (limits of the measured
        curves, which carry the common error of their prompts).
    realised : (draw,), share of the solver's total gain U_s0 - U_s,inf that lies behind the last checkpoint.
    rest : (draw,), what the solver still has to fall after it, in the run's unit.
    tolerance : the rest that counts as finished.
    finished : P(|rest| < tolerance).
    time_left : (draw,), time after the last checkpoint until |rest| < tolerance; 0 if it is now.
    series : the one column that was fitted (`u_s` is then its limit); None: u_s and u_v.
    findings : of the posterior it comes from, or of the laws together.
    laws, weights : of a ceiling over laws, name -> its own `Ceiling` (None for a law without a limit), name -> weight;
        the draws are then a mixture of the laws', NaN for those of a law without a limit.
    """

    run: Run = dataclasses.field(repr=False)
    prompts: str
    u_s: np.ndarray
    u_v: np.ndarray
    gap: np.ndarray
    realised: np.ndarray
    rest: np.ndarray
    tolerance: float
    time_left: np.ndarray
    series: str | None = None
    findings: tuple[Finding, ...] = ()
    laws: Mapping[str, Ceiling | None] = dataclasses.field(default_factory=dict)
    weights: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def finished(self) -> float:
        """P(|rest| < tolerance)."""
        rest = self.rest[np.isfinite(self.rest)]
        return float(np.mean(np.abs(rest) < self.tolerance))

    @property
    def settles(self) -> float:
        """P(there is a limit); figures are of the draws that have one."""
        return float(np.mean(np.isfinite(self.u_s)))

    def summary(self) -> dict[str, dict[str, float]]:
        """ "u_s", "u_v", "gap" (or the one series) -> mean, sd, q05, q50, q95."""
        return {name: describe(getattr(self, attribute)) for name, attribute in quantities(self.series).items()}

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return {
            **self.summary(),
            "prompts": self.prompts,
            "realised": describe(self.realised),
            "rest": describe(self.rest),
            "tolerance": self.tolerance,
            "p_finished": self.finished,
            "p_limit": self.settles,
            "time_left": describe(self.time_left),
            **({"weights": dict(self.weights)} if self.weights else {}),
            **({"laws": {n: c.summary() if c else None for n, c in self.laws.items()}} if self.laws else {}),
        }

    def table(self) -> str:
        """The ceiling as a table, without the findings."""
        run = self.run
        unit = unit_of("u_s_inf", run)
        rows = [
            f"ceiling of {run.name} ({self.prompts} prompts)",
            f"{'':10s}{'median':>10s}{'90% interval':>22s}",
        ]
        for name, values in self.summary().items():
            interval = f"[{values['q05']:.4g}, {values['q95']:.4g}]"
            rows.append(f"{name + '_inf':10s}{values['q50']:>10.4g}{interval:>22s}  {unit}")
        if self.settles < 1:
            rows.append(f"of the {self.settles:.1%} of the posterior in which there is a limit")
        done = describe(self.realised)
        rows.append(
            f"gain realised by {run.clock} {run.t[-1]:g}: {done['q50']:.0%} [{done['q05']:.0%}, {done['q95']:.0%}]"
        )
        left = describe(self.time_left)
        rows.append(f"P(rest < {self.tolerance:.3g}) now: {self.finished:.0%}; time to it: "
                    f"{left['q50']:.3g} [{left['q05']:.3g}, {left['q95']:.3g}] {run.clock}s")  # fmt: skip
        return "\n".join([*rows, *self._by_law()])

    def _by_law(self) -> list[str]:
        order = sorted(self.laws, key=lambda name: -self.weights[name])
        rows = ["", f"{'by law':20s}{'weight':>8s}{'u_s_inf':>10s}{'90% interval':>22s}"] if order else []
        for name in order:
            limit = self.laws[name]
            if limit is None:
                rows.append(f"{name:20s}{self.weights[name]:>8.2f}{'none':>10s}")
                continue
            s = describe(limit.u_s)
            interval = f"[{s['q05']:.4g}, {s['q95']:.4g}]"
            rows.append(f"{name:20s}{self.weights[name]:>8.2f}{s['q50']:>10.4g}{interval:>22s}")
        return rows

    def __str__(self) -> str:
        shown = [str(f) for f in self.findings if f.level != "info" or self.laws]
        return "\n".join([self.table(), *shown])


def describe(draws: np.ndarray) -> dict[str, float]:
    """Mean, sd and quantiles of draws, NaN left out; infinite where draws are."""
    draws = draws[~np.isnan(draws)]
    q05, q50, q95 = (float(q) for q in np.quantile(draws, QUANTILES, method="inverted_cdf"))
    with np.errstate(invalid="ignore"):
        return {"mean": float(np.mean(draws)), "sd": float(np.std(draws)), "q05": q05, "q50": q50, "q95": q95}
