"""`ceiling`: where the run goes, how sure we are, how much of it is behind us."""

from __future__ import annotations

from .._check import choose
from ..criticism import Comparison
from ..inference import Fit
from ._limits import Ceiling
from ._one_law import one_law
from ._over_laws import over_laws


def ceiling(of: Fit | Comparison, *, tolerance: float | None = None, prompts: str = "new") -> Ceiling:
    """The posterior of the limits of a run: by one law, or over the laws of a comparison.

    Parameters
    ----------
    of : a `gapdyn.fit`, or a `gapdyn.compare`: then laws count by their weights, and findings say where the ceiling
        depends on which of them is true.
    tolerance : the rest of the solver's fall, in the run's unit, that counts as finished; default 5% of the median
        total gain (of the run's size, where that gain is 0).
    prompts : "new" for the capability limit (standard errors over prompts count in full), "same" for the limit of the
        measured curves.

    Raises
    ------
    InputError
        A tolerance that is not positive, unknown `prompts`, a law or curve that has no limit.
    """
    choose(prompts, ("new", "same"), "value of prompts")
    if isinstance(of, Comparison):
        return over_laws(of, tolerance, prompts)
    return one_law(of, tolerance, prompts)
