"""A fitted fleet in the forms that other tools take: text, a tidy table, labelled arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..data import Run
from ..inference._model import unit_of
from ._each import FIGURES
from ._labels import constants
from ._status import NO_NUMBERS

if TYPE_CHECKING:
    import polars as pl
    import xarray as xr

    from ._result import FleetFit

LISTED = 12  # runs in the printed table; of more the first and the widest
OF_RUNS = ("status", "reason", "engine", "pareto_k", "effective", "log_evidence", "p_limit")


def table(fitted: FleetFit) -> str:
    """Counts by status and by engine, and the ceilings of some runs."""
    runs = fitted.fleet.runs
    lengths = [len(run) for run in runs]
    span = f"{min(lengths)}" if min(lengths) == max(lengths) else f"{min(lengths)} to {max(lengths)}"
    title = fitted.law.title if fitted.law else fitted.provenance["law"]
    lines = [f"{len(runs):,} runs | {title} | {span} checkpoints | {fitted.seconds:.3g} s"]
    lines.append("  ".join(f"{word} {n:,}" for word, n in fitted.counts.items()))
    if fitted.engines:
        lines.append("by " + ", ".join(f"{name} {n:,}" for name, n in fitted.engines.items()))
    lines += _ceilings(fitted)
    if fitted.folder:
        lines.append(f"stored in {fitted.folder}")
    return "\n".join(lines)


def _ceilings(fitted: FleetFit) -> list[str]:
    known = np.flatnonzero(~np.isin(fitted.status, NO_NUMBERS))
    if "u_s_inf" not in fitted.summary or not known.size:
        return [] if not known.size else ["The law has no limit: forecast the runs one by one."]
    s = fitted.summary["u_s_inf"]
    shown, heads = known, {0: ""}
    if known.size > LISTED:
        half = LISTED // 2
        rest = known[half:]
        widest = rest[np.argsort(-(s.q95 - s.q05)[rest], kind="stable")[:half]]
        shown, heads = np.concatenate([known[:half], widest]), {0: "the first", half: "of the others the widest"}
    width = max(10, *(len(runs_name(fitted.fleet.runs[i])) for i in shown)) + 1
    rows = [f"{'ceiling':{width}s}{'median':>10s}{'90% interval':>22s}"]
    for place, i in enumerate(shown):
        if heads.get(place):
            rows.append(f"{heads[place]}:")
        interval = f"[{s.q05[i]:.4g}, {s.q95[i]:.4g}]"
        unit = unit_of("u_s_inf", fitted.fleet.runs[i])
        name = runs_name(fitted.fleet.runs[i])
        rows.append(f"{name:{width}s}{s.q50[i]:>10.4g}{interval:>22s}  {unit} {fitted.status[i]}".rstrip())
    return rows


def runs_name(run: Run) -> str:
    """A run's name, shortened to a column's width."""
    return run.name if len(run.name) <= 30 else f"{run.name[:29]}…"


def frame(fitted: FleetFit) -> pl.DataFrame:
    """See `FleetFit.frame`."""
    import polars as pl

    runs = fitted.fleet.runs
    columns: dict[str, Any] = {"run": pl.Series([run.name for run in runs], dtype=pl.String)}
    own = {"clock": [run.clock for run in runs], "unit": [run.unit for run in runs],
           "checkpoints": [len(run) for run in runs]}  # fmt: skip
    own |= {name: [None if x == "" else x for x in getattr(fitted, name)] if name in OF_RUNS[:3]
            else _nulls(getattr(fitted, name)) for name in OF_RUNS}  # fmt: skip
    own |= {f"{name}_{figure}": _nulls(getattr(s, figure)) for name, s in fitted.summary.items() for figure in FIGURES}
    for name, values in constants(fitted.fleet).items():
        numbers = isinstance(values[0], float)
        columns[name if name not in (*columns, *own) else f"run_{name}"] = _nulls(values) if numbers else values
    return pl.DataFrame({**columns, **own})


def _nulls(x: Any) -> Any:
    import polars as pl

    return pl.Series(np.asarray(x, np.float64)).fill_nan(None)


def dataset(fitted: FleetFit) -> xr.Dataset:
    """See `FleetFit.to_xarray`."""
    import xarray as xr

    data = {name: (("run", "draw"), fitted.draws[name]) for name in fitted.draws}
    count = next((x.shape[1] for _, x in data.values()), 0)
    out = xr.Dataset(data, {"run": list(fitted.names), "draw": np.arange(count)})
    out = out.assign_coords({name: ("run", _words(getattr(fitted, name))) for name in OF_RUNS})
    free = {name: x for name, x in constants(fitted.fleet).items() if name not in (*out.coords, *data)}
    texts = {name: ("run", np.asarray([c if c is not None else "" for c in x])) for name, x in free.items()}
    out = out.assign_coords(texts)
    out.attrs["law"] = str(fitted.provenance["law"])
    return out


def tree(fitted: FleetFit) -> xr.DataTree:
    """See `FleetFit.to_arviz`."""
    import xarray as xr

    every = dataset(fitted)
    runs = fitted.fleet.runs
    of_runs = every.reset_coords()[[name for name in every.coords if name not in every.dims]]
    posterior = every.reset_coords(drop=True).expand_dims(chain=[0]).transpose("chain", "draw", "run")
    place = {"run": every["run"].values, "checkpoint": np.arange(max(len(run) for run in runs))}
    shape = tuple(len(x) for x in place.values())

    def padded(*names: str) -> xr.Dataset:
        out = {name: np.full(shape, np.nan) for name in names}
        for i, run in enumerate(runs):
            known = {**run.columns(), "t": run.t}
            for name in names:
                out[name][i, : len(run)] = known.get(name, np.nan)
        return xr.Dataset({name: (("run", "checkpoint"), x) for name, x in out.items()}, place)

    observed = padded(*(("u_s", "u_v") if fitted.series is None else (fitted.series,)))
    constant = padded("t", "se_s", "se_v")
    groups = {"posterior": posterior, "observed_data": observed, "constant_data": constant, "fleet": of_runs}
    out = xr.DataTree.from_dict(groups)
    out.attrs.update({k: str(v) for k, v in fitted.provenance.items()})
    return out


def _words(x: np.ndarray) -> np.ndarray:
    return x.astype(str) if x.dtype == object else x
