"""Long work on disk: one Parquet file for each chunk, whole or absent, and a manifest that says what it is work on.

Parquet rather than Zarr: polars writes it and is at hand already, every tool for tables reads it, and a chunk is one
file that appears in one step, which is all that resuming needs. No file is ever written twice.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._atomic import atomic_write
from .._check import InputError
from .._finding import Finding

if TYPE_CHECKING:
    import polars as pl

MANIFEST = "manifest.json"


class StoppedWriting(InputError):
    """Work that could not go on writing: what it had stored stays."""


@dataclasses.dataclass(frozen=True)
class Kind:
    """What work a folder holds: its name in messages, who makes it, the version of its format, and other files that
    belong there.
    """

    name: str
    made_by: str
    format: int
    files: tuple[str, ...] = ()


def fingerprint(spec: Mapping[str, Any]) -> str:
    """A hash of a specification: equal for the same numbers, different for others."""
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()


class Store:
    """The folder of chunks.

    Parameters
    ----------
    folder : where.
    manifest : what it holds, at least `spec`, `fingerprint`, `versions` and `chunks` (one entry each).
    kind : whose it is.
    """

    def __init__(self, folder: Path, manifest: Mapping[str, Any], kind: Kind):
        self.folder, self.manifest, self.kind = folder, manifest, kind

    @classmethod
    def begin(cls, folder: str | os.PathLike[str], manifest: Mapping[str, Any], kind: Kind) -> Store:
        """A new store, or the one that holds the same work already; of a manifest all but who made it.

        Raises
        ------
        InputError
            The folder holds other work or other files, or cannot be written.
        """
        path = Path(os.fsdecode(folder))
        try:
            path.mkdir(parents=True, exist_ok=True)
            strange = sorted(p.name for p in path.iterdir() if not _ours(p.name, kind))
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(f"{path}: cannot be a {kind.name}'s folder: {reason}. Choose another folder.") from None
        if strange and not (path / MANIFEST).exists():
            raise InputError(f"{path} holds other files ({strange[0]}). Choose a new or an empty folder.")
        mark = fingerprint(manifest["spec"])
        text = json.dumps({"made_by": kind.made_by, "format": kind.format, "fingerprint": mark, **manifest}, indent=1)
        while not (path / MANIFEST).exists():
            try:
                atomic_write(path / MANIFEST, text + "\n")
            except InputError:
                if not (path / MANIFEST).exists():  # else another process was first
                    raise
        there = cls.open(path, kind)
        if there.manifest["fingerprint"] != mark:
            raise InputError(
                f"{path} holds another {kind.name}: {_difference(there.manifest['spec'], manifest['spec'])}. "
                "Choose another folder, or delete this one."
            )
        return there

    @classmethod
    def open(cls, folder: str | os.PathLike[str], kind: Kind) -> Store:
        """A store that exists.

        Raises
        ------
        InputError
            No such work is there, or its manifest cannot be read.
        """
        path, whose = Path(os.fsdecode(folder)), kind.name
        try:
            manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise InputError(f"{path}: is not a {whose}'s folder: it has no readable {MANIFEST}.") from None
        if not isinstance(manifest, dict) or manifest.get("made_by") != kind.made_by:
            raise InputError(f"{path / MANIFEST} is not a {whose}'s. Choose the folder that a {whose} wrote.")
        if manifest.get("format") != kind.format:
            raise InputError(f"{path}: format {manifest.get('format')} of {whose}s is not known here. Update gapdyn.")
        return cls(path, manifest, kind)

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

    def write(self, chunk: int, frame: pl.DataFrame) -> bool:
        """Store a chunk; False where another process was first, whose numbers are the same.

        Raises
        ------
        StoppedWriting
            It cannot be written.
        """
        buffer = io.BytesIO()
        frame.write_parquet(buffer, compression="lz4", statistics=False)
        try:
            atomic_write(self.path(chunk), buffer.getbuffer())  # pyright: ignore[reportArgumentType]
        except InputError as error:
            if self.has(chunk):
                return False
            raise StoppedWriting(
                f"{error} {len(self.done)} of {len(self.manifest['chunks'])} chunks are stored and stay; the same "
                "call goes on from there."
            ) from error
        return True

    def names(self, chunk: int) -> list[str]:
        """Names of a chunk's columns."""
        import polars as pl

        return self._parse(chunk, lambda raw: list(pl.read_parquet_schema(raw)))

    def read(self, chunk: int, names: Sequence[str] | None = None) -> pl.DataFrame:
        """A chunk's columns, all or those of `names` that it has.

        Raises
        ------
        InputError
            A file that cannot be read.
        """
        import polars as pl

        def parse(raw: io.BytesIO) -> pl.DataFrame:
            if names is None:
                return pl.read_parquet(raw)
            there = pl.read_parquet_schema(raw)
            return pl.read_parquet(raw, columns=[name for name in names if name in there])

        return self._parse(chunk, parse)

    def _parse(self, chunk: int, parse: Callable[[io.BytesIO], Any]) -> Any:
        import polars as pl

        path = self.path(chunk)
        try:
            return parse(io.BytesIO(path.read_bytes()))
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            reason = (str(error).splitlines() or ["unknown"])[0]
            raise InputError(f"{path}: cannot be read ({reason}). Delete it and start the {self.kind.name} again: "
                             "it computes what is missing.") from None  # fmt: skip

    def tidy(self) -> None:
        """Remove what writers that were killed left behind. Only where nothing is left to write."""
        for path in self.folder.glob(".*.tmp"):
            path.unlink(missing_ok=True)

    def findings(self, versions: Mapping[str, str], reader: str) -> list[Finding]:
        """What is missing, and whether it was begun with other `versions`; `reader` reads it back."""
        found, total, missing = [], len(self.manifest["chunks"]), len(self.manifest["chunks"]) - len(self.done)
        name = self.kind.name
        if missing:
            text = f"{missing} of {total} chunks are not computed yet; figures are of the others."
            remedy = f"Wait for the other processes and use {reader}, or start the same {name} again."
            found.append(Finding("warning", "unfinished", text, remedy))
        if versions != self.manifest["versions"]:
            text = f"The {name} was begun with {self.manifest['versions']} and goes on with {versions}."
            found.append(Finding("info", "versions", text, "For one version throughout, start anew in another folder."))
        return found


def _ours(name: str, kind: Kind) -> bool:
    left = name.startswith(".") and name.endswith(".tmp")
    return name == MANIFEST or name in kind.files or name.startswith("chunk-") or left


def _difference(there: Any, here: Any) -> str:
    """The first entry in which two specifications differ, in words."""
    for name in {**there, **here}:
        if there.get(name) != here.get(name):
            a, b = (json.dumps(x.get(name))[:80] for x in (there, here))
            return f"{name} is {a} there and {b} here"
    return "the specification differs"
