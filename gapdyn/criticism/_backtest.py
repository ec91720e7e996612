"""Leave-future-out: every law is fitted to a run's beginnings and judged on the checkpoints that came later.

The forecast at an origin is that of all laws, weighted by what each, fitted to still fewer checkpoints, had said of
those that were known at the origin; what came after it has no part in the weights.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._check import InputError, choose
from .._finding import AbstractResult
from .._random import generator, split
from ..data import Run
from ..dynamics import LawSpec
from ..inference import Finding, Likelihood
from ._rivals import rivals
from ._rolling import ENGINE, Prediction, Rolled, doubts, roll
from ._scores import Scores, bands, log_mean_exp, score
from ._weights import METHODS, shared_votes

SERIES = ("u_s", "u_v")
LEAST = 4  # checkpoints from which a law is asked for a prediction
DRAWS = 4000  # of the weighted forecast


@dataclasses.dataclass(frozen=True, eq=False)
class Origin:
    """The forecasts of a run from its first checkpoints, and their scores.

    Attributes
    ----------
    train : number of checkpoints that were fitted.
    ts : (times,), the later checkpoints.
    y : (times, 2), u_s and u_v measured there, NaN where not.
    weights : law -> its weight in the forecast, from the fitted checkpoints alone.
    rep : (draw, times, 2), draws of the weighted forecast: what a measurement would show.
    scores : of the weighted forecast.
    laws : law -> its own `Prediction`.
    law_scores : law -> its own scores.
    """

    train: int
    ts: np.ndarray
    y: np.ndarray
    weights: Mapping[str, float]
    rep: np.ndarray
    scores: Scores
    laws: Mapping[str, Prediction]
    law_scores: Mapping[str, Scores]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return {
            "train": self.train,
            "t": self.ts.tolist(),
            **_series(self.rep, self.y),
            "weights": dict(self.weights),
            "scores": self.scores.summary(),
            "laws": {
                name: {
                    **_series(p.ahead.rep, self.y),
                    "scores": self.law_scores[name].summary(),
                    "engine": p.fit.engine.name if p.fit else None,
                    "pareto_k": p.pareto_k,
                }
                for name, p in self.laws.items()
            },
        }


@dataclasses.dataclass(frozen=True, eq=False)
class Backtest(AbstractResult):
    """How well laws predicted a run's later checkpoints. Made by `gapdyn.backtest`; prints itself.

    Attributes
    ----------
    run : the run.
    laws : name -> law or curve.
    origins : one `Origin` for each number of fitted checkpoints.
    rolled : law -> checkpoints known -> `Prediction`, the origins in between included.
    findings : what to know before using it.
    """

    run: Run
    laws: Mapping[str, LawSpec]
    origins: tuple[Origin, ...]
    rolled: Rolled
    findings: tuple[Finding, ...]

    @property
    def scores(self) -> dict[str, dict[str, float]]:
        """ "weighted" and each law -> scores, averaged over the origins."""
        rows = {"weighted": [o.scores.summary() for o in self.origins]}
        rows |= {name: [o.law_scores[name].summary() for o in self.origins] for name in self.laws}
        return {n: {k: float(np.mean([r[k] for r in each])) for k in each[0]} for n, each in rows.items()}

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return {
            "run": self.run.name,
            "origins": [o.to_dict() for o in self.origins],
            "scores": self.scores,
            "findings": [f.to_dict() for f in self.findings],
        }

    def table(self) -> str:
        """The scores as a table, without the findings."""
        trained = ", ".join(str(o.train) for o in self.origins)
        lines = [f"backtest of {self.run.name}: fitted to the first {trained} of {len(self.run)} checkpoints"]
        lines.append(f"{'':22s}{'weight':>8s}{'rmse':>9s}{'crps':>9s}{'elpd':>9s}{'in 90%':>8s}{'width':>8s}")
        weight = {name: np.mean([o.weights[name] for o in self.origins]) for name in self.laws}
        table = self.scores
        order = ["weighted", *sorted(self.laws, key=lambda n: -weight[n])]
        for name in order:
            s, w = table[name], f"{weight[name]:.2f}" if name in weight else ""
            lines.append(
                f"{name:22s}{w:>8s}{s['rmse']:>9.4f}{s['crps']:>9.4f}{s['elpd']:>9.1f}{s['coverage']:>8.0%}"
                f"{s['width']:>8.3f}"
            )
        lines.append("rmse, crps and width in units of the training range; elpd summed over the later checkpoints")
        return "\n".join(lines)


def backtest(
    run: Run,
    laws: Mapping[str, LawSpec] | LawSpec | Sequence[LawSpec] | None = None,
    *,
    origins: Sequence[int],
    key: Any,
    weights: str = "pseudo_bma",
    likelihood: Likelihood | None = None,
    engine: Any = ENGINE,
    progress: bool | None = None,
    workers: int = 1,
) -> Backtest:
    """Fit laws to the beginnings of a run and judge them on what came later.

    Parameters
    ----------
    run : the whole run.
    laws : name -> law or curve, or some of them; None: `gapdyn.rivals(run)`.
    origins : numbers of checkpoints to fit, each at least 4 and less than the run's.
    key : seed.
    weights : "pseudo_bma" (exponentials of tempered scores, bootstrapped) or "stacking" (the best mixture); either from
        votes that laws which foretell the same share.
    likelihood : the error model; default Gaussian about a law that the run may stray from,
        `Likelihood(residuals="wander")`, so that a law that is only nearly right does not grow sure.
    engine : as for `gapdyn.fit`; by default the fastest with 1,000 draws, without falling back to NUTS.
    progress : whether to show a bar on stderr; None: in a terminal or a notebook.
    workers : processes among which laws are shared out, on a CPU; each takes half a GB. 1: threads of this one, which
        gain less. The numbers are the same.

    Returns
    -------
    Backtest

    Raises
    ------
    InputError
        Origins that are not such numbers, a run without u_s and u_v, laws none of which can be fitted.
    """
    choose(weights, METHODS, "weights")
    chosen = named(run, laws)
    trains = _check_origins(run, origins)
    between = list(range(first_origin(trains[0]), trains[-1]))
    k_roll, k_mix = split(key, 2)
    rolled, failed = roll(
        run, chosen, between, trains, key=k_roll, likelihood=likelihood, engine=engine, progress=progress,
        workers=workers,
    )  # fmt: skip
    made = [_origin(run, rolled, n, weights, k) for n, k in zip(trains, split(k_mix, len(trains)), strict=True)]
    kept = {name: law for name, law in chosen.items() if name in rolled}
    return Backtest(run, kept, tuple(made), rolled, tuple(doubts(rolled, trains, failed)))


def named(run: Run, laws: Any) -> dict[str, LawSpec]:
    """Laws by name."""
    if laws is None:
        return rivals(run)
    if isinstance(laws, LawSpec):
        return {laws.name: laws}
    chosen = dict(laws) if isinstance(laws, Mapping) else {law.name: law for law in laws}
    if not chosen:
        raise InputError("no laws: give some, such as gd.laws.shared_rate(), or None for the usual rivals.")
    return chosen


def first_origin(train: int) -> int:
    """The first origin from which the checkpoints up to `train` are predicted, to weigh the laws."""
    return max(LEAST, train // 2)


def weigh(rolled: Rolled, known: int, method: str) -> dict[str, float]:
    """Law -> weight, by what it said, from earlier origins, of the checkpoints that are known by now.

    A checkpoint counts as one however many origins predicted it. Laws that said the same share a vote.
    """
    first = first_origin(known)
    if first >= known:
        return dict.fromkeys(rolled, 1 / len(rolled))
    known_by = [(origin, [found[origin] for found in rolled.values()]) for origin in range(first, known)]
    said = [np.stack([p.log_score[: known - origin] for p in here], 1) for origin, here in known_by]
    shares = np.concatenate([1 / (origin - first + 1 + np.arange(known - origin)) for origin, _ in known_by])
    seen = np.isfinite(known_by[0][1][0].ahead.y[: known - first]).any(0)
    middle, width = (
        np.concatenate([np.stack([getattr(p, x)[: known - origin] for p in here], 1) for origin, here in known_by])
        for x in ("middle", "width")
    )
    votes = shared_votes(middle[..., seen], width[..., seen], shares)
    weights = METHODS[method](np.concatenate(said), shares, votes)
    return dict(zip(rolled, weights.tolist(), strict=True))


def _origin(run: Run, rolled: Rolled, train: int, method: str, key: Any) -> Origin:
    weights = weigh(rolled, train, method)
    laws = {name: found[train] for name, found in rolled.items()}
    first = next(iter(laws.values())).ahead
    rep = mixed({name: p.ahead.rep for name, p in laws.items()}, weights, generator(key))
    parts = np.stack([p.log_score for p in laws.values()])
    joint = log_mean_exp(parts, np.asarray([weights[name] for name in laws]))
    unit = _range(run.head(train))
    own = {name: score(p.ahead.rep, p.log_score, p.ahead.y, unit) for name, p in laws.items()}
    return Origin(train, first.ts, first.y, weights, rep, score(rep, joint, first.y, unit), laws, own)


def mixed(reps: Mapping[str, np.ndarray], weights: Mapping[str, float], random: np.random.Generator) -> np.ndarray:
    """`DRAWS` draws of a mixture of laws' draws (draw, ...), in proportion to the weights."""
    ends = np.round(np.cumsum([weights[name] for name in reps]) * DRAWS).astype(int)
    counts = np.diff(ends, prepend=0)
    picks = [np.resize(random.permutation(len(rep)), n) for rep, n in zip(reps.values(), counts, strict=True)]
    return np.concatenate([rep[pick] for rep, pick in zip(reps.values(), picks, strict=True)])


def _range(run: Run) -> np.ndarray:
    """What errors are counted in: the range of u_s and of u_v, (2,)."""
    ranges = []
    for name in SERIES:
        seen = getattr(run, name)[np.isfinite(getattr(run, name))]
        ranges.append(float(np.ptp(seen)) if len(seen) > 1 else np.nan)
    return np.where(np.asarray(ranges) > 0, ranges, np.nan)


def _series(rep: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    seen = np.any(np.isfinite(y), axis=0)
    return {name: bands(rep[:, :, i]) for i, name in enumerate(SERIES) if seen[i]}


def _check_origins(run: Run, origins: Sequence[int]) -> list[int]:
    """Numbers of checkpoints to fit, in order: each at least 4 and less than the run has."""
    trains = sorted(set(origins))
    for n in trains:
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or not LEAST <= n < len(run):
            raise InputError(
                f"origin {n!r}: run {run.name!r} has {len(run)} checkpoints, so fit the first {LEAST} to "
                f"{len(run) - 1} of them."
            )
    if not trains:
        raise InputError("no origins: give the numbers of checkpoints to fit, such as origins=[10, 15].")
    return [int(n) for n in trains]
