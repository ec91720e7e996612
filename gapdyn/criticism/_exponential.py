"""Least-squares exponentials and the linearity of the gap potential: the figures that Sun et al. publish of a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from .._check import InputError, choose
from ..data import Run

SERIES = ("u_s", "u_v", "gap")


@dataclasses.dataclass(frozen=True)
class ExponentialFit:
    """Y(t) = limit + amplitude exp(-rate (t - t0)) by least squares: a curve fit, with no idea of its own error.

    Attributes
    ----------
    rates : "shared" (one rate for u_s and u_v, the gap their difference) or "separate" (one for each curve).
    rate, amplitude, limit : "u_s", "u_v", "gap" -> number, in 1/time and the run's unit.
    r2 : "u_s", "u_v", "gap" -> in-sample R^2 on the curve.
    potential_r2 : "u_s", "u_v" -> squared correlation of the drive, the slope -dU/dt between checkpoints, with the gap
        midway: 1 where the gap potential is linear (Sun et al.: E(G) = kG - b).
    """

    rates: str
    rate: Mapping[str, float]
    amplitude: Mapping[str, float]
    limit: Mapping[str, float]
    r2: Mapping[str, float]
    potential_r2: Mapping[str, float]

    def __str__(self) -> str:
        lines = [
            f"least-squares exponentials, {self.rates} rates",
            f"{'':6s}{'rate':>10s}{'limit':>10s}{'R2':>8s}",
        ]
        lines += [f"{s:6s}{self.rate[s]:>10.4g}{self.limit[s]:>10.4g}{self.r2[s]:>8.3f}" for s in SERIES]
        drives = ", ".join(f"-d{s}/dt {r2:.3f}" for s, r2 in self.potential_r2.items())
        return "\n".join([*lines, f"linear in the gap, R2: {drives}"])


def exponential_fit(run: Run, rates: str = "shared") -> ExponentialFit:
    """Fit exponentials by least squares, as Sun et al. (arXiv:2507.00075, section 5) do to show their law.

    With `rates="shared"` this reproduces their published R^2 (Phi-4-mini: Math QE .998/.981/.981, GSM8K TF
    .998/.980/.989); with "separate" each curve fits better, which is what speaks against one shared rate. An R^2 is
    in-sample: it says nothing about the limit. Use `fit` for that.

    Raises
    ------
    InputError
        Fewer than 5 checkpoints that measure both u_s and u_v, or an unknown `rates`.
    """
    choose(rates, ("shared", "separate"), "value of rates")
    both = np.isfinite(run.gap)
    if np.sum(both) < 5:
        raise InputError(f"run {run.name!r}: {np.sum(both)} checkpoints measure both u_s and u_v; 5 are needed.")
    t = run.t[both] - run.t[both][0]
    curves = {"u_s": run.u_s[both], "u_v": run.u_v[both], "gap": run.gap[both]}
    if rates == "shared":
        one = _best_rate(t, [curves["u_s"], curves["u_v"]])
        rate: dict[str, float] = {s: one for s in SERIES}  # noqa: C420  (fromkeys loses the key's type)
    else:
        rate = {s: _best_rate(t, [curves[s]]) for s in SERIES}
    coefficients = {s: _linear(t, rate[s], curves[s]) for s in SERIES}
    fitted = {s: _basis(t, rate[s]) @ coefficients[s] for s in SERIES}
    drive = {s: -np.diff(curves[s]) / np.diff(t) for s in ("u_s", "u_v")}
    midway = (curves["gap"][1:] + curves["gap"][:-1]) / 2
    return ExponentialFit(
        rates=rates,
        rate=rate,
        amplitude={s: float(c[0]) for s, c in coefficients.items()},
        limit={s: float(c[1]) for s, c in coefficients.items()},
        r2={s: _r2(curves[s], fitted[s]) for s in SERIES},
        potential_r2={s: _correlation(d, midway) ** 2 for s, d in drive.items()},
    )


def _basis(t: np.ndarray, rate: float) -> np.ndarray:
    return np.stack([np.exp(-rate * t), np.ones_like(t)], -1)


def _linear(t: np.ndarray, rate: float, y: np.ndarray) -> np.ndarray:
    return np.linalg.lstsq(_basis(t, rate), y, rcond=None)[0]


def _best_rate(t: np.ndarray, curves: list[np.ndarray]) -> float:
    """The rate of least total squares; amplitude and limit are linear given it (variable projection)."""
    from scipy.optimize import minimize_scalar

    def loss(log_rate: float) -> float:
        rate = float(np.exp(log_rate))
        return sum(float(np.sum((y - _basis(t, rate) @ _linear(t, rate, y)) ** 2)) for y in curves)

    # from a curve that hardly bends over the run to one that is over before the second checkpoint; a grid first,
    # because a flat tail can hide a second minimum
    grid = np.linspace(np.log(1e-3 / t[-1]), np.log(10 / np.min(np.diff(t))), 60)
    best = int(np.argmin([loss(x) for x in grid]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    found: Any = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-10})
    return float(np.exp(found.x))


def _r2(y: np.ndarray, fitted: np.ndarray) -> float:
    total = float(np.sum((y - y.mean()) ** 2))
    return 1 - float(np.sum((y - fitted) ** 2)) / total if total > 0 else float("nan")


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.corrcoef(x, y)[0, 1]) if np.ptp(x) > 0 and np.ptp(y) > 0 else float("nan")
