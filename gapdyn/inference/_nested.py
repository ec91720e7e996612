"""Nested quadrature of one-shape posteriors (see `_one_shape`): weighted points without iteration or randomness of a
sampler, for many runs at once.

Rates are taken at quantiles of their own marginal, as a scan of the rate has found it; for each of them a few pairs of
ratio and noise from densities that follow from the same sums; and the levels, Gaussian given these, are drawn. Each
point is weighed by the whole posterior over what proposed it, so that nothing of this is taken on trust: k-hat and
effective draws of the weights say how it went, as they do of any importance sampling.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import numpy as np
from scipy.special import ndtri

from ._likelihood import FLOOR
from ._one_shape import TINY, Facts, OneShape, Sums
from ._quick import quick_log

REACH = 4.5  # of the first scan, in sds of the prior of log rate
SCANNED, ZOOMED = 32, 10  # rates of the first scan, and each time about its peak
ZOOMS = 3
ABOUT, LEAST = 5.0, 10.0  # half width of a zoom, in sds of the peak, and of the zoom before it at least
# powers of the rate's marginal, and shares, that rates are taken from: far tails decide on an sd, and what is spread
# evenly, by power 0, lest a second mode be lost; and those that the marginal is refined at
TAKEN, REFINED = ((0.8, 0.88), (0.25, 0.1), (0.0, 0.02)), ((0.5, 0.95), (0.0, 0.05))
WIDE, WIDER = 1 / 32, 13 / 32  # share of pairs with any ratio, and what is added where u_s hardly falls
WILD = 1 / 32  # share of pairs of which the noise is from a wide density too
LOW = 1.3  # times the variance's floor: less noise is sought about 0
ROUNDED = 1e-10  # of a sum of squares: what is left of it about the mean when all its terms are equal
MUTE = 4.0  # twice the nats that the data have against no fall at all: with a few of these any ratio is likely
SURE = 1 - 1e-7  # largest 2 F(x) - 1, in 32 bits
LEAST_SUM = 1e-30  # of squared residuals, alike
LOGISTIC = 0.65  # its scale, in sds
COUNTED, HIGHEST = 6, 1 << 30  # numbers compared at a time; more than any of them
EDGE = 1e-9  # of the ratio's range: no point lies nearer to its bounds


class Size(NamedTuple):
    """Rates, pairs for each of them; of the scan, ratios at which a rate is looked at, and rates at quantiles of what
    is known when the peak has been found.
    """

    rates: int
    pairs: int
    looks: int
    spread: int


class Base(NamedTuple):
    """Low-discrepancy numbers that all runs share: rate (rates,) in (0, 1); ratio and part in (0, 1), z standard normal
    and t of the half of Student's t with 2 degrees of freedom, alike, (pairs, 1, rates), for the ratio, the choice of a
    density and the noise; e (3, pairs, 1, rates), standard normal: each other pair of a rate mirrors the one before it,
    and all together have covariance 1.
    """

    rate: np.ndarray
    ratio: np.ndarray
    part: np.ndarray
    z: np.ndarray
    t: np.ndarray
    e: np.ndarray

    @classmethod
    def of(cls, size: Size, random: np.random.Generator) -> Base:
        """Such numbers."""
        # a lattice by irrational steps, shifted (Roberts 2018): importing SciPy's sequences takes a second
        root = 1.0
        for _ in range(60):
            root = (1 + root) ** (1 / 7)  # of x^7 = x + 1
        places = np.arange(1, size.rates * size.pairs + 1)[:, None] * root ** -np.arange(1.0, 7.0)
        u = np.clip((places + random.uniform(size=6)) % 1.0, 1e-12, 1 - 1e-12)
        u = np.ascontiguousarray(u.reshape(size.rates, size.pairs, 6).T)
        rate = (np.arange(size.rates) + random.uniform()) / size.rates
        # no weight depends on e, so that what it has by chance all runs of a fleet would have in their levels
        e = ndtri(u[3:])
        e[:, 1::2] = -e[:, :-1:2]
        flat = e.reshape(3, -1)
        e = np.linalg.solve(np.linalg.cholesky(flat @ flat.T / flat.shape[1]), flat).reshape(e.shape)
        ratio, part, z, t = (x[:, None] for x in (u[0], u[1], ndtri(u[2]), _half_t_at(u[2])))
        return cls(rate, ratio, part, z, t, e[:, :, None])


class Points(NamedTuple):
    """Weighted points of runs, (runs, pairs, rates): log weights, and the log of what is left of the likelihood where
    the levels are integrated out; the numbers of each point, and u_s by the law at the last checkpoint.
    """

    log_weight: Any
    log_mass: Any
    rate: Any
    rho: Any
    sigma: Any
    u_s0: Any
    u_v0: Any
    fall: Any
    last: Any


class Grid(NamedTuple):
    """Log rates, rising, and the log of what their marginal is about, up to a constant, (runs, n)."""

    x: Any
    log_mass: Any

    def part(self, start: int, end: int) -> Grid:
        """Some of them."""
        return Grid(self.x[:, start:end], self.log_mass[:, start:end])


def nested(xp: Any, shape: OneShape, facts: Facts, base: Base, size: Size) -> Points:
    """Weighted points of the posteriors of all runs."""
    grid, noise = _scanned(xp, shape, facts, size)
    x, log_x = _drawn(xp, grid, base.rate, TAKEN)
    sums = shape.sums(xp, facts, x)
    about = _about(xp, facts, sums, noise)
    fallen = xp.expm1(-xp.exp(x) * facts.each(facts.t[:, -1]))
    # pairs along an axis before the runs: what is known of a rate holds for all of them
    rho, sigma, density = _pairs(xp, shape, facts, about, noise, base)
    left, square, u_s0, u_v0, fall = shape.given_rest(xp, facts, sums, rho, sigma**2 + FLOOR, base.e)
    prior, over = shape.prior(xp, facts, x, sigma)
    over = over * density
    log_weight = left + prior - log_x - 0.5 * quick_log(xp, over * over * square)
    log_weight = xp.where(xp.isfinite(log_weight), log_weight, -math.inf)
    log_mass, last = left - 0.5 * quick_log(xp, square), u_s0 + fall * fallen
    rate = xp.broadcast_to(xp.exp(x), rho.shape)
    made = (log_weight, log_mass, rate, rho, sigma, u_s0, u_v0, fall, last)
    return Points(*(xp.swapaxes(v, 0, 1) for v in made))


class About(NamedTuple):
    """What the sums at a rate say of ratio and fall, (runs, n): sums about the means (of s^2 in u_s and u_v, of s y in
    either); where the ratio is likely, and the scale of its density there, the logistic one within the bounds; 2 F(x)
    - 1 at these, the density's norm, and 1 / width; and the share of pairs with any ratio.
    """

    ss: Any
    vv: Any
    sy: Any
    vy: Any
    rho: Any
    width: Any
    per: Any
    first: Any
    last: Any
    norm: Any
    wide: Any


def _about(xp: Any, facts: Facts, sums: Sums, noise: Any) -> About:
    n_s, n_v = (n + (n == 0) for n in facts.counts)
    total_s, total_v = facts.total[:, :1], facts.total[:, 1:]
    # of a shape that is flat where it was measured nothing is left but the rounding of the sums
    ss = xp.maximum(sums.ss - sums.s**2 / n_s, ROUNDED * sums.ss + TINY)
    vv = xp.maximum(sums.vv - sums.v**2 / n_v, ROUNDED * sums.vv + TINY)
    sy, vy = sums.sy - sums.s * total_s / n_s, sums.vy - sums.v * total_v / n_v
    significance = sy**2 / (ss * noise)
    fall = xp.maximum(significance - 1, 0.25) * noise / ss
    known = (vv > 1e-30) & (sy != 0)
    ratio = xp.where(known, vy * ss / xp.where(known, vv * sy, 1.0), 0.5)
    low, high = facts.each(facts.low), facts.each(facts.high)
    rho = xp.clip(ratio, low, high)
    width = xp.sqrt(noise / fall * (1 / xp.maximum(vv, 1e-30) + rho**2 / ss))
    # beyond a bound what is left falls off the faster, the farther the best ratio lies
    width = width / xp.sqrt(1 + ((ratio - rho) / width) ** 2)
    # but not where there may be no fall, of which any ratio is the same
    against = significance + vy**2 / (xp.maximum(vv, 1e-30) * noise)
    width = xp.maximum(width, (high - low) * xp.exp(-against / MUTE))
    width = LOGISTIC * xp.clip(width, 1e-7 * (high - low), 10 * (high - low))
    per = 1 / width
    first, last = (_side(xp, (bound - rho) * per) for bound in (low, high))
    norm = 2 * per / (last - first)
    return About(ss, vv, sy, vy, rho, width, per, first, last, norm, WIDE + WIDER * xp.exp(-significance / 20))


def _misfit(xp: Any, shape: OneShape, facts: Facts, about: About, rho: Any, noise: Any) -> Any:
    """The least sum of squared residuals, (runs, n), the third level near its prior."""
    c, pull = shape.slope(rho), noise / facts.each(facts.sd[:, 2] ** 2)
    square, shared = about.ss + rho**2 * about.vv, about.sy + rho * about.vy
    fall = (pull * c * facts.each(facts.level) - shared) / (square + pull * c**2)
    return xp.maximum(facts.apart + fall * (2 * shared + fall * square), 0.0)


def _side(xp: Any, x: Any) -> Any:
    """2 F(x) - 1 of the logistic distribution."""
    return xp.tanh(0.5 * x)


def _at_side(xp: Any, y: Any) -> Any:
    """Its inverse."""
    y = xp.clip(y, -SURE, SURE)
    return xp.log((1 + y) / (1 - y))


def _ratio(xp: Any, facts: Facts, about: About, u: Any) -> Any:
    """Likely ratios from u in (0, 1)."""
    side = about.first + (about.last - about.first) * u
    return _inside(xp, facts, about.rho + about.width * _at_side(xp, _brief(xp, side)))


def _ratio_density(xp: Any, about: About, rho: Any) -> Any:
    """Their density."""
    e = xp.exp(_brief(xp, -xp.abs(rho - about.rho) * about.per))
    return _brief(xp, about.norm) * e / (1 + e) ** 2


def _inside(xp: Any, facts: Facts, rho: Any) -> Any:
    least = EDGE * (facts.high - facts.low)
    return xp.clip(rho, facts.each(facts.low + least), facts.each(facts.high - least))


def _pairs(xp: Any, shape: OneShape, facts: Facts, about: About, noise: Any, base: Base) -> tuple[Any, Any, Any]:
    """rho and sigma of each point, (pairs, runs, rates), and the density of both that proposed them, inf where there is
    no point.
    """
    wild, wide = base.part < WILD, base.part < WILD + about.wide
    spread = facts.each(facts.high - facts.low)
    anywhere = _inside(xp, facts, facts.each(facts.low) + spread * base.ratio)
    rho = xp.where(wide, anywhere, _ratio(xp, facts, about, base.ratio))
    # given rate and ratio the variance is nearly inverse gamma: its quantiles by Wilson and Hilferty (1931)
    half = xp.maximum((facts.each(facts.measured) - 4) / 2, 0.75)
    likely = (0.5 * _misfit(xp, shape, facts, about, rho, noise) + LEAST_SUM) * (1 / half)
    low = noise < LOW * FLOOR
    likely, share, spread, half = (_brief(xp, v) for v in (likely, about.wide, spread, half))
    steep = 3 * xp.sqrt(half)
    middle = 1 - 1 / (9 * half)
    # where the floor is most of it, sigma is sought about 0
    part = likely / FLOOR
    near = xp.maximum(part - 1, 0.0) + 0.6 / xp.maximum(half * xp.maximum(1 - part, 0.0), xp.sqrt(half))
    far = xp.where(low, 9 * FLOOR * near, 2.25 * (likely + FLOOR))
    t, z = _brief(xp, base.t), _brief(xp, base.z)
    from_t = far * xp.where(low & ~wild, t**2 / 9, t**2)
    root = xp.maximum(middle + z * (1 / steep), 1e-3)
    square = xp.where(wild | low, from_t, likely / (root * root * root) - FLOOR)
    there = square > 0
    square = xp.where(there, square, FLOOR)
    sigma, over = xp.sqrt(square), 1 / (square + FLOOR)
    root = xp.exp(xp.log(likely * over) * (1 / 3))
    off = steep * (root - middle)
    gamma = xp.exp(-0.5 * off * off) * root * (sigma * over) * (steep * (2 / 3 / math.sqrt(2 * math.pi)))
    ratios = (1 - WILD - share) * _ratio_density(xp, about, rho) + share / spread
    density = ratios * xp.where(low, _half_t(xp, square, far / 9), gamma) + WILD / spread * _half_t(xp, square, far)
    return rho, xp.asarray(sigma, rho.dtype), xp.where(there, density, math.inf)


def _brief(xp: Any, x: Any) -> Any:
    """In 32 bits, of which functions take half the time: enough for where points are proposed, and how densely."""
    return xp.asarray(x, np.float32)


def _half_t_at(u: np.ndarray) -> np.ndarray:
    """Quantiles of the half of Student's t with 2 degrees of freedom."""
    return u * math.sqrt(2) / np.sqrt(np.maximum(1 - u**2, 1e-16))


def _half_t(xp: Any, square: Any, reach: Any) -> Any:
    """Its density, of the squares of a number and of its scale."""
    x = 2 * reach + square
    return 2 * reach / (x * xp.sqrt(x))


def _looked_at(xp: Any, shape: OneShape, facts: Facts, x: Any, sums: Sums, noise: Any, looks: int) -> Grid:
    """Rates (runs, n), in any order, with the log of what is left of the posterior when all else is integrated out,
    nearly.
    """
    about = _about(xp, facts, sums, noise)
    # looks along an axis before the runs, (looks, runs, n): sums over the last of three axes are slow
    rho = _ratio(xp, facts, about, ((np.arange(looks) + 0.5) / looks)[:, None, None])
    misfit = _misfit(xp, shape, facts, about, rho, noise)
    variance = xp.maximum(misfit / xp.maximum(facts.each(facts.measured) - 4, 1.0), 1.15 * FLOOR)
    left, square = shape.given_rest(xp, facts, sums, rho, variance)
    prior, over = shape.prior(xp, facts, x, xp.sqrt(variance))
    over = over * _ratio_density(xp, about, rho)
    log_mass = left + prior - 0.5 * quick_log(xp, over * over * square / variance)
    log_mass = xp.where(xp.isfinite(log_mass), log_mass, -math.inf)
    top = xp.max(log_mass, 0)
    top = xp.where(xp.isfinite(top), top, 0.0)
    mean = xp.mean(xp.exp(log_mass - top), 0)
    return Grid(x, quick_log(xp, xp.maximum(mean, TINY)) + top)


def _scanned(xp: Any, shape: OneShape, facts: Facts, size: Size) -> tuple[Grid, Any]:
    """Rates with their marginal, close together where it is, and a first variance of the errors (runs, 1)."""
    middle, sd = facts.each(facts.rate), facts.each(facts.rate_sd)
    first = middle + REACH * sd * np.linspace(-1, 1, SCANNED)
    reach = 2 * REACH * sd / (SCANNED - 1)
    # where the misfit is least; only then, with one noise for all of them, what else rates are worth
    parts = [(first, shape.sums(xp, facts, first))]
    x, misfit = first, _least_misfit(xp, facts, parts[0][1])
    for _ in range(ZOOMS):
        peak, width = _peak(xp, facts, x, misfit)
        reach = xp.clip(ABOUT * width, reach / LEAST, reach)
        near = peak + reach * ((np.arange(ZOOMED) + 0.5) / ZOOMED * 2 - 1)
        parts.append((near, shape.sums(xp, facts, near)))
        x = xp.concatenate([x, near], 1)
        misfit = xp.concatenate([misfit, _least_misfit(xp, facts, parts[-1][1])], 1)
        reach = 2 * reach / ZOOMED
    freedom = xp.maximum(facts.each(facts.measured) - 4, 1.0)
    noise = xp.maximum(xp.min(misfit, 1, keepdims=True) / freedom, FLOOR)
    del parts[1]  # between the wide one and those that are close together it adds nothing
    x, sums = jax.tree.map(lambda *v: xp.concatenate(v, 1), *parts)
    looked = _looked_at(xp, shape, facts, x, sums, noise, size.looks)
    grid = looked.part(0, SCANNED)
    for start in range(SCANNED, x.shape[1], ZOOMED):
        grid = _merged(xp, grid, looked.part(start, start + ZOOMED))
    x, _ = _drawn(xp, grid, (np.arange(size.spread) + 0.5) / size.spread, REFINED)
    return _merged(xp, grid, _looked_at(xp, shape, facts, x, shape.sums(xp, facts, x), noise, size.looks)), noise


def _least_misfit(xp: Any, facts: Facts, sums: Sums) -> Any:
    """The least sum of squared residuals at some rates (runs, n), whatever the priors say."""
    about = _about(xp, facts, sums, FLOOR)
    shared, square = about.sy + about.rho * about.vy, about.ss + about.rho**2 * about.vv
    return xp.maximum(facts.apart - shared**2 / square, 0.0)


def _merged(xp: Any, many: Grid, few: Grid) -> Grid:
    """Two grids as one: by counting, for XLA's sorting takes several times as long."""
    before, count = many.x.shape[1], few.x.shape[1]
    # where those of the few come to stand, and how many of them stand before each place, and at it or before
    at = np.arange(count) + _below(xp, many.x, few.x)
    place = np.arange(before + count + 1)
    ahead = _below(xp, at, xp.broadcast_to(place, (len(at), len(place))))
    up_to = ahead[:, 1:]
    which = xp.where(up_to > ahead[:, :-1], before + up_to - 1, place[:-1] - up_to)
    return Grid(*(xp.take_along_axis(xp.concatenate(pair, 1), which, 1) for pair in zip(many, few, strict=True)))


def _below(xp: Any, x: Any, y: Any) -> Any:
    """How many of x (runs, n) are less than each of y (runs, m), (runs, m)."""
    if xp is np:
        return np.sum(x[:, :, None] < y[:, None, :], 1, dtype=np.int32)
    # a loop, for XLA writes out what it is to sum, and computes what it is to look up anew for each number
    steps = -(-x.shape[1] // COUNTED)
    x = xp.pad(x, ((0, 0), (0, steps * COUNTED - x.shape[1])), constant_values=HIGHEST)

    def more(i: Any, count: Any) -> Any:
        for j in range(COUNTED):
            count = count + (x[:, COUNTED * i + j, None] < y).astype(np.int32)
        return count

    return jax.lax.fori_loop(0, steps, more, xp.zeros((len(x), y.shape[1]), np.int32))


def _peak(xp: Any, facts: Facts, x: Any, misfit: Any) -> tuple[Any, Any]:
    """Where the misfit is least, and the sd of the rate there, (runs, 1): of the parabola through three of them, which
    are in any order.
    """
    inside = (x > xp.min(x, 1, keepdims=True)) & (x < xp.max(x, 1, keepdims=True))
    top = xp.argmin(xp.where(inside, misfit, math.inf), 1)[:, None]
    x1 = xp.take_along_axis(x, top, 1)
    below = xp.argmax(xp.where(x < x1, x, -math.inf), 1)[:, None]
    above = xp.argmin(xp.where(x > x1, x, math.inf), 1)[:, None]
    x0, x2 = (xp.take_along_axis(x, i, 1) for i in (below, above))
    r0, r1, r2 = (xp.take_along_axis(misfit, i, 1) for i in (below, top, above))
    left, right = (r1 - r0) / xp.maximum(x1 - x0, TINY), (r2 - r1) / xp.maximum(x2 - x1, TINY)
    bend = 2 * (right - left) / xp.maximum(x2 - x0, TINY)
    convex = bend > 0
    bend = xp.where(convex, bend, 1.0)
    slope = left + 0.5 * bend * (x1 - x0)
    step = xp.clip(xp.where(convex, -slope / bend, 0.0), x0 - x1, x2 - x1)
    least = xp.maximum(r1 + slope * step + 0.5 * bend * step**2, 0.02 * r1)
    variance = 2 * (least / facts.each(facts.measured) + FLOOR)
    return x1 + step, xp.where(convex, xp.sqrt(variance / bend), math.inf)


def _drawn(xp: Any, grid: Grid, u: Any, shares: tuple[tuple[float, float], ...]) -> tuple[Any, Any]:
    """Log rates (runs, n) at quantiles u (n,) of a mixture of powers of the marginal, linear between the grid's, and
    the log of their density.
    """
    log = grid.log_mass - xp.max(grid.log_mass, 1, keepdims=True)
    wide = grid.x[:, 1:] - grid.x[:, :-1]
    height = xp.zeros_like(log)
    for power, share in shares:
        part = xp.exp(power * log)
        total = xp.sum(0.5 * (part[:, 1:] + part[:, :-1]) * wide, 1, keepdims=True)
        height = height + share * part / xp.maximum(total, TINY)
    mass = 0.5 * (height[:, 1:] + height[:, :-1]) * wide
    ends = xp.cumsum(mass, 1)
    ends = ends / ends[:, -1:]
    # in 32 bits: at the edge of a cell either of two will do
    cell = xp.minimum(_below(xp, _brief(xp, ends), _brief(xp, u[None])), mass.shape[1] - 1)
    before = xp.concatenate([xp.zeros_like(ends[:, :1]), ends[:, :-1]], 1)
    a, b, low, width, start, own = (
        xp.take_along_axis(v, cell, 1) for v in (height[:, :-1], height[:, 1:], grid.x[:, :-1], wide, before, mass)
    )
    part = xp.clip((u - start) / own, 0.0, 1.0)
    place = part * (a + b) / (a + xp.sqrt(a * a + (b * b - a * a) * part))
    return low + width * place, quick_log(xp, a + (b - a) * place)
