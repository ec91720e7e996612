"""Runs fitted one by one: those that the fleet's engine cannot do or could not verify. Failures stay with their run."""

from __future__ import annotations

import dataclasses
import hashlib
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from .._check import InputError
from ..data import Run
from ..dynamics import LawSpec
from ..inference import Fit, Likelihood, fit
from ._status import RunStatus, as_bits

FIGURES = ("mean", "sd", "q05", "q50", "q95")


@dataclasses.dataclass(frozen=True)
class Request:
    """What is asked of every run, as `gapdyn.fit` takes it; `draws` are kept of each."""

    law: LawSpec
    seed: np.random.SeedSequence
    engine: Any
    draws: int
    prior: Mapping[str, Any] | None = None
    likelihood: Likelihood | None = None
    series: str | None = None
    route: str = "auto"

    def seed_of(self, run: Run) -> np.random.SeedSequence:
        """The seed of a run: by its name, whatever the other runs, their order and their chunks are."""
        words = np.frombuffer(hashlib.sha256(run.name.encode()).digest()[:16], "<u4")
        return np.random.SeedSequence(self.seed.entropy, spawn_key=(*self.seed.spawn_key, *(int(w) for w in words)))


def fit_alone(run: Run, asked: Request) -> dict[str, Any]:
    """The columns of one run, by a fit of its own."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "JAX computes in 32 bits")  # said once, of the whole fleet
            fitted = fit(
                run,
                asked.law,
                key=asked.seed_of(run),
                engine=asked.engine,
                prior=asked.prior,
                likelihood=asked.likelihood,
                series=asked.series,
                route=asked.route,
                progress=False,
            )
    except InputError as error:
        return declined(str(error))
    except Exception as error:  # whatever breaks on one run shall not cost the others
        return declined(f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}")
    against = [f for f in fitted.findings if f.level == "error" or f.code == "pareto_k"]
    if against:
        return declined(against[0].text)
    return _columns_of(fitted, asked.draws)


def declined(reason: str) -> dict[str, Any]:
    """The columns of a run without numbers."""
    return {"status": int(RunStatus.DECLINED), "reason": reason}


def _columns_of(fitted: Fit, draws: int) -> dict[str, Any]:
    wide = [f for f in fitted.findings if f.code == "short_run"]
    quality = {name: float(np.max(x)) for name, x in fitted.quality.items()}
    free = [min(s.ess_bulk, s.ess_tail) for s in fitted.summary.values() if s.sd > 0]
    out: dict[str, Any] = {
        "status": int(RunStatus.WIDE if wide else RunStatus.TRUSTED),
        "reason": wide[0].text if wide else "",
        "engine": fitted.engine.name,
        "findings": as_bits(fitted.findings),
        "pareto_k": quality.get("pareto_k", np.nan),
        "effective": quality.get("effective", min(free, default=np.nan)),
        "log_evidence": quality.get("log_evidence", np.nan),
    }
    if "u_s_inf" in fitted.draws:
        out["p_limit"] = float(np.mean(np.isfinite(fitted["u_s_inf"])))
    common = [name for name in fitted.draws if name.startswith("offset_")]  # errors that no summary of a fit has
    for name in (*fitted.summary, *common):
        out |= {f"{name}_{figure}": x for figure, x in _figures(fitted, name).items()}
    return out | fitted.thinned(draws)


def _figures(fitted: Fit, name: str) -> dict[str, float]:
    """Mean, sd and quantiles of the draws that have the parameter: there may be no limit in some."""
    x = fitted[name]
    known = x[~np.isnan(x)]
    if known.size == x.size and name in fitted.summary:
        return {figure: getattr(fitted.summary[name], figure) for figure in FIGURES}
    if not known.size:
        return dict.fromkeys(FIGURES, np.nan)
    low, middle, high = (float(q) for q in np.quantile(known, (0.05, 0.5, 0.95)))
    return {"mean": float(known.mean()), "sd": float(known.std()), "q05": low, "q50": middle, "q95": high}
