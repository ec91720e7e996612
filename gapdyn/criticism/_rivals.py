"""The laws and curves that are tried against one another where nobody says which."""

from __future__ import annotations

from ..data import Run
from ..dynamics import LawSpec, curves, laws

LAWS = ("shared_rate", "power_potential", "relaxing_verifier", "drifting_response", "decaying_response", "stochastic")
CURVES = ("exponential", "power_law", "rank_two", "sigmoid", "two_phase", "persistence", "jump",
          "local_linear")  # fmt: skip


def rivals(run: Run) -> dict[str, LawSpec]:
    """The laws and reference curves that a run is usually judged by, by name.

    Of two that say the same one is left out: the chasing solver is the relaxing verifier with rho = 0, rounds and
    self-correction are the shared-rate law and the exponentials on a map. Left out, too, are two whose levels cannot be
    integrated out, so that a fit takes long: the saturating and the neural potential. A run with learning rates has the
    law that follows them.
    """
    chosen = {name: laws.ALL_LAWS[name]() for name in LAWS}
    if any(column in run.extra for column in laws.LR_COLUMNS):
        chosen["lr_clock"] = laws.lr_clock()
    return {**chosen, **{name: curves.ALL_CURVES[name]() for name in CURVES}}
