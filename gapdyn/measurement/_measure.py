"""`measure`: from tables of sampled generations to runs with standard errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .._check import InputError, choose
from .._random import generator, split
from ..data._text import show
from ._bootstrap import Bootstrap
from ._findings import find
from ._fold import fold, runs_of, which_verifier
from ._measurement import MeasuredRun, Measurement
from ._pass_k import PassK
from ._schema import CORRECT
from ._source import Reading, opened
from ._sweep import Sweep
from ._uncertainty import NAMES, PAIRS, Uncertainty
from ._verifier import Verifier

SOLVERS = ("mean", "first")
UNITS = ("nats/response", "nats/token")


def measure(
    samples: Any,
    *,
    sigma: float = 0.5,
    solver: str = "mean",
    unit: str = "nats/response",
    verifier: str | None = None,
    columns: Mapping[str, str] | None = None,
    t: str | None = None,
    clock: str | None = None,
    name: str | None = None,
    key: Any = 0,
    draws: int = 1000,
    level: float = 0.9,
    progress: bool | None = None,
) -> Measurement:
    """Measure runs on tables of sampled generations: one row per response, columns as in `sample_table()`.

    U(y|x) = -log p(y|x) is a response's uncertainty. u_s is its mean over prompts of the solver's response, u_v that of
    the best of N: among the responses with a score of at least sigma the one with the smallest uncertainty per token;
    where none has such a score, the highest-scoring one (of equal scores the one with the smallest uncertainty per
    token). `fallback` is the share of those prompts. Files may be larger than memory.

    A table with grades (`correct`) but without log-probabilities gives accuracies, pass@k and gaps; u_s and u_v are
    then not measured, and `acc_v` is that of a response drawn from those that pass sigma.

    Parameters
    ----------
    samples
        Path of a .parquet, .jsonl (.ndjson), .csv or .tsv file, the text formats also with .gz; or a Polars or pandas
        frame, or a mapping of columns; or a list of these. Runs are told apart by the column `run`, else by file.
    sigma
        Score that a response must have, in [0, 1].
    solver
        What the solver's response is: "mean" of all samples of a prompt, or its "first" one (lowest sample_id), as in
        Sun et al.
    unit
        "nats/response", or "nats/token": uncertainty by length of each response.
    verifier
        Whose scores: "score" (default), or the name of another verifier with a column score_<name>.
    columns
        Your names for columns of the samples table, such as ``{"nll": "neg_logprob"}``.
    t, clock
        As for `read_run`: the time column where several could be it, and what it counts.
    name
        Name of the run, where no column names it; files of one name are one run.
    key
        Seed of the bootstrap.
    draws, level
        Of the bootstrap over prompts, and of its intervals.
    progress
        Show a progress bar; by default where somebody is looking.

    Returns
    -------
    Measurement
        `.run` for `gapdyn.fit`, `.shared` for `gapdyn.Likelihood(shared=...)`, and `.runs` with everything else.

    Raises
    ------
    InputError
        A source that cannot be read, a missing column (neither nll with n_tokens nor correct), a value that cannot be,
        a response that comes twice.

    Examples
    --------
    >>> table = {"round": [0, 0, 0, 0, 1, 1, 1, 1], "prompt_id": [7, 7, 8, 8] * 2, "sample_id": [0, 1] * 4}
    >>> table |= {"nll": [4.0, 2.0, 6.0, 4.0, 3.0, 2.0, 4.0, 3.0], "n_tokens": [4] * 8}
    >>> table |= {"score": [0.9, 0.2, 0.8, 0.7] * 2, "correct": [1, 0, 0, 1] * 2}
    >>> run = measure(table).run
    >>> run.u_s, run.u_v
    (array([4., 3.]), array([4., 3.]))
    """
    choose(solver, SOLVERS, "solver")
    choose(unit, UNITS, "unit")
    _check_number("sigma", sigma, 0, 1)
    _check_number("level", level, 0.5, 0.999)
    if isinstance(draws, bool) or not isinstance(draws, int) or not 100 <= draws <= 100_000:
        raise InputError(f"draws={draws!r}: give a whole number from 100 to 100000.")
    with opened(samples, Reading(columns, t, clock, name)) as parts:
        score = which_verifier(parts, verifier)
        graded = all(CORRECT.name in part.names for part in parts)

        def reducers() -> list[Any]:
            made: list[Any] = [Uncertainty(sigma, solver, score)]
            if graded:
                made.append(PassK())
            if graded and score:
                made += [Sweep(score, sigma), Verifier(score, sigma)]
            return made

        scan, made = fold(parts, (score,) if score else (), reducers, progress)
        clock = parts[0].clock
    runs = runs_of(scan)
    seeds = split(key, len(runs))
    measured = tuple(
        _measured(run, checkpoints, clock, unit, made, (draws, level, seed), sigma)
        for (run, checkpoints), seed in zip(runs.items(), seeds, strict=True)
    )
    found = find(measured, scan.seen, score)
    return Measurement(measured, float(sigma), solver, score, float(level), scan.seen["rows"], found)


def _measured(
    run: str,
    checkpoints: list[tuple[float, int]],
    clock: str,
    unit: str,
    made: list[Any],
    resampling: tuple[int, float, Any],
    sigma: float,
) -> MeasuredRun:
    uncertainty: Uncertainty = made[0]
    others = {type(reducer): reducer for reducer in made[1:]}
    at = [index for _, index in checkpoints]
    sums = uncertainty.sums.of(at)
    k = len(NAMES)
    counts = sums[..., k : 2 * k]
    prompts = counts[..., k - 1]
    draws, level, seed = resampling
    bootstrap = Bootstrap.of(prompts, draws, level, generator(seed))
    every = bootstrap.estimate(sums, lambda s: _with_gaps(s[..., :k] / s[..., k : 2 * k]))
    estimates = {name: every.part(i) for i, name in enumerate((*NAMES, "gap", "gap_token")) if name != "n_samples"}
    cov = np.stack([uncertainty.moments.covariance(c) for c in at])
    se = {name: np.sqrt(cov[:, i, i]) for i, name in enumerate(PAIRS)}
    i = 2 if unit == "nats/token" else 0
    with np.errstate(invalid="ignore", divide="ignore"):
        corr = cov[:, i, i + 1] / (se[PAIRS[i]] * se[PAIRS[i + 1]])
    across = {name: _error_corr(sums[..., i], counts[..., i]) for i, name in enumerate(PAIRS)}
    estimates, se, across = (_in_unit(x, unit) for x in (estimates, se, across))
    ks, pass_k = others[PassK].result(at, bootstrap) if PassK in others else ((), None)
    sweep = others[Sweep].result(at, bootstrap) if Sweep in others else None
    if sweep is not None:
        place = int(np.searchsorted(sweep.taus, sigma))
        estimates |= {"gv_gap": sweep.absolute.part(place), "gv_gap_relative": sweep.relative.part(place)}
        estimates |= others[Verifier].rates(at, bootstrap)
    return MeasuredRun(
        name=run,
        clock=clock,
        unit=unit,
        t=np.array([t for t, _ in checkpoints]),
        estimates={n: e for n, e in estimates.items() if np.isfinite(e.value).any()},
        se=se,
        corr=corr,
        error_corr_s=across["u_s"],
        error_corr_v=across["u_v"],
        shared_s=_shared(across["u_s"]),
        shared_v=_shared(across["u_v"]),
        n_prompts=prompts.sum(1),
        n_samples=sums[..., k - 1].sum(1) / prompts.sum(1),
        n_graded=sums[..., -1].sum(1),
        ks=ks,
        pass_k=pass_k,
        sweep=sweep,
        reliability=others[Verifier].reliability(at, bootstrap) if Verifier in others else None,
    )


def _with_gaps(means: np.ndarray) -> np.ndarray:
    gaps = means[..., [0, 2]] - means[..., [1, 3]]
    return np.concatenate([means, gaps], -1)


def _in_unit(found: dict[str, Any], unit: str) -> dict[str, Any]:
    """What is per token loses its suffix where that is the unit, and what is per response then gets one."""
    if unit == "nats/response":
        return {name: x for name, x in found.items() if name != "gap_token"}
    named = {}
    for name, x in found.items():
        if name.endswith("_token"):
            named[name.removesuffix("_token")] = x
        elif f"{name}_token" not in found:
            named[name] = x
        elif name != "gap":
            named[f"{name}_response"] = x
    return named


def _error_corr(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(n, n) correlations of the errors of means at different checkpoints, from (n, blocks) sums and counts.

    The error of a mean is the sum over blocks of prompts of what each adds to it.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums.sum(1) / counts.sum(1)
        error = sums - mean[:, None] * counts
        cov = error @ error.T
        size = np.sqrt(np.diag(cov))
        return cov / np.outer(size, size)


def _shared(corr: np.ndarray) -> float:
    """The mean correlation of two checkpoints, in [0, 1]."""
    pairs = corr[np.triu_indices(len(corr), 1)]
    pairs = pairs[np.isfinite(pairs)]
    return float(np.clip(pairs.mean(), 0, 1)) if len(pairs) else np.nan


def _check_number(what: str, given: Any, low: float, high: float) -> None:
    if isinstance(given, bool) or not isinstance(given, int | float | np.number) or not low <= given <= high:
        raise InputError(f"{what}={show(given)}: give a number from {low:g} to {high:g}.")
