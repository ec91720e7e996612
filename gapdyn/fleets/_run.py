"""The work of a fleet's fit: chunks of runs of like length, in memory or in a folder."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from .._check import InputError
from .._progress import progress_bar
from .._random import as_seed
from .._versions import versions
from ..data import Fleet, Run, write_run
from ..data._chunks import Store
from ..dynamics import LawSpec
from ..inference import Likelihood
from ..inference._fit import precision_finding
from ..inference._model import prepare
from ..inference._series import single
from ..inference.engines import as_engine
from ._collect import collected, plan_of
from ._columns import FLEET_FILE, FLEET_FIT, Columns, StoredColumns, as_frame, record
from ._describe import describe_fleet, describe_law, describe_prior
from ._each import Request, fit_alone
from ._many import fit_together
from ._prepare import widths
from ._result import FleetFit

CHUNK, IN_MEMORY = 1024, 16384  # runs at a time, with a folder and without one
TRIED = 32  # runs that are looked at to tell a request that no run can meet


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
    per = chunk or (IN_MEMORY if out is None else CHUNK)
    plan = plan_of(fleet, per)
    manifest = _manifest(fleet, asked, per, plan, describe_fleet(fleet) if out is not None else {})
    store = None if out is None else _begin(out, manifest, fleet)
    columns: Columns | StoredColumns = Columns(len(fleet)) if store is None else StoredColumns(store, plan)
    todo = [i for i in range(len(plan)) if store is None or not store.has(i)]
    wide = widths([len(run) for run in fleet])
    with progress_bar(sum(len(plan[i]) for i in todo), "fit", progress) as bar:
        for i in todo:
            runs = [fleet.runs[k] for k in plan[i]]
            pieces = _fit_chunk(runs, asked, int(wide[plan[i][0]]), len(fleet), bar)
            if isinstance(columns, StoredColumns):
                whole = Columns(len(runs))
                for where, piece in pieces:
                    whole.put(where, piece)
                columns.store.write(i, as_frame(whole.piece(), [run.name for run in runs]))
            else:
                for where, piece in pieces:
                    columns.put(plan[i][where], piece)
    stated = {"law": law, "series": series, "prior": prior, "likelihood": likelihood, "route": route}
    return collected(fleet, stated, columns, manifest, more, time.perf_counter() - began)


def _fit_chunk(
    runs: Sequence[Run], asked: Request, width: int, many: int, bar: Any
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Places and columns of some of `many` runs, of about one length, as they come: together, and one by one those that
    were not verified so.
    """
    done = np.zeros(len(runs), bool)
    for where, piece in fit_together(runs, asked, width, many, bar.update):
        done[where] = True
        yield where, piece
    for i in np.flatnonzero(~done):
        yield np.asarray([i]), record(fit_alone(runs[int(i)], asked))
        bar.update()


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
            if repr(run.name) not in str(error):  # else it is this run's own fault
                said.add(str(error))
        else:
            return
    if len(said) == 1:
        raise InputError(said.pop())


def _manifest(
    fleet: Fleet, asked: Request, per: int, plan: Sequence[np.ndarray], described: Mapping[str, Any]
) -> dict[str, Any]:
    """What a folder says of itself; `spec` is all that the numbers depend on, in memory without what was measured."""
    seed, settings = asked.seed, asked.engine
    spec = {
        "fleet": described,
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
    return {
        "spec": spec,
        "versions": versions("gapdyn", "jax", "numpyro", "blackjax", "diffrax", "polars"),
        "law": repr(asked.law),
        "left_out": dict(fleet.left_out),
        "chunks": [len(where) for where in plan],
    }


def _begin(out: str | os.PathLike[str], manifest: Mapping[str, Any], fleet: Fleet) -> Store:
    """The store, with the fleet in it."""
    store = Store.begin(out, manifest, FLEET_FIT)
    if not (store.folder / FLEET_FILE).exists():
        write_run(fleet, store.folder / FLEET_FILE)
    return store
