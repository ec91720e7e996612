"""A sweep on disk: its chunks' columns as tables, schedules and laws by their labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data._chunks import Kind, Store
from ._settings import SCHEDULE

if TYPE_CHECKING:
    import polars as pl

SWEEP = Kind("sweep", "gapdyn sweep", 1)
LAW = "law"


def as_frame(store: Store, chunk: int, columns: Mapping[str, np.ndarray]) -> pl.DataFrame:
    """A chunk's columns, (n,) each, trajectories (n, times), as a table."""
    import polars as pl

    made: list[Any] = []
    label = list(store.manifest["laws"])[store.manifest["chunks"][chunk][0]]
    if label:
        count = len(next(iter(columns.values())))
        made.append(pl.repeat(label, count, eager=True).alias(LAW).cast(pl.Categorical))
    for name, x in columns.items():
        if name == SCHEDULE:
            known = _labels(store, chunk)
            made.append(pl.Series(name, known.categories.to_numpy()[x.astype(int)], dtype=pl.String).cast(known))
        elif x.ndim == 2:
            number = pl.Float64 if x.dtype == np.float64 else pl.Float32
            made.append(pl.Series(name, x, dtype=pl.Array(number, x.shape[1])))
        else:
            made.append(pl.Series(name, x))
    return pl.DataFrame(made)


def read_columns(store: Store, chunk: int, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """A chunk's columns, schedules as the numbers of their labels."""
    columns = (c for c in store.read(chunk, names).iter_columns() if c.name != LAW)
    return {c.name: (c.cast(_labels(store, chunk)).to_physical() if c.name == SCHEDULE else c).to_numpy()
            for c in columns}  # fmt: skip


def _labels(store: Store, chunk: int) -> Any:
    import polars as pl

    return pl.Enum(store.manifest["dims"][store.manifest["chunks"][chunk][0]][SCHEDULE])
