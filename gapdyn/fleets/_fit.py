"""`fit`: a run or a fleet, and a law, to posteriors, run by run or pooled."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal, overload

from .._check import InputError, choose
from ..data import Fleet, Run
from ..dynamics import LawSpec
from ..inference import Fit, Likelihood
from ..inference import fit as fit_run
from ._pooled_result import PooledFit
from ._result import FleetFit

KEPT = 256  # draws of a run
POOLINGS = ("none", "partial")


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
    out: str | os.PathLike[str] | None = None, chunk: int | None = None, pooling: Literal["none"] = "none",
    progress: bool | None = None,
) -> FleetFit: ...  # fmt: skip
@overload
def fit(
    data: Fleet, law: LawSpec, *, key: Any, pooling: Literal["partial"], groups: Sequence[str] = (),
    covariates: Sequence[str] = (), engine: Any = "auto", prior: Mapping[str, Any] | None = None,
    likelihood: Likelihood | None = None, route: str = "auto", progress: bool | None = None,
) -> PooledFit: ...  # fmt: skip
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
    pooling: str = "none",
    groups: Sequence[str] = (),
    covariates: Sequence[str] = (),
    progress: bool | None = None,
) -> Fit | FleetFit | PooledFit:
    """The posterior of a law given a run, or given each run of a fleet, or given all of them together.

    With `pooling="partial"` the runs' numbers come from one population. Each parameter of a run is, on the whole line
    (a rate by its log, a ratio by its logit): a typical value, what the run's groups add, slopes times its covariates,
    and its own deviation. How far runs differ is inferred: runs that are alike lend one another much, runs that share
    nothing lend nothing. The ceiling u_s_inf is pooled in the place of gap_inf, where the law offers it.

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
        as `gapdyn.engines.NUTS(draws=4000)`. A pooled fleet is sampled by NUTS, with "auto" in fewer draws.
    prior
        Parameter -> NumPyro distribution in the run's units, beside those given in the law; for noise parameters
        (sigma_s, sigma_v, shared_s, shared_v, nu) too. In a pooled fleet it is that of the typical run.
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
    pooling
        Of a fleet: "none" (each run by itself) or "partial" (two runs or more, of one clock and unit, inform one
        another; under a law, not a curve).
    groups
        Of a pooled fleet: labels by which runs are grouped, such as ["model"]; each member of a group has an effect of
        its own on every parameter of the law.
    covariates
        Of a pooled fleet: extra columns that hold one number throughout a run, such as ["log10_flops"], that every
        parameter of the law may go with.
    progress
        Whether to show a bar on stderr; None: in a terminal or a notebook.

    Returns
    -------
    Fit
        Of a fleet a `FleetFit`. A run that cannot be fitted, or whose draws cannot be trusted, is "declined" there,
        with the reason; it costs the others nothing. Of a pooled fleet a `PooledFit`.

    Raises
    ------
    InputError
        A run that cannot be fitted, an unknown engine, route or pooling, a prior off its parameter's support; a folder
        that holds another fit or cannot be written; runs that cannot be pooled, a label or covariate that some of them
        lack; a setting that does not go with the data or the pooling.
    """
    choose(pooling, POOLINGS, "pooling")
    of_pool = {"groups": len(groups) > 0, "covariates": len(covariates) > 0}
    of_each = {"draws": draws != KEPT, "out": out is not None, "chunk": chunk is not None}
    if not isinstance(data, Fleet):
        _refuse({**of_each, "pooling": pooling != "none", **of_pool}, "is for fleets, and this is one run")
        return fit_run(
            data, law, key=key, engine=engine, prior=prior, likelihood=likelihood, series=series, route=route,
            length=length, start=start, progress=progress,
        )  # fmt: skip
    _refuse({"length": length != 0, "start": start is not None}, "is for one run, and this is a fleet")
    if pooling == "partial":
        from ._pooled import fit_pooled

        _refuse({**of_each, "series": series is not None}, "is for pooling='none', and this is pooling='partial'")
        return fit_pooled(
            data, law, key=key, groups=groups, covariates=covariates, prior=prior, likelihood=likelihood, engine=engine,
            route=route, progress=progress,
        )  # fmt: skip
    from ._run import fit_fleet

    _refuse(of_pool, "is for pooling='partial', and this is pooling='none'")
    return fit_fleet(
        data, law, key=key, engine=engine, prior=prior, likelihood=likelihood, series=series, route=route, draws=draws,
        out=out, chunk=chunk, progress=progress,
    )  # fmt: skip


def _refuse(given: Mapping[str, bool], why: str) -> None:
    for name, is_given in given.items():
        if is_given:
            raise InputError(f"{name} {why}. Leave it out.")
