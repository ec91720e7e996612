"""Simulated runs: a law measured at checkpoints with the error model of the likelihood."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._check import InputError
from .._random import as_key
from ..data import Run
from ..dynamics import AbstractCurve, GapLaw, LawSpec, solve
from ..dynamics._deviation import deviation, wanders
from ._kalman import PathErrors
from ._likelihood import CheckpointErrors
from ._whitening import steps


def simulate(
    law: GapLaw | AbstractCurve | LawSpec,
    ts: Any,
    *,
    key: Any,
    noise: float = 0.0,
    se: float | None = None,
    shared: float = 1.0,
    corr: float = 0.0,
    stray: float = 0.0,
    name: str = "simulated",
    clock: str = "round",
    unit: str = "nats/response",
) -> Run:
    """A run of the law, measured at the times `ts`.

    Parameters
    ----------
    law : a `GapLaw`, or a law of `gapdyn.laws` or curve of `gapdyn.curves` with numbers; its process noise is drawn.
    ts : (times,), increasing, in the clock `clock`.
    key : seed.
    noise : sd of the noise that is fresh at every checkpoint and not stated in the run (unit of u).
    se : standard error that the run states (unit of u); None: the run has none.
    shared : the part c of se^2 that all checkpoints have in common, in [0, 1].
    corr : correlation of the errors of u_s and u_v, in (-1, 1).
    stray : random walk of both series about the law, sd per square root of time.
    """
    for what, value, low in (
        ("noise", noise, 0.0),
        ("se", se, 0.0),
        ("shared", shared, 0.0),
        ("corr", corr, -1.0),
        ("stray", stray, 0.0),
    ):
        limit = math.inf if what in ("noise", "se", "stray") else 1.0
        if value is not None and not (math.isfinite(value) and low <= value <= limit):
            raise InputError(f"{what}={value!r} must be a finite number in [{low:g}, {limit:g}].")
    ts = np.asarray(ts, np.float64)
    exact = law.law() if isinstance(law, LawSpec) else law
    trajectory = solve(exact, ts)
    curve = np.stack([np.asarray(trajectory.u_s), np.asarray(trajectory.u_v)], -1).astype(np.float64)
    if wanders(exact):
        still = CheckpointErrors(*(jnp.zeros(curve.shape) for _ in range(3)), jnp.zeros(len(ts)),
                                 jnp.ones(curve.shape, bool), shared=jnp.zeros(2), sigma=jnp.zeros(2))  # fmt: skip
        paths = PathErrors(still, deviation(exact, jnp.asarray(ts)))
        curve = curve + np.asarray(paths.draw_new_path(jax.random.fold_in(as_key(key), 1)))
    size = max(noise, se or 0.0, stray)
    if size > 0:  # in units of the noise, where the likelihood's variance floor is nothing
        errors = CheckpointErrors(
            jnp.zeros(curve.shape),
            se=jnp.full(curve.shape, (se or 0.0) / size),
            common_se=jnp.full(curve.shape, (se or 0.0) / size),
            corr=jnp.full(len(ts), float(corr)),
            mask=jnp.ones(curve.shape, bool),
            shared=jnp.full(2, float(shared)),
            sigma=jnp.full(2, noise / size),
            strays=(stray / size) ** 2 * steps(jnp.asarray(ts)) if stray else None,
        )
        curve = curve + size * np.asarray(errors.sample(as_key(key)), np.float64)
    stated: dict[str, Any] = {} if se is None else {"se_s": np.full(len(ts), se), "se_v": np.full(len(ts), se)}
    if se is not None and corr != 0:
        stated["corr"] = np.full(len(ts), corr)
    meta = {"simulated": repr(law)}
    return Run(name=name, t=ts, clock=clock, unit=unit, u_s=curve[:, 0], u_v=curve[:, 1], meta=meta, **stated)
