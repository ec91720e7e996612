"""The density of runs whose two curves are one shape, U_s = U_s0 - D s(t), U_v = U_v0 - rho D s(t), with fresh errors.

That is the shared-rate law, s = 1 - exp(-rate t), of runs without standard errors. Given the rate a dozen sums over the
checkpoints say all that the data say, and given the ratio and the noise too the levels U_s0, U_v0, D are Gaussian
(variable projection, Golub and Pereyra 1973). So it is written out here, for many runs and points at once, with runs
along the first axis of every array, and in `xp`: NumPy, where a few runs are done before a compiler has begun, or
`jax.numpy`. A test holds it to the model's own density.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import jax
import numpy as np
import numpyro.distributions as dist

from ._model import Model, Observations
from ._quick import quick_exp, quick_log
from ._shared_rate import LEVELS, SharedRate, known, scaled

NOISE = (dist.HalfCauchy, dist.HalfNormal)
TINY = 1e-300
ABREAST = 4  # checkpoints that are added to the sums at a time, which divides all lengths that runs are padded to


class Facts(NamedTuple):
    """All that the posteriors of runs depend on, in standard units; series count from the prior means of their starts.

    t (runs, times); mask, and y with 0 where it is not measured, (runs, times, 2); their sums count, total, square
    (runs, 2); prior means of the starts (runs, 2), of the third level what is left then (runs,), sds of the three
    (runs, 3); of the prior of log rate mean and sd, of rho the bounds, of sigma the scale, (runs,).
    """

    t: Any
    mask: Any
    y: Any
    count: Any
    total: Any
    square: Any
    start: Any
    level: Any
    sd: Any
    rate: Any
    rate_sd: Any
    low: Any
    high: Any
    noise: Any

    def __len__(self) -> int:
        return len(self.t)

    def rows(self, which: Any) -> Facts:
        """Those of some of the runs."""
        return Facts(*(x[which] for x in self))

    def each(self, x: Any) -> Any:
        """(runs,) as (runs, 1)."""
        return x[:, None]

    @property
    def counts(self) -> tuple[Any, Any]:
        """Measured values of either series, each (runs, 1)."""
        return self.count[:, :1], self.count[:, 1:]

    @property
    def measured(self) -> Any:
        """Measured values of both, (runs,)."""
        return self.count[:, 0] + self.count[:, 1]

    @property
    def apart(self) -> Any:
        """Sum of squares of both series, each about its mean, (runs, 1)."""
        return (self.square - self.total**2 / (self.count + (self.count == 0))).sum(1)[:, None]


class Sums(NamedTuple):
    """Over the checkpoints of u_s and of u_v: of s, s^2 and s y, each (runs, n)."""

    s: Any
    v: Any
    ss: Any
    vv: Any
    sy: Any
    vy: Any


@dataclasses.dataclass(frozen=True)
class OneShape(SharedRate):
    """What such posteriors have in common. Hashable: part of a compiled program.

    Parameters
    ----------
    cauchy : whether the noise's prior is HalfCauchy; HalfNormal else.
    """

    cauchy: bool

    @classmethod
    def of(cls, model: Model, obs: Observations) -> OneShape | None:
        """That of a model; None where its posterior is not of this kind. `obs` of one run."""
        law = SharedRate.of(model, obs)
        if law is None or model.stated or set(obs.priors) != {*model.law.coordinates.names, "sigma"}:
            return None
        noise = scaled(obs.priors["sigma"].distribution, *NOISE)
        if noise is None or type(obs.priors["rho"].distribution) is not dist.Uniform:
            return None
        return cls(model, law.level, type(noise[0]) is dist.HalfCauchy)

    def facts(self, obs: Observations) -> Facts:
        """Of stacked observations, NumPy; of one run's with an axis before each array."""
        rows = len(obs.ts)

        def wide(x: Any) -> np.ndarray:
            return np.broadcast_to(np.asarray(x, np.float64), (rows,))

        priors: dict[str, Any] = {n: held.distribution for n, held in obs.priors.items()}
        loc, sd = (np.stack([wide(getattr(priors[n], x)) for n in ("u_s0", "u_v0", self.level)], 1)
                   for x in ("loc", "scale"))  # fmt: skip
        a_s, a_v, *_ = LEVELS[self.level]
        mask = np.asarray(obs.mask, np.float64)
        y = (np.asarray(obs.y, np.float64) - loc[:, None, :2]) * mask
        rate, by_rate = known(priors["rate"], dist.LogNormal)
        noise, by_noise = known(priors["sigma"], *NOISE)
        return Facts(
            t=np.asarray(obs.ts, np.float64), mask=mask, y=y, count=_over_times(mask, mask),
            total=_over_times(y, mask), square=_over_times(y, y),
            start=loc[:, :2], level=loc[:, 2] - a_s * loc[:, 0] - a_v * loc[:, 1], sd=sd,
            rate=wide(rate.loc + np.log(by_rate)), rate_sd=wide(rate.scale), low=wide(priors["rho"].low),
            high=wide(priors["rho"].high), noise=wide(noise.scale * by_noise),
        )  # fmt: skip

    def sums(self, xp: Any, facts: Facts, log_rate: Any) -> Sums:
        """At log rates (runs, n)."""
        rate = xp.exp(log_rate)
        if xp is np:
            s = -np.expm1(-rate[:, :, None] * facts.t[:, None, :])
            plain = np.matmul(s, np.concatenate([facts.mask, facts.y], 2))
            square = np.matmul(s * s, facts.mask)
            return Sums(plain[..., 0], plain[..., 1], square[..., 0], square[..., 1], plain[..., 2], plain[..., 3])

        def more(i: Any, sums: Sums) -> Sums:
            for j in range(ABREAST):
                at = ABREAST * i + j
                t, own, y = facts.t[:, at, None], facts.mask[:, at, :, None], facts.y[:, at, :, None]
                # without expm1's care for small numbers, at half of its cost: a shape is told from a line no sooner
                s = 1 - quick_exp(-rate * t)
                m_s, m_v = own[:, 0] * s, own[:, 1] * s
                each = (m_s, m_v, m_s * s, m_v * s, y[:, 0] * s, y[:, 1] * s)
                sums = Sums(*(a + b for a, b in zip(sums, each, strict=True)))
            return sums

        # up to the last checkpoint of any of the runs: they are padded to one length
        there = xp.any(facts.mask > 0, (0, 2))
        last = xp.max(xp.where(there, xp.arange(1, len(there) + 1), 0))
        return jax.lax.fori_loop(0, (last + ABREAST - 1) // ABREAST, more, Sums(*[xp.zeros_like(rate)] * 6))

    def prior(self, xp: Any, facts: Facts, log_rate: Any, sigma: Any) -> tuple[Any, Any]:
        """Density of (log rate, rho, sigma), (runs, n), for rho within its bounds, as exp(first) / second."""
        z = (log_rate - facts.each(facts.rate)) * facts.each(1 / facts.rate_sd)
        w = sigma * facts.each(1 / facts.noise)
        norm = -xp.log(facts.rate_sd * (facts.high - facts.low) * facts.noise) - 0.5 * math.log(2 * math.pi)
        if self.cauchy:
            return facts.each(norm + math.log(2 / math.pi)) - 0.5 * z**2, 1 + w**2
        return facts.each(norm + 0.5 * math.log(2 / math.pi)) - 0.5 * (z**2 + w**2), 1.0

    def given_rest(self, xp: Any, facts: Facts, sums: Sums, rho: Any, variance: Any, e: Any = None) -> tuple[Any, ...]:
        """What is left of the likelihood when the levels are integrated out, (runs, n), given each point's ratio and
        variance of the errors, as exp(first) / sqrt(second): there are logarithms enough; with standard normal numbers
        e (3, n) also U_s0, U_v0, D.
        """
        p, q, k = (facts.each(1 / facts.sd[:, i] ** 2) for i in range(3))
        a_s, a_v, *_ = LEVELS[self.level]
        n_s, n_v = facts.counts
        level, c, w = facts.each(facts.level), self.slope(rho), 1 / variance
        by = k * c
        # the precision of (U_s0, U_v0, D) as L diag(d) L', L unit lower triangular; i = 1 / d
        d0 = p + k * a_s**2 + w * n_s
        i0 = 1 / d0
        cross = k * a_s * a_v
        l10 = cross * i0
        d1 = q + k * a_v**2 + w * n_v - l10 * cross
        i1 = 1 / d1
        p20, p21 = a_s * by - w * sums.s, a_v * by - w * rho * sums.v
        l20 = p20 * i0
        rest = p21 - l10 * p20
        l21 = rest * i1
        d2 = by * c + w * (sums.ss + rho * rho * sums.vv) - l20 * p20 - l21 * rest
        i2 = 1 / d2
        b0 = k * a_s * level + w * facts.total[:, :1]
        b1 = k * a_v * level + w * facts.total[:, 1:] - l10 * b0
        b2 = by * level - w * (sums.sy + rho * sums.vy) - l20 * b0 - l21 * b1
        square = b0 * b0 * i0 + b1 * b1 * i1 + b2 * b2 * i2 - (k * level**2 + w * facts.each(facts.square.sum(1)))
        norm = -0.5 * math.log(2 * math.pi) * facts.measured - xp.log(facts.sd).sum(1)
        left = 0.5 * (square - (n_s + n_v) * quick_log(xp, variance)) + facts.each(norm), d0 * d1 * d2 / (c * c)
        if e is None:
            return left
        fall = b2 * i2 + e[0] * xp.sqrt(i2)
        u_v0 = b1 * i1 + e[1] * xp.sqrt(i1) - l21 * fall
        u_s0 = b0 * i0 + e[2] * xp.sqrt(i0) - l10 * u_v0 - l20 * fall
        return *left, u_s0 + facts.start[:, :1], u_v0 + facts.start[:, 1:], fall


def _over_times(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Sums of products (runs, times, 2) over the times, (runs, 2): NumPy's sum takes ten times as long."""
    return np.vecdot(np.swapaxes(x, 1, 2), np.swapaxes(y, 1, 2))
