"""From columns to the result: what the chunks in memory, or of a folder, say of every run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from .._check import InputError
from .._finding import Finding
from ..data import Fleet, read_fleet
from ..data._chunks import Store
from ..dynamics import LawSpec
from ..inference import Likelihood
from ._columns import FLEET_FILE, FLEET_FIT, Columns, Draws, StoredColumns
from ._describe import describe_law, describe_prior, law_of, prior_of
from ._each import FIGURES
from ._prepare import widths
from ._result import FleetFit, FleetSummary
from ._status import NOT_COMPUTED, RunStatus, findings, left_out

NUMBERS = ("pareto_k", "effective", "log_evidence", "p_limit")
PLAIN = ("status", "reason", "engine", "findings", *NUMBERS)


def plan_of(fleet: Fleet, per: int) -> list[np.ndarray]:
    """The runs of each chunk, by their places in the fleet: of one width (see `widths`), in the fleet's order."""
    wide = widths([len(run) for run in fleet])
    groups = [np.flatnonzero(wide == width) for width in np.unique(wide)]
    return [group[i : i + per] for group in groups for i in range(0, len(group), per)]


def collected(
    fleet: Fleet, stated: Mapping[str, Any], columns: Columns | StoredColumns, manifest: Mapping[str, Any],
    more: Sequence[Finding], seconds: float,
) -> FleetFit:  # fmt: skip
    """The fit of a fleet, as far as its columns go; `stated` is what was asked for, `more` what was found before."""
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
    found += left_out(fleet)
    found += findings(fleet.names, status, reason, engine, known.get("findings", 0))
    numbers: dict[str, Any] = {name: known.get(name, np.nan) for name in NUMBERS}
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
        **numbers,
        summary={stem: FleetSummary(*(known[f"{stem}_{figure}"] for figure in FIGURES)) for stem in stems},
        draws=Draws(columns, kept),
        findings=tuple(found),
        provenance=provenance,
        seconds=seconds,
        folder=None if isinstance(columns, Columns) else str(columns.store.folder),
        columns=columns,
    )


def read_fleet_fit(
    folder: str | os.PathLike[str], *, law: LawSpec | None = None, prior: Mapping[str, Any] | None = None
) -> FleetFit:
    """A fit of a fleet that `gapdyn.fit(fleet, ..., out=folder)` wrote, finished or not.

    Draws are read when they are asked for.

    Parameters
    ----------
    folder : where it is.
    law, prior : as they were given to `fit`. Needed for single runs, `fleet_fit["a"]`, and only where they were made of
        more than names, numbers and usual distributions: then the folder does not say how to make them again.

    Raises
    ------
    InputError
        No fit of a fleet is there, a file is damaged, the law or a prior is another one.
    """
    store = Store.open(folder, FLEET_FIT)
    spec = store.manifest["spec"]
    fleet = Fleet(read_fleet(store.folder / FLEET_FILE), store.manifest["left_out"])
    if law is not None and describe_law(law) != spec["law"]:
        raise InputError(f"{store.folder} holds a fit of {store.manifest['law']}, not of {law!r}. Give that law.")
    if prior is not None and {name: describe_prior(x) for name, x in prior.items()} != spec["prior"]:
        raise InputError(f"{store.folder} holds a fit with other priors. Give those that it was fitted with.")
    known = law_of(spec["law"]) if law is None else law
    if prior is None:
        try:
            prior = {name: prior_of(x) for name, x in spec["prior"].items()}
        except ValueError:
            known = None
    stated = {"law": known, "series": spec["series"], "prior": prior, "likelihood": Likelihood(**spec["likelihood"]),
              "route": spec["route"]}  # fmt: skip
    return collected(fleet, stated, StoredColumns(store, plan_of(fleet, spec["chunk"])), store.manifest, [], 0.0)
