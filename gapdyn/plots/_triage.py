"""Which runs of a fleet may be relied on, which not, and why."""

from __future__ import annotations

import textwrap

import numpy as np
from matplotlib.figure import Figure

from gapdyn._check import InputError
from gapdyn.fleets import FleetFit

from ._fleet import STATUS
from ._style import GREY, INK, dress, new_figure
from ._words import LETTER, plain

MOST = 12  # rows
NAMED = 3  # runs


def triage(fitted: FleetFit, *, size: str = "notebook") -> Figure:
    """How many runs are trusted, wide and declined, and why: a bar for each reason, with the names of some.

    Parameters
    ----------
    fitted : the fit of a fleet.
    size : "notebook", "paper" (one column, 3.4 in) or "paper-wide" (two columns, 7 in).

    Returns
    -------
    Figure
        Reasons are those of the first run that has it; beyond 11 of them, the rarer ones are one row.

    Raises
    ------
    InputError
        Something else than the fit of a fleet, an unknown size.
    """
    if not isinstance(fitted, FleetFit):
        raise InputError(f"triage takes the fit of a fleet; it was given a {type(fitted).__name__}.")
    found = list(fitted.triage().iter_rows(named=True))
    if len(found) > MOST:
        rest = found[MOST - 1 :]
        others = {"why": f"{len(rest)} other reasons", "count": sum(row["count"] for row in rest), "runs": []}
        found = [*found[: MOST - 1], {"status": "declined", **others}]
    figure, chosen = new_figure(size, 0.3 + (0.24 if size == "paper" else 0.19) * len(found))
    ax = figure.subplots()
    dress(ax, chosen, x="runs", title=f"{len(fitted):,} runs")
    width = int(0.88 * 72 * chosen.width / (LETTER * (chosen.small - 1)))
    for row, line in enumerate(found):
        count = line["count"]
        ax.barh(row, count, height=0.32, color=STATUS[line["status"]], zorder=2)
        ax.text(count, row, f" {count:,} ({count / len(fitted):.1%})", va="center", fontsize=chosen.small, color=INK)
        names = ", ".join(line["runs"][:NAMED]) + (", …" if len(line["runs"]) > NAMED else "")
        why = line["why"] if line["status"] != "trusted" else ""
        text = textwrap.fill(" · ".join(filter(None, [names, why])), width, max_lines=2, placeholder=" …")
        ax.annotate(plain(text), (0, row + 0.22), (3, 0), textcoords="offset points", va="top", color=GREY,
                    fontsize=chosen.small - 1)  # fmt: skip
    ax.set_yticks(range(len(found)), [line["status"] for line in found], fontsize=chosen.small)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(found) - 0.3, -0.5)
    ax.set_xlim(0, 1.22 * max(1, int(np.max([line["count"] for line in found]))))
    return figure
