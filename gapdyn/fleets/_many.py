"""Runs fitted together by the fleet's engine: their columns, as single fits would give them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .._check import InputError
from ..data import Run
from ..inference._data_findings import COMMON, Ends, data_findings, short_run
from ..inference._series import single
from ._each import FIGURES, Request
from ._engine import Drawn, sample_fleet
from ._status import RunStatus, as_bits, is_open

ENGINE = "quadrature"


def fit_together(
    runs: Sequence[Run], asked: Request, length: int, many: int, tell: Callable[[int], Any]
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Places (n,) and columns of those runs whose posteriors the engine vouches for; nothing of the others.

    They are padded to `length` checkpoints; `many` is how many runs the whole fleet has.
    """
    if asked.engine.name not in ("auto", ENGINE):
        return
    law, posed, places = asked.law, [], []
    for i, run in enumerate(runs):
        if asked.series is not None:
            try:
                run, law = single(run, asked.law, asked.series)
            except InputError:
                continue
        posed.append(run)
        places.append(i)
    where = np.asarray(places, int)
    alike: dict[Any, int] = {}
    yield from sample_fleet(
        posed, law, seed=asked.seed, draws=asked.draws, prior=asked.prior, likelihood=asked.likelihood,
        route=asked.route, length=length, many=many, tell=tell,
        made=lambda drawn: (where[drawn.at], _columns(drawn, posed, asked.series, alike)),
    )  # fmt: skip


def _columns(drawn: Drawn, runs: Sequence[Run], series: str | None, alike: dict[Any, int]) -> dict[str, np.ndarray]:
    bits, wide = _findings(drawn, runs, series, alike)
    status = [int(RunStatus.WIDE if text else RunStatus.TRUSTED) for text in wide]
    out: dict[str, np.ndarray] = {
        "status": np.asarray(status),
        "reason": np.asarray(wide, object),
        "engine": np.full(len(bits), ENGINE, object),
        "findings": np.asarray(bits),
        "pareto_k": drawn.pareto_k,
        "effective": drawn.effective,
        "log_evidence": drawn.log_evidence,
    }
    if "u_s_inf" in drawn.share:
        out["p_limit"] = drawn.share["u_s_inf"]
    for name, figures in drawn.figures.items():
        out |= {f"{name}_{figure}": figures[figure] for figure in FIGURES}
    return out | drawn.draws


def _findings(
    drawn: Drawn, runs: Sequence[Run], series: str | None, alike: dict[Any, int]
) -> tuple[list[int], list[str]]:
    """Of each run, what is found as bits, and why its ceiling is open, if it is. `alike` gathers the bits of runs of
    which the same is said, but for the numbers in it.
    """
    limit = drawn.figures.get("u_s_inf")
    ends = Ends.of(drawn.looked, drawn.last, None if limit is None else (limit["q05"], limit["q95"]))
    offsets = {x: drawn.looked[f"offset_{x}"].mean(1) for x in "sv" if f"offset_{x}" in drawn.looked}
    marks = np.zeros((len(drawn.at), 0), bool) if ends is None else ends.marks
    marks = np.column_stack([marks, *(~(np.abs(mean) <= COMMON) for mean in offsets.values())])
    patterns = np.packbits(marks, axis=1).tolist()  # fewer than 8 of them
    bits, wide = [], []
    for row, (i, pattern) in enumerate(zip(drawn.at, patterns, strict=True)):
        run, own = runs[i], ends and ends.row(row) if pattern[0] else None
        kind = (len(run), run.measured, run.stated, run.unit, np.count_nonzero(run.external) > 0, *pattern)
        if kind not in alike:
            common = {x: float(mean[row]) for x, mean in offsets.items()}
            alike[kind] = as_bits(data_findings(run, drawn.law, own, common, series))
        bits.append(alike[kind])
        wide.append(short_run(run, own, series).text if own is not None and is_open(alike[kind]) else "")
    return bits, wide
