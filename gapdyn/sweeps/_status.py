"""What became of each setting: a number beside every result, and what is said of those that failed."""

from __future__ import annotations

import enum

import numpy as np

from .._finding import Finding
from ..dynamics import Status

STATUS = "status"  # the column


class SettingStatus(enum.IntEnum):
    """How a setting ended: 0 to 3 as in `gapdyn.dynamics.Status`."""

    OK = int(Status.OK)
    MAX_STEPS = int(Status.MAX_STEPS)
    NOT_FINITE = int(Status.NOT_FINITE)
    INACCURATE = int(Status.INACCURATE)
    NO_LIMIT = 4
    INVALID = 5

    @property
    def message(self) -> str:
        """What it means, in words."""
        if self == SettingStatus.NO_LIMIT:
            return "the law has no limit: its gap does not settle"
        if self == SettingStatus.INVALID:
            return "outside the parameters' support, or not finite"
        return Status(int(self)).message


REMEDIES = {
    SettingStatus.MAX_STEPS: "Leave these settings out, or look at one of them with gd.solve.",
    SettingStatus.NOT_FINITE: "Narrow the ranges; one such setting alone shows why with gd.solve.",
    SettingStatus.INACCURATE: "Give more times, so that the steps between them are shorter.",
    SettingStatus.NO_LIMIT: "Its columns are NaN there; ask for 'gap' at a time instead, or narrow the ranges.",
    SettingStatus.INVALID: "Their results are NaN. Narrow the ranges to the supports in gapdyn laws NAME.",
}


def count(status: np.ndarray) -> np.ndarray:
    """How many settings ended in each way, (statuses,)."""
    return np.bincount(np.asarray(status, np.uint8), minlength=len(SettingStatus))


def findings(counts: np.ndarray) -> list[Finding]:
    """One for each way in which settings failed."""
    found, total = [], int(counts.sum())
    for status in SettingStatus:
        n = int(counts[status])
        if status == SettingStatus.OK or not n:
            continue
        level = "error" if n == total else "info" if status == SettingStatus.NO_LIMIT else "warning"
        text = f"{n:,} of {total:,} settings ({n / total:.2%}) have status {int(status)}: {status.message}."
        found.append(Finding(level, status.name.lower(), text, REMEDIES[status]))
    return found
