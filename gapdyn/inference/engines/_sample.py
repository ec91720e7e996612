"""The engines on any NumPyro model."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from ..._check import InputError
from ..._finding import Finding
from ..._random import as_seed
from .._diagnostics import Summary, summarise
from ._passes import Pass, sample_with_care, worth
from ._scores import SUFFIX, Scored
from ._target import Target

if TYPE_CHECKING:
    import xarray as xr


@dataclasses.dataclass(frozen=True, eq=False)
class Posterior:
    """The posterior of a NumPyro model. Made by `gapdyn.engines.sample`; immutable.

    Attributes
    ----------
    engine : the settings that made it.
    draws : site -> (chain, draw, *shape), deterministic sites too.
    stats, quality : the engine's figures, see `Sampled`.
    summary : "site", or "site[i,j]" of an array, -> `Summary`.
    findings : what to know before using it.
    seconds : phase -> wall-clock seconds.
    """

    engine: Any
    draws: Mapping[str, np.ndarray]
    stats: Mapping[str, np.ndarray]
    quality: Mapping[str, np.ndarray]
    summary: Mapping[str, Summary]
    findings: tuple[Finding, ...]
    seconds: Mapping[str, float]

    def to_arviz(self) -> xr.DataTree:
        """An ArviZ DataTree: posterior and sample_stats."""
        import arviz_base as azb

        return azb.from_dict({"posterior": dict(self.draws), "sample_stats": dict(self.stats)})

    def __str__(self) -> str:
        columns = ("mean", "sd", "q05", "q50", "q95")
        wide = max(len(n) for n in self.summary)
        rows = [f"{self.engine.name}", " " * wide + "".join(f"{c:>11s}" for c in (*columns, "rhat", "ess"))]
        for name, s in self.summary.items():
            cells = "".join(f"{getattr(s, c):>11.4g}" for c in columns)
            rows.append(f"{name:{wide}s}{cells}{s.rhat:>11.3f}{s.ess_bulk:>11.0f}")
        return "\n".join([*rows, *(str(f) for f in self.findings)])


def sample(
    model: Callable[..., None],
    args: tuple[Any, ...] = (),
    *,
    key: Any,
    engine: Any = "auto",
    progress: bool | None = None,
) -> Posterior:
    """The posterior of any NumPyro model of continuous numbers, by any engine.

    Parameters
    ----------
    model : `model(*args)`, a NumPyro model with its data among the arguments.
    args : arrays and floats vary without compiling again; integers, text, booleans and None are part of the program.
    key : seed, an integer or a JAX key.
    engine : as for `gapdyn.fit`.
    progress : whether to show a bar on stderr; None: in a terminal or a notebook.

    Raises
    ------
    InputError
        A model with discrete or no sites to sample, an unknown engine.
    """
    from . import as_engine

    began = time.perf_counter()
    settings, seed = as_engine(engine), as_seed(key)
    bound, data = _bind(model, args)
    target = _target_of(bound, data)
    done, found = sample_with_care(settings, lambda e, k: _once(e, target, data, k, progress), seed, target)
    return Posterior(
        engine=done.engine,
        draws=done.completed,
        stats=done.sampled.stats,
        quality=done.sampled.quality,
        summary=done.summary,
        findings=(*found, *done.findings),
        seconds={**done.sampled.seconds, "total": time.perf_counter() - began},
    )


@dataclasses.dataclass(frozen=True)
class _Bound:
    """A model with those of its arguments that are part of the program."""

    model: Callable[..., None]
    fixed: tuple[tuple[int, Any], ...]

    def __call__(self, *data: Any) -> None:
        fixed, rest = dict(self.fixed), iter(data)
        count = len(fixed) + len(data)
        self.model(*(fixed[i] if i in fixed else next(rest) for i in range(count)))


def _bind(model: Callable[..., None], args: tuple[Any, ...]) -> tuple[_Bound, tuple[Any, ...]]:
    if not callable(model):
        raise InputError(f"model={model!r} is not a NumPyro model: give a function of the data.")
    fixed = tuple((i, a) for i, a in enumerate(args) if a is None or isinstance(a, int | str | bool))
    places = {i for i, _ in fixed}
    return _Bound(model, fixed), tuple(jax.tree.map(jnp.asarray, a) for i, a in enumerate(args) if i not in places)


def _target_of(bound: _Bound, data: tuple[Any, ...]) -> Target:
    from numpyro import handlers
    from numpyro.infer.util import unconstrain_fn

    model = Scored(bound)
    trace = handlers.trace(handlers.seed(model, jax.random.key(0))).get_trace(*data)
    sites = {n: s for n, s in trace.items() if s["type"] == "sample" and not s["is_observed"]}
    for name, site in sites.items():
        if site["fn"].is_discrete:
            raise InputError(f"site {name!r} is discrete: engines sample continuous numbers. Sum it out in the model.")
    if not sites:
        raise InputError("the model has no site to sample: every site is observed, or there is none.")
    z = unconstrain_fn(model, data, {}, {n: s["value"] for n, s in sites.items()})
    return Target(model, tuple((n, tuple(int(k) for k in np.shape(z[n]))) for n in sites))


@functools.partial(jax.jit, static_argnums=0)
def _constrain(target: Target, x: Any, data: tuple[Any, ...]) -> dict[str, Any]:
    from numpyro.infer.util import constrain_fn

    names = {n for n, _ in target.sites if n.endswith(SUFFIX)}  # its value stands beside each

    def one(x: Any) -> dict[str, Any]:
        values = constrain_fn(target.model, data, {}, target.split(x), return_deterministic=True)
        return {n: v for n, v in values.items() if n not in names}

    return jax.vmap(one)(x)


def _once(engine: Any, target: Target, data: tuple[Any, ...], key: Any, progress: bool | None) -> Pass:
    sampled = engine.run(target, data, key, progress)
    shape = sampled.x.shape[:2]
    flat = _constrain(target, jnp.asarray(sampled.x).reshape(-1, target.size), data)
    draws = {n: np.asarray(v).reshape(*shape, *v.shape[1:]) for n, v in flat.items()}
    summary: dict[str, Summary] = {}
    for name, values in draws.items():
        for index in np.ndindex(values.shape[2:]):
            label = f"{name}[{','.join(map(str, index))}]" if index else name
            summary[label] = summarise(values[(..., *index)])
    return Pass(engine, sampled, draws, worth(summary, sampled))
