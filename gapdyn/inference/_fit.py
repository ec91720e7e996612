"""`fit`: a run and a law to a posterior."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import time
import warnings
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from .._random import as_key
from ..data import Run
from ..dynamics import LawSpec
from ._data_findings import data_findings
from ._diagnostics import Summary, convergence_findings, summarise
from ._findings import Finding
from ._likelihood import Likelihood
from ._model import Model, Observations, prepare
from ._posterior import complete
from ._result import Fit
from .engines import Sampled, as_engine

RETRY_SHARE = 0.001  # divergences above this share are worth a second, more careful pass
CAREFUL = 0.99


def fit(
    run: Run,
    law: LawSpec,
    *,
    key: Any,
    engine: Any = "auto",
    prior: Mapping[str, Any] | None = None,
    likelihood: Likelihood | None = None,
    route: str = "auto",
    progress: bool | None = None,
) -> Fit:
    """The posterior of a law given a run.

    Parameters
    ----------
    run
        The measured run.
    law
        A law of `gapdyn.laws`; its given numbers are held fixed, its given distributions are priors.
    key
        Seed: an integer or a JAX key. The same key, versions and machine give the same draws.

    Other Parameters
    ----------------
    engine
        "auto", "nuts" (BlackJAX), "numpyro_nuts", or settings such as `gapdyn.engines.NUTS(draws=4000)`.
    prior
        Parameter -> NumPyro distribution in the run's units, beside those given in the law; for noise parameters
        (sigma_s, sigma_v, shared_s, shared_v, nu) too.
    likelihood
        The error model; default Gaussian, shared part inferred.
    route
        "auto", "exact" or "ode", see `solve`.
    progress
        Whether to show a bar on stderr; None: in a terminal or a notebook.

    Returns
    -------
    Fit

    Raises
    ------
    InputError
        A run that cannot be fitted, an unknown engine or route, a prior off its parameter's support.
    """
    began = time.perf_counter()
    settings = as_engine(engine)
    seed = as_key(key)
    k_sample, k_again, k_complete = jax.random.split(seed, 3)
    model, obs, scale = prepare(run, law, prior=prior, likelihood=likelihood, route=route)
    findings = _precision_finding()
    sampled = settings.run(model, obs, k_sample, progress)
    if np.mean(sampled.stats["diverging"]) > RETRY_SHARE and settings.target_acceptance < CAREFUL:
        settings, sampled, note = _resample(settings, sampled, model, obs, k_again, progress)
        findings.append(note)
    done = complete(model, sampled.z, obs, scale, k_complete)
    summary = {name: summarise(x) for name, x in done.draws.items() if not name.startswith("offset_")}
    findings += convergence_findings(_free(summary), sampled.stats)
    findings += data_findings(run, {k: v.reshape(-1) for k, v in done.draws.items()})
    return Fit(
        data=run,
        law=law,
        engine=settings,
        draws=done.draws,
        log_lik=done.log_lik,
        stats=sampled.stats,
        summary=summary,
        findings=tuple(findings),
        provenance=_provenance(seed, settings, model, obs),
        seconds={**sampled.seconds, "total": time.perf_counter() - began},
        model=model,
        observations=obs,
        scale=scale,
    )


def _free(summary: Mapping[str, Summary]) -> dict[str, Summary]:
    """Parameters that vary: the fixed ones have no convergence to judge."""
    return {k: s for k, s in summary.items() if s.sd > 0}


def _resample(
    settings: Any, sampled: Sampled, model: Model, obs: Observations, key: Any, progress: bool | None
) -> tuple[Any, Sampled, Finding]:
    careful = dataclasses.replace(settings, target_acceptance=CAREFUL)
    count = int(np.sum(sampled.stats["diverging"]))
    text = f"{count} draws diverged at target acceptance {settings.target_acceptance:g}; sampled again at {CAREFUL:g}."
    remedy = f"To skip the first pass: engine=gd.engines.NUTS(target_acceptance={CAREFUL:g})."
    note = Finding("info", "resampled", text, remedy)
    return careful, careful.run(model, obs, key, progress), note


def _precision_finding() -> list[Finding]:
    if jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
        return []
    text = "JAX computes in 32 bits: means and intervals hold to about 3 digits."
    remedy = "Before any other use of JAX: jax.config.update('jax_enable_x64', True)."
    warnings.warn(f"{text} {remedy}", stacklevel=3)  # once per place of call, by Python's own rule
    return [Finding("info", "float32", text, remedy)]


def _provenance(seed: Any, settings: Any, model: Model, obs: Observations) -> dict[str, Any]:
    packages = ("gapdyn", "jax", "numpyro", "blackjax", "diffrax")
    return {
        "versions": {p: importlib.metadata.version(p) for p in packages},
        "key": [int(x) for x in np.asarray(jax.random.key_data(seed)).reshape(-1)],
        "engine": {"name": settings.name, **dataclasses.asdict(settings)},
        "law": repr(model.law),
        "likelihood": dataclasses.asdict(model.likelihood),
        "route": model.route,
        "precision": str(obs.ts.dtype),
        "device": str(jax.devices()[0]),
    }
