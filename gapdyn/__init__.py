"""gapdyn: where does a self-improvement run stop, how sure are we, and is it really learning?

`run = gd.read_run("run.csv"); fit = gd.fit(run, gd.laws.shared_rate(), key=0); print(gd.ceiling(fit))`

Names are loaded when first used: `import gapdyn` itself loads neither JAX nor Matplotlib, sets no JAX option and
touches no logger. Turn 64-bit numbers on yourself, before other use of JAX:
`jax.config.update("jax_enable_x64", True)`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._check import InputError as InputError

if TYPE_CHECKING:
    from . import plots as plots
    from . import sweeps as sweeps
    from .criticism import Backtest as Backtest
    from .criticism import Calibration as Calibration
    from .criticism import Check as Check
    from .criticism import Comparison as Comparison
    from .criticism import Information as Information
    from .criticism import Loo as Loo
    from .criticism import Progress as Progress
    from .criticism import backtest as backtest
    from .criticism import calibrate as calibrate
    from .criticism import check as check
    from .criticism import claims as claims
    from .criticism import compare as compare
    from .criticism import exponential_fit as exponential_fit
    from .criticism import information as information
    from .criticism import loo as loo
    from .criticism import prior_check as prior_check
    from .criticism import prior_sensitivity as prior_sensitivity
    from .criticism import progress as progress
    from .criticism import rivals as rivals
    from .data import Fleet as Fleet
    from .data import Run as Run
    from .data import datasets as datasets
    from .data import read_fleet as read_fleet
    from .data import read_run as read_run
    from .data import write_run as write_run
    from .decide import Accuracy as Accuracy
    from .decide import Ceiling as Ceiling
    from .decide import Forecast as Forecast
    from .decide import accuracy as accuracy
    from .decide import ceiling as ceiling
    from .decide import forecast as forecast
    from .dynamics import GapLaw as GapLaw
    from .dynamics import curves as curves
    from .dynamics import forcings as forcings
    from .dynamics import laws as laws
    from .dynamics import limits as limits
    from .dynamics import sensitivity as sensitivity
    from .dynamics import solve as solve
    from .dynamics import time_to as time_to
    from .fleets import FleetFit as FleetFit
    from .fleets import LimitScaling as LimitScaling
    from .fleets import NewRun as NewRun
    from .fleets import PooledFit as PooledFit
    from .fleets import fit as fit
    from .fleets import read_fleet_fit as read_fleet_fit
    from .inference import Finding as Finding
    from .inference import Fit as Fit
    from .inference import Likelihood as Likelihood
    from .inference import engines as engines
    from .inference import simulate as simulate
    from .logs import read_log as read_log
    from .logs import read_logs as read_logs
    from .logs import read_samples as read_samples
    from .measurement import Measurement as Measurement
    from .measurement import cross_verify as cross_verify
    from .measurement import diversity as diversity
    from .measurement import ensemble as ensemble
    from .measurement import gv_gap as gv_gap
    from .measurement import gv_scaling as gv_scaling
    from .measurement import measure as measure
    from .measurement import pass_at_k as pass_at_k
    from .measurement import score_correlation as score_correlation
    from .measurement import weights as weights
    from .sweeps import GlobalSensitivity as GlobalSensitivity
    from .sweeps import Sweep as Sweep
    from .sweeps import global_sensitivity as global_sensitivity
    from .sweeps import read_sweep as read_sweep
    from .sweeps import sweep as sweep

# public name -> the package that has it
_HOME = {
    **dict.fromkeys(("Fleet", "Run", "datasets", "read_fleet", "read_run", "write_run"), "data"),
    **dict.fromkeys(("Measurement", "cross_verify", "diversity", "ensemble", "gv_gap", "measure"), "measurement"),
    **dict.fromkeys(("read_log", "read_logs", "read_samples"), "logs"),
    **dict.fromkeys(("gv_scaling", "pass_at_k", "score_correlation", "weights"), "measurement"),
    **dict.fromkeys(("GapLaw", "curves", "forcings", "laws", "limits", "sensitivity", "solve", "time_to"), "dynamics"),
    **dict.fromkeys(("Finding", "Fit", "Likelihood", "engines", "simulate"), "inference"),
    **dict.fromkeys(("FleetFit", "LimitScaling", "NewRun", "PooledFit", "fit", "read_fleet_fit"), "fleets"),
    **dict.fromkeys(("Backtest", "Calibration", "Check", "Comparison", "Information", "Loo", "Progress"), "criticism"),
    **dict.fromkeys(("backtest", "calibrate", "check", "claims", "compare", "exponential_fit"), "criticism"),
    **dict.fromkeys(("information", "loo", "prior_check", "prior_sensitivity", "progress", "rivals"), "criticism"),
    **dict.fromkeys(("GlobalSensitivity", "Sweep", "global_sensitivity", "read_sweep", "sweep"), "sweeps"),
    **dict.fromkeys(("Accuracy", "Ceiling", "Forecast", "accuracy", "ceiling", "forecast"), "decide"),
}
_PACKAGES = (
    "data", "measurement", "logs", "dynamics", "inference", "criticism", "sweeps", "fleets", "decide", "plots", "cli",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    elif name in _PACKAGES:
        value = importlib.import_module(f"{__name__}.{name}")
    elif name == "__version__":
        from importlib.metadata import version

        value = version(__name__)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*_HOME, *_PACKAGES, "InputError", "__version__"})
