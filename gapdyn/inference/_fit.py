"""`fit`: a run and a law to a posterior."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import time
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from .._random import as_key
from ..data import Run
from ..dynamics import LawSpec
from ._data_findings import data_findings
from ._diagnostics import ENOUGH, Summary, convergence_findings, summarise
from ._findings import Finding
from ._likelihood import Likelihood
from ._model import Model, Observations, prepare
from ._posterior import Completed, complete
from ._result import Fit
from ._scale import Scale
from ._series import single
from ._sites import is_noise
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
    series: str | None = None,
    route: str = "auto",
    progress: bool | None = None,
) -> Fit:
    """The posterior of a law given a run.

    Parameters
    ----------
    run
        The measured run.
    law
        A law of `gapdyn.laws` or a curve of `gapdyn.curves`; its given numbers are held fixed, its given
        distributions are priors.
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
    series
        For a curve: the one column of the run to fit, such as "acc_s" or an extra one; None: u_s and u_v together.
        The parameters that end in `_s`, and `u_s0`, `u_s_inf`, are then that column's.
    route
        "auto", "exact", "fixed", "ode" or "map", see `solve`.
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
    k_sample, k_again = jax.random.split(seed)
    if series is not None:
        run, law = single(run, law, series)
    model, obs, scale = prepare(run, law, prior=prior, likelihood=likelihood, route=route)
    findings = _precision_finding()
    done = _sample(settings, model, obs, scale, k_sample, progress)
    careful = _more_careful(settings, done)
    if careful is not None:
        text = f"The first pass was not good enough ({done.doubt}); sampled again with {_changes(settings, careful)}."
        findings.append(Finding("info", "resampled", text, "To skip the first pass, ask for these settings."))
        settings, done = careful, _sample(careful, model, obs, scale, k_again, progress)
    sampled, summary = done.sampled, done.summary
    findings += convergence_findings(_free(summary), sampled.stats)
    flat = {k: v.reshape(-1) for k, v in done.completed.draws.items()}
    findings += data_findings(run, model.law, flat, done.completed.last.reshape(-1), series)
    return Fit(
        data=run,
        law=model.law,
        engine=settings,
        draws=done.completed.draws,
        log_lik=done.completed.log_lik,
        stats=sampled.stats,
        summary=summary,
        findings=tuple(findings),
        provenance=_provenance(seed, settings, model, obs, series),
        seconds={**sampled.seconds, "total": time.perf_counter() - began},
        model=model,
        observations=obs,
        scale=scale,
        series=series,
    )


def _free(summary: Mapping[str, Summary]) -> dict[str, Summary]:
    """Parameters that vary: the fixed ones have no convergence to judge."""
    return {k: s for k, s in summary.items() if s.sd > 0}


class _Pass(NamedTuple):
    """One pass of an engine, with everything that judges it."""

    sampled: Sampled
    completed: Completed
    summary: dict[str, Summary]

    @property
    def diverged(self) -> float:
        return float(np.mean(self.sampled.stats["diverging"]))

    @property
    def rough(self) -> bool:
        free = _free(self.summary)
        few = any(min(s.ess_bulk, s.ess_tail) < ENOUGH for n, s in free.items() if not is_noise(n))
        return few or any(s.rhat > 1.01 for s in free.values())

    @property
    def doubt(self) -> str:
        said = [f"{self.diverged:.1%} of the draws diverged"] if self.diverged > RETRY_SHARE else []
        return ", ".join([*said, *(["the chains had not mixed"] if self.rough else [])])


def _sample(settings: Any, model: Model, obs: Observations, scale: Scale, key: Any, progress: bool | None) -> _Pass:
    k_sample, k_complete = jax.random.split(key)
    sampled = settings.run(model, obs, k_sample, progress)
    completed = complete(model, sampled.z, obs, scale, k_complete)
    summary = {name: summarise(x) for name, x in completed.draws.items() if not name.startswith("offset_")}
    return _Pass(sampled, completed, summary)


def _more_careful(settings: Any, done: _Pass) -> Any:
    """Settings for a second pass where the first one asks for it and default counts or more were drawn; else None.

    Nobody should have to tune a sampler. Fewer draws than the default are a choice of speed over quality, and stay.
    """
    default = type(settings)()
    if settings.draws * settings.chains < default.draws * default.chains:
        return None
    longer = {"warmup": 2 * settings.warmup, "draws": 3 * settings.draws} if done.rough else {}
    if not longer and (done.diverged <= RETRY_SHARE or settings.target_acceptance >= CAREFUL):
        return None
    # chains that did not mix sit in a corner where larger steps diverge, sooner or later
    return dataclasses.replace(settings, **longer, target_acceptance=max(CAREFUL, settings.target_acceptance))


def _changes(old: Any, new: Any) -> str:
    fields = [f.name for f in dataclasses.fields(old) if getattr(old, f.name) != getattr(new, f.name)]
    return ", ".join(f"{name}={getattr(new, name)}" for name in fields)


def _precision_finding() -> list[Finding]:
    if jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
        return []
    text = "JAX computes in 32 bits: means and intervals hold to about 3 digits."
    remedy = "Before any other use of JAX: jax.config.update('jax_enable_x64', True)."
    warnings.warn(f"{text} {remedy}", stacklevel=3)  # once per place of call, by Python's own rule
    return [Finding("info", "float32", text, remedy)]


def _provenance(seed: Any, settings: Any, model: Model, obs: Observations, series: str | None) -> dict[str, Any]:
    packages = ("gapdyn", "jax", "numpyro", "blackjax", "diffrax")
    return {
        "versions": {p: importlib.metadata.version(p) for p in packages},
        "key": [int(x) for x in np.asarray(jax.random.key_data(seed)).reshape(-1)],
        "engine": {"name": settings.name, **dataclasses.asdict(settings)},
        "law": repr(model.law),
        "series": series or "u_s, u_v",
        "likelihood": dataclasses.asdict(model.likelihood),
        "route": model.route.name,
        "precision": str(obs.ts.dtype),
        "device": str(jax.devices()[0]),
    }
