"""Leave-one-out: how well a law, told of all other checkpoints, knows each one. The second opinion beside backtests."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..inference import Fit
from ..inference._loo import leave_one_out
from ..inference.engines._exploring import COVERED
from ..inference.engines._pareto import smooth
from ._scores import log_mean_exp


@dataclasses.dataclass(frozen=True, eq=False)
class Loo:
    """PSIS-LOO of a fit, by checkpoint. Made by `gapdyn.loo`; prints itself.

    Attributes
    ----------
    elpd_i : (obs,), log predictive density of each checkpoint given the others; NaN where nothing was measured.
    pareto_k : (obs,), k-hat of each: at 0.7 and above that checkpoint's figure is not to be relied on.
    p_loo : the effective number of parameters.
    """

    elpd_i: np.ndarray
    pareto_k: np.ndarray
    p_loo: float

    @property
    def elpd(self) -> float:
        """Sum over checkpoints."""
        return float(np.nansum(self.elpd_i))

    @property
    def se(self) -> float:
        """Standard error of the sum, as if checkpoints scored independently."""
        return spread(self.elpd_i)

    @property
    def doubtful(self) -> int:
        """Number of checkpoints whose k-hat is 0.7 or more."""
        return int(np.sum(~(self.pareto_k[np.isfinite(self.elpd_i)] < COVERED)))

    def __str__(self) -> str:
        doubt = f"; {self.doubtful} checkpoints with k-hat over {COVERED}" if self.doubtful else ""
        return f"elpd_loo {self.elpd:.1f} (se {self.se:.1f}), p_loo {self.p_loo:.1f}{doubt}"


def loo(fit: Fit) -> Loo:
    """Leave-one-out predictive densities of a fit's checkpoints, by Pareto-smoothed importance sampling.

    A checkpoint between two others is easy for any law that bends: as a judge of forecasts use `gapdyn.backtest` or
    `gapdyn.compare`, which leave out the future.
    """
    log_lik = leave_one_out(fit)
    seen = np.isfinite(log_lik[0])
    elpd, k = (np.full(len(seen), np.nan) for _ in range(2))
    for i in np.flatnonzero(seen):
        weight, k[i] = smooth(-log_lik[:, i])
        elpd[i] = log_mean_exp(log_lik[:, i], weight)
    return Loo(elpd, k, float(np.sum(log_mean_exp(log_lik[:, seen]) - elpd[seen])))


def spread(by_checkpoint: np.ndarray) -> float:
    """Standard error of the sum of figures by checkpoint, NaN left out."""
    x = by_checkpoint[np.isfinite(by_checkpoint)]
    return float(np.sqrt(len(x) * np.var(x, ddof=1))) if len(x) > 1 else np.nan
