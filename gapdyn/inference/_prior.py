"""Priors: defaults in standard units, the user's own carried over from the run's units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax.core import Tracer
from numpyro.distributions import constraints
from numpyro.distributions.transforms import AffineTransform, biject_to

from .._check import InputError, did_you_mean
from ..dynamics import LawSpec, bounds
from ._scale import Scale
from ._sites import SITES, Dimension, dimension
from ._table import Table, first_median

STATED, UNSTATED = 0.1, 0.05  # sizes of the excess noise beside stated standard errors, and without any


class Seen(NamedTuple):
    """What default priors take from a run, in standard units; arrays for many runs at once.

    They use the run's range, its first checkpoints and its time span, never its end alone.

    u_s0, u_v0 : median of each series over its first 3 checkpoints.
    sigma, sigma_s, sigma_v : size of the excess noise of both series, and of each.
    """

    u_s0: Any
    u_v0: Any
    sigma: Any
    sigma_s: Any
    sigma_v: Any

    @classmethod
    def of(cls, runs: Table, scale: Scale) -> Seen:
        """Of each run."""
        starts = [(first_median(u) - scale.origin) / scale.size for u in (runs.u_s, runs.u_v)]
        # the unmeasured one of the two stands half a size away, on the side of a positive gap
        filled = [np.where(np.isfinite(x), x, other) for x, other in zip(starts, (0.5, -0.5), strict=True)]
        both = np.concatenate([runs.se_s, runs.se_v], 1)
        return cls(*filled, *(_noise_scale(se, scale) for se in (both, runs.se_s, runs.se_v)))

    @classmethod
    def of_one(cls, run: Table, scale: Scale) -> Seen:
        """Numbers instead of arrays (1,), of a table of one run."""
        return cls(*(float(x[0]) for x in cls.of(run, scale.one)))


def _noise_scale(se: np.ndarray, scale: Scale) -> np.ndarray:
    """Excess noise is what the stated errors leave over, so where they are stated it starts small beside them."""
    stated = np.isfinite(se).any(1)
    noise = np.full(len(se), UNSTATED)
    if stated.any():
        noise[stated] = STATED * np.nanmedian(se[stated], axis=1) / np.broadcast_to(scale.size, len(se))[stated]
    return noise


def default_prior(name: str, seen: Seen, curve: bool = False) -> dist.Distribution:
    """The default prior of a site in standard units: the one place where the numbers of the sites table are made.

    A curve may rise or fall, so its limits are as likely above the start as below.
    """
    if name in _PLAIN:
        kind, *numbers = _PLAIN[name]
        return kind(*(_at(x) for x in numbers))
    if name == "m":
        return _above_one(dist.HalfNormal(_at(1.0)))
    if name == "ratio":
        return _above_one(dist.LogNormal(_at(math.log(3.0)), _at(0.75)))
    if name in ("u_s0", "u_v0"):
        return dist.Normal(_at(getattr(seen, name)), _at(1.0))
    if name in ("u_s_inf", "u_v_inf"):
        start = _at(seen.u_s0 if name == "u_s_inf" else seen.u_v0)
        return dist.Normal(start, _at(2.0)) if curve else dist.Normal(start - _at(0.5), _at(0.5))
    if name in ("sigma", "sigma_s", "sigma_v"):
        return dist.HalfCauchy(_at(getattr(seen, name)))
    raise KeyError(name)


def _at(x: Any) -> Any:
    # NumPyro checks it on the spot: of NumPy's numbers without compiling
    return x if isinstance(x, Tracer) else np.asarray(x, jnp.result_type(float))


def _above_one(excess: dist.Distribution) -> dist.Distribution:
    support: Any = excess.support
    return dist.TransformedDistribution(excess, AffineTransform(_at(1.0), _at(1.0), domain=support))


_PLAIN: dict[str, tuple[Any, ...]] = {
    "rate": (dist.LogNormal, math.log(1.5), 1.25),
    "alpha": (dist.LogNormal, math.log(2.0), 1.25),
    "beta": (dist.LogNormal, math.log(0.5), 1.25),
    "rho": (dist.Uniform, 0.0, 1.0),
    "gap_inf": (dist.Normal, 0.0, 1.0),
    "b": (dist.Normal, 0.0, 1.0),
    "kappa": (dist.LogNormal, 0.0, 1.0),
    "s": (dist.LogNormal, math.log(0.5), 1.0),
    "tau": (dist.LogNormal, math.log(0.3), 1.0),
    "q": (dist.Normal, 0.0, 0.5),
    "p": (dist.HalfNormal, 1.0),
    **{f"bend_{i}": (dist.Normal, -1.0, 1.0) for i in range(1, 5)},
    "diffusion": (dist.HalfCauchy, 0.05),
    "gamma": (dist.HalfNormal, 1.0),
    "dose": (dist.Normal, 0.0, 1.0),
    "rate_slow": (dist.LogNormal, 0.0, 1.0),
    "change": (dist.Uniform, 0.0, 1.0),
    **{
        f"{stem}_{x}": prior
        for x in "sv"
        for stem, prior in {
            "rate": (dist.LogNormal, math.log(1.5), 1.25),
            "tau": (dist.LogNormal, math.log(0.3), 1.0),
            "p": (dist.LogNormal, 0.0, 0.75),
            "slow": (dist.Normal, 0.5, 0.5),
            "mid": (dist.LogNormal, math.log(0.5), 1.0),
            "steepness": (dist.LogNormal, math.log(1.5), 0.5),
            "factor": (dist.Uniform, 0.0, 1.0),
            "slope": (dist.Normal, 0.0, 2.0),
            "later_slope": (dist.Normal, 0.0, 1.0),
            "jump": (dist.Normal, 0.0, 1.0),
            "wander": (dist.HalfCauchy, 0.1),
            "turn": (dist.HalfCauchy, 0.3),
            "offset": (dist.Normal, 0.0, 1.0),
            # prompts are either kept over a run or drawn afresh: the ends are likelier than the middle
            "shared": (dist.Beta, 0.5, 0.5),
        }.items()
    },
    "nu": (dist.Gamma, 2.0, 0.1),
    "stray": (dist.HalfCauchy, 0.05),
}


def standardised(name: str, prior: dist.Distribution, scale: Scale) -> dist.Distribution:
    """A prior given in the run's units, as one on the standardised parameter."""
    if dimension(name) is Dimension.PURE:
        return prior
    loc, size = scale.factors(name)
    if type(prior) is dist.Normal:
        return dist.Normal((jnp.asarray(prior.loc) - loc) / size, jnp.asarray(prior.scale) / size)
    support: Any = prior.support
    back = AffineTransform(jnp.asarray(-loc / size), jnp.asarray(1 / size), domain=support)
    return dist.TransformedDistribution(prior, back)


def choose_priors(
    seen: Seen, law: LawSpec, noise_sites: tuple[str, ...], prior: Mapping[str, Any] | None, scale: Scale
) -> dict[str, dist.Distribution]:
    """Standardised priors of every sampled site: the user's (in the law or in `prior=`), else the default."""
    sites = (*law.coordinates.names, *noise_sites)
    given = dict(law.priors)
    for name, value in (prior or {}).items():
        given[name] = value
    for name, value in given.items():
        if name not in sites:
            raise InputError(f"prior for {name!r}: this model has no such parameter. {did_you_mean(name, sites)}")
        _check_prior(name, value)
    curve = law.home == "curves"
    return {
        name: standardised(name, given[name], scale) if name in given else default_prior(name, seen, curve)
        for name in sites
        if name not in law.fixed
    }


def is_real(prior: dist.Distribution) -> bool:
    """Whether a prior lives on the whole line."""
    return prior.support is constraints.real


def _check_prior(name: str, prior: Any) -> None:
    if not isinstance(prior, dist.Distribution):
        raise InputError(
            f"prior for {name!r}: {prior!r} is not a NumPyro distribution. "
            f"Pass one, such as numpyro.distributions.Normal(0, 1), or fix a number in the law: {name}=0.3."
        )
    if prior.batch_shape or prior.event_shape:
        raise InputError(
            f"prior for {name!r}: shape {prior.batch_shape + prior.event_shape}; every parameter is one number."
        )
    if prior.is_discrete:
        raise InputError(f"prior for {name!r}: {type(prior).__name__} is discrete; parameters are continuous.")
    ends = np.asarray(biject_to(prior.support)(jnp.asarray([-15.0, 15.0])), np.float64)
    if isinstance(prior, dist.Delta) or not np.ptp(ends) > 0:
        raise InputError(
            f"prior for {name!r}: {type(prior).__name__} has no width. To fix a number say so in the law: {name}=0.3."
        )
    low, high, *_ = bounds(SITES[name].support)
    slack = 1e-6 * max(1.0, abs(low) if math.isfinite(low) else 1.0)
    if ends.min() < low - slack or ends.max() > high + slack:
        raise InputError(
            f"prior for {name!r}: {type(prior).__name__} reaches outside the parameter's support, "
            f"{SITES[name].support}. Use one on it, such as "
            + ("Beta(2, 2)." if math.isfinite(high) else "LogNormal(0, 1) or HalfNormal(1).")
        )
