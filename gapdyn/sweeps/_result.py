"""The result of a sweep: its columns, in memory or on disk, with what was held fixed and what failed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .._check import InputError, did_you_mean
from .._finding import AbstractResult, Finding
from ._settings import SCHEDULE
from ._status import STATUS, SettingStatus

if TYPE_CHECKING:
    import polars as pl
    import xarray as xr


@dataclasses.dataclass(frozen=True, eq=False)
class Sweep(AbstractResult):
    """Quantities of many settings. Made by `gapdyn.sweep`, or read by `gapdyn.read_sweep`.

    Attributes
    ----------
    laws : label -> what the law is, with the parameters that no setting names, as text.
    dims : law's label -> (dimension -> labels, or the number of settings along it); settings are counted with the last
        dimension running fastest, laws one after another.
    quantities : names of what was computed; "trajectory" has the columns `u_s` and `u_v`.
    ts : (times,), of trajectories; empty without.
    counts : (statuses,), settings that ended with each `SettingStatus`.
    summary : quantity, but for trajectories -> count, mean, sd, min, max over the settings that have it.
    findings : what failed, and what to do.
    provenance : versions, devices, precision, the specification.
    seconds : wall-clock time of this call.
    folder : where the columns are stored, or None.
    """

    laws: Mapping[str, str]
    dims: Mapping[str, Mapping[str, Any]]
    quantities: tuple[str, ...]
    ts: np.ndarray
    counts: np.ndarray
    summary: Mapping[str, Mapping[str, float]]
    findings: tuple[Finding, ...]
    provenance: Mapping[str, Any]
    seconds: float
    folder: str | None
    names: tuple[str, ...]
    load: Callable[[str], np.ndarray] | None = dataclasses.field(repr=False)

    @property
    def size(self) -> int:
        """The number of settings."""
        return sum(math.prod(_lengths(dims)) for dims in self.dims.values())

    def __getitem__(self, name: str) -> np.ndarray:
        """A column: `status`, a parameter that is set or a quantity, (settings,); `u_s`, `u_v` of trajectories
        (settings, times). NaN where the setting failed; for a sweep over laws also where a law has no such parameter.
        """
        if name not in self.names:
            raise InputError(f"this sweep has no column {name!r}. {did_you_mean(name, self.names)}")
        if self.load is None:
            raise InputError(f"this sweep kept its summary only, so there is no column {name!r}. Pass keep='all' or "
                             "out=FOLDER.")  # fmt: skip
        return self.load(name)

    @property
    def failed(self) -> int:
        """Settings without all of their results."""
        return int(self.counts.sum() - self.counts[SettingStatus.OK])

    def frame(self) -> pl.DataFrame:
        """All columns as a polars table, one row a setting; trajectories are lists of fixed length."""
        import polars as pl

        columns = []
        for name in self.names:
            x = self[name]
            if name == SCHEDULE:
                x = np.asarray(next(iter(self.dims.values()))[SCHEDULE])[x.astype(int)]
            columns.append(pl.Series(name, x))
        return pl.DataFrame(columns)

    def to_xarray(self) -> xr.Dataset:
        """Labelled arrays: a dimension for each swept parameter, for draws, schedules, laws and times.

        Parameters of the draws, or of points that are only counted, are variables along that dimension. Laws stand
        along `law` where they have the same dimensions.
        """
        import xarray as xr

        every = list(self.dims.values())
        shape = _lengths(every[0])
        if any(_lengths(d) != shape or list(d) != list(every[0]) for d in every):
            raise InputError(
                "laws of this sweep have different dimensions. Take sweep['u_s_inf'], or sweep each alone."
            )
        along = [("law", list(self.dims))] if len(every) > 1 else []
        names, lengths = list(every[0]), [len(every), *shape] if along else shape
        coordinates: dict[str, Any] = {n: np.asarray(x) for n, x in every[0].items() if not isinstance(x, int)}
        coordinates |= {n: np.arange(x) for n, x in every[0].items() if isinstance(x, int)}
        coordinates |= dict(along)
        dims = [*(n for n, _ in along), *names]
        data: dict[str, Any] = {}
        for name in self.names:
            if name in coordinates:
                continue
            x = self[name]
            cells = x.reshape(*lengths, *x.shape[1:])
            data[name] = ([*dims, "time"] if x.ndim == 2 else dims, cells)
            if x.ndim == 2:
                coordinates["time"] = self.ts
        free = [n for n, x in every[0].items() if isinstance(x, int)]
        for name in set(data) - {STATUS, *self.quantities, "u_s", "u_v"}:  # a parameter varies along its own only
            spread, cells = data[name]
            fixed = tuple(0 if d not in ("law", *free) else slice(None) for d in spread)
            data[name] = ([d for d in spread if d in ("law", *free)], cells[fixed])
        out = xr.Dataset(data, coordinates)
        out.attrs.update({"laws": "; ".join(f"{k}: {v}" if k else v for k, v in self.laws.items())})
        return out

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON: not the columns."""
        return {
            "laws": dict(self.laws),
            "settings": self.size,
            "dims": {law: dict(zip(d, _lengths(d), strict=True)) for law, d in self.dims.items()},
            "quantities": {name: dict(s) for name, s in self.summary.items()},
            "status": {s.name.lower(): int(self.counts[s]) for s in SettingStatus if self.counts[s]},
            "computed": int(self.counts.sum()),
            "seconds": self.seconds,
            "folder": self.folder,
            "findings": [f.to_dict() for f in self.findings],
            "provenance": dict(self.provenance),
        }

    def table(self) -> str:
        """The sweep as a table, without the findings."""
        lines = [f"{label + ': ' if label else ''}{text}" for label, text in self.laws.items()]
        first = next(iter(self.dims.values()))
        shape = " x ".join(f"{name} {n:,}" for name, n in zip(first, _lengths(first), strict=True))
        laws = f"{len(self.laws)} laws x " if len(self.laws) > 1 else ""
        done = int(self.counts.sum())
        rate = f", {done / self.seconds:,.3g} settings/s" if done == self.size and self.seconds > 0 else ""
        lines.append(f"{self.size:,} settings ({laws}{shape}), {self.counts[SettingStatus.OK]:,} ok; "
                     f"{self.seconds:.3g} s{rate}")  # fmt: skip
        heads = ("mean", "sd", "min", "max", "count")
        width = max([10, *(len(n) for n in self.summary)]) + 2
        if self.summary:
            lines.append(f"{'':{width}s}" + "".join(f"{h:>12s}" for h in heads))
        for name, s in self.summary.items():
            cells = "".join(f"{s[h]:>12.4g}" for h in heads[:-1]) + f"{s['count']:>12,}"
            lines.append(f"{name:{width}s}{cells}")
        if self.folder:
            lines.append(f"stored in {self.folder}")
        return "\n".join(lines)


def _lengths(dims: Mapping[str, Any]) -> list[int]:
    return [x if isinstance(x, int) else len(x) for x in dims.values()]
