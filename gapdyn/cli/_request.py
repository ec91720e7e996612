"""From parsed arguments to a run, a law and an engine."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

from .._check import InputError, did_you_mean
from ._values import Call

DATASET = "dataset:"
FILE_OPTIONS = ("run", "t", "clock", "unit", "column", "delimiter", "sort")
# numbers of a run times draws: 0.8 GB each of about eight arrays
LARGEST = 100_000_000
USUAL = "Usual ones: Normal, HalfNormal, LogNormal, Gamma, Beta, Uniform, StudentT, HalfCauchy, Exponential."
BLOCK = 512  # points that an engine evaluates at once, however few the draws


def read(arguments: argparse.Namespace) -> Any:
    """The run that was asked for. Needs NumPy only."""
    from ..data import read_run

    run = _dataset(arguments) or read_run(arguments.file, run=arguments.run, **_options(arguments))
    return _checked(arguments, run)


def read_all(arguments: argparse.Namespace) -> Any:
    """The run that was asked for, or the only one of the file; else all of them, as a fleet. Needs NumPy only."""
    from ..data import read_fleet

    if arguments.run or arguments.file.startswith(DATASET):
        return read(arguments)
    fleet = read_fleet(arguments.file, bad="skip", **_options(arguments))
    if len(fleet) + len(fleet.left_out) == 1:
        return _checked(arguments, fleet.runs[0])
    _check_size(arguments, max(fleet, key=len))
    return fleet


def _dataset(arguments: argparse.Namespace) -> Any:
    """The bundled run that was asked for; None for a file."""
    from ..data import datasets

    if not arguments.file.startswith(DATASET):
        return None
    given = [name for name in FILE_OPTIONS if getattr(arguments, name)]
    if given:
        raise InputError(f"--{given[0]} is for files; {arguments.file} needs none. Leave it out.")
    return datasets.load(arguments.file.removeprefix(DATASET))


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    """How the file is to be read."""
    same = {name: getattr(arguments, name) for name in ("t", "clock", "unit", "sort", "delimiter")}
    return {**same, "columns": arguments.column or None}


def _checked(arguments: argparse.Namespace, run: Any) -> Any:
    """The run, if the command can do something with it."""
    if not run.measured and not getattr(arguments, "series", None):
        remedy = "Log one of them, or name its column: --column u_s=NAME."
        if hasattr(arguments, "series"):
            remedy += " A curve fits any one series: --law sigmoid --series acc_s."
        raise InputError(f"{arguments.file}: run {run.name!r} measures neither u_s nor u_v. {remedy}")
    _check_size(arguments, run)
    return run


def _check_size(arguments: argparse.Namespace, run: Any) -> None:
    """Settings that no memory holds end here, rather than in a killed process."""
    chains, draws = getattr(arguments, "chains", None) or 4, getattr(arguments, "draws", None) or 1000
    if max(chains * draws, BLOCK) * len(run) > LARGEST:
        most = LARGEST // (chains * len(run))
        wanted = f"{chains} chains of {draws} draws (--chains, --draws) for {len(run)} checkpoints"
        enough = most * chains >= BLOCK
        fewer = f"Take --draws {most} or fewer" if enough else "Log fewer checkpoints, or take fewer --chains"
        raise InputError(f"{wanted} do not fit into memory. {fewer}.")


def law(arguments: argparse.Namespace) -> Any:
    """The law, with what was fixed."""
    from ..dynamics import curves, forcings, laws

    if arguments.law in curves.ALL_CURVES and arguments.forcing:
        raise InputError(f"--forcing is for laws, and {arguments.law!r} is a curve without mechanism. Leave it out.")
    more: dict[str, Any] = {} if arguments.length is None else {"length": arguments.length}
    if arguments.forcing:
        when = None
        if arguments.schedule:
            kind, positional, named = arguments.schedule
            when = getattr(forcings, kind)(*positional, **named)
        more["forcing"] = forcings.ALL_FORCINGS[arguments.forcing](when)
    spec = {**laws.ALL_LAWS, **curves.ALL_CURVES}[arguments.law](**more)
    spec = spec.replace(**arguments.fix) if arguments.fix else spec
    start, end = (spec.fixed.get(name) for name in ("u_s0", "u_s_inf"))
    if start is not None and start == end:
        raise InputError(f"--fix u_s0={start:g} --fix u_s_inf={end:g}: a solver that ends where it starts.")
    if arguments.command == "simulate" or len(spec.fixed) == len(spec.coordinates.names):
        spec.law()  # numbers that make no law end here
    return spec


def rivals(arguments: argparse.Namespace) -> Any:
    """The laws to compare; None: all usual ones."""
    from ..dynamics import curves, laws

    known = {**laws.ALL_LAWS, **curves.ALL_CURVES}
    return None if arguments.law is None else [known[name]() for name in arguments.law]


def fit(arguments: argparse.Namespace, data: Any, **more: Any) -> Any:
    """The fit that was asked for, of a run or of a fleet; `more` goes to the library as it is."""
    from ..fleets import fit as fit_data
    from ..inference import Likelihood, engines

    spec = law(arguments)
    own = {name for coordinates in spec.family for name in coordinates.names}
    priors = {name: prior(name, call, own) for name, call in arguments.prior.items()}
    of_law = {name: p for name, p in priors.items() if name in own}
    settings = ("chains", "warmup", "draws", "target_acceptance")
    given = {k: getattr(arguments, k) for k in settings if getattr(arguments, k) is not None}
    engine = engines.as_engine(arguments.engine)
    for name in given:
        if not hasattr(engine, name):
            option = f"--{name.replace('_', '-')}"
            raise InputError(f"{option} does not apply to --engine {engine.name}. Leave it out, or use --engine nuts.")
    return fit_data(
        data,
        spec.replace(**of_law) if of_law else spec,
        key=arguments.seed,
        engine=dataclasses.replace(engine, **given),
        prior={name: p for name, p in priors.items() if name not in own},
        likelihood=Likelihood(
            noise=arguments.noise, shared=arguments.shared, excess=arguments.excess, residuals=arguments.residuals
        ),
        series=arguments.series,
        route=arguments.route,
        **more,
    )


def pooling(arguments: argparse.Namespace) -> dict[str, Any]:
    """Whether and how the runs of a file inform one another."""
    return {"pooling": arguments.pooling, "groups": arguments.group, "covariates": arguments.covariate}


def prior(name: str, call: Call, of_law: set[str]) -> Any:
    """A NumPyro distribution from its constructor's text: `Normal(0,1)`, `Beta(2,concentration0=2)`."""
    import numpyro.distributions as dist

    from ..inference import SITES
    from ..inference._sites import is_noise

    known = of_law | {n for n in SITES if is_noise(n)}
    if name not in known:
        raise InputError(f"--prior {call.text}: there is no parameter {name!r}. {did_you_mean(name, known)}")
    make = getattr(dist, call.kind, None) if call.kind in dist.__all__ else None
    if make is None:
        near = did_you_mean(call.kind, dist.__all__).split("Allowed")[0]
        raise InputError(f"--prior {call.text}: NumPyro has no distribution {call.kind!r}. {near}{USUAL}")
    try:
        made = make(*call.positional, **call.named, validate_args=True)
        if not isinstance(made, dist.Distribution) or not isinstance(made.batch_shape, tuple):
            raise TypeError(f"{call.kind} is not a distribution of one number")
    except Exception as error:  # constructors say no in many ways
        reason = str(error).replace(f"{call.kind}.__init__()", call.kind).rstrip(".")
        raise InputError(f"--prior {call.text}: {reason}. Write it as {name}=Normal(0,1).") from None
    if _is_point(made):
        raise InputError(f"--prior {call.text}: holds one value only. Use --fix {name}=NUMBER for that.")
    return made


def _is_point(made: Any) -> bool:
    """Whether all draws of a distribution are one number: it has no density to sample from."""
    import jax
    import numpy as np

    if made.is_discrete or made.batch_shape or made.event_shape:
        return False  # refused elsewhere, by name
    try:
        return float(np.ptp(np.asarray(made.sample(jax.random.key(0), (16,))))) == 0
    except NotImplementedError:
        return False
