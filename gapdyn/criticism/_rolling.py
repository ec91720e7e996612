"""Rolling origins: what each law, fitted to the beginnings of a run, says of the checkpoints that came later."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from concurrent.futures import as_completed
from typing import Any

import numpy as np

from .._check import InputError
from .._progress import progress_bar
from .._random import split
from .._workers import side_by_side
from ..data import Run
from ..dynamics import LawSpec
from ..inference import Finding, Fit, Likelihood, fit
from ..inference._ahead import Ahead, ahead
from ..inference.engines import Auto
from ..inference.engines._exploring import COVERED
from ..inference.engines._pareto import smooth
from ._scores import log_mean_exp, quantiles

DRAWS = 1000  # of a fit in a series of many
ENGINE = Auto(draws=DRAWS // 4, fallback=False)
STRAYING = Likelihood(residuals="wander")  # a law that is only nearly right does not grow sure


@dataclasses.dataclass(frozen=True, eq=False)
class Prediction:
    """What a law, knowing a run's first `train` checkpoints, says of the later ones.

    Attributes
    ----------
    train : checkpoints known.
    ahead : draws at the later checkpoints; of an update they are those of an earlier fit, to be weighted.
    log_score : (times,), log predictive density of each later checkpoint.
    middle, width : (times, 2), median of u_s and u_v there, and half their 68% interval.
    fit : the posterior, or None if it is that of an earlier origin brought up to date.
    pareto_k : k-hat, of the fit's engine or of the update (infinite where the engine has none).
    """

    train: int
    ahead: Ahead
    log_score: np.ndarray
    middle: np.ndarray
    width: np.ndarray
    fit: Fit | None
    pareto_k: float


# law -> checkpoints known -> prediction
Rolled = Mapping[str, Mapping[int, Prediction]]


def roll(
    run: Run,
    laws: Mapping[str, LawSpec],
    between: list[int],
    exact: list[int],
    *,
    key: Any,
    likelihood: Likelihood | None,
    engine: Any,
    progress: bool | None,
    workers: int,
) -> tuple[Rolled, dict[str, str]]:
    """Predictions of every law: exact fits at `exact`, at `between` updates by importance weights where these hold.

    Laws are fitted side by side (see `_workers`). Also law -> why it could not be fitted; that none could is an
    InputError. `likelihood` None is `STRAYING`.
    """
    likelihood = likelihood or STRAYING
    origins = sorted({*between, *exact})
    keys = dict(zip(laws, split(key, len(laws)), strict=True))
    rolled: dict[str, dict[int, Prediction]] = {}
    failed: dict[str, str] = {}
    with side_by_side(min(workers, len(laws))) as submit, progress_bar(len(laws), "laws", progress) as bar:
        jobs = {
            name: submit(_one, run, law, origins, set(exact), keys[name], likelihood, engine)
            for name, law in laws.items()
        }
        for _ in as_completed(jobs.values()):
            bar.update(1)
        for name, job in jobs.items():
            try:
                rolled[name] = job.result()
            except InputError as error:
                failed[name] = str(error)
    if not rolled:
        raise InputError("; ".join(failed.values()))
    return rolled, failed


def doubts(rolled: Rolled, trains: list[int], failed: Mapping[str, str]) -> list[Finding]:
    """Laws that could not be fitted, and fits whose draws are doubtful."""
    remedy = "The others are judged without it."
    found = [Finding("warning", "law_failed", f"{name} is left out: {why}", remedy) for name, why in failed.items()]
    for name, by_origin in rolled.items():
        doubtful = [n for n in trains if not by_origin[n].pareto_k < COVERED]
        if doubtful:
            text = f"{name}: fitted to {', '.join(map(str, doubtful))} checkpoints its draws are doubtful (k-hat)."
            found.append(Finding("info", "pareto_k", text, "Its forecasts there are approximate."))
    return found


def _one(
    run: Run,
    law: LawSpec,
    origins: list[int],
    exact: set[int],
    key: Any,
    likelihood: Likelihood,
    engine: Any,
) -> dict[int, Prediction]:
    found: dict[int, Prediction] = {}
    latest: Fit | None = None
    for origin, k in zip(origins, split(key, len(origins)), strict=True):
        k_fit, k_ahead = split(k, 2)
        made = None
        if latest is not None and origin not in exact:
            made = _updated(latest, run, origin, k_ahead)
        if made is None:
            latest = fit(
                run.head(origin), law, key=k_fit, engine=engine, likelihood=likelihood, length=len(run), start=latest,
                progress=False,
            )  # fmt: skip
            seen = ahead(latest, run, key=k_ahead)
            worst = float(np.max(latest.quality.get("pareto_k", np.inf)))
            made = _predicted(origin, seen, None, latest, worst)
        found[origin] = made
    return found


def _updated(latest: Fit, run: Run, origin: int, key: Any) -> Prediction | None:
    """The prediction of an earlier fit that learns of more checkpoints; None where its draws do not reach that far."""
    seen = ahead(latest, run, seen=origin, key=key)
    weight, k = smooth(seen.log_lik_seen)
    if not k < COVERED:
        return None
    return _predicted(origin, seen, weight, None, k)


def _predicted(train: int, seen: Ahead, weight: np.ndarray | None, made: Fit | None, k: float) -> Prediction:
    low, middle, high = quantiles(seen.rep, (0.16, 0.5, 0.84), weight)
    return Prediction(train, seen, log_mean_exp(seen.log_lik, weight), middle, (high - low) / 2, made, k)
