"""The shared-rate law's posterior in NumPy: its density, less all that is Gaussian, and what follows from draws.

A fit looks at some tens of thousands of points: they are done before a compiler would have begun. Each series is a sum
of known courses, U_s = U_s0 - D s(t) + z_s a_s(t), U_v = U_v0 - rho D s(t) + z_v a_v(t), s = 1 - exp(-rate t), a the
size of an error that all checkpoints have in common. So with Gaussian errors the levels U_s0, U_v0, D and the common
errors are Gaussian given the rest (variable projection, Golub and Pereyra 1973). A test holds all of it to the model's.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpyro.distributions as dist
from numpyro.distributions.transforms import AffineTransform, ExpTransform

from ..dynamics import to_paper
from ._likelihood import FLOOR
from ._model import Model, Observations, sampled_sites
from .engines._scores import NUMPY, SUFFIX, correction, from_score, scored

# the third level beside the two starts, as a_s U_s0 + a_v U_v0 + c D: a_s, a_v, and c as c_0 + c_1 rho
LEVELS = {"gap_inf": (1.0, -1.0, -1.0, 1.0), "u_s_inf": (1.0, 0.0, -1.0, 0.0), "u_v_inf": (0.0, 1.0, 0.0, -1.0)}
BLOCK = 1024  # points at once: their arrays stay in the cache
LOG_2PI = math.log(2 * math.pi)


class Scatter(NamedTuple):
    """Errors of each checkpoint beside the common ones: the entries of its precision, 0 where it is not measured, and
    the log determinant of its covariance, each (points, times); sizes of the common errors, (points, times).
    """

    ss: np.ndarray
    sv: np.ndarray
    vv: np.ndarray
    log_det: np.ndarray
    common_s: np.ndarray
    common_v: np.ndarray


@dataclasses.dataclass(frozen=True)
class SharedRate:
    """The posterior of a run under that law. Hashable: part of the target.

    Parameters
    ----------
    model : of it.
    level : the third level that has a prior.
    """

    model: Model
    level: str

    @classmethod
    def of(cls, model: Model, obs: Observations) -> SharedRate | None:
        """That of a model; None where it has another law or other errors, or priors without formulas in NumPy."""
        if (model.law.home, model.law.name, model.law.forcing) != ("laws", "shared_rate", None):
            return None
        names = set(model.law.coordinates.names)
        level = [n for n in LEVELS if n in names]
        if len(level) != 1 or names != {"rate", "rho", "u_s0", "u_v0", *level} or obs.constants:
            return None
        if model.wanders or model.route.name != "exact":
            return None
        if model.likelihood.noise != "gaussian" or model.likelihood.residuals != "independent":
            return None
        priors: dict[str, Any] = {n: held.distribution for n, held in obs.priors.items()}
        if not all(type(priors.pop(n, None)) is dist.Normal for n in ("u_s0", "u_v0", *level)):
            return None
        rate = priors.pop("rate", None)
        if (rate is not None and scaled(rate, dist.LogNormal) is None) or not all(map(scored, priors.values())):
            return None
        return cls(model, level[0])

    def slope(self, rho: Any) -> Any:
        """Of the third level in D."""
        return LEVELS[self.level][2] + LEVELS[self.level][3] * rho

    @property
    def level_site(self) -> str:
        """The third level as an engine knows it."""
        centring = self.model.law.centring
        return centring.as_name if self.model.centred and centring is not None else self.level

    def __call__(self, args: tuple[Observations], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log densities (n,) and the target's own vectors (n, its size) at x (n, size): what is left when the three
        levels are integrated out, and standard normal numbers that give these.
        """
        obs = args[0].unpadded()
        sites = sampled_sites(self.model, obs)
        levels = ("u_s0", "u_v0", self.level_site)
        rest = [_site(n, obs) for n in sites if n not in levels]
        log_density, own = np.empty(len(x)), np.empty((len(x), len(sites)))
        for i in range(0, len(x), BLOCK):
            part = slice(i, i + BLOCK)
            own[part] = 0.0
            columns = {n: x[part, j] for j, n in enumerate(rest)}
            with np.errstate(all="ignore"):  # a point beyond what numbers can tell has no density
                log_density[part], found = self._at(columns, x[part, len(rest) :].T, obs)
            columns.update(zip(levels, found, strict=True))
            for j, name in enumerate(sites):
                own[part, j] = columns[_site(name, obs)]
        return np.where(np.isnan(log_density), -np.inf, log_density), own

    def _at(self, columns: Mapping[str, Any], e: np.ndarray, obs: Observations) -> tuple[Any, tuple[Any, Any, Any]]:
        """Log densities of points, and the values of their three levels."""
        values, log_prior = self._constrained(columns, obs)
        scatter = self._scatter(values, obs)
        mask = np.asarray(obs.mask)
        (p_s, p_v, p_l) = (obs.priors[n].distribution for n in ("u_s0", "u_v0", self.level))
        loc, sd = (np.asarray([getattr(p, x) for p in (p_s, p_v, p_l)], float) for x in ("loc", "scale"))
        a_s, a_v, *_ = LEVELS[self.level]
        c, k, level = self.slope(values["rho"]), 1 / sd[2] ** 2, loc[2] - a_s * loc[0] - a_v * loc[1]
        y = np.where(mask, np.asarray(obs.y) - loc[:2], 0.0)  # levels count from the prior means of the starts
        s, rho = self._shape(values, obs), values["rho"]
        one = np.ones(len(mask))
        courses = [*self._common(scatter, obs), (one, None), (None, one), (-s, -rho[:, None] * s)]
        n = len(courses)
        gram, projected = _products(scatter, courses, [(y[:, 0], y[:, 1])])
        square = projected.pop()
        prior = [*([1.0] * (n - 3)), 1 / sd[0] ** 2, 1 / sd[1] ** 2, 0.0]
        by = [*([0.0] * (n - 3)), a_s, a_v, c]
        for i in range(n):
            for j in range(i + 1):
                gram[i, j] = gram[i, j] + k * by[i] * by[j] + (prior[i] if i == j else 0.0)
        solved = Solved.of(gram, [b + k * level * a for b, a in zip(projected, by, strict=True)])
        log_mass = 0.5 * (solved.square - square - k * level**2 - solved.log_det - scatter.log_det.sum(1))
        log_mass = log_mass + np.log(np.abs(c)) - np.log(sd).sum() - 0.5 * LOG_2PI * mask.sum()
        log_normal = -0.5 * (np.square(e).sum(0) + len(e) * LOG_2PI)
        u_s0, u_v0, fall = solved.last(e)
        u_s0, u_v0 = u_s0 + loc[0], u_v0 + loc[1]
        third = u_s0 - fall if self.level_site != self.level else a_s * u_s0 + a_v * u_v0 + c * fall
        return log_mass + log_prior + log_normal, (u_s0, u_v0, third)

    def _constrained(self, columns: Mapping[str, Any], obs: Observations) -> tuple[dict[str, Any], Any]:
        """Values of all numbers but the levels, sampled and fixed, and the log prior density of the sampled ones."""
        count = len(next(iter(columns.values())))
        values = {n: np.full(count, float(v)) for n, v in obs.fixed.items()}
        log_prior = np.zeros(count)
        for name, held in obs.priors.items():
            prior, x = held.distribution, columns.get(_site(name, obs))
            if x is None or name in ("u_s0", "u_v0", self.level):
                continue
            if name == "rate":
                values[name] = np.exp(x)
                base, by = known(prior, dist.LogNormal)
                z = (x - base.loc - np.log(by)) / base.scale
                log_prior = log_prior - 0.5 * (z**2 + LOG_2PI) - np.log(np.asarray(base.scale))
            else:
                values[name] = np.asarray(from_score(prior, x, NUMPY))
                more = correction(prior, x, NUMPY)
                log_prior = log_prior - 0.5 * (x**2 + LOG_2PI) + (0.0 if more is None else more)
        return values, log_prior

    def _shape(self, values: Mapping[str, Any], obs: Observations) -> np.ndarray:
        return -np.expm1(-values["rate"][:, None] * np.asarray(obs.ts))

    def _scatter(self, values: Mapping[str, Any], obs: Observations) -> Scatter:
        """As `CheckpointErrors` has it."""
        mask, se, corr = np.asarray(obs.mask), np.asarray(obs.se), np.asarray(obs.corr)
        fixed = self.model.likelihood.shared
        count = len(values["rate"])

        def pair(stem: str, otherwise: Any) -> list[np.ndarray]:
            return [np.broadcast_to(values.get(f"{stem}_{x}", otherwise), count)[:, None] for x in "sv"]

        shared = pair("shared", fixed if isinstance(fixed, float) else 0.0)
        sigma = pair("sigma", values.get("sigma", 0.0))
        var = [(1 - c) * se[:, i] ** 2 + x**2 + FLOOR for i, (c, x) in enumerate(zip(shared, sigma, strict=True))]
        v_s, v_v = (np.where(mask[:, i], v, 1.0) for i, v in enumerate(var))
        cross = np.sqrt((1 - shared[0]) * (1 - shared[1])) * np.where(mask.all(1), corr * se[:, 0] * se[:, 1], 0.0)
        det = v_s * v_v - cross**2
        own = np.where(mask, obs.common_se, 0.0) if self.model.has_common_errors else np.zeros(mask.shape)
        return Scatter(mask[:, 0] * v_v / det, -cross / det, mask[:, 1] * v_s / det, np.log(det),
                       np.sqrt(shared[0]) * own[:, 0], np.sqrt(shared[1]) * own[:, 1])  # fmt: skip

    def _common(self, scatter: Scatter, obs: Observations) -> list[tuple[Any, Any]]:
        """Courses of the common errors, of standard normal numbers that are independent; none where there are none."""
        if not self.model.has_common_errors:
            return []
        corr, rest = _corr(obs)
        return [(scatter.common_s, corr * scatter.common_v), (None, rest * scatter.common_v)]

    def completed(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        """Every number of the law that a user may ask for, as of `Model.complete`, from rate, rho, u_s0, u_v0 and
        fall D.
        """
        rate, rho, u_s0, u_v0, fall = (drawn[n] for n in ("rate", "rho", "u_s0", "u_v0", "fall"))
        gap_inf = u_s0 - u_v0 - (1 - rho) * fall
        (gauge,) = self.model.law.static
        paper = to_paper(rate, rho, gap_inf, k=gauge)
        return {"rate": rate, "rho": rho, "gap_inf": gap_inf, "u_s0": u_s0, "u_v0": u_v0, "u_s_inf": u_s0 - fall,
                "u_v_inf": u_v0 - rho * fall, "alpha": paper.alpha, "beta": paper.beta, "b": paper.b}  # fmt: skip

    def followed(
        self, z: Mapping[str, Any], obs: Observations, chance: np.ndarray
    ) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        """The complete values of draws in standard units, log p of each checkpoint (draws, times), and u_s at the last
        one (draws,), as of `_posterior.follows`; `z`: site -> (draws,), unconstrained; chance (draws, 2), standard
        normal, gives the common errors.
        """
        x = {name: np.asarray(v, np.float64) for name, v in z.items()}
        with np.errstate(all="ignore"):
            values, _ = self._constrained(x, obs)
            u_s0, u_v0, third, rho = x["u_s0"], x["u_v0"], x[self.level_site], values["rho"]
            a_s, a_v, *_ = LEVELS[self.level]
            named = self.level_site != self.level
            fall = u_s0 - third if named else (third - a_s * u_s0 - a_v * u_v0) / self.slope(rho)
            whole = self.completed({**values, "u_s0": u_s0, "u_v0": u_v0, "fall": fall})
            s, scatter = self._shape(values, obs), self._scatter(values, obs)
            course = u_s0[:, None] - fall[:, None] * s, u_v0[:, None] - (rho * fall)[:, None] * s
            off = [np.where(np.asarray(obs.mask)[:, i], np.asarray(obs.y)[:, i] - u, 0.0) for i, u in enumerate(course)]
            offset = chance.T
            if courses := self._common(scatter, obs):
                gram, projected = _products(scatter, courses, [(off[0], off[1])])
                gram[0, 0], gram[1, 1] = gram[0, 0] + 1, gram[1, 1] + 1
                offset = Solved.of(gram, projected[:2]).last(chance.T)
            corr, rest = _corr(obs)
            offset_s, offset_v = offset[0], corr * offset[0] + rest * offset[1]
            off_s = off[0] - offset_s[:, None] * scatter.common_s
            off_v = off[1] - offset_v[:, None] * scatter.common_v
            square = scatter.ss * off_s**2 + 2 * scatter.sv * off_s * off_v + scatter.vv * off_v**2
            log_lik = -0.5 * (square + scatter.log_det + np.asarray(obs.mask).sum(1) * LOG_2PI)
        noise = {n: values[n] for n in self.model.noise_sites}
        return {**whole, **noise, "offset_s": offset_s, "offset_v": offset_v}, log_lik, course[0][:, -1]


def _site(name: str, obs: Observations) -> str:
    """A sampled number as an engine knows it."""
    return name + SUFFIX if name in obs.priors and scored(obs.priors[name].distribution) else name


def _corr(obs: Observations) -> tuple[float, float]:
    """Correlation of the common errors of the two series, and what the second has for itself."""
    corr = float(np.mean(np.asarray(obs.corr)))
    return corr, math.sqrt(max(1 - corr**2, 0.0))


def _products(scatter: Scatter, courses: list[Any], data: list[Any]) -> tuple[dict[tuple[int, int], Any], list[Any]]:
    """Products of pairs of courses (u_s, u_v) by the precision of the errors, lower triangle, and of each with the
    data, that of the data with itself last; a course is (times,), (points, times), or None for 0.
    """
    rows = [*courses, *data]
    found: dict[tuple[int, int], Any] = {}
    weighed = [
        (_sum(_times(scatter.ss, s), _times(scatter.sv, v)), _sum(_times(scatter.sv, s), _times(scatter.vv, v)))
        for s, v in rows
    ]
    for i, (s, v) in enumerate(weighed):
        for j, (s_, v_) in enumerate(rows[: i + 1]):
            parts = [np.einsum("nt,nt->n", np.broadcast_to(a, b.shape), b) if np.ndim(a) > 1 else b @ a
                     for a, b in ((s_, s), (v_, v)) if a is not None]  # fmt: skip
            found[i, j] = sum(parts)
    last = len(rows) - 1
    return {k: x for k, x in found.items() if k[0] < last}, [found[last, j] for j in range(last + 1)]


def _times(a: Any, b: Any) -> Any:
    return None if b is None else a * b


def _sum(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a + b


class Solved(NamedTuple):
    """L diag(d) L' of precisions of n numbers, L unit lower triangular, and L^-1 b: row by row, each (points,)."""

    lower: dict[tuple[int, int], Any]
    d: list[Any]
    b: list[Any]

    @classmethod
    def of(cls, precision: Mapping[tuple[int, int], Any], b: list[Any]) -> Solved:
        """`precision` by its lower triangle."""
        lower: dict[tuple[int, int], Any] = {}
        d: list[Any] = []
        for i in range(len(b)):
            for j in range(i):
                rest = precision[i, j] - sum(lower[i, k] * lower[j, k] * d[k] for k in range(j))
                lower[i, j] = rest / d[j]
            d.append(precision[i, i] - sum(lower[i, k] ** 2 * d[k] for k in range(i)))
            b[i] = b[i] - sum(lower[i, k] * b[k] for k in range(i))
        return cls(lower, d, b)

    @property
    def square(self) -> Any:
        """b' P^-1 b."""
        return sum(b**2 / d for b, d in zip(self.b, self.d, strict=True))

    @property
    def log_det(self) -> Any:
        """Of the precision."""
        return sum(np.log(d) for d in self.d)

    def last(self, e: np.ndarray) -> list[Any]:
        """As many of the numbers, the last ones, as there are rows of standard normal e."""
        n, out = len(self.d), {}
        for i in reversed(range(n - len(e), n)):
            above = sum(self.lower[j, i] * out[j] for j in range(i + 1, n))
            out[i] = self.b[i] / self.d[i] + e[i - n] / np.sqrt(self.d[i]) - above
        return [out[i] for i in sorted(out)]


def known(prior: Any, *kinds: type) -> tuple[Any, Any]:
    """As `scaled`, of a distribution that is of one of the kinds."""
    found = scaled(prior, *kinds)
    assert found is not None
    return found


def scaled(prior: Any, *kinds: type) -> tuple[Any, Any] | None:
    """A distribution of one of the kinds, or with its numbers, and what values are multiplied by; None: it is none."""
    if type(prior) in kinds:
        return prior, 1.0
    if type(prior) is not dist.TransformedDistribution:
        return None
    base, transforms = prior.base_dist, list(prior.transforms)
    if dist.LogNormal in kinds and type(base) is dist.Normal and type(transforms[0]) is ExpTransform:
        del transforms[0]  # NumPyro takes a log-normal distribution apart
    elif type(base) not in kinds:
        return None
    by = 1.0
    for t in transforms:
        if type(t) is not AffineTransform or np.any(np.asarray(t.loc) != 0):
            return None
        by = by * np.asarray(t.scale)
    return base, by
