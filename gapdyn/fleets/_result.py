"""The posteriors of a fleet: one row a run, in memory or in a folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .._check import InputError, did_you_mean
from .._finding import AbstractResult, Finding
from ..data import Fleet
from ..dynamics import LawSpec
from ..inference import Fit, Likelihood
from ._columns import Columns, Draws, StoredColumns
from ._each import FIGURES
from ._status import RunStatus, triage

if TYPE_CHECKING:
    import polars as pl
    import xarray as xr


@dataclasses.dataclass(frozen=True)
class FleetSummary:
    """One parameter of every run, (runs,) each, in the run's units; NaN where the run has no such number."""

    mean: np.ndarray
    sd: np.ndarray
    q05: np.ndarray
    q50: np.ndarray
    q95: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class FleetFit(AbstractResult):
    """The posterior of a law given each run of a fleet. Made by `gapdyn.fit`, or read by `gapdyn.read_fleet_fit`.

    `fleet_fit["a"]` is the `Fit` of run "a", with the draws that were kept: `gapdyn.ceiling`, `gapdyn.forecast` and
    the pictures take it.

    Attributes
    ----------
    fleet, law : what was fitted; the law is None where a folder does not say how to make it again.
    status : (runs,), "trusted", "wide" (verified, but the 90% interval of the ceiling is wider than the fall seen so
        far), "declined" (no numbers), "not computed".
    reason : (runs,), why a run is not trusted.
    engine : (runs,), what its draws come from.
    pareto_k, effective, log_evidence : (runs,), k-hat of its weights (NaN for NUTS), independent draws that its figures
        are worth, log evidence in standard units (NaN for NUTS).
    p_limit : (runs,), share of the posterior in which the law has a limit; NaN for laws that have none.
    summary : parameter -> `FleetSummary`; limits are of the draws that have one.
    draws : parameter -> (runs, draws), evenly thinned, NaN where a run has none; of a folder read when asked for.
    findings : what is so of many runs, and what to do.
    provenance : versions, seed, law, engine, precision.
    seconds : wall-clock time of this call.
    folder : where it is stored, or None.
    series, prior, likelihood, route : as given to `fit`.
    """

    fleet: Fleet
    law: LawSpec | None
    status: np.ndarray
    reason: np.ndarray
    engine: np.ndarray
    pareto_k: np.ndarray
    effective: np.ndarray
    log_evidence: np.ndarray
    p_limit: np.ndarray
    summary: Mapping[str, FleetSummary]
    draws: Draws
    findings: tuple[Finding, ...]
    provenance: Mapping[str, Any]
    seconds: float
    folder: str | None = None
    series: str | None = None
    prior: Mapping[str, Any] | None = None
    likelihood: Likelihood | None = None
    route: str = "auto"
    columns: Columns | StoredColumns = dataclasses.field(default=None, repr=False)  # pyright: ignore

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the runs, in order."""
        return self.fleet.names

    def __len__(self) -> int:
        """Number of runs."""
        return len(self.fleet)

    def __getitem__(self, name: str) -> Fit:
        """The `Fit` of one run, with the draws that were kept of it.

        Raises
        ------
        InputError
            No such run, one without numbers, or a law that is not known.
        """
        from ._one import one

        self.fleet[name]  # an unknown one is an error that lists the known
        return one(self, self.names.index(name))

    @property
    def counts(self) -> dict[str, int]:
        """Status -> number of runs."""
        words = [*(s.name.lower() for s in RunStatus), "not computed"]
        return {
            word: int((self.status == word).sum()) for word in words if (self.status == word).any() or word == "trusted"
        }

    @property
    def engines(self) -> dict[str, int]:
        """Engine -> number of runs, the most frequent first."""
        names, counts = np.unique(self.engine[self.engine != ""].astype(str), return_counts=True)
        return {str(names[i]): int(counts[i]) for i in np.argsort(-counts, kind="stable")}

    def triage(self) -> pl.DataFrame:
        """What may be done with which runs, and why: status, why (of the first of them), count, share, runs (names)."""
        import polars as pl

        rows = triage(self.names, self.status, self.reason)
        counts = [len(row.runs) for row in rows]
        return pl.DataFrame({
            "status": [row.status for row in rows],
            "why": [row.why for row in rows],
            "count": counts,
            "share": [count / len(self) for count in counts],
            "runs": pl.Series([list(row.runs) for row in rows], dtype=pl.List(pl.String)),
        })  # fmt: skip

    def parameter(self, name: str) -> FleetSummary:
        """The figures of one parameter; an unknown one is an `InputError` that lists the known ones."""
        if name not in self.summary:
            raise InputError(f"this fleet's fit has no parameter {name!r}. {did_you_mean(name, self.summary)}")
        return self.summary[name]

    def frame(self) -> pl.DataFrame:
        """A polars table, one row a run.

        Columns: `run`; its labels and the numbers that hold for the whole run; `clock`, `unit`, `checkpoints`; status,
        reason, engine, `pareto_k`, `effective`, `p_limit`; `u_s_inf_mean`, `u_s_inf_sd`, `u_s_inf_q05`,
        `u_s_inf_q50`, `u_s_inf_q95`, and so on for every parameter.
        """
        from ._tables import frame

        return frame(self)

    def to_xarray(self) -> xr.Dataset:
        """Draws (run, draw) of every parameter, with status, labels and figures of the runs along `run`."""
        from ._tables import dataset

        return dataset(self)

    def to_arviz(self) -> xr.DataTree:
        """An ArviZ DataTree: posterior (chain, draw, run), observed_data and constant_data (run, checkpoint), fleet."""
        from ._tables import tree

        return tree(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON: not the draws."""
        rows: list[dict[str, Any]] = []
        for i, run in enumerate(self.fleet):
            row: dict[str, Any] = {"run": run.name, "status": str(self.status[i]), "reason": self.reason[i] or None}
            row |= {"engine": self.engine[i] or None, "pareto_k": float(self.pareto_k[i])}
            row |= {"effective": float(self.effective[i]), "p_limit": float(self.p_limit[i])}
            known = {n: {f: float(getattr(s, f)[i]) for f in FIGURES} for n, s in self.summary.items()}
            rows.append(row | {"parameters": {n: s for n, s in known.items() if not np.isnan(s["mean"])}})
        return {
            "law": self.law.name if self.law else self.provenance["law"],
            "status": self.counts,
            "engines": self.engines,
            "runs": rows,
            "findings": [f.to_dict() for f in self.findings],
            "seconds": self.seconds,
            "folder": self.folder,
            "provenance": dict(self.provenance),
        }

    def table(self) -> str:
        """The fleet as a table, without the findings: counts, and the ceilings of some runs."""
        from ._tables import table

        return table(self)
