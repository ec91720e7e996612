"""What a measurement gives: runs for `gapdyn.fit`, and everything that was measured beside them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._check import InputError
from .._finding import AbstractResult, Finding
from ..data import Fleet, Run
from ..data._text import listing
from ._bootstrap import Estimate
from ._sweep import GapSweep
from ._verifier import Reliability

SERIES = ("u_s", "u_v", "acc_s", "acc_v", "len_s", "len_v")
EXTRA = (
    "pass_n", "auc", "fallback", "gv_gap", "gv_gap_relative", "u_s_token", "u_v_token", "u_s_response", "u_v_response",
)  # fmt: skip
SHOWN = ("u_s", "u_v", "gap", "acc_s", "acc_v", "len_s", "fallback", "pass_n", "auc", "gv_gap", "gv_gap_relative")
ROWS = 12  # checkpoints that a printed table shows


@dataclasses.dataclass(frozen=True, eq=False)
class MeasuredRun:
    """One run of a measurement, over n checkpoints.

    Attributes
    ----------
    name, clock, unit : as in `Run`.
    t : (n,), increasing.
    estimates : name -> `Estimate` of (n,). `u_s`, `u_v` and `gap` in `unit`; `u_s_token` and `u_v_token` (or
        `u_s_response`, `u_v_response`) in the other one; `len_s`, `len_v`, `acc_s`, `acc_v`, `fallback`, `pass_n`; of
        the verifier `auc`, `tpr`, `fpr`, `youden`, `brier`; `gv_gap` and `gv_gap_relative` at sigma. What could not be
        measured, such as u_s without log-probabilities, is not there.
    se : name -> (n,), standard errors of the four uncertainties from the scatter over prompts (the delta method: these
        are means), which go into the run. `estimates` has those of the bootstrap.
    corr : (n,), correlation of the errors of u_s and u_v at a checkpoint.
    error_corr_s, error_corr_v : (n, n), correlations of the errors of u_s, and of u_v, at different checkpoints.
    shared_s, shared_v : the share c of a squared standard error that all checkpoints have in common: the mean
        correlation of two checkpoints, in [0, 1]; NaN of a single checkpoint.
    n_prompts, n_samples, n_graded : (n,), prompts, samples per prompt, graded responses behind acc_s.
    ks, pass_k : sizes k, and pass@k as an `Estimate` of (n, ks); None without grades.
    sweep : the generation-verification gap against the threshold; None without scores or grades.
    reliability : share of right responses by score; None without scores or grades.
    """

    name: str
    clock: str
    unit: str
    t: np.ndarray
    estimates: dict[str, Estimate]
    se: dict[str, np.ndarray]
    corr: np.ndarray
    error_corr_s: np.ndarray
    error_corr_v: np.ndarray
    shared_s: float
    shared_v: float
    n_prompts: np.ndarray
    n_samples: np.ndarray
    n_graded: np.ndarray
    ks: tuple[int, ...]
    pass_k: Estimate | None
    sweep: GapSweep | None
    reliability: Reliability | None

    @property
    def run(self) -> Run:
        """The run, as `gapdyn.fit` takes it.

        Raises
        ------
        InputError
            Samples of a single checkpoint.
        """
        if len(self.t) < 2:
            raise InputError(f"run {self.name!r} has samples of one checkpoint only; a run needs two. Sample another.")
        found = {n: e.value for n, e in self.estimates.items() if n in SERIES}
        extra = {n: e.value for n, e in self.estimates.items() if n in EXTRA}
        errors = {f"se_{n}": _positive(self.estimates[n].se) for n in ("acc_s", "acc_v") if n in self.estimates}
        return Run(
            self.name, self.t, clock=self.clock, unit=self.unit, **found,
            se_s=_positive(self.se["u_s"]), se_v=_positive(self.se["u_v"]),
            corr=np.where(np.abs(self.corr) < 1, self.corr, np.nan),
            n_acc=np.where(self.n_graded > 0, self.n_graded, np.nan),
            extra={**extra, **errors, "n_prompts": self.n_prompts, "n_samples": self.n_samples},
            meta={"source": "gapdyn.measure"},
        )  # fmt: skip

    @property
    def shared(self) -> float:
        """The share c, the mean of that of u_s and of u_v."""
        known = [c for c in (self.shared_s, self.shared_v) if np.isfinite(c)]
        return float(np.mean(known)) if known else np.nan

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return {
            "run": self.name,
            "clock": self.clock,
            "unit": self.unit,
            "t": self.t.tolist(),
            "estimates": {name: e.to_dict() for name, e in self.estimates.items()},
            "se": {name: x.tolist() for name, x in self.se.items()},
            "corr": self.corr.tolist(),
            "shared_s": self.shared_s,
            "shared_v": self.shared_v,
            **{n: getattr(self, n).tolist() for n in ("n_prompts", "n_samples", "n_graded")},
            "pass_k": {"k": list(self.ks), **self.pass_k.to_dict()} if self.pass_k else None,
            "sweep": self.sweep.to_dict() if self.sweep else None,
            "reliability": self.reliability.to_dict() if self.reliability else None,
        }

    def table(self) -> str:
        """The checkpoints as a table: values, and below the first and the last one their standard errors."""
        names = [n for n in SHOWN if n in self.estimates]
        n, width = len(self.t), ROWS // 2
        rows = list(range(n)) if n <= ROWS else [*range(width), *range(n - width, n)]
        size = f"{_span(self.n_prompts)} prompts, {_span(self.n_samples)} samples each"
        unit = f", {self.unit}" if "u_s" in self.estimates else ""
        lines = [f"{self.name}: {n} checkpoints, {size}{unit}"]
        lines.append(f"{self.clock:>9s}" + "".join(f"{_short(n):>10s}" for n in names))
        for i in rows:
            if n > ROWS and i == n - width:
                lines.append(f"{'...':>9s}")
            lines.append(f"{self.t[i]:>9g}" + "".join(f" {self.estimates[c].value[i]:>9.4g}" for c in names))
            if i in (0, n - 1):
                errors = [self.se[c][i] if c in self.se else self.estimates[c].se[i] for c in names]
                lines.append(f"{'+-':>9s}" + "".join(f"{e:>10.2g}" for e in errors))
        shares = {"u_s": self.shared_s, "u_v": self.shared_v}
        if known := [f"{c:.2f} ({name})" for name, c in shares.items() if np.isfinite(c)]:
            lines.append(f"share of squared standard errors common to all checkpoints: {', '.join(known)}")
        return "\n".join(lines)


@dataclasses.dataclass(frozen=True, eq=False)
class Measurement(AbstractResult):
    """What was measured on samples. Made by `gapdyn.measure`; prints itself.

    Attributes
    ----------
    runs : one `MeasuredRun` for each run, in the order of the samples.
    sigma, solver, verifier : as asked for; verifier is the column of scores, None where there is none.
    level : of the intervals.
    rows : responses read.
    findings : what to know before using the numbers.
    """

    runs: Sequence[MeasuredRun]
    sigma: float
    solver: str
    verifier: str | None
    level: float
    rows: int
    findings: tuple[Finding, ...]

    @property
    def run(self) -> Run:
        """The run, where there is one.

        Raises
        ------
        InputError
            Samples of several runs (see `fleet`), or of a single checkpoint.
        """
        return self.only.run

    @property
    def only(self) -> MeasuredRun:
        """What was measured on the run, where there is one.

        Raises
        ------
        InputError
            Samples of several runs; `runs` has them all.
        """
        if len(self.runs) > 1:
            names = listing(r.name for r in self.runs)
            raise InputError(f"the samples are of {len(self.runs)} runs: {names}. Take measurement.fleet or .runs.")
        return self.runs[0]

    @property
    def fleet(self) -> Fleet:
        """All runs as a fleet.

        Raises
        ------
        InputError
            A run of a single checkpoint.
        """
        return Fleet([r.run for r in self.runs])

    @property
    def shared(self) -> float:
        """The measured share c for `gapdyn.Likelihood(shared=...)`: the mean over runs, u_s and u_v.

        Raises
        ------
        InputError
            No run with two checkpoints.
        """
        found = [r.shared for r in self.runs if np.isfinite(r.shared)]
        if not found:
            text = "no run has u_s at two checkpoints with the same prompts, so nothing says what their errors share"
            raise InputError(f"{text}. Leave shared to be inferred.")
        return float(np.mean(found))

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        about = {n: getattr(self, n) for n in ("sigma", "solver", "verifier", "level", "rows")}
        return {**about, "runs": [r.to_dict() for r in self.runs], "findings": [f.to_dict() for f in self.findings]}

    def table(self) -> str:
        """The runs as tables, without the findings."""
        return "\n\n".join(r.table() for r in self.runs)


def _positive(se: np.ndarray) -> np.ndarray:
    """Equal values at all prompts have no standard error to state."""
    return np.where(se > 0, se, np.nan)


def _short(name: str) -> str:
    return {"gv_gap_relative": "relative"}.get(name, name)


def _span(x: np.ndarray) -> str:
    low, high = np.min(x), np.max(x)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
