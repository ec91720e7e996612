"""A sweep on disk: one Parquet file for each chunk, whole or absent, and a manifest that says what it is a sweep of.

Parquet rather than Zarr: polars writes it and is at hand already, every tool for tables reads it, and a chunk is one
file that appears in one step, which is all that resuming needs. No file is ever written twice.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .._check import InputError
from ..data._atomic import atomic_write
from ._settings import SCHEDULE

MANIFEST = "manifest.json"
MADE_BY = "gapdyn sweep"
FORMAT = 1
LAW = "law"


def fingerprint(spec: Mapping[str, Any]) -> str:
    """A hash of a sweep's specification: equal for the same numbers, different for others."""
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()


class Store:
    """The folder of a sweep.

    Parameters
    ----------
    folder : where.
    manifest : what it holds: `spec`, `fingerprint`, `versions`, `chunks` (law, first, count), `dims`, `ts`.
    """

    def __init__(self, folder: Path, manifest: Mapping[str, Any]):
        self.folder, self.manifest = folder, manifest

    @classmethod
    def begin(cls, folder: str | os.PathLike[str], manifest: Mapping[str, Any]) -> Store:
        """A new store, or the one that holds the same sweep already.

        Raises
        ------
        InputError
            The folder holds another sweep or other files, or cannot be written.
        """
        path = Path(os.fsdecode(folder))
        try:
            path.mkdir(parents=True, exist_ok=True)
            strange = sorted(p.name for p in path.iterdir() if not _ours(p.name))
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(f"{path}: cannot be a sweep's folder: {reason}. Choose another folder.") from None
        if strange and not (path / MANIFEST).exists():
            raise InputError(f"{path} holds other files ({strange[0]}). Choose a new or an empty folder.")
        text = json.dumps(manifest, indent=1) + "\n"
        while not (path / MANIFEST).exists():
            try:
                atomic_write(path / MANIFEST, text)
            except InputError:
                if not (path / MANIFEST).exists():  # else another process was first
                    raise
        there = cls.open(path)
        if there.manifest["fingerprint"] != manifest["fingerprint"]:
            raise InputError(
                f"{path} holds another sweep: {_difference(there.manifest['spec'], manifest['spec'])}. "
                "Choose another folder, or delete this one."
            )
        return there

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Store:
        """A store that exists.

        Raises
        ------
        InputError
            No sweep is there, or its manifest cannot be read.
        """
        path = Path(os.fsdecode(folder))
        try:
            manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise InputError(f"{path}: is not a sweep's folder: it has no readable {MANIFEST}.") from None
        if not isinstance(manifest, dict) or manifest.get("made_by") != MADE_BY:
            raise InputError(f"{path / MANIFEST} is not a sweep's. Choose the folder that a sweep wrote.")
        if manifest.get("format") != FORMAT:
            raise InputError(f"{path}: format {manifest.get('format')} of sweeps is not known here. Update gapdyn.")
        return cls(path, manifest)

    def path(self, chunk: int) -> Path:
        """The file of a chunk."""
        return self.folder / f"chunk-{chunk:08d}.parquet"

    def has(self, chunk: int) -> bool:
        """Whether a chunk is stored. Files appear whole, so that being there is being complete."""
        return self.path(chunk).exists()

    @property
    def done(self) -> list[int]:
        """The chunks that are stored."""
        there = {p.name for p in self.folder.iterdir()}
        return [i for i in range(len(self.manifest["chunks"])) if self.path(i).name in there]

    def write(self, chunk: int, columns: Mapping[str, np.ndarray], label: str) -> None:
        """Store a chunk's columns: (n,) each, trajectories (n, times)."""
        import polars as pl

        made: list[Any] = []
        if label:
            made.append(pl.repeat(label, _length(columns), eager=True).alias(LAW).cast(pl.Categorical))
        for name, x in columns.items():
            if name == SCHEDULE:
                known = self._labels(chunk)
                made.append(pl.Series(name, known.categories.to_numpy()[x.astype(int)], dtype=pl.String).cast(known))
            elif x.ndim == 2:
                number = pl.Float64 if x.dtype == np.float64 else pl.Float32
                made.append(pl.Series(name, x, dtype=pl.Array(number, x.shape[1])))
            else:
                made.append(pl.Series(name, x))
        buffer = io.BytesIO()
        pl.DataFrame(made).write_parquet(buffer, compression="lz4", statistics=False)
        atomic_write(self.path(chunk), buffer.getbuffer())  # pyright: ignore[reportArgumentType]

    def read(self, chunk: int, names: list[str] | None = None) -> dict[str, np.ndarray]:
        """A chunk's columns, schedules as the numbers of their labels.

        Raises
        ------
        InputError
            A file that cannot be read.
        """
        import polars as pl

        path = self.path(chunk)
        try:
            frame = pl.read_parquet(io.BytesIO(path.read_bytes()), columns=names)
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            reason = (str(error).splitlines() or ["unknown"])[0]
            raise InputError(f"{path}: cannot be read ({reason}). Delete it and start the sweep again: "
                             "it computes what is missing.") from None  # fmt: skip
        columns = (c for c in frame.iter_columns() if c.name != LAW)
        return {c.name: (c.cast(self._labels(chunk)).to_physical() if c.name == SCHEDULE else c).to_numpy()
                for c in columns}  # fmt: skip

    def _labels(self, chunk: int) -> Any:
        import polars as pl

        return pl.Enum(self.manifest["dims"][self.manifest["chunks"][chunk][0]][SCHEDULE])

    def tidy(self) -> None:
        """Remove what writers that were killed left behind. Only where nothing is left to write."""
        for path in self.folder.glob(".*.tmp"):
            path.unlink(missing_ok=True)


def _ours(name: str) -> bool:
    return name == MANIFEST or name.startswith("chunk-") or (name.startswith(".") and name.endswith(".tmp"))


def _length(columns: Mapping[str, np.ndarray]) -> int:
    return len(next(iter(columns.values())))


def _difference(there: Any, here: Any) -> str:
    """The first entry in which two specifications differ, in words."""
    for name in {**there, **here}:
        if there.get(name) != here.get(name):
            a, b = (json.dumps(x.get(name))[:80] for x in (there, here))
            return f"{name} is {a} there and {b} here"
    return "the specification differs"
