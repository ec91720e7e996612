"""Where the chunks of a sweep go: into memory, or to disk; and the result that is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..data._chunks import Store
from ._moments import Moments
from ._result import Sweep
from ._settings import SCHEDULE
from ._status import STATUS, SettingStatus, count, findings
from ._store import SWEEP, as_frame, read_columns

NOT_COMPUTED = -1


class Figures:
    """Counts and figures of the chunks seen so far."""

    def __init__(self, manifest: Mapping[str, Any]):
        self.counts = np.zeros(len(SettingStatus), np.int64)
        self.quantities = _quantities(manifest)
        of_trajectories = [q["of"] for q in manifest["spec"]["quantities"]].count("trajectory")
        alone = [n for n in self.quantities if not (of_trajectories and n in ("u_s", "u_v"))]
        self.moments = {name: Moments() for name in alone}

    def add(self, columns: Mapping[str, np.ndarray]) -> None:
        """Take in a chunk."""
        self.counts += count(columns[STATUS])
        for name, moments in self.moments.items():
            moments.add(columns[name])

    def result(
        self, manifest: Mapping[str, Any], seconds: float, provenance: Any, more: Any = (), **rest: Any
    ) -> Sweep:
        """The sweep."""
        return Sweep(
            laws=dict(manifest["laws"]),
            dims={label: {n: x if isinstance(x, int) else np.asarray(x) for n, x in dims.items()}
                  for label, dims in zip(manifest["laws"], manifest["dims"], strict=True)},
            quantities=tuple(self.quantities),
            ts=np.asarray(manifest["ts"]),
            counts=self.counts,
            summary={name: m.to_dict() for name, m in self.moments.items()},
            findings=(*more, *findings(self.counts)),
            provenance=provenance,
            seconds=seconds,
            names=tuple(manifest["columns"]),
            **rest,
        )  # fmt: skip


class Columns:
    """In memory: all columns, or their figures alone."""

    def __init__(self, manifest: Mapping[str, Any], keep: bool):
        self._manifest, self._keep, self._figures = manifest, keep, Figures(manifest)
        self._starts = _starts(manifest)
        self._columns: dict[str, np.ndarray] = {}

    def has(self, chunk: int) -> bool:
        """Nothing is there before."""
        return False

    def take(self, chunk: int, columns: Mapping[str, np.ndarray]) -> None:
        """Keep a chunk."""
        self._figures.add(columns)
        if self._keep:
            for name, x in columns.items():
                if name not in self._columns:
                    self._columns[name] = _empty(name, x, self._starts[-1])
                self._columns[name][self._starts[chunk] : self._starts[chunk + 1]] = x

    def result(self, seconds: float, provenance: Any) -> Sweep:
        """The sweep."""
        load = self._columns.__getitem__ if self._keep else None
        return self._figures.result(self._manifest, seconds, provenance, folder=None, load=load)


class OnDisk:
    """In a folder: every chunk a file; what other processes or an earlier call stored counts too."""

    def __init__(self, store: Store):
        self._store, self._figures = store, Figures(store.manifest)
        self._seen: set[int] = set()

    def has(self, chunk: int) -> bool:
        """Whether a chunk is stored already."""
        return self._store.has(chunk)

    def take(self, chunk: int, columns: Mapping[str, np.ndarray]) -> None:
        """Store a chunk."""
        store = self._store
        ordered = {n: columns[n] for n in store.manifest["columns"] if n in columns}
        if not store.write(chunk, as_frame(store, chunk, ordered)):
            ordered = read_columns(store, chunk)
        self._figures.add(ordered)
        self._seen.add(chunk)

    def result(self, seconds: float, provenance: Any) -> Sweep:
        """The sweep, as far as it is stored."""
        store, manifest = self._store, self._store.manifest
        done = store.done
        for chunk in done:
            if chunk not in self._seen:
                names = [STATUS, *self._figures.moments]
                self._figures.add(read_columns(store, chunk, names))
        more = store.findings(provenance["versions"], "gd.read_sweep")
        if len(done) == len(manifest["chunks"]):
            store.tidy()
        return self._figures.result(
            manifest, seconds, provenance, more, folder=str(store.folder), load=lambda name: load(store, name)
        )


def load(store: Store, name: str) -> np.ndarray:
    """One column of all chunks; NaN (status: -1) where a chunk is missing or lacks it."""
    manifest = store.manifest
    starts, whole = _starts(manifest), None
    for chunk in store.done:
        k = manifest["chunks"][chunk][0]
        if name not in (*manifest["spec"]["laws"][k]["names"], STATUS, *_quantities(manifest)):
            continue
        x = read_columns(store, chunk, [name])[name]
        if whole is None:
            whole = _empty(name, x, starts[-1])
        whole[starts[chunk] : starts[chunk + 1]] = x
    return np.full(starts[-1], np.nan) if whole is None else whole


def read_sweep(folder: Any) -> Sweep:
    """A sweep that `gapdyn.sweep(..., out=folder)` wrote, finished or not.

    Columns are read when they are asked for. Raises InputError where no sweep is, or a file is damaged.
    """
    store = Store.open(folder, SWEEP)
    provenance = {"versions": store.manifest["versions"], "precision": store.manifest["spec"]["precision"],
                  "chunk": store.manifest["spec"]["chunk"]}  # fmt: skip
    return OnDisk(store).result(0.0, provenance)


def _quantities(manifest: Mapping[str, Any]) -> list[str]:
    return manifest["columns"][manifest["columns"].index(STATUS) + 1 :]


def _starts(manifest: Mapping[str, Any]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum([count for _, _, count in manifest["chunks"]], dtype=np.int64)])


def _empty(name: str, like: np.ndarray, size: int) -> np.ndarray:
    if name == STATUS:
        return np.full(size, NOT_COMPUTED, np.int8)
    if name == SCHEDULE:
        return np.zeros(size, np.uint32)
    return np.full((size, *like.shape[1:]), np.nan, like.dtype)
