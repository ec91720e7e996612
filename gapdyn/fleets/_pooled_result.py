"""The pooled posterior of a fleet as a value."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .._check import InputError
from .._finding import AbstractResult, Finding
from ..data import Fleet
from ..data._text import show, suggest
from ..dynamics import LawSpec
from ..inference import Fit, Summary
from ..inference._diagnostics import QUANTILES
from ..inference._model import unit_of
from ._pooled_data import Prepared
from ._pooled_draws import unit_on_line
from ._pooled_model import effect, scatter, slope, typical
from ._pooled_new import NewRun, new_run
from ._pooled_scaling import LimitScaling, scaling

if TYPE_CHECKING:
    import polars as pl
    import xarray as xr

ROWS = 20  # runs in the printed table
CEILING = "u_s_inf"


@dataclasses.dataclass(frozen=True, eq=False)
class PooledFit(AbstractResult):
    """The posterior of a law given all runs of a fleet, pooled partially. Made by `gapdyn.fit`; immutable.

    `pooled["name"]` is the `Fit` of one run, informed by the others: for `gd.ceiling`, `gd.forecast`, pictures.

    Attributes
    ----------
    fleet, law, engine, form : what was fitted, in which coordinates, by what and how.
    groups : group -> its members; `members`: group -> (run,), the member that each run is of.
    covariates : name -> (run,).
    population : site -> (chain, draw), or (chain, draw, member) for effects of a group, in the fleet's units:
        `typical_NAME` (the population's median), `scatter_NAME` (sd between runs), `scatter_NAME_by_GROUP` (sd between
        members), `effect_NAME_by_GROUP`, `slope_NAME_by_COVARIATE` (per unit of it). Scatter, effects and slopes of
        rates are those of their logs, of ratios those of their logits.
    fits : (run,), each run's `Fit`.
    alone : (run,), parameter -> `Summary` of each run fitted without the others, in the same scale and with the wide
        priors of the typical run.
    stats : sampler's figures -> (chain, draw).
    summary : site, "site[member]" or "parameter[run]" -> `Summary`.
    findings, provenance, seconds : as of a `Fit`.
    """

    fleet: Fleet
    law: LawSpec
    engine: Any
    form: str
    groups: Mapping[str, tuple[str, ...]]
    members: Mapping[str, tuple[str, ...]]
    covariates: Mapping[str, np.ndarray]
    population: Mapping[str, np.ndarray]
    fits: tuple[Fit, ...] = dataclasses.field(repr=False)
    alone: tuple[Mapping[str, Summary], ...] = dataclasses.field(repr=False)
    stats: Mapping[str, np.ndarray] = dataclasses.field(repr=False)
    summary: Mapping[str, Summary] = dataclasses.field(repr=False)
    findings: tuple[Finding, ...]
    provenance: Mapping[str, Any] = dataclasses.field(repr=False)
    seconds: Mapping[str, float]
    prepared: Prepared = dataclasses.field(repr=False)
    hyper: Mapping[str, np.ndarray] = dataclasses.field(repr=False)

    def __getitem__(self, name: str) -> Fit:
        """The fit of the run of that name."""
        if name not in self.fleet.names:
            raise InputError(f"the fleet has no run {show(name)}. {suggest(str(name), self.fleet.names)}")
        return self.fits[self.fleet.names.index(name)]

    @cached_property
    def draws(self) -> dict[str, np.ndarray]:
        """Parameter -> (chain, draw, run), in the runs' units; NaN for a run that has no such number."""
        names = dict.fromkeys(n for fit in self.fits for n in fit.draws)
        shape = next(iter(self.fits[0].draws.values())).shape
        empty = np.full(shape, np.nan)
        return {n: np.stack([fit.draws.get(n, empty) for fit in self.fits], -1) for n in names}

    @property
    def trusted(self) -> bool:
        """Whether no finding says that the numbers must not be used."""
        return not any(f.level == "error" for f in self.findings)

    def new_run(self, *, group: Any = None, covariates: Mapping[str, float] | None = None, key: Any = 0) -> NewRun:
        """What a run would do that nobody has made yet: its parameters, limits and ceiling.

        Parameters
        ----------
        group : the member that it is of, where runs have one group; of several a mapping, group -> member. A group that
            is not named gets a new member.
        covariates : name -> its number; all of the fit's.
        key : seed.

        Raises
        ------
        InputError
            An unknown group, member or covariate, a covariate left out; runs with schedules of their own.
        """
        return new_run(self.prepared, self.hyper, group, covariates, key)

    def scaling(self, of: str = CEILING, by: str = "", *, at: Any = None, level: float = 0.9) -> LimitScaling:
        """How a limit, or any number of the law, goes with a covariate.

        Parameters
        ----------
        of : "u_s_inf", "gap_inf", "u_v_inf", "rate" ...: a number that the draws have.
        by : the covariate; may be left out where there is one.
        at : (points,), where the line is wanted; default over the runs' range, and a little beyond.
        level : of the intervals.

        Raises
        ------
        InputError
            An unknown number or covariate, a fit without covariates, a level outside [0.5, 0.999].
        """
        return scaling(self.prepared, self.hyper, self.draws, of, by, at, level)

    def frame(self) -> pl.DataFrame:
        """One row per run: its groups and covariates, its ceiling (mean, sd, q05, q50, q95), the ceiling that it has
        alone, R-hat and effective draws.
        """
        import polars as pl

        rows = []
        for i, (run, fit) in enumerate(zip(self.fleet, self.fits, strict=True)):
            here = _described(fit.draws[CEILING])
            alone = self.alone[i][CEILING]
            rows.append({
                "run": run.name,
                **{g: who[i] for g, who in self.members.items()},
                **{c: float(x[i]) for c, x in self.covariates.items()},
                "checkpoints": len(run),
                **{f"ceiling_{k}": v for k, v in here.items()},
                **{f"alone_{k}": getattr(alone, k) for k in here},
                "rhat": fit.summary[CEILING].rhat,
                "ess": fit.summary[CEILING].ess_bulk,
            })  # fmt: skip
        return pl.DataFrame(rows)

    def to_arviz(self) -> xr.DataTree:
        """An ArviZ DataTree: posterior (with dims run and one for each group) and sample_stats."""
        import arviz_base as azb

        dims = {n: ["run"] for n in self.draws}
        dims |= {effect(n, g): [g] for n in self.prepared.model.explained for g in self.groups}
        coords = {"run": list(self.fleet.names), **{g: list(who) for g, who in self.groups.items()}}
        posterior = {**self.draws, **self.population}
        tree = azb.from_dict(
            {"posterior": posterior, "sample_stats": dict(self.stats)},
            dims={n: d for n, d in dims.items() if n in posterior}, coords=coords,
        )  # fmt: skip
        tree.attrs.update({k: str(v) for k, v in self.provenance.items()})
        return tree

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        known = [n for n in self.summary if n.partition("[")[0] in self.population]
        return {
            "law": self.law.name,
            "engine": self.engine.name,
            "form": self.form,
            "groups": {g: list(who) for g, who in self.groups.items()},
            "covariates": list(self.covariates),
            "population": {n: self.summary[n].to_dict() for n in known},
            "runs": self.frame().to_dicts(),
            "seconds": dict(self.seconds),
            "provenance": dict(self.provenance),
            "findings": [f.to_dict() for f in self.findings],
        }

    def table(self) -> str:
        """The population, then the runs' ceilings beside those that they have alone."""
        first = self.fleet.runs[0]
        shape = f"{self.engine.name} {self.engine.chains}x{self.engine.draws}, {self.form}"
        rows = [f"{len(self.fleet)} runs | {self.law.title}, partially pooled | {shape}", ""]
        rows.append(f"{'population':14s}{'typical':>10s}{'90% interval':>22s}{'runs differ':>13s}{'by':>8s}  unit")
        for name in self.prepared.model.pooled:
            s = self.summary[typical(name)]
            interval, differ = f"[{s.q05:.4g}, {s.q95:.4g}]", self.summary[scatter(name)].q50
            kind = unit_on_line(name, self.prepared)
            by = kind if kind in ("log", "logit") else ""
            rows.append(f"{name:14s}{s.q50:>10.4g}{interval:>22s}{differ:>13.3g}{by:>8s}  {unit_of(name, first)}")
        rows += [*self._explained(), "", *self._ceilings()]
        return "\n".join(rows)

    def _explained(self) -> list[str]:
        """What groups and covariates do to the ceiling, or to what stands in its place."""
        model = self.prepared.model
        of = CEILING if CEILING in model.explained else "gap_inf"
        sites = [(f"{of}: {g} {m}", f"{effect(of, g)}[{m}]") for g, who in self.groups.items() for m in who]
        sites += [(f"{of} per {c}", slope(of, c)) for c in self.covariates]
        rows = [""] if sites else []
        for label, site in sites:
            s = self.summary[site]
            rows.append(f"{label:34s}{s.q50:>+10.4g}  [{s.q05:.4g}, {s.q95:.4g}]")
        return rows

    def _ceilings(self) -> list[str]:
        frame = self.frame()
        rows = [f"{'ceiling':20s}{'median':>10s}{'90% interval':>22s}{'alone':>10s}{'90% interval':>22s}{'rhat':>7s}"]
        for row in frame.head(ROWS).iter_rows(named=True):
            here, alone = (f"[{row[f'{k}_q05']:.4g}, {row[f'{k}_q95']:.4g}]" for k in ("ceiling", "alone"))
            middle, lonely = row["ceiling_q50"], row["alone_q50"]
            rows.append(
                f"{row['run'][:19]:20s}{middle:>10.4g}{here:>22s}{lonely:>10.4g}{alone:>22s}{row['rhat']:>7.3f}"
            )
        left = len(frame) - ROWS
        return [*rows, f"... and {left} more: frame()"] if left > 0 else rows


def _described(draws: np.ndarray) -> dict[str, float]:
    x = draws[np.isfinite(draws)]
    q05, q50, q95 = (float(q) for q in np.quantile(x, QUANTILES)) if x.size else (np.nan,) * 3
    return {"mean": float(x.mean()) if x.size else np.nan, "sd": float(x.std()) if x.size else np.nan,
            "q05": q05, "q50": q50, "q95": q95}  # fmt: skip
