"""What fits of a longer run are weighted from: the points of a fit, and their densities.

Standard units and default priors follow the run, so that a point stands elsewhere in the coordinates of a longer one.
It is moved by the numbers that it has in the run's units. Any other way of moving would leave the weights right, their
Jacobian being known; this one keeps the posterior where it was, and so the weights even.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.distributions.transforms import biject_to

from .._compile import quick_jit
from ._held import Held
from ._model import Model, Observations
from ._scale import Scale
from ._sites import SITES
from ._target import target
from .engines._passes import Pass
from .engines._scores import SUFFIX, from_score, to_score
from .engines._target import BLOCK, Collapsed

WEIGHTED, SAMPLED = ("quadrature", "importance"), ("nuts", "numpyro_nuts")


@dataclasses.dataclass(frozen=True, eq=False)
class Base:
    """Points in the coordinates of a run's posterior, all of them or those that give the others.

    Attributes
    ----------
    x : (points, size).
    stated : (points,), log density of what proposed them; None: they are draws of the posterior itself.
    worth : independent draws that one of them is worth.
    whole : whether they have all coordinates, though some are given by the others.
    """

    x: np.ndarray
    stated: np.ndarray | None
    worth: float
    whole: bool
    model: Model
    obs: Observations
    scale: Scale

    @classmethod
    def of(cls, done: Pass, model: Model, obs: Observations, scale: Scale) -> Base | None:
        """The base that a pass of an engine leaves; None where its draws are approximate or doubtful."""
        name = done.engine.name
        # too few draws may be a choice, and more may be wanted of the same points
        doubtful = any(f.level != "info" and f.code != "ess" for f in done.findings)
        if doubtful or name not in (*WEIGHTED, *SAMPLED):
            return None
        if name in WEIGHTED:
            x, stated = done.sampled.points
            return cls(x, stated, 1.0, name == "importance", model, obs, scale)
        aim = target(model, obs)
        sites = aim.split(np.asarray(done.sampled.x, np.float64).reshape(-1, aim.size))
        x = np.stack([sites[n] for n, _ in aim.rest], -1)
        ess = min(s.ess_bulk for s in done.free.values())
        return cls(x, None, min(ess / len(x), 1.0), False, model, obs, scale)

    def aim(self, model: Model, obs: Observations) -> Collapsed:
        """A posterior on points of this kind."""
        aim = target(model, obs)
        return aim.whole((obs,)) if self.whole else aim.collapsed((obs,))

    @property
    def checkpoints(self) -> int:
        """Checkpoints of the run whose posterior the points are of."""
        return int(np.sum(self.obs.real))

    @property
    def names(self) -> list[str]:
        """The coordinates."""
        return [n for n, _ in self.aim(self.model, self.obs).target.rest]

    @functools.cached_property
    def log_proposal(self) -> np.ndarray:
        """Log density of what proposed the points, (points,), for draws up to a constant."""
        if self.stated is not None:
            return self.stated
        aim = self.aim(self.model, self.obs)
        # given the points the extra numbers are standard normal: any will do
        return aim.values(np.concatenate([self.x, np.zeros((len(self.x), aim.extra))], 1))

    def moved(self, obs: Observations, scale: Scale) -> tuple[np.ndarray, np.ndarray]:
        """The points in the coordinates of a longer run, (points, size), and the log Jacobian, (points,)."""
        names = tuple(self.names)
        stems = [n.removesuffix(SUFFIX) for n in names]
        own, theirs = ([o.priors.get(n) for n in stems] for o in (self.obs, obs))
        lines = np.stack([_line(n, self.scale, scale) for n in stems])
        kind = jnp.result_type(float)
        whole = -(-len(self.x) // BLOCK) * BLOCK
        x = np.concatenate([self.x, np.broadcast_to(self.x[:1], (whole - len(self.x), self.x.shape[1]))])
        blocks = [_moved(names, own, theirs, lines, np.asarray(part, kind)) for part in np.split(x, whole // BLOCK)]
        there, log_slope = (np.concatenate(parts)[: len(self.x)] for parts in zip(*blocks, strict=True))
        still = [i for i, n in enumerate(stems) if tuple(lines[i]) == (0.0, 1.0) and _same(own[i], theirs[i])]
        there[:, still], log_slope[:, still] = self.x[:, still], 0.0  # the ends of a bounded prior have few digits
        return there, np.sum(log_slope, 1)


def _line(name: str, old: Scale, new: Scale) -> tuple[float, float]:
    """(loc, scale): a number's new standard value is loc + scale * its old one."""
    name = name if name in SITES else "u_s_inf"  # a centred limit
    (a, b), (c, d) = old.factors(name), new.factors(name)
    return (a - c) / d, b / d


def _same(one: Held | None, other: Held | None) -> bool:
    (ours, kind), (theirs, kind_) = jax.tree.flatten(one), jax.tree.flatten(other)
    return kind == kind_ and all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


@quick_jit(static_argnums=0)
def _moved(names: tuple[str, ...], own: Any, theirs: Any, lines: Any, x: Any) -> tuple[Any, Any]:
    """New coordinates of points (points, size) and the log slope of each."""

    def move(x: Any) -> Any:
        parts = []
        for i, name in enumerate(names):
            value = x[:, i] if own[i] is None else _value(own[i].distribution, x[:, i], name.endswith(SUFFIX))
            value = lines[i, 0] + lines[i, 1] * value
            back = theirs[i]
            parts.append(value if back is None else coordinate(back.distribution, value, name.endswith(SUFFIX)))
        return jnp.stack(parts, -1)

    there, slope = jax.jvp(move, (x,), (jnp.ones_like(x),))  # each coordinate hangs on itself alone
    return there, jnp.log(jnp.abs(slope))


def _value(prior: Any, x: Any, score: bool) -> Any:
    return from_score(prior, x) if score else biject_to(prior.support)(x)


def coordinate(prior: Any, value: Any, score: bool) -> Any:
    """The unconstrained number of a value, or its normal score."""
    return to_score(prior, value) if score else biject_to(prior.support).inv(value)
