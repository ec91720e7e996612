"""From parsed arguments to a run, a law and an engine."""

from __future__ import annotations

import argparse
import ast
from typing import Any

from .._check import InputError, choose, did_you_mean

DATASET = "dataset:"


def read(arguments: argparse.Namespace) -> Any:
    """The run that was asked for."""
    from ..data import datasets, read_run

    if arguments.file.startswith(DATASET):
        return datasets.load(arguments.file.removeprefix(DATASET))
    return read_run(
        arguments.file,
        run=arguments.run,
        t=arguments.t,
        clock=arguments.clock,
        unit=arguments.unit,
        sort=arguments.sort,
        columns=dict(arguments.column) or None,
        delimiter=arguments.delimiter,
    )


def law(arguments: argparse.Namespace) -> Any:
    """The law, with what was fixed."""
    from ..dynamics import laws

    make = laws.ALL_LAWS[choose(arguments.law, laws.ALL_LAWS, "law")]
    return _with(make(), dict(arguments.fix))


def fit(arguments: argparse.Namespace, run: Any) -> Any:
    """The fit that was asked for."""
    import dataclasses

    from ..inference import Likelihood, engines
    from ..inference import fit as fit_run

    spec = law(arguments)
    law_names = {n for c in spec.family for n in c.names}
    priors = {name: parse_prior(name, text) for name, text in arguments.prior}
    spec = _with(spec, {n: p for n, p in priors.items() if n in law_names})
    settings = engines.as_engine(arguments.engine)
    counts = {k: getattr(arguments, k) for k in ("chains", "warmup", "draws")}
    settings = engines.as_engine(dataclasses.replace(settings, **{k: v for k, v in counts.items() if v is not None}))
    return fit_run(
        run,
        spec,
        key=arguments.seed,
        engine=settings,
        prior={n: p for n, p in priors.items() if n not in law_names},
        likelihood=Likelihood(noise=arguments.noise, shared=arguments.shared),
        route=arguments.route,
    )


def _with(spec: Any, given: dict[str, Any]) -> Any:
    return spec.replace(**given) if given else spec


def parse_prior(name: str, text: str) -> Any:
    """A NumPyro distribution from its constructor's text, such as `Normal(0, 1)` or `Beta(2, concentration0=2)`."""
    import numpyro.distributions as dist

    example = f"write it as {name}=Normal(0, 1)"
    try:
        call = ast.parse(text, mode="eval").body
    except SyntaxError:
        raise InputError(f"--prior {name}={text}: cannot be read; {example}.") from None
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
        raise InputError(f"--prior {name}={text}: not a distribution with its numbers; {example}.")
    known = [k for k in dist.__all__ if isinstance(getattr(dist, k), type)]
    if call.func.id not in known:
        near = did_you_mean(call.func.id, known).split("Allowed")[0]
        raise InputError(f"--prior {name}={text}: NumPyro has no distribution {call.func.id!r}. {near}".rstrip())
    try:
        positional = [float(ast.literal_eval(a)) for a in call.args]
        named = {str(k.arg): float(ast.literal_eval(k.value)) for k in call.keywords}
        return getattr(dist, call.func.id)(*positional, **named, validate_args=True)
    except (ValueError, TypeError) as error:
        raise InputError(f"--prior {name}={text}: {error}; {example}.") from None
