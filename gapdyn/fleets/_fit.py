"""`fit`: a run or a fleet, and a law, to posteriors."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, overload

from .._check import InputError
from ..data import Fleet, Run
from ..dynamics import LawSpec
from ..inference import Fit, Likelihood
from ..inference import fit as fit_run
from ._result import FleetFit

KEPT = 256  # draws of a run


@overload
def fit(
    data: Run, law: LawSpec, *, key: Any, engine: Any = "auto", prior: Mapping[str, Any] | None = None,
    likelihood: Likelihood | None = None, series: str | None = None, route: str = "auto", length: int = 0,
    start: Fit | None = None, progress: bool | None = None,
) -> Fit: ...  # fmt: skip
@overload
def fit(
    data: Fleet, law: LawSpec, *, key: Any, engine: Any = "auto", prior: Mapping[str, Any] | None = None,
    likelihood: Likelihood | None = None, series: str | None = None, route: str = "auto", draws: int = KEPT,
    out: str | os.PathLike[str] | None = None, chunk: int | None = None, progress: bool | None = None,
) -> FleetFit: ...  # fmt: skip
def fit(
    data: Run | Fleet,
    law: LawSpec,
    *,
    key: Any,
    engine: Any = "auto",
    prior: Mapping[str, Any] | None = None,
    likelihood: Likelihood | None = None,
    series: str | None = None,
    route: str = "auto",
    length: int = 0,
    start: Fit | None = None,
    draws: int = KEPT,
    out: str | os.PathLike[str] | None = None,
    chunk: int | None = None,
    progress: bool | None = None,
) -> Fit | FleetFit:
    """The posterior of a law given a run, or given each run of a fleet.

    Parameters
    ----------
    data
        The measured run, or a fleet.
    law
        A law of `gapdyn.laws` or a curve of `gapdyn.curves`; its given numbers are held fixed, its given
        distributions are priors.
    key
        Seed: an integer or a JAX key. The same key, versions and machine give the same draws. In a fleet each run has
        a seed of its own, by its name: other runs, their order, chunks and restarts change nothing.

    Other Parameters
    ----------------
    engine
        "auto" (quadrature or importance sampling where verified on this posterior, else NUTS), "quadrature" (levels
        integrated out; of laws that are affine in them), "importance", "nuts" (BlackJAX),
        "laplace" and "svi" (the Gaussian at the mode, the nearest one; not corrected), "numpyro_nuts", or settings such
        as `gapdyn.engines.NUTS(draws=4000)`.
    prior
        Parameter -> NumPyro distribution in the run's units, beside those given in the law; for noise parameters
        (sigma_s, sigma_v, shared_s, shared_v, nu) too.
    likelihood
        The error model; default Gaussian, shared part inferred.
    series
        For a curve: the one column of the run to fit, such as "acc_s" or an extra one; None: u_s and u_v together.
        The parameters that end in `_s`, and `u_s0`, `u_s_inf`, are then that column's.
    route
        "auto", "exact", "fixed", "ode" or "map", see `solve`.
    length
        Of a run: checkpoints that it is going to have; fits of its beginnings then share their compiled programs.
    start
        Of a run: a fit whose posterior is much like this one, such as that of a few checkpoints less under the same
        law: engines that propose and weigh go on from its proposal. The checks of the draws are the same.
    draws
        Of a fleet: draws of each run that are kept, evenly thinned. Its figures (means, quantiles) are of all draws.
    out
        Of a fleet: a folder. Chunks of runs go there as they come, draws do not stay in memory, and the same call goes
        on after whatever stopped it.
    chunk
        Of a fleet: runs that are fitted and stored at a time.
    progress
        Whether to show a bar on stderr; None: in a terminal or a notebook.

    Returns
    -------
    Fit
        Of a fleet a `FleetFit`. A run that cannot be fitted, or whose draws cannot be trusted, is "declined" there,
        with the reason; it costs the others nothing.

    Raises
    ------
    InputError
        A run that cannot be fitted, an unknown engine or route, a prior off its parameter's support; a folder that
        holds another fit or cannot be written.
    """
    if not isinstance(data, Fleet):
        given = {"draws": draws != KEPT, "out": out is not None, "chunk": chunk is not None}
        _refuse(given, "is for fleets, and this is one run")
        return fit_run(
            data, law, key=key, engine=engine, prior=prior, likelihood=likelihood, series=series, route=route,
            length=length, start=start, progress=progress,
        )  # fmt: skip
    from ._run import fit_fleet

    _refuse({"length": length != 0, "start": start is not None}, "is for one run, and this is a fleet")
    return fit_fleet(
        data, law, key=key, engine=engine, prior=prior, likelihood=likelihood, series=series, route=route, draws=draws,
        out=out, chunk=chunk, progress=progress,
    )  # fmt: skip


def _refuse(given: Mapping[str, bool], why: str) -> None:
    for name, is_given in given.items():
        if is_given:
            raise InputError(f"{name} {why}. Leave it out.")
