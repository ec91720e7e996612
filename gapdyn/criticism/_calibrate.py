"""Simulation-based calibration: are the posteriors of a law and an engine as wide as they should be?

Talts, Betancourt, Simpson, Vehtari, Gelman (arXiv:1804.06788): parameters drawn from the prior, a run simulated from
each, its posterior computed. Over many of them the rank of the truth among posterior draws is uniform, if law,
likelihood and engine fit together.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from .._check import InputError
from .._progress import progress_bar
from .._random import generator, split
from ..data import Run
from ..dynamics import LawSpec
from ..inference import Likelihood
from ..inference._fit import posterior
from ..inference._model import measured_anew, prepare
from ..inference._predict import curves
from ..inference._prior_predictive import draws_of_prior
from ..inference.engines import as_engine

DRAWS = 99  # of each posterior, thinned: ranks from 0 to 99
ALARM = 1e-4  # false-alarm rate of the verdict on one parameter
LEVELS = (0.5, 0.9)


@dataclasses.dataclass(frozen=True, eq=False)
class Calibration:
    """Ranks of true parameters among posterior draws. Made by `gapdyn.calibrate`.

    Attributes
    ----------
    law, design, engine : what was calibrated, on which checkpoints and errors, with which settings.
    truths : parameter -> (simulation,), drawn from the prior, in the design's units.
    ranks : parameter -> (simulation,), how many of `draws` posterior draws lie below the truth.
    draws : posterior draws that a truth is ranked among.
    places : parameter -> (simulation,), (rank + chance) / (draws + 1): uniform on [0, 1] if all is well.
    p : parameter -> p-value of the hypothesis that the ranks are uniform (see `uniformity`).
    took : engine -> how many posteriors it made; "auto" takes one or another.
    untrusted : number of posteriors with a finding that says not to use them; they are among the ranks.
    """

    law: LawSpec
    design: Run
    engine: Any
    truths: Mapping[str, np.ndarray]
    ranks: Mapping[str, np.ndarray]
    draws: int
    places: Mapping[str, np.ndarray]
    p: Mapping[str, float]
    took: Mapping[str, int]
    untrusted: int

    @property
    def simulations(self) -> int:
        """Number of simulated runs."""
        return len(next(iter(self.ranks.values())))

    @property
    def miscalibrated(self) -> list[str]:
        """Parameters whose ranks are not uniform; of a sound one it is said with probability 1e-4."""
        return [name for name, p in self.p.items() if p < ALARM]

    @property
    def passed(self) -> bool:
        """Whether no parameter is miscalibrated."""
        return not self.miscalibrated

    def coverage(self, name: str) -> dict[float, float]:
        """Nominal level -> share of simulations whose central posterior interval has the truth."""
        off = np.abs(self.places[name] - 0.5)
        return {level: float(np.mean(off <= level / 2)) for level in LEVELS}

    def __str__(self) -> str:
        took = ", ".join(f"{name} {count}" for name, count in self.took.items())
        lines = [f"calibration of the {self.law.title}, {self.simulations} simulated runs ({took})"]
        lines.append(f"{'':12s}{'in 50%':>9s}{'in 90%':>9s}{'p':>10s}")
        for name, p in self.p.items():
            half, most = self.coverage(name).values()
            mark = "  <- not uniform" if p < ALARM else ""
            lines.append(f"{name:12s}{half:>9.1%}{most:>9.1%}{p:>10.2g}{mark}")
        if self.untrusted:
            lines.append(f"{self.untrusted} posteriors came with a finding not to use them.")
        return "\n".join(lines)


def calibrate(
    law: LawSpec,
    design: Run,
    *,
    key: Any,
    engine: Any = "auto",
    n: int = 200,
    prior: Mapping[str, Any] | None = None,
    likelihood: Likelihood | None = None,
    progress: bool | None = None,
) -> Calibration:
    """Simulation-based calibration of a law and an engine.

    Parameters
    ----------
    law : a law of `gapdyn.laws` or a curve of `gapdyn.curves`.
    design : a run like those in question: its times, standard errors and missing values are those of every simulated
        run, and the priors are what they are for it.
    key : seed.
    engine, prior, likelihood : as for `gapdyn.fit`.
    n : simulated runs; a bias of a third of a posterior sd, or intervals a fifth too narrow, show with 200.
    progress : whether to show a bar on stderr; None: in a terminal or a notebook.

    Returns
    -------
    Calibration

    Raises
    ------
    InputError
        As `fit`; fewer than 20 simulations.
    """
    if not isinstance(n, int) or isinstance(n, bool) or n < 20:
        raise InputError(f"n={n!r}: give an integer of at least 20 simulated runs.")
    settings = as_engine(engine)
    k_prior, k_noise, k_fits, k_ties = split(key, 4)
    model, obs, scale = prepare(design, law, prior=prior, likelihood=likelihood)
    truths = draws_of_prior(model, obs, scale, k_prior, n)
    runs = curves(model, obs, scale, truths, design.t, k_noise, prompts="new", seen=False)
    ranks: dict[str, list[int]] = collections.defaultdict(list)
    took, untrusted = collections.Counter(), 0
    with progress_bar(n, "calibration", progress) as bar:
        for i, k_fit in enumerate(split(k_fits, n)):
            seen = measured_anew(obs, scale, runs.rep_s[i], runs.rep_v[i])
            done, _ = posterior(settings, model, seen, scale, k_fit, progress=False)
            took[done.engine.name] += 1
            untrusted += any(f.level == "error" for f in done.findings)
            for name, truth in truths.items():
                if done.summary[name].sd > 0:
                    ranks[name].append(_rank(truth[i], done.completed.draws[name]))
            bar.update(1)
    found = {name: np.asarray(r) for name, r in ranks.items() if len(r) == n}
    random = generator(k_ties)
    places = {name: (r + random.uniform(size=n)) / (DRAWS + 1) for name, r in found.items()}
    p = {name: uniformity(u) for name, u in places.items()}
    return Calibration(model.law, design, settings, truths, found, DRAWS, places, p, dict(took), untrusted)


def _rank(truth: float, draws: np.ndarray) -> int:
    flat = draws.reshape(-1)
    return int(np.sum(flat[np.linspace(0, flat.size - 1, DRAWS).astype(int)] < truth))


def uniformity(u: np.ndarray) -> float:
    """p-value of u (n,) being uniform on [0, 1]: the least of three exact tests, times three.

    Of the whole distribution (Kolmogorov and Smirnov), and, on normal quantiles, of its mean (a bias) and its spread
    (intervals too narrow or too wide).
    """
    from scipy import stats  # slow to import, and `check` beside it is not

    z = stats.norm.ppf(u)
    spread = stats.chi2(len(z)).cdf(np.sum(z**2))
    each = (
        stats.kstest(u, "uniform").pvalue,
        2 * stats.norm.sf(abs(np.sum(z)) / np.sqrt(len(z))),
        2 * min(spread, 1 - spread),
    )
    return float(min(1.0, 3 * min(each)))
