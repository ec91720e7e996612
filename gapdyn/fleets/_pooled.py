"""The runs of a fleet fitted together, each informed by the others as far as they are alike."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .._check import InputError, choose
from .._random import as_seed, split
from ..data import Fleet
from ..dynamics import LawSpec
from ..inference import Fit, Likelihood
from ..inference._data_findings import findings_of_draws
from ..inference._diagnostics import Summary, summarise
from ..inference._fit import precision_finding, provenance
from ..inference._posterior import Completed
from ..inference.engines import NUTS, Auto, as_engine
from ..inference.engines._passes import Pass, sample_with_care
from ._labels import covariate, labels
from ._pooled_data import Prepared, check_poolable, prepare_pool
from ._pooled_draws import completed, drawn, in_units
from ._pooled_findings import pool_findings
from ._pooled_model import target
from ._pooled_result import PooledFit
from ._pooled_start import alone, in_form, spreads, start
from ._status import left_out

FORMS = ("auto", "centred", "non_centred")
# with levels integrated out the posterior is smooth: few draws are worth many
ENGINE = NUTS(warmup=400, draws=500, target_acceptance=0.85)


class _Drawn(NamedTuple):
    """What is made of an engine's draws."""

    hyper: dict[str, np.ndarray]  # standard units, (chain, draw[, member])
    population: dict[str, np.ndarray]  # the fleet's units
    runs: list[Completed]


def fit_pooled(
    fleet: Fleet,
    law: LawSpec,
    *,
    key: Any,
    groups: Sequence[str] = (),
    covariates: Sequence[str] = (),
    form: str = "auto",
    prior: Mapping[str, Any] | None = None,
    likelihood: Likelihood | None = None,
    engine: Any = "auto",
    route: str = "auto",
    progress: bool | None = None,
) -> PooledFit:
    """See `fit` with pooling="partial".

    form : "centred" samples runs' own values, "non_centred" their places in the population; "auto" lets each run's data
        choose. The posterior is the same, the sampler's ease is not.
    """
    began = time.perf_counter()
    choose(form, FORMS, "form of pooling")
    settings = _sampler(engine)
    check_poolable(fleet, law)
    k_alone, k_start, k_sample = split(as_seed(key), 3)
    told = labels(fleet, groups)
    members = {name: [label[i] for label in told] for i, name in enumerate(groups)}
    if isinstance(covariates, str):
        raise InputError(f"covariates={covariates!r}: give a list of names, such as [{covariates!r}].")
    numbers = {name: covariate(fleet, name) for name in covariates}
    prepared = prepare_pool(fleet, law, members, numbers, prior, likelihood, route)
    findings = [*precision_finding(), *left_out(fleet)]
    passes = alone(prepared, k_alone)
    found = spreads(prepared, passes)
    prepared = in_form(prepared, form, found)
    begun = time.perf_counter() - began
    aim = target(prepared.model, prepared.pool)

    def attempt(settings: Any, key: Any) -> Pass:
        first = start(prepared, passes, found, settings.chains, k_start)
        return _sample(settings, key, prepared, aim, first, progress)

    done, chosen = sample_with_care(settings, attempt, k_sample, aim)
    made: _Drawn = done.completed
    findings += [*chosen, *done.findings, *pool_findings(prepared, made.hyper)]
    seconds = {"alone": begun, **done.sampled.seconds}
    about = {**provenance(as_seed(key), done.engine, prepared.models[0], prepared.observations[0], None), "form": form}
    each = [_fit_of(prepared, i, done, about, seconds) for i in range(len(fleet))]
    return PooledFit(
        fleet=fleet,
        law=prepared.law,
        engine=done.engine,
        form=form,
        groups=prepared.labels,
        members={n: tuple(prepared.labels[n][j] for j in row) for n, row in zip(members, prepared.codes, strict=True)},
        covariates=prepared.covariates,
        population=made.population,
        fits=tuple(each),
        alone=tuple(p.summary for p in passes),
        stats=done.sampled.stats,
        summary=done.summary,
        findings=tuple(findings),
        provenance=about,
        seconds={**seconds, "total": time.perf_counter() - began},
        prepared=prepared,
        hyper=made.hyper,
    )


def _sampler(engine: Any) -> NUTS:
    """The settings that sample a pooled fleet: of "auto" what it states, the rest as suits here."""
    settings, usual = as_engine(engine), Auto()
    if isinstance(settings, Auto) and settings.fallback:
        known = {f.name: getattr(settings, f.name) for f in dataclasses.fields(ENGINE)}
        return dataclasses.replace(ENGINE, **{n: x for n, x in known.items() if x != getattr(usual, n)})
    if not isinstance(settings, NUTS):
        told = repr(settings.name) if settings.name != "auto" else "'auto' without fallback"
        raise InputError(
            f"engine {told} does not sample a pooled fleet, which has more numbers than it can. Use engine='nuts'."
        )
    return settings


def _sample(settings: Any, key: Any, prepared: Prepared, aim: Any, first: Any, progress: bool | None) -> Pass:
    k_sample, k_levels, k_complete = split(key, 3)
    sampled = settings.run(aim, (prepared.pool,), k_sample, progress, first)
    runs, hyper = drawn(prepared, sampled.x, k_levels)
    population = in_units(prepared, hyper)
    each = completed(prepared, runs, k_complete)
    summary: dict[str, Summary] = {}
    for name, values in population.items():
        for index in np.ndindex(values.shape[2:]):
            group = name.rpartition("_by_")[2]
            label = f"{name}[{prepared.labels[group][index[0]]}]" if index else name
            summary[label] = summarise(values[(..., *index)])
    for name in prepared.model.explained:
        for run, one in zip(prepared.fleet, each, strict=True):
            summary[f"{name}[{run.name}]"] = summarise(one.draws[name])
    return Pass(settings, sampled, _Drawn(hyper, population, each), summary)


def _fit_of(prepared: Prepared, i: int, done: Pass, about: dict[str, Any], seconds: dict[str, float]) -> Fit:
    """One run's share of a pooled posterior, as a fit of that run."""
    run, model, one = prepared.fleet.runs[i], prepared.models[i], done.completed.runs[i]
    flat = {k: v.reshape(-1) for k, v in one.draws.items()}
    found = findings_of_draws(run, model.law, flat, one.last.reshape(-1))
    summary = {name: summarise(x) for name, x in one.draws.items() if not name.startswith("offset_")}
    return Fit(
        data=run,
        law=model.law,
        engine=done.engine,
        draws=one.draws,
        log_lik=one.log_lik,
        stats=done.sampled.stats,
        summary=summary,
        findings=(*done.findings, *found),
        provenance={**about, "pooling": "partial"},
        seconds=seconds,
        model=model,
        observations=prepared.observations[i]._replace(priors={}),  # its prior is what the other runs say
        scale=prepared.scales[i],
    )
