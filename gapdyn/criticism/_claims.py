"""What the theory claims, put to a run: how far it departs, and whether that matters.

Each claim is a point in a larger law. That law is fitted, and the posterior of the departure is held against a region
in which it makes no difference in practice.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpyro.distributions as dist

from .._check import InputError, did_you_mean
from .._finding import AbstractResult
from .._random import split
from ..data import Run
from ..dynamics import LawSpec, curves, forcings, laws, limits
from ..inference import Finding, Fit, Likelihood, fit
from ..inference._diagnostics import QUANTILES
from ._rolling import ENGINE, STRAYING

SURE = 0.95


@dataclasses.dataclass(frozen=True)
class Claim:
    """A claim of the theory as a point in a larger law.

    Attributes
    ----------
    name, says : short name, and the claim in words.
    law : run -> the larger law.
    measured_as : what the departure is.
    departure : fit -> (draw,); 0 where the claim holds.
    matters : size of the departure from which it makes a difference.
    applies : whether a run has what the claim is about.
    """

    name: str
    says: str
    law: Callable[[Run], LawSpec]
    measured_as: str
    departure: Callable[[Fit], np.ndarray]
    matters: float
    applies: Callable[[Run], bool] = lambda run: True


def _relaxing(run: Run) -> LawSpec:
    # the default prior of kappa says that there is relaxation; this one starts from none
    return laws.relaxing_verifier(kappa=dist.HalfNormal(1 / float(np.ptp(run.t))))


def _drift(fitted: Fit) -> np.ndarray:
    draws, span = fitted.flat, float(np.ptp(fitted.data.t))
    return np.minimum(draws["rho"] * (1 + span / draws["tau"]) ** draws["q"], 1.0) - draws["rho"]


def _timing(fitted: Fit) -> np.ndarray:
    """What the limit would gain by all external data at the first arrival in place of the last, of the whole gain."""
    constants = fitted.law.constants
    amounts = np.asarray(constants["forcing_amounts"])
    early, late = (
        _limit(fitted, np.where(np.arange(len(amounts)) == i, amounts.sum(), 0.0)) for i in (0, len(amounts) - 1)
    )
    return (late - early) / (fitted["u_s0"] - fitted["u_s_inf"])


def _limit(fitted: Fit, amounts: np.ndarray) -> np.ndarray:
    law = dataclasses.replace(fitted.law, constants={**fitted.law.constants, "forcing_amounts": amounts})
    return np.asarray(limits(dataclasses.replace(fitted, law=law).laws).u_s_inf, np.float64)


def _has_data_over_time(run: Run) -> bool:
    """Whether external data came at more than one time, on a scale whose zero has a meaning."""
    return run.unit != "arbitrary" and int(np.count_nonzero(np.nan_to_num(run.external))) > 1


CLAIMS = {
    c.name: c
    for c in (
        Claim("one_rate", "solver, verifier and gap relax at one rate", lambda run: curves.exponential(),
              "log of the verifier's rate over the solver's", lambda f: np.log(f["rate_v"] / f["rate_s"]),
              float(np.log(1.25))),
        Claim("linear_potential", "the potential E is linear in the gap", lambda run: laws.power_potential(),
              "exponent of the power potential, less 1", lambda f: f["m"] - 1, 0.25),
        Claim("no_relaxation", "the verifier moves with the solver alone (kappa = 0)", _relaxing,
              "kappa over the law's rate", lambda f: f["kappa"] / f["rate"], 0.1),
        Claim("constant_ratio", "the ratio beta/alpha is constant", lambda run: laws.drifting_response(),
              "change of beta/alpha over the run", _drift, 0.05),
        Claim("timing", "external data count by their total, not by their timing",
              lambda run: laws.shared_rate(forcing=forcings.impulse()),
              "what the limit loses with all of them at the last arrival, not the first, over the whole gain", _timing,
              0.05, _has_data_over_time),
    )
}  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False)
class Departure:
    """How far a run departs from one claim.

    Attributes
    ----------
    claim : the claim.
    draws : (draw,), posterior of the departure.
    within : P(it makes no difference) = P(|departure| < claim.matters).
    verdict : "holds" (within is above 0.95), "does not hold" (below 0.05) or "not told".
    fit : the larger law's posterior.
    """

    claim: Claim
    draws: np.ndarray
    fit: Fit = dataclasses.field(repr=False)

    @property
    def within(self) -> float:
        """P(it makes no difference)."""
        return float(np.mean(np.abs(self.draws) < self.claim.matters))

    @property
    def verdict(self) -> str:
        """Whether the claim holds, for practical purposes."""
        if self.within > SURE:
            return "holds"
        return "does not hold" if self.within < 1 - SURE else "not told"

    def summary(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        q05, q50, q95 = (float(q) for q in np.quantile(self.draws, QUANTILES))
        return {"verdict": self.verdict, "within": self.within, "matters": self.claim.matters, "q05": q05, "q50": q50,
                "q95": q95}  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False)
class Theory(AbstractResult):
    """The claims of the theory, put to a run. Made by `gapdyn.claims`; prints itself.

    Attributes
    ----------
    run : the run.
    departures : claim -> `Departure`.
    findings : claims that do not hold, and fits that are doubtful.
    """

    run: Run
    departures: Mapping[str, Departure]
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return {"run": self.run.name, "claims": {name: d.summary() for name, d in self.departures.items()},
                "findings": [f.to_dict() for f in self.findings]}  # fmt: skip

    def table(self) -> str:
        """The claims as a table, without the findings."""
        lines = [f"the theory's claims on {self.run.name}"]
        lines.append(f"{'':18s}{'':15s}{'departure':>10s}{'90% interval':>20s}{'matters':>9s}{'P(less)':>9s}")
        for name, d in self.departures.items():
            s = d.summary()
            interval = f"[{s['q05']:.2g}, {s['q95']:.2g}]"
            lines.append(f"{name:18s}{d.verdict:15s}{s['q50']:>10.2g}{interval:>20s}{d.claim.matters:>9.2g}"
                         f"{d.within:>9.2f}")  # fmt: skip
        lines += [f"{name}: {d.claim.says}; {d.claim.measured_as}" for name, d in self.departures.items()]
        return "\n".join(lines)


def claims(
    run: Run,
    names: Any = None,
    *,
    key: Any,
    likelihood: Likelihood | None = None,
    engine: Any = ENGINE,
) -> Theory:
    """Put the theory's claims to a run.

    Parameters
    ----------
    run : the run, with u_s and u_v.
    names : which claims: "one_rate", "linear_potential", "no_relaxation", "constant_ratio", "timing" (of external data
        that came at several times); None: all that the run has something to say about.
    key : seed.
    likelihood, engine : as for `gapdyn.backtest`.

    Returns
    -------
    Theory
        "holds" or "does not hold" with 95% probability each that the departure does not, or does, make a difference; in
        between "not told", which is what a short run says.
    """
    every = [name for name, claim in CLAIMS.items() if claim.applies(run)]
    chosen = every if names is None else [names] if isinstance(names, str) else list(names)
    for name in chosen:
        if name not in CLAIMS:
            raise InputError(f"no claim {name!r}. {did_you_mean(name, CLAIMS)}")
        if name not in every:
            raise InputError(f"run {run.name!r} has no external data at several times (column 'external'), or an "
                             f"arbitrary unit, so it says nothing of {name!r}. Leave that claim out.")  # fmt: skip
    if len(run.measured) < 2:
        raise InputError(f"run {run.name!r} measures {run.measured[0] if run.measured else 'neither u_s nor u_v'} "
                         "alone, and the theory is about u_s and u_v. Log both.")  # fmt: skip
    found = {}
    for name, k in zip(chosen, split(key, len(chosen)), strict=True):
        claim = CLAIMS[name]
        fitted = fit(run, claim.law(run), key=k, engine=engine, likelihood=likelihood or STRAYING, progress=False)
        found[name] = Departure(claim, claim.departure(fitted), fitted)
    return Theory(run, found, tuple(_findings(run, found)))


def _findings(run: Run, found: Mapping[str, Departure]) -> list[Finding]:
    out = []
    for name, d in found.items():
        doubtful = [
            f for f in d.fit.findings if f.level == "warning" and f.code in ("pareto_k", "share", "ess", "starts")
        ]
        if doubtful:
            out.append(Finding("warning", "doubtful", f"{name}: {doubtful[0].text}", "Read its verdict with care."))
        if d.verdict == "does not hold":
            text = f"Run {run.name!r} departs from the theory: that {d.claim.says} does not hold (P {d.within:.3f})."
            out.append(Finding("warning", f"not_{name}", text, f"Take a law that allows it, such as {_stated(d.fit)}."))
    return out


def _stated(fitted: Fit) -> str:
    forcing = fitted.law.forcing
    given = "" if forcing is None else f"forcing=gd.forcings.{forcing.name}()"
    return f"gd.{fitted.law.home}.{fitted.law.name}({given})"
