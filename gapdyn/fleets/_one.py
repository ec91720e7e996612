"""One run of a fitted fleet as a `Fit` of its own."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from .._check import InputError
from ..inference import Fit
from ..inference._data_findings import findings_of_draws
from ..inference._diagnostics import summarise
from ..inference._fit import pose
from ..inference._posterior import revisit
from ..inference._result import Asked
from ..inference._sites import is_noise
from ..inference.engines import ALL_ENGINES
from ._each import FIGURES
from ._status import NO_NUMBERS

if TYPE_CHECKING:
    from ._result import FleetFit

SEED = 0  # of common errors that were not kept: the same fit at every look


def one(fitted: FleetFit, i: int) -> Fit:
    """The fit of run `i`: figures as the fleet has them, the draws that were kept, and what follows from these."""
    run, law, series = fitted.fleet.runs[i], fitted.law, fitted.series
    if fitted.status[i] in NO_NUMBERS:
        raise InputError(f"run {run.name!r} has no posterior: {fitted.reason[i] or 'it is not computed yet.'}")
    if law is None:
        raise InputError(
            f"the folder does not say how to make {fitted.provenance['law']} and its priors again. Give them: "
            "gd.read_fleet_fit(folder, law=..., prior=...)."
        )
    settings = dict(fitted.provenance["engine"])
    engine = ALL_ENGINES[settings.pop("name")](**settings)
    asked = Asked(law, engine, fitted.prior, fitted.likelihood, series, fitted.route, 0)
    run, model, obs, scale = pose(run, asked)
    row = fitted.columns.row(i, list(fitted.draws))
    kept = {name: row[name][None] for name in fitted.draws if name in row and _has(name, row[name])}
    made = revisit(model, kept, obs, scale, SEED)
    flat = {name: x[0] for name, x in made.draws.items()}
    worth, k = float(fitted.effective[i]), float(fitted.pareto_k[i])
    summary = {}
    for name, figures in fitted.summary.items():
        if name in kept:
            known: dict[str, Any] = {figure: float(getattr(figures, figure)[i]) for figure in FIGURES}
            summary[name] = dataclasses.replace(summarise(kept[name]), **known, ess_bulk=worth, ess_tail=worth)
    kind = ALL_ENGINES[str(fitted.engine[i])]
    shape: dict[str, Any] = {"chains": 1, "draws": len(next(iter(flat.values())))}
    return Fit(
        data=run,
        law=model.law,
        engine=kind(**{f.name: shape[f.name] for f in dataclasses.fields(kind) if f.name in shape}),
        draws=made.draws,
        log_lik=made.log_lik,
        stats={},
        quality={} if np.isnan(k) else {"pareto_k": np.asarray([k]), "effective": np.asarray([worth])},
        summary=summary,
        findings=tuple(findings_of_draws(run, model.law, flat, made.last[0], series)),
        provenance={**fitted.provenance, "run": run.name},
        seconds={},
        model=model,
        observations=obs,
        scale=scale,
        asked=asked,
        series=series,
    )


def _has(name: str, draws: np.ndarray) -> bool:
    """Whether a run has a parameter: it may lack a noise parameter that others have, but not the law's."""
    return not (is_noise(name) and np.isnan(draws).all())
