"""The ceiling over laws: a mixture by weight, and whether it matters which of them is true."""

from __future__ import annotations

import numpy as np

from .._check import InputError
from .._random import generator
from ..criticism import Comparison
from ..criticism._backtest import mixed
from ..criticism._compare import COUNTS
from ..inference import Finding
from ._limits import Ceiling, describe
from ._one_law import checked_tolerance, one_law

PARTS = ("u_s", "u_v", "gap", "realised", "rest", "time_left")
APART = 1.5  # widths of the laws' own intervals from which the mixture's is the laws' disagreement


def over_laws(compared: Comparison, tolerance: float | None, prompts: str) -> Ceiling:
    """The mixture of the laws' ceilings; `tolerance` and `prompts` as in `ceiling`."""
    limited = [name for name in compared.order if compared.fits[name].has_limit]
    if not limited:
        raise InputError(
            f"none of the laws compared for run {compared.run.name!r} has a limit, so there is no ceiling to state. "
            "Use gd.backtest for forecasts, or compare laws with a limit, such as gd.laws.shared_rate()."
        )
    random = generator(0)
    weights = {name: compared.weights[name] for name in limited}
    total = sum(weights.values())
    among = {name: w / total for name, w in weights.items()}
    gains = {name: (fit := compared.fits[name])["u_s0"] - fit["u_s_inf"] for name in limited}
    tolerance = checked_tolerance(tolerance, mixed(gains, among, random), compared.fits[limited[0]])
    laws = {n: one_law(compared.fits[n], tolerance, prompts) if n in among else None
            for n in compared.order}  # fmt: skip
    each = {name: _parts(limit) for name, limit in laws.items()}
    parts = mixed(each, {name: compared.weights[name] for name in each}, random)
    found = (*compared.findings, *_findings(compared, laws, parts[:, 0]))
    u_s, u_v, gap, realised, rest, time_left = parts.T
    return Ceiling(
        compared.run, prompts, u_s, u_v, gap, realised, rest, tolerance, time_left, findings=found, laws=laws,
        weights=dict(compared.weights),
    )  # fmt: skip


def _parts(limit: Ceiling | None) -> np.ndarray:
    """(draw, parts); NaN for a law without a limit."""
    return np.full((1, len(PARTS)), np.nan) if limit is None else np.stack([getattr(limit, p) for p in PARTS], -1)


def _findings(compared: Comparison, laws: dict[str, Ceiling | None], u_s: np.ndarray) -> list[Finding]:
    found = []
    none = sum(compared.weights[name] for name, limit in laws.items() if limit is None)
    if none >= COUNTS:
        text = f"Laws without a limit hold {none:.0%} of the weight; the ceiling is of the others."
        found.append(Finding("warning", "no_limit", text, "Train on: from here the run need not settle."))
    own = {n: describe(c.u_s) for n, c in laws.items() if c is not None and compared.weights[n] >= COUNTS}
    if len(own) < 2:
        return found
    whole = describe(u_s)
    width = whole["q95"] - whole["q05"]
    weights = np.asarray([compared.weights[n] for n in own])
    typical = float(np.average([s["q95"] - s["q05"] for s in own.values()], weights=weights))
    if width > APART * typical:
        says = ", ".join(f"{n} {s['q50']:.3g} [{s['q05']:.3g}, {s['q95']:.3g}]" for n, s in own.items())
        text = (
            f"The data do not tell these laws apart, and the ceiling depends on which is true: {says}. Over them the "
            f"90% interval is {width / typical:.1f} times as wide as theirs."
        )
        found.append(Finding("warning", "laws_disagree", text, "Train on; more checkpoints tell laws apart."))
    return found
