"""Columns of runs that come in pieces: in memory, or in the chunks of a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data._chunks import Kind, Store
from ._status import NOT_COMPUTED

if TYPE_CHECKING:
    import polars as pl

FLEET_FILE = "fleet.parquet"
FLEET_FIT = Kind("fleet fit", "gapdyn fit", 1, (FLEET_FILE,))
TEXT = ("reason", "engine")
WHOLE = {"status": NOT_COMPUTED, "findings": 0}  # whole numbers, and what stands where none is

Piece = Mapping[str, np.ndarray]


class Columns:
    """Columns (runs,), draws (runs, draws), filled piece by piece: NaN, "" or -1 where nothing was put."""

    def __init__(self, size: int):
        self.size = size
        self._columns: dict[str, np.ndarray] = {}
        self._left: dict[str, np.ndarray] = {}  # rows of columns of numbers where nothing was put or filled in yet

    def put(self, where: np.ndarray, piece: Piece) -> None:
        """Columns of the runs at `where` (n,)."""
        new = {name: x for name, x in piece.items() if name not in self._columns}
        draws = [x.shape[1] for x in new.values() if x.ndim == 2]
        # as parts of one array: the system brings large ones in large pages, in a fraction of the time
        parts = iter(np.empty((len(draws), self.size, draws[0]) if draws else 0))
        for name, x in new.items():
            if name in TEXT or name in WHOLE:
                self._columns[name] = _blank(name, self.size)
            else:  # most of it is going to be written over
                self._columns[name] = next(parts) if x.ndim == 2 else np.empty(self.size)
                self._left[name] = np.ones(self.size, bool)
        for name, x in piece.items():
            self._columns[name][where] = x
            if name in self._left:
                self._left[name][where] = False

    def names(self) -> list[str]:
        """Names of the columns."""
        return list(self._columns)

    def __getitem__(self, name: str) -> np.ndarray:
        if name in self._left:
            self._columns[name][self._left.pop(name)] = np.nan
        return self._columns[name]

    def get(self, name: str, otherwise: Any) -> np.ndarray:
        """A column, or one of `otherwise` where no run has it."""
        kind = object if isinstance(otherwise, str) else None
        return self[name] if name in self._columns else np.full(self.size, otherwise, kind)

    def row(self, run: int, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Some columns of one run."""
        return {name: self[name][run] for name in names}

    def piece(self) -> dict[str, np.ndarray]:
        """All columns."""
        return {name: self[name] for name in self._columns}


class StoredColumns:
    """The same, read from a folder when they are asked for. `plan` has the runs of each chunk."""

    def __init__(self, store: Store, plan: Sequence[np.ndarray]):
        self.store, self.plan = store, plan
        self.size = sum(len(where) for where in plan)
        self._places = {int(run): (chunk, i) for chunk, where in enumerate(plan) for i, run in enumerate(where)}

    def names(self) -> list[str]:
        """Names of the columns, of all chunks."""
        return list(dict.fromkeys(name for chunk in self.store.done for name in self.store.names(chunk)))

    def __getitem__(self, name: str) -> np.ndarray:
        return self.some([name])[name]

    def some(self, names: Sequence[str]) -> Columns:
        """Several columns, each chunk read once."""
        every = Columns(self.size)
        for chunk in self.store.done:
            every.put(self.plan[chunk], as_piece(self.store.read(chunk, names)))
        return every

    def row(self, run: int, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Some columns of one run."""
        chunk, i = self._places[run]
        piece = as_piece(self.store.read(chunk, names))
        return {name: x[i] for name, x in piece.items()}


class Draws(Mapping[str, np.ndarray]):
    """Parameter -> draws (runs, draws), read when they are asked for."""

    def __init__(self, columns: Columns | StoredColumns, names: Sequence[str]):
        self._columns, self._names = columns, tuple(names)

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._names:
            raise KeyError(name)
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def as_frame(piece: Piece, names: Sequence[str]) -> pl.DataFrame:
    """A chunk as a table, with the names of its runs."""
    import polars as pl

    made: list[Any] = [pl.Series("run", names, dtype=pl.String)]
    for name, x in piece.items():
        kind = pl.String if name in TEXT else pl.Array(pl.Float64, x.shape[1]) if x.ndim == 2 else None
        made.append(pl.Series(name, x.tolist() if name in TEXT else x, dtype=kind))
    return pl.DataFrame(made)


def as_piece(frame: pl.DataFrame) -> dict[str, np.ndarray]:
    """A chunk's columns from its table."""
    return {c.name: _texts(c.to_list()) if c.name in TEXT else c.to_numpy() for c in frame.iter_columns()
            if c.name != "run"}  # fmt: skip


def record(values: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The columns of one run, from its values."""
    return {n: _texts([x]) if n in TEXT else np.asarray(x)[None] for n, x in values.items()}


def _texts(texts: Sequence[str]) -> np.ndarray:
    return np.asarray(texts, object)


def _blank(name: str, size: int) -> np.ndarray:
    return np.full(size, "", object) if name in TEXT else np.full(size, WHOLE[name], np.int32)
