"""All samples through what sums them up, and what comes out by run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from .._check import InputError, did_you_mean
from .._progress import progress_bar
from ..data._text import listing, show
from ._batches import Batch, Scan, Scattered
from ._schema import SCORE, is_score
from ._source import Part

THREADS = 2


def fold(
    parts: list[Part], wanted: tuple[str, ...], reducers: Callable[[], list[Any]], progress: bool | None
) -> tuple[Scan, list[Any]]:
    """All samples through fresh reducers (`add(batch)`), once; again from the start where prompts stand apart."""
    rows = sum(part.rows for part in parts)
    for scattered in (False, True):
        with progress_bar(rows, "sorting samples" if scattered else "samples", progress) as bar:
            scan, made = Scan(parts, wanted, bar.update), reducers()
            try:
                _feed(made, scan.sorted() if scattered else scan.stretches())
            except Scattered:
                continue
        if not scan.checkpoints:
            raise InputError(f"{parts[0].label}: no response has both nll and n_tokens, or a grade. Were they logged?")
        return scan, made
    raise AssertionError


def _feed(reducers: list[Any], batches: Iterator[Batch]) -> None:
    """Each batch to all reducers, while the next one is read. NumPy and Polars let other threads compute meanwhile."""
    with ThreadPoolExecutor(THREADS) as pool:
        busy: list[Future[None]] = []
        for batch in batches:
            for future in busy:
                future.result()
            busy = [pool.submit(reducer.add, batch) for reducer in reducers]
        for future in busy:
            future.result()


def verifiers_of(parts: list[Part]) -> tuple[str, ...]:
    """The columns of scores that all tables have."""
    return tuple(n for n in parts[0].names if is_score(n) and all(n in part.names for part in parts))


def which_verifier(parts: list[Part], verifier: str | None) -> str | None:
    """The column of scores that was asked for, or the only one."""
    there = verifiers_of(parts)
    if verifier is None:
        if len(there) > 1 and SCORE.name not in there:
            other = show(there[0].removeprefix("score_"))
            raise InputError(f"there are several verifiers: {listing(there)}. Choose one, such as verifier={other}.")
        return SCORE.name if SCORE.name in there else there[0] if there else None
    for column in (verifier, f"{SCORE.name}_{verifier}"):
        if column in there:
            return column
    raise InputError(f"there is no verifier {show(verifier)}. {did_you_mean(str(verifier), there)}")


def runs_of(scan: Scan) -> dict[str, list[tuple[float, int]]]:
    """run -> its checkpoints (t, index), by time."""
    runs: dict[str, list[tuple[float, int]]] = {}
    for (run, t), index in scan.checkpoints.items():
        runs.setdefault(run, []).append((t, index))
    return {run: sorted(checkpoints) for run, checkpoints in runs.items()}
