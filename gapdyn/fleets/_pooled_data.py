"""From a fleet to what its hierarchical model is made of: one scale, one law, priors, observations side by side.

A run of which nothing is known has about the prior that it has alone: the typical run has half of its variance, what
runs differ by the other half.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist

from .._check import InputError
from ..data import Fleet, Run
from ..data._text import listing, show
from ..dynamics import LawSpec
from ..inference import Likelihood, Model, prepare
from ..inference._held import Held
from ..inference._model import Observations
from ..inference._prior import Seen, choose_priors, default_prior, is_real
from ..inference._scale import Scale
from ..inference._sites import is_noise
from ..inference._table import Table
from ..inference._target import linear_sites
from ._pooled_model import Pool, PooledModel

SEEN = 0.5  # share of the longest span from which a run counts as seen when the fleet's size is made
LIMITS = ("u_s_inf", "u_v_inf")
CEILING = (-0.5, 1.0)  # mean below the start, and sd, of the typical ceiling in sizes
LOGISTIC = 1.8  # sd of a uniform number's logit
HALF = 0.5**0.5  # of a default prior's variance one half is the typical run's, the other half what runs differ by
UNIT = 1.0  # width of what has no other: a factor of e, or a size
TRANSIENT = 1e-9  # of the level: what a fleet's runs must move by


@dataclasses.dataclass(frozen=True, eq=False)
class Prepared:
    """A fleet ready to be sampled.

    Attributes
    ----------
    fleet, law : what is fitted; the law in the coordinates that are pooled.
    models, scales, observations : of each run, in order; the models share their compiled programs.
    model, pool : the hierarchical model and its data.
    labels : group -> its members.
    codes : (groups, run), the member that each run is of.
    covariates : name -> (run,), as given.
    """

    fleet: Fleet
    law: LawSpec
    models: tuple[Model, ...]
    scales: tuple[Scale, ...]
    observations: tuple[Observations, ...]
    model: PooledModel
    pool: Pool
    labels: Mapping[str, tuple[str, ...]]
    codes: np.ndarray
    covariates: Mapping[str, np.ndarray]

    @property
    def centre(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and sd of the covariates over the runs, by which they are standardised; an sd of 0 counts as 1."""
        return _centre(self.covariates, len(self.fleet))


def prepare_pool(
    fleet: Fleet,
    law: LawSpec,
    groups: Mapping[str, Sequence[Any]],
    covariates: Mapping[str, Any],
    prior: Mapping[str, Any] | None,
    likelihood: Likelihood | None,
    route: str = "auto",
) -> Prepared:
    """The hierarchical model of a fleet that can be pooled, centred throughout."""
    runs = fleet.runs
    scales = fleet_scales(runs)
    asked = {*law.given, *(prior or {})}
    law = pooled_law(law, scales[0], runs, prior or {})
    length = max(map(len, runs))
    each = [
        prepare(r, law, prior=prior, likelihood=likelihood, route=route, length=length, scale=s)
        for r, s in zip(runs, scales, strict=True)
    ]
    models = _as_one([m for m, *_ in each])
    noise = models[0].noise_sites
    own_law = [m.law for m in models]
    seen = [Seen.of_one(Table.of([r]), s) for r, s in zip(runs, scales, strict=True)]
    given = [choose_priors(x, w, noise, prior, s) for x, w, s in zip(seen, own_law, scales, strict=True)]
    priors = {n: _middle([p[n] for p in given]) for n in given[0]}
    held = {n: Held(p) for n, p in priors.items()}
    observations = tuple(o._replace(priors=held) for _, o, _ in each)
    bare = [o._replace(priors={}) for o in observations]
    _check_alike(runs, bare)
    names = [n for n in (*models[0].law.coordinates.names, *noise) if n in priors]
    common = tuple(n for n in names if n.startswith("shared_") or n == "nu")
    own = tuple(n for n in names if n.startswith("offset_"))
    pooled = tuple(n for n in names if n not in (*common, *own))
    labels, codes = _members(groups, fleet)
    stated = {n: _numbers(n, c, fleet) for n, c in covariates.items()}
    mean, sd = _centre(stated, len(fleet))
    table = (np.reshape([*stated.values()], (len(stated), len(fleet))).T - mean) / sd
    integrated = linear_sites(models[0], observations[0])
    model = PooledModel(
        model=models[0],
        pooled=pooled,
        explained=tuple(n for n in pooled if not is_noise(n)),
        common=common,
        own=own,
        integrated=tuple(n for n in integrated if is_real(priors[n])),
        groups=tuple((g, len(m)) for g, m in labels.items()),
        covariates=tuple(stated),
    )
    defaults = [n for n in pooled if n not in asked]
    widths = HALF * jnp.asarray([width(n, default_prior(n, seen[0])) for n in pooled], float)
    centring = jnp.ones((len(model.sampled), len(fleet)))
    of_members = tuple(jnp.ones((len(model.explained), len(m))) for m in labels.values())
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *bare)
    indicators = tuple(
        jnp.asarray(np.arange(len(m))[:, None] == row, float) for m, row in zip(labels.values(), codes, strict=True)
    )
    of_typical = {n: Held(_of_typical(p)) if n in defaults else held[n] for n, p in priors.items()}
    pool = Pool(stacked, of_typical, widths, indicators, jnp.asarray(table, float), centring, of_members)
    return Prepared(fleet, law, models, scales, observations, model, pool, labels, codes, stated)


def check_poolable(fleet: Any, law: Any) -> None:
    """That a fleet and a law can be pooled: two runs or more, of one clock and unit, and no curve."""
    if not isinstance(fleet, Fleet):
        raise InputError(f"pooling needs a Fleet, got {type(fleet).__name__}. Write gd.Fleet([run, ...]).")
    if not isinstance(law, LawSpec):
        raise InputError(f"law={law!r} is not a law to fit. Use one of gapdyn.laws, such as gd.laws.shared_rate().")
    if law.home != "laws":
        raise InputError(
            f"the {law.title} is a curve, and its numbers mean nothing that runs could share. Pool a law, such as "
            "gd.laws.shared_rate(), or fit the runs one by one: pooling='none'."
        )
    if len(fleet) < 2:
        raise InputError("pooling needs two runs or more; this fleet has one. Fit it alone: gd.fit(run, law, key=0).")
    for what in ("clock", "unit"):
        kinds = {getattr(run, what): run.name for run in fleet}
        if len(kinds) > 1:
            said = ", ".join(f"{kind} (run {show(name)})" for kind, name in kinds.items())
            raise InputError(
                f"runs that share a population need one {what}; this fleet has {said}. Fit the parts by themselves, or "
                "without pooling."
            )


def fleet_scales(runs: Sequence[Run]) -> tuple[Scale, ...]:
    """One scale for all runs, each counted from its own first checkpoint. A run that was hardly seen has none itself.

    The size is the median of those runs that were seen for half of the longest span, or what the starts scatter by.
    """
    own = [Scale.of(Table.of([run]))[0] for run in runs if run.measured]
    if len(own) < len(runs):
        lacking = [run.name for run in runs if not run.measured]
        raise InputError(f"the runs {listing(lacking)} measure neither u_s nor u_v. Leave them out of the fleet.")
    span = max(s.span for s in own)
    origins = np.array([s.origin for s in own])
    size = max(float(np.median([s.size for s in own if s.span >= SEEN * span])), float(np.std(origins)))
    if not size > TRANSIENT * float(np.max(np.abs(origins))):
        raise InputError(
            "u_s and u_v of most runs do not change and have no gap (constant curves), so there is nothing to fit. "
            "Check that the columns are the measured uncertainties."
        )
    return tuple(Scale(float(np.median(origins)), size, s.t0, span) for s in own)


def pooled_law(law: LawSpec, scale: Scale, runs: Sequence[Run], prior: Mapping[str, Any]) -> LawSpec:
    """The law stated by its ceiling in the place of gap_inf, where it offers that and the user did not speak of it."""
    names = law.coordinates.names
    if "gap_inf" not in names or "gap_inf" in law.given or "gap_inf" in prior:
        return law
    wanted = {"u_s_inf" if n == "gap_inf" else n for n in names}
    if all(wanted != set(c.names) for c in law.family):
        return law
    starts = [Seen.of_one(Table.of([r]), s).u_s0 for r, s in zip(runs, fleet_scales(runs), strict=True)]
    below, sd = CEILING
    ceiling = dist.Normal(scale.from_standard("u_s_inf", np.median(starts) + below), sd * scale.size)
    chosen = {n: ceiling for n in wanted - set(law.given) if n in LIMITS}
    return law.replace(**chosen)


def width(name: str, prior: dist.Distribution) -> float:
    """How far runs may differ in a parameter, on the line: as far as its default prior reaches, a limit by a size."""
    if name in LIMITS:
        return UNIT
    if isinstance(prior, dist.LogNormal | dist.Normal):
        return float(np.asarray(prior.scale))
    return LOGISTIC if isinstance(prior, dist.Uniform) else UNIT


def _as_one(models: list[Model]) -> tuple[Model, ...]:
    """The models with the noise parameters of them all, so that one program serves every run."""
    noise = tuple(dict.fromkeys(n for m in models for n in m.noise_sites))
    stated = any(m.stated for m in models)
    routes = {m.route for m in models}
    route = max(routes, key=lambda r: r.steps)  # the finest of them
    first = models[0]
    key = (first.key[:7], route, noise, stated, "pooled")
    return tuple(
        dataclasses.replace(m, route=route, noise_sites=noise, centred=False, stated=stated, key=key) for m in models
    )


def _middle(priors: Sequence[dist.Distribution]) -> dist.Distribution:
    """Priors of one kind, one for each run, as one: their numbers' medians."""
    return jax.tree.map(lambda *x: np.median(np.asarray(x), axis=0), *[Held(p) for p in priors]).distribution


def _of_typical(prior: dist.Distribution) -> dist.Distribution:
    """The typical run's share of a run's default prior; of what is neither normal nor log-normal all of it."""
    if isinstance(prior, dist.Normal | dist.LogNormal):
        return type(prior)(prior.loc, HALF * prior.scale)
    return prior


def _check_alike(runs: Sequence[Run], observations: Sequence[Observations]) -> None:
    shapes = [jax.tree.map(np.shape, o.constants) for o in observations]
    odd = [run.name for run, shape in zip(runs, shapes, strict=True) if shape != shapes[0]]
    if odd:
        raise InputError(
            f"the schedules of the runs {listing(odd)} have another number of times than that of {show(runs[0].name)}. "
            "Pooled runs need schedules of one length: give the law one for all, or pool the parts by themselves."
        )


def _members(groups: Mapping[str, Sequence[Any]], fleet: Fleet) -> tuple[dict[str, tuple[str, ...]], np.ndarray]:
    """Group -> its members in order of appearance, and the member of each run, (groups, run)."""
    labels, codes = {}, np.zeros((len(groups), len(fleet)), int)
    for row, (name, stated) in zip(codes, groups.items(), strict=True):
        if len(stated) != len(fleet):
            raise InputError(f"group {show(name)}: {len(stated)} labels for {len(fleet)} runs. Give one for each.")
        labels[name] = tuple(dict.fromkeys(map(str, stated)))
        row[:] = [labels[name].index(str(label)) for label in stated]
    return labels, codes


def _numbers(name: str, stated: Any, fleet: Fleet) -> np.ndarray:
    numbers = np.asarray(stated, float)
    if numbers.shape != (len(fleet),) or not np.isfinite(numbers).all():
        raise InputError(
            f"covariate {show(name)}: {show(stated)} are not {len(fleet)} finite numbers, one for each run. Leave out "
            "the runs of which it is not known."
        )
    return numbers


def _centre(covariates: Mapping[str, np.ndarray], count: int) -> tuple[np.ndarray, np.ndarray]:
    table = np.reshape([*covariates.values()], (len(covariates), count))
    sd = table.std(1)
    return table.mean(1), np.where(sd > 0, sd, 1.0)
