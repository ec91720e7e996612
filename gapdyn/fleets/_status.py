"""What became of each run, and what is said of many of them at once."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from .._finding import Finding
from ..data import Fleet
from ..data._text import listing

NOT_COMPUTED = -1
NO_NUMBERS = ("declined", "not computed")
SHOWN = 3  # names of runs in a finding
NUTS = ("nuts", "numpyro_nuts")


class RunStatus(enum.IntEnum):
    """What may be done with a run's ceiling."""

    TRUSTED = 0
    WIDE = 1
    DECLINED = 2

    @property
    def meaning(self) -> str:
        """What it means, in words."""
        return {
            RunStatus.TRUSTED: "draws verified, ceiling known",
            RunStatus.WIDE: "draws verified, ceiling open: its 90% interval is wider than the fall seen so far",
            RunStatus.DECLINED: "no numbers: the run cannot be fitted, or its draws cannot be trusted",
        }[self]


# finding of one run -> (level, what many of them have, remedy); their order is that of the bits that are stored
SAID: dict[str, tuple[str, str, str]] = {
    "short_run": ("warning", "an open ceiling: its 90% interval is wider than the fall seen so far",
                  "Train these on, state what you know of the limit as a prior, or let runs inform each other: "
                  "pooling='partial'."),
    "no_limit": ("warning", "a posterior in part of which the law has no limit: the gap does not close",
                 "Their ceilings are of the other draws. Train on, or state rho or gap_inf more closely."),
    "few_checkpoints": ("warning", "no more checkpoints than the law has numbers to find",
                        "The priors decide much of these; measure more often."),
    "no_u_s": ("warning", "no u_s: its parameters, and the gap's, come from the prior", "Log u_s beside u_v."),
    "no_u_v": ("warning", "no u_v: its parameters, and the gap's, come from the prior", "Log u_v beside u_s."),
    "external_data": ("warning", "external data that this law does not know of",
                      "Give the law a forcing, such as gd.forcings.impulse() or gd.forcings.additive_impulse()."),
    "common_error_s": ("warning", "a common error of u_s (or of the one series) that is beyond 2.5 standard errors",
                       "The law mends its misfit with it; try gd.Likelihood(shared=0.0)."),
    "common_error_v": ("warning", "a common error of u_v that is beyond 2.5 standard errors",
                       "The law mends its misfit with it; try gd.Likelihood(shared=0.0)."),
    "ceiling_below_zero": ("warning", "a ceiling of which more than 5% lies below 0, which no likelihood reaches",
                           "These do not say where they end. Measure on, or put a prior on u_s_inf."),
    "solver_rises": ("warning", "a solver uncertainty that rises towards its limit: these loops do not improve",
                     "Look at the accuracy of these runs before training on."),
    "no_standard_errors": ("info", "no standard errors: ceilings are for these evaluation prompts, not for new ones",
                           "Add se_s and se_v (over prompts)."),
    "sampler": ("warning", "a warning of the sampler about their draws",
                "Fit one of them alone, and read its findings."),
}  # fmt: skip
_BITS = {code: 1 << i for i, code in enumerate(SAID)}
_FIGURE = re.compile(r"-?\d[\d.]*(e[+-]?\d+)?")
_SILENT = ("engine", "float32", "resampled")  # said once, of the whole fleet, or not worth a word


def is_open(bits: int) -> bool:
    """Whether the findings have an open ceiling among them."""
    return bool(bits & _BITS["short_run"])


def as_bits(found: Iterable[Finding]) -> int:
    """The findings of one run as bits; the sampler's are one."""
    bits = 0
    for finding in found:
        if finding.code in _BITS:
            bits |= _BITS[finding.code]
        elif finding.code not in _SILENT and finding.level != "info":
            bits |= _BITS["sampler"]
    return bits


def has(bits: np.ndarray, code: str) -> np.ndarray:
    """Which runs have a finding, (runs,)."""
    return (np.asarray(bits, np.int64) & _BITS[code]) != 0


def left_out(fleet: Fleet) -> list[Finding]:
    """That some runs of the log could not be read, if so it is."""
    if not fleet.left_out:
        return []
    count, (name, why) = len(fleet.left_out), next(iter(fleet.left_out.items()))
    more_runs = "1 more run" if count == 1 else f"{count:,} more runs"
    text = f"{more_runs} of the log cannot be read, such as {name!r}: {why}"
    return [Finding("warning", "left_out", text, "There is no row of such a run here.")]


def findings(
    names: Sequence[str], status: np.ndarray, reason: np.ndarray, engine: np.ndarray, bits: np.ndarray
) -> list[Finding]:
    """One for each thing that is so of some runs."""
    done = status != NOT_COMPUTED
    total = int(done.sum())
    found: list[Finding] = []
    declined = np.flatnonzero(status == RunStatus.DECLINED)
    if declined.size:
        level = "error" if declined.size == total else "warning"
        found.append(Finding(level, "declined", _declined(names, declined, reason, total),
                             "Their rows hold the reasons; the others are not affected."))  # fmt: skip
    for code, (level, what, remedy) in SAID.items():
        which = np.flatnonzero(has(bits, code) & done)
        if which.size:
            have = "has" if which.size == 1 else "have"
            found.append(Finding(level, code, f"{_some(names, which, total)} {have} {what}.", remedy))
    slow = np.flatnonzero(np.isin(engine, NUTS))
    if slow.size and slow.size < total:
        text = f"{_some(names, slow, total)} went to NUTS: faster draws could not be verified on them."
        found.append(Finding("info", "engine", text, "Nothing needs to be done; they take their time."))
    return found


def _some(names: Sequence[str], which: np.ndarray, total: int) -> str:
    share = "" if which.size == total else f" ({which.size / total:.1%})"
    shown = listing(names[int(i)] for i in which[:SHOWN])
    such = f", such as {shown}," if which.size > SHOWN else f" ({shown})" if which.size < total else ""
    return f"{which.size:,} of {total:,} runs{share}{such}"


def _declined(names: Sequence[str], which: np.ndarray, reason: np.ndarray, total: int) -> str:
    """How many, and the first of each of the most frequent reasons."""
    kinds = list(_kinds(names, which, reason).values())[:SHOWN]
    said = "; ".join(f"{len(runs):,} as {names[runs[0]]!r}: {reason[runs[0]]}".rstrip(".") for runs in kinds)
    was = "was" if which.size == 1 else "were"
    return f"{which.size:,} of {total:,} runs {was} declined: {said}."


def _kinds(names: Sequence[str], which: np.ndarray, reason: np.ndarray) -> dict[str, list[int]]:
    """Runs by their reason, but for names and figures, which differ; the most frequent first."""
    kinds: dict[str, list[int]] = {}
    for i in which:
        kinds.setdefault(_FIGURE.sub("#", str(reason[i]).replace(repr(names[i]), "...")), []).append(int(i))
    return dict(sorted(kinds.items(), key=lambda kind: -len(kind[1])))


class Row(NamedTuple):
    """A line of the triage: runs of one status for one reason, and the reason of the first of them."""

    status: str
    why: str
    runs: tuple[str, ...]


def triage(names: Sequence[str], status: np.ndarray, reason: np.ndarray) -> list[Row]:
    """Runs by what may be done with them, and why."""
    rows = []
    for word in ("trusted", "wide", "declined", "not computed"):
        which = np.flatnonzero(status == word)
        if word == "declined":
            kinds = _kinds(names, which, reason).values()
            rows += [Row(word, str(reason[runs[0]]), tuple(names[i] for i in runs)) for runs in kinds]
        elif which.size or word == "trusted":
            why = "the 90% interval of the ceiling is wider than the fall seen so far" if word == "wide" else ""
            rows.append(Row(word, why, tuple(names[int(i)] for i in which)))
    return rows
