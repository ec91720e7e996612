"""A first sample along a ridge: for laws one number of which trades off against the others, so that a posterior is thin
and bent in them, and plain in them given that number.

The ridge is followed from a mode to either side, each time from where the last two places point to. There the rest has
its mean and spread, and what the ridge's height and spread come to is, nearly, that number's marginal. Points are taken
at quantiles of it, their rest about the ridge, and weighed by the whole posterior.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..inference._model import Observations
from ..inference._small import lower_inverse
from ._block import Base, Sample, evaluated
from ._marginal import General
from ._rounds import (
    DAMPINGS,
    STEPS,
    WIDTH,
    Climb,
    Mixture,
    finite,
    log_density,
    log_t,
    newton,
    spread,
)

FEWER = (0.0, 1.0, 100.0)  # dampings, where a step begins near its end
FOLLOWED, CLIMBED = 6, 1  # places to either side of the mode, and steps of Newton's method at each
HOP, NARROWEST, WIDEST = 0.9, 0.1, 0.5  # first hop, in sds at the mode, and bounds of these
LOW, STEEP = 0.3, 1.5  # nats that a hop may go down for the next to be longer, or must for it to be shorter
LONGER, LONG, SHORTER = 1.8, 1.2, 0.8
# of a flattened marginal, quantiles at which the ridge is looked at again
PLACES = (0.002, 0.02, 0.08, 0.18, 0.29, 0.4, 0.5, 0.6, 0.71, 0.82, 0.92, 0.98, 0.998)
SETTLED = 1  # steps of Newton's method there
FLAT, FLATTER, LOST = 0.8, 0.5, 0.02  # powers of the marginal that points and places are taken from; spread evenly
# covariances about the ridge, times that at it; the share of either, and of points anywhere
NEAR, FAR, SHARES = 1.2, 3.0, (0.74, 0.16, 0.1)
NOISE_REACH = 0.01  # of the stencil, along the noise


class Line(NamedTuple):
    """A density, linear between places (n,), rising, with a height at each."""

    at: Any
    height: Any

    @classmethod
    def of(cls, at: Any, log_mass: Any, power: float) -> Line:
        """That of a power of a marginal, some of it spread evenly."""
        log_mass = jnp.where(jnp.isfinite(log_mass), log_mass, -jnp.inf)
        line = cls(at, jnp.exp(power * (log_mass - jnp.max(log_mass))))
        return cls(at, (1 - LOST) * line.height / jnp.sum(line.mass) + LOST / (at[-1] - at[0]))

    @property
    def mass(self) -> Any:
        """Between places, (n - 1,)."""
        return 0.5 * (self.height[1:] + self.height[:-1]) * (self.at[1:] - self.at[:-1])

    def quantiles(self, u: Any) -> Any:
        """At probabilities (m,)."""
        mass = self.mass / jnp.sum(self.mass)
        ends = jnp.cumsum(mass)
        cell = jnp.clip(jnp.sum(ends < u[:, None], 1), 0, len(mass) - 1)
        wide = self.at[1:] - self.at[:-1]
        a, b, low, wide, before, own = _looked_up(
            cell, self.height[:-1], self.height[1:], self.at[:-1], wide, ends - mass, mass
        )
        part = jnp.clip((u - before) / own, 0.0, 1.0)
        return low + wide * part * (a + b) / (a + jnp.sqrt(a * a + (b * b - a * a) * part))

    def between(self, at: Any, curve: Any, *values: Any) -> list[Any]:
        """At others (m,): the density, and of values at the places a `curve` (n, size), cubic between them (Hermite's,
        slopes of parabolas through three), and more (n, size), linear.
        """
        wide = self.at[1:] - self.at[:-1]
        each = (curve[1:] - curve[:-1]) / wide[:, None]
        part = (wide[:-1] / (wide[:-1] + wide[1:]))[:, None]
        slope = jnp.concatenate([each[:1], (1 - part) * each[:-1] + part * each[1:], each[-1:]])
        bend_a, bend_b = wide[:, None] * (slope[:-1] - each), wide[:, None] * (slope[1:] - each)
        cell = jnp.clip(jnp.sum(self.at < at[:, None], 1) - 1, 0, len(self.at) - 2)
        linear = jnp.concatenate([self.height[:, None], curve, *values], 1)
        low, size, a, b, bend_a, bend_b = _looked_up(cell, self.at[:-1], wide, linear[:-1], linear[1:], bend_a, bend_b)
        place = (at - low) / size
        u = jnp.clip(place, 0.0, 1.0)[:, None]
        linear = (1 - u) * a + u * b
        height = jnp.where((place >= 0) & (place <= 1), linear[:, 0], 0.0)
        ends = np.cumsum([1, *[v.shape[1] for v in (curve, *values)]])
        found = [linear[:, i:j] for i, j in itertools.pairwise(ends)]
        return [height, found[0] + u * (1 - u) * ((1 - u) * bend_a - u * bend_b), *found[1:]]


def _looked_up(cell: Any, *values: Any) -> list[Any]:
    """Values (n,) or (n, size) at cells (m,): XLA looks each of them up for itself, a product is faster."""
    which = jnp.where(cell[:, None] == jnp.arange(len(values[0])), 1.0, 0.0)
    columns = [v.reshape(len(v), -1) for v in values]
    ends = np.cumsum([0, *[c.shape[1] for c in columns]])
    found = which @ jnp.concatenate(columns, 1)
    parts = zip(values, itertools.pairwise(ends), strict=True)
    return [found[:, i] if v.ndim == 1 else found[:, i:j] for v, (i, j) in parts]


class Ridge(NamedTuple):
    """Where a posterior's ridge is along one number: its marginal, and the rest's mean (n, size - 1) and root of the
    covariance, its lower triangle row by row (n, size (size - 1) / 2).
    """

    line: Line
    mean: Any
    root: Any


def along_ridge(density: General, obs: Observations, tries: Any, base: Base) -> Sample:
    """A sample of one run; `density` has a number to go `along`."""
    at = density.along
    assert at is not None
    ridge = _ridge(density, obs, jnp.asarray(tries), at)
    rest = _others(range(density.size), at)
    size = len(rest)
    place = (jnp.arange(len(base.z)) + 0.5) / len(base.z)
    anywhere = place > 1 - SHARES[2]
    wide = WIDTH * base.stretch[:, None] * base.z
    k = jnp.where(anywhere, wide[:, at], ridge.line.quantiles(jax.scipy.special.ndtr(base.z[:, at])))
    height, mean, low = ridge.line.between(k, ridge.mean, ridge.root)
    root = {(i, j): low[:, i * (i + 1) // 2 + j] for i in range(size) for j in range(i + 1)}
    stretch = base.stretch * jnp.where(place < SHARES[0], math.sqrt(NEAR), math.sqrt(FAR))
    x = [k] * density.size
    for n, i in enumerate(rest):
        about = sum(root[n, j] * base.z[:, rest[j]] for j in range(n + 1))
        x[i] = jnp.where(anywhere, wide[:, i], mean[:, n] + stretch * about)
    inverse = lower_inverse(root, size)
    apart = [x[i] - mean[:, n] for n, i in enumerate(rest)]
    square = sum(sum(inverse[i, j] * apart[j] for j in range(i + 1)) ** 2 for i in range(size))
    log_det = sum(jnp.log(root[i, i]) for i in range(size))
    parts = [jnp.log(height) + log_t(square / c, log_det + size / 2 * math.log(c), size) for c in (NEAR, FAR)]
    points = jnp.stack(x, 1)
    broad = Mixture(jnp.ones(1), jnp.zeros((1, density.size)), WIDTH * jnp.eye(density.size)[None])
    parts.append(log_density(broad, points))
    log_proposal = jax.nn.logsumexp(jnp.stack([math.log(s) + p for s, p in zip(SHARES, parts, strict=True)]), 0)
    value, sites = evaluated(density, obs, points, base)
    return Sample(points, value, value - log_proposal, sites)


def _ridge(density: General, obs: Observations, tries: Any, at: int) -> Ridge:
    along = [i for i in range(density.size) if i not in density.noise]
    beside, rest = _others(along, at), _others(range(density.size), at)

    def quiet(x: Any) -> Any:
        return jnp.stack(density.quiet(list(x), obs))

    def value(x: Any) -> Any:
        return finite(density.value(list(x), obs))

    def uphill(x: Any, climb: Climb, axes: Any, steps: int, dampings: tuple[float, ...] = FEWER) -> tuple[Any, Climb]:
        end = newton(jax.vmap(lambda y: value(x.at[axes].set(y))), climb._replace(x=x[axes]), steps, dampings)
        return x.at[axes].set(end.x), end

    def begun(x: Any) -> tuple[Any, Climb]:
        # at the noise that fits best the log density is nearly quadratic in the rest; at another it is far from that
        def step(_: Any, state: tuple[Any, Climb]) -> tuple[Any, Climb]:
            return uphill(quiet(state[0]), state[1], np.asarray(along), 1, DAMPINGS)

        return jax.lax.fori_loop(0, STEPS, step, (x, Climb.at(jnp.full(len(along), 1e-3))))

    x, end = jax.vmap(begun)(density.starts(jax.vmap(quiet)(tries), obs))
    best = jnp.argmax(end.top)
    mode, end = quiet(x[best]), jax.tree.map(lambda v: v[best], end)
    root = spread(-end.hessian)
    covariance = root @ root.T
    i = along.index(at)
    others = _others(range(len(along)), i)
    first = jnp.clip(jnp.sqrt(covariance[i, i]), NARROWEST, WIDEST) * HOP
    slope = covariance[others, i] / covariance[i, i]
    climb = Climb.at(end.reach[others])._replace(hessian=end.hessian[np.ix_(others, others)], top=end.top)

    def follow(way: Any) -> tuple[Any, Any]:
        def hop(state: Any, _: Any) -> Any:
            x, slope, length, last = state
            by = way * length
            there, end = uphill(x.at[at].add(by).at[beside].add(slope * by), last, beside, CLIMBED)
            down = last.top - end.top
            length *= jnp.where(down < LOW, LONGER, jnp.where(down < STEEP, LONG, SHORTER))
            return (there, (there - x)[beside] / by, length, end), (there, end)

        return jax.lax.scan(hop, (mode, slope, first, climb), None, FOLLOWED)[1]

    x, ends = jax.vmap(follow)(jnp.asarray([-1.0, 1.0]))
    x, ends = jax.tree.map(
        lambda far, near: jnp.concatenate([far[0, ::-1], near[None], far[1]]), (x, ends), (mode, climb)
    )
    seen = Line.of(x[:, at], jax.vmap(_log_mass)(ends), FLATTER)
    places = seen.quantiles(jnp.asarray(PLACES))

    def settled(x: Any, reach: Any) -> tuple[Any, Any, Any]:
        x, end = uphill(x, Climb.at(reach), beside, SETTLED)
        wide = jnp.full(density.size, NOISE_REACH).at[beside].set(end.reach)
        end = uphill(quiet(x), Climb.at(wide[rest]), rest, 1)[1]
        return end.x, spread(-end.hessian), _log_mass(end)

    _, x, reach = seen.between(places, x, ends.reach)
    mean, root, log_mass = jax.vmap(settled)(x.at[:, at].set(places), reach)
    return Ridge(Line.of(places, log_mass, FLAT), mean, root[:, *np.tril_indices(len(rest))])


def _log_mass(end: Climb) -> Any:
    """Log of what a density comes to about its top, up to a constant."""
    return end.top + jnp.sum(jnp.log(jnp.diagonal(spread(-end.hessian))))


def _others(places: Any, one: int) -> np.ndarray:
    return np.asarray([i for i in places if i != one])
