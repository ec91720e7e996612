"""What to know before a pooled fit is used."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .._finding import Finding
from ..data._text import listing
from ._pooled_data import Prepared
from ._pooled_model import scatter

FEW_RUNS = 5
FEW_MEMBERS = 3
MADE_BY_PRIOR = 0.8  # sd of a scatter's posterior over that of its prior from which the data said little


def pool_findings(prepared: Prepared, hyper: Mapping[str, np.ndarray]) -> list[Finding]:
    """Of the fleet and its groups. `hyper`: draws in standard units."""
    return [*_of_runs(prepared, hyper), *_of_groups(prepared), *_of_covariates(prepared)]


def _of_runs(prepared: Prepared, hyper: Mapping[str, np.ndarray]) -> list[Finding]:
    count = len(prepared.fleet)
    if count < FEW_RUNS:
        text = f"{count} runs say little of how far runs differ: the prior of the scatter decides how much they share."
        return [Finding("warning", "few_runs", text, f"Pool {FEW_RUNS} or more, or read the runs alone beside it.")]
    vague = []
    for name, width in zip(prepared.model.explained, np.asarray(prepared.pool.widths), strict=False):
        prior_sd = float(width) * (1 - 2 / np.pi) ** 0.5
        if np.std(hyper[scatter(name)]) > MADE_BY_PRIOR * prior_sd:
            vague.append(name)
    if not vague:
        return []
    text = f"How far runs differ in {listing(vague)} is told by the prior more than by the runs."
    return [Finding("info", "vague_scatter", text, "More runs that are seen to their end would tell.")]


def _of_groups(prepared: Prepared) -> list[Finding]:
    found = []
    for (name, members), codes in zip(prepared.labels.items(), prepared.codes, strict=True):
        sizes = np.bincount(codes, minlength=len(members))
        single = [m for m, size in zip(members, sizes, strict=True) if size == 1]
        if len(members) == 1:
            text = f"All runs are of one {name}, {members[0]!r}: its effect cannot be told from the typical run."
            found.append(Finding("warning", "one_group", text, f"Leave {name!r} out of groups."))
        elif len(single) == len(members):
            text = f"Every run is a {name} of its own: what its {name} adds cannot be told from what the run adds."
            found.append(Finding("warning", "groups_of_one", text, f"Leave {name!r} out of groups."))
        elif single:
            text = f"Group {name!r} has members with one run: {listing(single)}. Their effects are the others' guess."
            found.append(Finding("info", "group_of_one", text, "A second run of each would tell."))
        if 1 < len(members) < FEW_MEMBERS:
            text = f"{len(members)} members of group {name!r} say little of how far members differ."
            found.append(Finding("info", "few_members", text, "A prediction for a new member is wide for that."))
    return found


def _of_covariates(prepared: Prepared) -> list[Finding]:
    found = []
    for name, x in prepared.covariates.items():
        if np.ptp(x) == 0:
            text = f"All runs have {name} {x[0]:g}: its slope is the prior's."
            found.append(Finding("warning", "no_spread", text, f"Leave {name!r} out of covariates."))
        elif len(np.unique(x)) == 2 and min(np.sum(x == x.min()), np.sum(x == x.max())) == 1:
            text = f"One run alone has another {name} than all others: its slope hangs on that run."
            found.append(Finding("warning", "one_run_apart", text, "Take runs spread over it."))
    return found
