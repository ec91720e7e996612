"""Normal scores: bounded and heavy-tailed sites in coordinates in which their prior is standard normal.

In NumPyro's own coordinates (log, logit) a prior that has mass at a bound, or a heavy tail, goes on for ever: a shared
part near 1, a noise that may be 0. There samplers take long strides and small steps in turn, and no proposal covers the
tails. As value = F^-1(Phi(x)), F the prior's distribution function and Phi the normal one, the same prior is short.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jax.scipy.special import erf, erfinv, log_ndtr, ndtr, ndtri
from numpyro import handlers
from numpyro.distributions.transforms import AffineTransform
from numpyro.infer.reparam import Reparam

SUFFIX = "_normal_score"


def _least(p: Any) -> Any:
    return jnp.maximum(p, jnp.finfo(jnp.result_type(p)).tiny ** 0.5)  # its inverse has a finite square, its slope too


def _inside(p: Any) -> Any:
    """Probabilities kept off 0 and 1, as NumPyro's own transforms keep them."""
    return jnp.clip(_least(p), None, 1 - jnp.finfo(jnp.result_type(p)).eps)


def _uniform(d: Any, x: Any) -> Any:
    return d.low + (d.high - d.low) * _inside(ndtr(x))


def _half_cauchy(d: Any, x: Any) -> Any:
    below = x < 0
    slope = jnp.tan(math.pi / 2 * _least(ndtr(jnp.where(below, x, -x))))  # by the smaller tail, which has all digits
    return d.scale * jnp.where(below, slope, 1 / slope)


def _half_normal(d: Any, x: Any) -> Any:
    below = x < 0
    low = math.sqrt(2) * erfinv(_least(ndtr(jnp.where(below, x, -1.0))))
    high = -ndtri(0.5 * _least(ndtr(jnp.where(below, -1.0, -x))))
    return d.scale * jnp.where(below, low, high)


def _exponential(d: Any, x: Any) -> Any:
    return -log_ndtr(-x) / d.rate


def _arcsine(_: Any, x: Any) -> Any:
    return _inside(jnp.sin(math.pi / 2 * ndtr(x)) ** 2)


def _to_arcsine(d: Any, value: Any) -> Any:
    """log of a Beta's density over that of Beta(1/2, 1/2), up to a constant; 0 where it is that one."""
    return (d.concentration1 - 0.5) * jnp.log(value) + (d.concentration0 - 0.5) * jnp.log1p(-value)


def _score(p: Any, q: Any) -> Any:
    """Phi^-1(p) by the smaller of the tails p and q = 1 - p, which has all digits."""
    below = p < q
    score = ndtri(_least(jnp.where(below, p, q)))
    return jnp.where(below, score, -score)


def _angle(x: Any) -> Any:
    return 2 / math.pi * jnp.arctan(x)


# type -> F^-1(Phi(x)); a Beta's is that of Beta(1/2, 1/2), corrected in the density: it has no other in closed form
_QUANTILES: dict[type, Callable[[Any, Any], Any]] = {
    dist.Uniform: _uniform,
    dist.HalfCauchy: _half_cauchy,
    dist.HalfNormal: _half_normal,
    dist.Exponential: _exponential,
    dist.Beta: _arcsine,
}
# type -> F(value) and 1 - F(value)
_TAILS: dict[type, Callable[[Any, Any], tuple[Any, Any]]] = {
    dist.Uniform: lambda d, v: ((v - d.low) / (d.high - d.low), (d.high - v) / (d.high - d.low)),
    dist.HalfCauchy: lambda d, v: (_angle(v / d.scale), _angle(d.scale / v)),
    dist.HalfNormal: lambda d, v: (erf(v / (math.sqrt(2) * d.scale)), 2 * ndtr(-v / d.scale)),
    dist.Exponential: lambda d, v: (-jnp.expm1(-d.rate * v), jnp.exp(-d.rate * v)),
    dist.Beta: lambda _, v: (_angle(jnp.sqrt(v / (1 - v))), _angle(jnp.sqrt((1 - v) / v))),
}


def scored(prior: dist.Distribution) -> bool:
    """Whether a distribution has normal scores: one of the table, moved and stretched perhaps, of single numbers."""
    if type(prior) is dist.TransformedDistribution:
        return all(type(t) is AffineTransform for t in prior.transforms) and scored(prior.base_dist)
    return type(prior) in _QUANTILES


def from_score(prior: dist.Distribution, x: Any) -> Any:
    """The value of a `scored` distribution at normal score x."""
    if isinstance(prior, dist.TransformedDistribution):
        value = from_score(prior.base_dist, x)
        for transform in prior.transforms:
            value = transform(value)
        return value
    return _QUANTILES[type(prior)](prior, x)


def to_score(prior: dist.Distribution, value: Any) -> Any:
    """The normal score of a value of a `scored` distribution: the inverse of `from_score`."""
    if isinstance(prior, dist.TransformedDistribution):
        for transform in reversed(prior.transforms):
            value = transform.inv(value)
        return to_score(prior.base_dist, value)
    return _score(*_TAILS[type(prior)](prior, value))


def correction(prior: dist.Distribution, x: Any) -> Any:
    """What the log density of normal score x is more than a standard normal one's; None: nothing, for no x."""
    if isinstance(prior, dist.TransformedDistribution):
        return correction(prior.base_dist, x)
    return _to_arcsine(prior, from_score(prior, x)) if type(prior) is dist.Beta else None


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

    model: Callable[..., None]

    def __call__(self, *args: Any) -> None:
        handlers.reparam(self.model, config=_config)(*args)
