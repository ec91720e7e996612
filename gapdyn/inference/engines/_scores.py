"""Normal scores: bounded and heavy-tailed sites in coordinates in which their prior is standard normal.

In NumPyro's own coordinates (log, logit) a prior that has mass at a bound, or a heavy tail, goes on for ever: a shared
part near 1, a noise that may be 0. There samplers take long strides and small steps in turn, and no proposal covers the
tails. As value = F^-1(Phi(x)), F the prior's distribution function and Phi the normal one, the same prior is short.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import jax.scipy.special
import numpy as np
import numpyro
import numpyro.distributions as dist
import scipy.special
from numpyro import handlers
from numpyro.distributions.transforms import AffineTransform
from numpyro.infer.reparam import Reparam

SUFFIX = "_normal_score"


class Maths(NamedTuple):
    """Array functions and special functions: of JAX, or of NumPy and SciPy, which compile nothing."""

    xp: Any
    special: Any


JAX, NUMPY = Maths(jnp, jax.scipy.special), Maths(np, scipy.special)


def _least(m: Maths, p: Any) -> Any:
    return m.xp.maximum(p, jnp.finfo(jnp.result_type(p)).tiny ** 0.5)  # its inverse has a finite square, its slope too


def _inside(m: Maths, p: Any) -> Any:
    """Probabilities kept off 0 and 1, as NumPyro's own transforms keep them."""
    return m.xp.clip(_least(m, p), None, 1 - jnp.finfo(jnp.result_type(p)).eps)


def _uniform(m: Maths, d: Any, x: Any) -> Any:
    return d.low + (d.high - d.low) * _inside(m, m.special.ndtr(x))


def _half_cauchy(m: Maths, d: Any, x: Any) -> Any:
    below = x < 0
    tail = m.special.ndtr(m.xp.where(below, x, -x))  # the smaller one, which has all digits
    slope = m.xp.tan(math.pi / 2 * _least(m, tail))
    return d.scale * m.xp.where(below, slope, 1 / slope)


def _half_normal(m: Maths, d: Any, x: Any) -> Any:
    below = x < 0
    low = math.sqrt(2) * m.special.erfinv(_least(m, m.special.ndtr(m.xp.where(below, x, -1.0))))
    high = -m.special.ndtri(0.5 * _least(m, m.special.ndtr(m.xp.where(below, -1.0, -x))))
    return d.scale * m.xp.where(below, low, high)


def _exponential(m: Maths, d: Any, x: Any) -> Any:
    return -m.special.log_ndtr(-x) / d.rate


def _arcsine(m: Maths, _: Any, x: Any) -> Any:
    return _inside(m, m.xp.sin(math.pi / 2 * m.special.ndtr(x)) ** 2)


def _to_arcsine(m: Maths, d: Any, value: Any) -> Any:
    """log of a Beta's density over that of Beta(1/2, 1/2), up to a constant; 0 where it is that one."""
    return (d.concentration1 - 0.5) * m.xp.log(value) + (d.concentration0 - 0.5) * m.xp.log1p(-value)


def _score(m: Maths, p: Any, q: Any) -> Any:
    """Phi^-1(p) by the smaller of the tails p and q = 1 - p, which has all digits."""
    below = p < q
    score = m.special.ndtri(_least(m, m.xp.where(below, p, q)))
    return m.xp.where(below, score, -score)


def _angle(m: Maths, x: Any) -> Any:
    return 2 / math.pi * m.xp.arctan(x)


# type -> F^-1(Phi(x)); a Beta's is that of Beta(1/2, 1/2), corrected in the density: it has no other in closed form
_QUANTILES: dict[type, Callable[[Maths, Any, Any], Any]] = {
    dist.Uniform: _uniform,
    dist.HalfCauchy: _half_cauchy,
    dist.HalfNormal: _half_normal,
    dist.Exponential: _exponential,
    dist.Beta: _arcsine,
}
# type -> F(value) and 1 - F(value)
_TAILS: dict[type, Callable[[Maths, Any, Any], tuple[Any, Any]]] = {
    dist.Uniform: lambda _, d, v: ((v - d.low) / (d.high - d.low), (d.high - v) / (d.high - d.low)),
    dist.HalfCauchy: lambda m, d, v: (_angle(m, v / d.scale), _angle(m, d.scale / v)),
    dist.HalfNormal: lambda m, d, v: (m.special.erf(v / (math.sqrt(2) * d.scale)), 2 * m.special.ndtr(-v / d.scale)),
    dist.Exponential: lambda m, d, v: (-m.xp.expm1(-d.rate * v), m.xp.exp(-d.rate * v)),
    dist.Beta: lambda m, _, v: (_angle(m, m.xp.sqrt(v / (1 - v))), _angle(m, m.xp.sqrt((1 - v) / v))),
}


def scored(prior: dist.Distribution) -> bool:
    """Whether a distribution has normal scores: one of the table, moved and stretched perhaps, of single numbers."""
    if type(prior) is dist.TransformedDistribution:
        return all(type(t) is AffineTransform for t in prior.transforms) and scored(prior.base_dist)
    return type(prior) in _QUANTILES


def from_score(prior: dist.Distribution, x: Any, maths: Maths = JAX) -> Any:
    """The value of a `scored` distribution at normal score x."""
    if isinstance(prior, dist.TransformedDistribution):
        value = from_score(prior.base_dist, x, maths)
        for transform in prior.transforms:
            value = transform(value)
        return value
    return _QUANTILES[type(prior)](maths, prior, x)


def to_score(prior: dist.Distribution, value: Any, maths: Maths = JAX) -> Any:
    """The normal score of a value of a `scored` distribution: the inverse of `from_score`."""
    if isinstance(prior, dist.TransformedDistribution):
        for transform in reversed(prior.transforms):
            value = transform.inv(value)
        return to_score(prior.base_dist, value, maths)
    return _score(maths, *_TAILS[type(prior)](maths, prior, value))


def correction(prior: dist.Distribution, x: Any, maths: Maths = JAX) -> Any:
    """What the log density of normal score x is more than a standard normal one's; None: nothing, for no x."""
    if isinstance(prior, dist.TransformedDistribution):
        return correction(prior.base_dist, x, maths)
    return _to_arcsine(maths, prior, from_score(prior, x, maths)) if type(prior) is dist.Beta else None


class _NormalScore(Reparam):
    def __call__(self, name: str, fn: Any, obs: Any) -> tuple[None, Any]:
        shape = fn.shape()
        standard = dist.Normal(jnp.zeros(shape), jnp.ones(shape)).to_event(len(fn.event_shape))
        x = numpyro.sample(name + SUFFIX, standard)
        more = correction(fn, x)
        if more is not None:
            numpyro.factor(name + SUFFIX + "_correction", more)
        return None, from_score(fn, x)


_REPARAM = _NormalScore()


def _config(site: dict[str, Any]) -> Reparam | None:
    return _REPARAM if not site.get("is_observed") and scored(site["fn"]) else None


@dataclasses.dataclass(frozen=True)
class Scored:
    """A NumPyro model with `NAME_normal_score` in the place of each site that has one: the same posterior."""

    model: Callable[..., Any]

    def __call__(self, *args: Any) -> None:
        handlers.reparam(self.model, config=_config)(*args)
