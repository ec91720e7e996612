"""From a fleet to its posteriors: chunks of runs of like length, in memory or in a folder."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._check import InputError
from .._finding import Finding
from .._progress import progress_bar
from .._random import as_seed
from ..data import Fleet, Run, read_fleet, write_run
from ..data._chunks import Store
from ..dynamics import LawSpec
from ..inference import Likelihood
from ..inference._fit import precision_finding
from ..inference._model import prepare
from ..inference._padding import padded_length
from ..inference._series import single
from ..inference.engines import as_engine
from ._columns import FLEET_FILE, FLEET_FIT, Columns, Draws, StoredColumns, as_frame, stacked
from ._describe import describe_fleet, describe_law, describe_prior, law_of, prior_of
from ._each import FIGURES, Request, fit_alone
from ._result import FleetFit, FleetSummary
from ._status import NOT_COMPUTED, RunStatus, findings

CHUNK = 1024
TRIED = 32  # runs that are looked at to tell a request that no run can meet
PLAIN = ("status", "reason", "engine", "findings", "pareto_k", "effective", "log_evidence", "p_limit")


def fit_fleet(
    fleet: Fleet, law: LawSpec, *, key: Any, engine: Any, prior: Mapping[str, Any] | None,
    likelihood: Likelihood | None, series: str | None, route: str, draws: int,
    out: str | os.PathLike[str] | None, chunk: int | None, progress: bool | None,
) -> FleetFit:  # fmt: skip
    """See `fit`."""
    began = time.perf_counter()
    settings = as_engine(engine)
    for name, value in (("draws", draws), ("chunk", CHUNK if chunk is None else chunk)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"{name}={value!r}: give a positive whole number.")
    kept = min(draws, getattr(settings, "chains", 1) * settings.draws)
    asked = Request(law, as_seed(key), settings, kept, prior, likelihood, series, route)
    _check(fleet, asked)
    more = precision_finding()
    per = CHUNK if chunk is None else chunk
    manifest = _manifest(fleet, asked, per)
    plan = _plan(fleet, per)
    store = None if out is None else _begin(out, manifest, fleet)
    columns: Columns | StoredColumns = Columns(len(fleet)) if store is None else StoredColumns(store, plan)
    todo = [i for i in range(len(plan)) if store is None or not store.has(i)]
    with progress_bar(sum(len(plan[i]) for i in todo), "fit", progress) as bar:
        for i in todo:
            piece = _fit_chunk([fleet.runs[k] for k in plan[i]], asked, bar)
            if isinstance(columns, StoredColumns):
                columns.store.write(i, as_frame(piece, [fleet.runs[k].name for k in plan[i]]))
            else:
                columns.put(plan[i], piece)
    stated = {"law": law, "series": series, "prior": prior, "likelihood": likelihood, "route": route}
    return _result(fleet, stated, columns, manifest, more, time.perf_counter() - began)


def _fit_chunk(runs: Sequence[Run], asked: Request, bar: Any) -> dict[str, np.ndarray]:
    """Columns of some runs of one padded length."""
    records = []
    for run in runs:
        records.append(fit_alone(run, asked))
        bar.update()
    return stacked(records)


def _plan(fleet: Fleet, per: int) -> list[np.ndarray]:
    """The runs of each chunk, by their places in the fleet: of one padded length, in the fleet's order."""
    lengths = np.asarray([padded_length(len(run)) for run in fleet])
    groups = [np.flatnonzero(lengths == length) for length in np.unique(lengths)]
    return [group[i : i + per] for group in groups for i in range(0, len(group), per)]


def _check(fleet: Fleet, asked: Request) -> None:
    """Refuse at once what would be wrong for every run: an unknown route, a prior of another law."""
    said = set()
    for i in np.unique(np.linspace(0, len(fleet) - 1, TRIED).astype(int)):
        run, law = fleet.runs[i], asked.law
        try:
            if asked.series is not None:
                run, law = single(run, law, asked.series)
            prepare(run, law, prior=asked.prior, likelihood=asked.likelihood, route=asked.route)
        except InputError as error:
            if repr(run.name) in str(error):
                return
            said.add(str(error))
        else:
            return
    if len(said) == 1:
        raise InputError(said.pop())


def _manifest(fleet: Fleet, asked: Request, per: int) -> dict[str, Any]:
    """What a folder says of itself; `spec` is all that the numbers depend on."""
    seed, settings = asked.seed, asked.engine
    spec = {
        "fleet": describe_fleet(fleet),
        "law": describe_law(asked.law),
        "prior": {name: describe_prior(x) for name, x in (asked.prior or {}).items()},
        "likelihood": dataclasses.asdict(asked.likelihood or Likelihood()),
        "series": asked.series,
        "route": asked.route,
        "engine": {"name": settings.name, **dataclasses.asdict(settings)},
        "key": [int(x) for x in (*np.atleast_1d(np.asarray(seed.entropy, object)), *seed.spawn_key)],
        "draws": asked.draws,
        "chunk": per,
        "precision": str(jnp.zeros(()).dtype),
    }
    packages = ("gapdyn", "jax", "numpyro", "blackjax", "diffrax", "polars")
    return {
        "spec": spec,
        "versions": {p: importlib.metadata.version(p) for p in packages},
        "law": repr(asked.law),
        "chunks": [len(where) for where in _plan(fleet, per)],
    }


def _begin(out: str | os.PathLike[str], manifest: Mapping[str, Any], fleet: Fleet) -> Store:
    """The store, with the fleet in it."""
    store = Store.begin(out, manifest, FLEET_FIT)
    if not (store.folder / FLEET_FILE).exists():
        write_run(fleet, store.folder / FLEET_FILE)
    return store


def read_fleet_fit(folder: str | os.PathLike[str], *, law: LawSpec | None = None) -> FleetFit:
    """A fit of a fleet that `gapdyn.fit(fleet, ..., out=folder)` wrote, finished or not.

    Draws are read when they are asked for.

    Parameters
    ----------
    folder : where it is.
    law : the law that was fitted, where it was made of more than names, numbers and usual distributions: then the
        folder does not say how to make it again, and single runs, `fleet_fit["a"]`, need it.

    Raises
    ------
    InputError
        No fit of a fleet is there, a file is damaged, the law is another one.
    """
    store = Store.open(folder, FLEET_FIT)
    spec = store.manifest["spec"]
    fleet = read_fleet(store.folder / FLEET_FILE)
    if law is not None and describe_law(law) != spec["law"]:
        raise InputError(f"{store.folder} holds a fit of {store.manifest['law']}, not of {law!r}. Give that law.")
    known = law_of(spec["law"]) if law is None else law
    try:
        prior = {name: prior_of(x) for name, x in spec["prior"].items()}
    except ValueError:
        known, prior = None, {}
    stated = {"law": known, "series": spec["series"], "prior": prior, "likelihood": Likelihood(**spec["likelihood"]),
              "route": spec["route"]}  # fmt: skip
    return _result(fleet, stated, StoredColumns(store, _plan(fleet, spec["chunk"])), store.manifest, [], 0.0)


def _result(
    fleet: Fleet, stated: Mapping[str, Any], columns: Columns | StoredColumns, manifest: Mapping[str, Any],
    more: Sequence[Finding], seconds: float,
) -> FleetFit:  # fmt: skip
    spec = manifest["spec"]
    found, names = list(more), columns.names()
    stems = [name.removesuffix("_mean") for name in names if name.endswith("_mean")]
    figures = [f"{stem}_{figure}" for stem in stems for figure in FIGURES]
    known: Columns = columns if isinstance(columns, Columns) else columns.some([*PLAIN, *figures])
    if isinstance(columns, StoredColumns):
        store = columns.store
        found += store.findings(manifest["versions"], "gd.read_fleet_fit")
        if len(store.done) == len(manifest["chunks"]):
            store.tidy()
    status = known.get("status", NOT_COMPUTED)
    reason, engine = known.get("reason", ""), known.get("engine", "")
    found += findings(fleet.names, status, reason, engine, known.get("findings", 0))
    words = {NOT_COMPUTED: "not computed", **{int(s): s.name.lower() for s in RunStatus}}
    provenance = {"versions": manifest["versions"], **{n: spec[n] for n in ("key", "engine", "series", "likelihood")},
                  "law": manifest["law"], **{n: spec[n] for n in ("route", "precision", "draws", "chunk")},
                  "device": str(jax.devices()[0])}  # fmt: skip
    kept = [name for name in names if name not in (*PLAIN, *figures, "run")]
    return FleetFit(
        **stated,
        fleet=fleet,
        status=np.asarray([words[int(x)] for x in status]),
        reason=reason,
        engine=engine,
        **{name: known.get(name, np.nan) for name in ("pareto_k", "effective", "log_evidence", "p_limit")},
        summary={stem: FleetSummary(*(known[f"{stem}_{figure}"] for figure in FIGURES)) for stem in stems},
        draws=Draws(columns, kept),
        findings=tuple(found),
        provenance=provenance,
        seconds=seconds,
        folder=None if isinstance(columns, Columns) else str(columns.store.folder),
        columns=columns,
    )
