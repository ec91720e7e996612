"""`fit`: a run and a law to a posterior."""

from __future__ import annotations

import dataclasses
import functools
import sys
import time
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from .._finding import Finding
from .._random import as_seed, split
from .._versions import versions
from ..data import Run
from ..dynamics import LawSpec
from ._base import Base
from ._data_findings import findings_of_draws
from ._diagnostics import summarise
from ._likelihood import Likelihood
from ._model import Model, Observations, prepare
from ._posterior import complete
from ._result import Asked, Fit
from ._scale import Scale
from ._series import single
from ._target import target
from .engines import Sampled, Target, as_engine
from .engines._passes import Pass, sample_with_care, worth


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
    length: int = 0,
    start: Fit | None = None,
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
        "auto" (quadrature or importance sampling where verified on this posterior, else NUTS), "quadrature" (levels
        integrated out; of laws that are affine in them), "importance", "nuts" (BlackJAX),
        "laplace" and "svi" (the Gaussian at the mode, the nearest one; not corrected), "numpyro_nuts", or settings such
        as `gapdyn.engines.NUTS(draws=4000)`.
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
    length
        Checkpoints that the run is going to have: fits of its beginnings then share their compiled programs.
    start
        A fit whose posterior is much like this one, such as that of a few checkpoints less under the same law: engines
        that propose and weigh go on from its proposal. The checks of the draws are the same.
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
    asked = Asked(law, as_engine(engine), prior, likelihood, series, route, length)
    posed = pose(run, asked)
    known = start.proposal if start is not None and start.model == posed.model else None
    return fitted(posed, asked, as_seed(key), precision_finding(), known, progress, began)


def fitted(
    posed: Posed, asked: Asked, seed: Any, findings: list[Finding], start: Any, progress: bool | None, began: float
) -> Fit:
    """The fit that an engine makes, from a first proposal or None; `findings` come first."""
    _, model, obs, scale = posed
    done, chosen = posterior(asked.engine, model, obs, scale, seed, progress, start)
    return made(posed, asked, done, findings + chosen, seed, began, Base.of(done, model, obs, scale))


class Posed(NamedTuple):
    """A fit's question: the run as it is fitted, and the prepared model."""

    run: Run
    model: Model
    obs: Observations
    scale: Scale


def pose(run: Run, asked: Asked) -> Posed:
    """The prepared model of a run, as asked for."""
    law = asked.law
    if asked.series is not None:
        run, law = single(run, law, asked.series)
    prepared = prepare(run, law, prior=asked.prior, likelihood=asked.likelihood, route=asked.route, length=asked.length)
    return Posed(run, *prepared)


def made(
    posed: Posed, asked: Asked, done: Pass, findings: list[Finding], seed: Any, began: float, base: Base | None
) -> Fit:
    """The fit that a pass of an engine makes; `findings` are those on how it came about."""
    run, model, obs, scale = posed
    flat = {k: v.reshape(-1) for k, v in done.completed.draws.items()}
    about_data = findings_of_draws(run, model.law, flat, done.completed.last.reshape(-1), asked.series)
    return Fit(
        data=run,
        law=model.law,
        engine=done.engine,
        draws=done.completed.draws,
        log_lik=done.completed.log_lik,
        stats=done.sampled.stats,
        quality=done.sampled.quality,
        summary=done.summary,
        findings=(*findings, *done.findings, *about_data),
        provenance=provenance(seed, done.engine, model, obs, asked.series),
        seconds={**done.sampled.seconds, "total": time.perf_counter() - began},
        model=model,
        observations=obs,
        scale=scale,
        series=asked.series,
        proposal=done.sampled.proposal,
        asked=asked,
        base=base,
    )


def posterior(
    settings: Any, model: Model, obs: Observations, scale: Scale, seed: Any, progress: bool | None, start: Any = None
) -> tuple[Pass, list[Finding]]:
    """The posterior of a prepared model, and how its engine came to it."""
    aim = target(model, obs)
    attempt = functools.partial(_sample, aim=aim, model=model, obs=obs, scale=scale, progress=progress, start=start)
    return sample_with_care(settings, attempt, seed, aim)


def _sample(
    settings: Any,
    key: Any,
    aim: Target,
    model: Model,
    obs: Observations,
    scale: Scale,
    progress: bool | None,
    start: Any,
) -> Pass:
    k_sample, k_complete = split(key, 2)
    proposed = start is not None and settings.name in ("quadrature", "importance")
    sampled = settings.run(aim, (obs,), k_sample, progress, **({"start": start} if proposed else {}))
    return passed(settings, sampled, aim, model, obs, scale, k_complete)


def passed(
    settings: Any, sampled: Sampled, aim: Target, model: Model, obs: Observations, scale: Scale, key: Any
) -> Pass:
    """An engine's draws with all that follows from them."""
    completed = complete(model, aim.split(sampled.x), obs, scale, key)
    summary = {name: summarise(x) for name, x in completed.draws.items() if not name.startswith("offset_")}
    return Pass(settings, sampled, completed, worth(summary, sampled))


def precision_finding() -> list[Finding]:
    """What 32 bits mean, where they are in use; a warning says it at the caller's line."""
    if jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
        return []
    text = "JAX computes in 32 bits: means and intervals hold to about 3 digits."
    remedy = "Before any other use of JAX: jax.config.update('jax_enable_x64', True)."
    level, frame = 1, sys._getframe()
    while frame is not None and frame.f_globals.get("__name__", "").startswith("gapdyn."):
        level, frame = level + 1, frame.f_back
    warnings.warn(f"{text} {remedy}", stacklevel=level)  # once per place of call, by Python's own rule
    return [Finding("info", "float32", text, remedy)]


def provenance(seed: Any, settings: Any, model: Model, obs: Observations, series: str | None) -> dict[str, Any]:
    return {
        "versions": versions("gapdyn", "jax", "numpyro", "blackjax", "diffrax"),
        "key": np.atleast_1d(np.asarray(seed.entropy, object)).tolist(),
        "engine": {"name": settings.name, **dataclasses.asdict(settings)},
        "law": repr(model.law),
        "series": series or "u_s, u_v",
        "likelihood": dataclasses.asdict(model.likelihood),
        "route": model.route.name,
        "precision": str(obs.ts.dtype),
        "device": str(jax.devices()[0]),
    }
