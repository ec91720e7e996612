"""Forecasts: what the next checkpoints will show."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from .._check import InputError, choose
from ..data import Run
from ..inference import Curves, Fit
from ._limits import describe


@dataclasses.dataclass(frozen=True, eq=False)
class Forecast:
    """Draws of a run's future. Made by `gapdyn.forecast`.

    Attributes
    ----------
    ts : (times,), the run's clock.
    u_s, u_v, gap : (draw, times), in the run's unit.
    measured : whether measurement noise is included (what a new checkpoint will show) or not (the curve beneath).
    prompts : "same" or "new" evaluation prompts.
    fit : the posterior it comes from.
    """

    fit: Fit = dataclasses.field(repr=False)
    ts: np.ndarray
    u_s: np.ndarray
    u_v: np.ndarray
    gap: np.ndarray
    measured: bool
    prompts: str

    def summary(self) -> dict[str, dict[str, list[float]]]:
        """ "u_s", "u_v", "gap" (or the one series) -> mean, sd, q05, q50, q95, each a list over `ts`."""
        out: dict[str, dict[str, list[float]]] = {}
        for name, attribute in self.fit.quantities.items():
            columns = [describe(x) for x in getattr(self, attribute).T]
            out[name] = {k: [c[k] for c in columns] for k in columns[0]}
        return out

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return {
            "t": [float(t) for t in self.ts],
            **self.summary(),
            "measured": self.measured,
            "prompts": self.prompts,
        }

    def __str__(self) -> str:
        run, s = self.fit.data, self.summary()
        head = f"forecast of {run.name} ({self.prompts} prompts{', with noise' if self.measured else ''})"
        names = [name for name in s if name != "gap"]
        rows = [head, f"{run.clock:>8s}" + "".join(f"{name:>10s}{'90% interval':>22s}" for name in names)]
        for i, t in enumerate(self.ts):
            cells = ""
            for name in names:
                interval = f"[{s[name]['q05'][i]:.4g}, {s[name]['q95'][i]:.4g}]"
                cells += f"{s[name]['q50'][i]:>10.4g}{interval:>22s}"
            rows.append(f"{t:>8g}{cells}")
        return "\n".join(rows)


def forecast(
    fit: Fit, ts: Any, *, key: Any = 0, measured: bool = True, prompts: str = "same", draws: int | None = None
) -> Forecast:
    """Posterior predictive draws at the times `ts`, beyond the data or between them.

    Parameters
    ----------
    fit : the posterior.
    ts : (times,), increasing, at or after the run's first checkpoint, in its clock.
    key : seed of the noise.
    measured : include measurement noise; False for the curve beneath.
    prompts : "same" (the run's evaluation prompts go on) or "new".
    draws : use this many draws; None is all.

    Raises
    ------
    InputError
        Times that are not finite, not increasing or before the first checkpoint; unknown `prompts`.
    """
    choose(prompts, ("same", "new"), "value of prompts")
    times = check_times(ts, fit.data)
    c: Curves = fit.curves(times, key=key, prompts=prompts, draws=draws)
    u_s, u_v = (c.rep_s, c.rep_v) if measured else (c.u_s, c.u_v)
    return Forecast(fit, times, u_s, u_v, u_s - u_v, measured, prompts)


def check_times(ts: Any, run: Run) -> np.ndarray:
    """Times at which a run can be forecast, (times,): finite, increasing, none before its first checkpoint."""
    times = np.asarray(ts, np.float64).reshape(-1)
    if times.size == 0 or not np.isfinite(times).all():
        raise InputError("forecast times must be finite, and at least one.")
    if np.any(np.diff(times) <= 0):
        raise InputError("forecast times must increase.")
    if times[0] < run.t[0]:
        raise InputError(
            f"forecast times start at {times[0]:g}, before the first checkpoint of run {run.name!r} ({run.t[0]:g}); "
            "a law says nothing about the time before its start."
        )
    return times
