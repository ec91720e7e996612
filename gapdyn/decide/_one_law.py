"""The ceiling by one law."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from .._check import InputError
from ..dynamics import AbstractCurve, GapLaw, time_to
from ..inference import Fit
from ._limits import Ceiling


def one_law(fit: Fit, tolerance: float | None, prompts: str) -> Ceiling:
    """The ceiling of a fit; `tolerance` and `prompts` as in `ceiling`."""
    draws = fit.flat
    if not fit.has_limit:
        raise InputError(
            f"the {fit.law.title} has no limit for run {fit.data.name!r}, so there is no ceiling to state. Use "
            "gd.forecast, or a law with a limit, such as gd.laws.shared_rate()."
        )
    gain = draws["u_s0"] - draws["u_s_inf"]
    tolerance = checked_tolerance(tolerance, gain, fit)
    elapsed = fit.data.t[-1] - fit.data.t[0]
    # at all checkpoints, though the last one is enough: `check` compiles that program, too
    rest = fit.curves(prompts="law").u_s[:, -1] - draws["u_s_inf"]
    total_time = np.asarray(_time_to(fit.laws, tolerance), np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        realised = np.where(gain == 0, 1.0, 1 - rest / gain)
    time_left = np.where(np.isnan(rest), np.nan, np.maximum(total_time - elapsed, 0.0))
    shift_s, shift_v = _offsets(fit) if prompts == "same" else (0.0, 0.0)
    u_s = draws["u_s_inf"] + shift_s
    u_v = draws["u_v_inf"] + shift_v if "u_v_inf" in draws else np.full_like(u_s, np.nan)
    return Ceiling(
        fit.data, prompts, u_s, u_v, u_s - u_v, realised, rest, tolerance, time_left, fit.series, fit.findings
    )


def checked_tolerance(tolerance: Any, gain: np.ndarray, fit: Fit) -> float:
    """What counts as finished: as given, or 5% of the median of the total gain (draw,), or of the run's size."""
    if tolerance is None:
        return 0.05 * (abs(float(np.nanmedian(gain))) or fit.scale.size)
    if not (isinstance(tolerance, float | int) and np.isfinite(tolerance) and tolerance > 0):
        raise InputError(f"tolerance={tolerance!r}: give a positive number in the unit of u.")
    return float(tolerance)


@jax.jit
def _time_to(laws: GapLaw | AbstractCurve, tolerance: Any) -> Any:
    """Time from the start until u_s stays within `tolerance` of its limit, (draw,)."""
    return time_to(laws, tolerance, of="u_s")


def _offsets(fit: Fit) -> tuple[Any, Any]:
    """The common error of the run's prompts at its last checkpoint, (draw,) for each series."""
    same, law = (fit.curves(prompts=p) for p in ("same", "law"))
    return (same.u_s - law.u_s)[:, -1], (same.u_v - law.u_v)[:, -1]
