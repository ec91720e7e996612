"""The column contract of a run log, in one table: names, meanings, units and allowed ranges.

Readers, writers, the validation of `Run` and the documentation all take their names, limits and words from
here.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np

CLOCKS = ("epoch", "round", "step", "token", "lr")
UNITS = ("nats/response", "nats/token", "arbitrary")
DEFAULT_CLOCK = "step"
DEFAULT_UNIT = "nats/response"

# Beyond these magnitudes a square over- or underflows in float64, and with it every likelihood.
LARGEST = 1e100
SMALLEST = 1e-100


@dataclass(frozen=True)
class Column:
    """One column: what it is called, what it means and which numbers it may hold (beside NaN)."""

    name: str
    meaning: str
    unit: str
    low: float = -inf
    high: float = inf
    open: bool = False  # both limits are excluded
    advice: str = ""
    text: bool = False

    @property
    def allowed(self) -> str:
        """The allowed range in words, as messages and documentation state it."""
        if self.text:
            return "text"
        if self.high < inf:
            how = "strictly between" if self.open else "between"
            return f"{how} {self.low:g} and {self.high:g}"
        if self.low > -inf:
            return f"{'>' if self.open else '>='} {self.low:g}"
        return "finite"

    def outside(self, values: np.ndarray) -> np.ndarray:
        """Mask of the values outside the range, shape as `values`; NaN is inside."""
        if self.open:
            return (values <= self.low) | (values >= self.high)
        return (values < self.low) | (values > self.high)


_SE = "A standard error of 0 claims an exact measurement; leave it empty if it was not measured."
_ACC = "An accuracy is a fraction; divide percentages by 100."

RUN = Column("run", "name of the run; several runs in one file make a fleet", "-", text=True)
TIME = Column("t", f"time of the checkpoint, increasing; better called by its clock: {', '.join(CLOCKS)}", "clock")
UNIT = Column("unit", f"unit of u_s, u_v, se_s, se_v, one for a run: {', '.join(UNITS)}", "-", text=True)
CLOCK = Column("clock", f"which column is the time, one for a run: {', '.join(CLOCKS)}", "-", text=True)

SERIES = (
    Column("u_s", "solver uncertainty: mean of -log p(y|x) over samples", "unit"),
    Column("u_v", "verifier uncertainty: mean of -log p(y|x) over best-of-N responses", "unit"),
    Column("se_s", "standard error of u_s", "unit", low=0, open=True, advice=_SE),
    Column("se_v", "standard error of u_v", "unit", low=0, open=True, advice=_SE),
    Column(
        "corr", "correlation of the errors of u_s and u_v", "1", low=-1, high=1, open=True,
        advice="At -1 or 1 one error would tell the other; leave it empty if it was not measured.",
    ),
    Column("acc_s", "accuracy of the solver", "fraction", low=0, high=1, advice=_ACC),
    Column("acc_v", "accuracy of the best-of-N responses", "fraction", low=0, high=1, advice=_ACC),
    Column(
        "n_acc", "number of graded responses behind acc_s", "count", low=1,
        advice="Leave it empty where no accuracy was measured.",
    ),
    Column(
        "len_s", "mean length of the sampled responses", "tokens", low=0, open=True,
        advice="Leave it empty if it was not measured.",
    ),
    Column(
        "len_v", "mean length of the best-of-N responses", "tokens", low=0, open=True,
        advice="Leave it empty if it was not measured.",
    ),
    Column(
        "external", "external items brought in at this checkpoint; empty means none", "items", low=0,
        advice="Leave it empty, or write 0, where no external data came in.",
    ),
)  # fmt: skip
SERIES_NAMES = tuple(column.name for column in SERIES)
MEASURED = ("u_s", "u_v", "acc_s", "acc_v")  # one of these, or any extra column, makes a checkpoint
TIME_NAMES = (TIME.name, *CLOCKS)
CONTRACT = (RUN, TIME, *SERIES, UNIT, CLOCK)
CONTRACT_NAMES = (RUN.name, *TIME_NAMES, *SERIES_NAMES, UNIT.name, CLOCK.name)


def column_table() -> str:
    """The column contract as a Markdown table: column, meaning, unit, allowed values.

    Returns
    -------
    str
        One row per column of a run log, in the order in which `write_run` writes them.

    Examples
    --------
    >>> print(column_table().splitlines()[4])
    | `u_s` | solver uncertainty: mean of -log p(y\\|x) over samples | unit | finite |
    """
    rows = ["| column | meaning | unit | allowed |", "|---|---|---|---|"]
    for c in CONTRACT:
        meaning = c.meaning.replace("|", "\\|")
        rows.append(f"| `{c.name}` | {meaning} | {c.unit} | {c.allowed} |")
    return "\n".join(rows)
