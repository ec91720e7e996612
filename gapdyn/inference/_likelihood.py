"""How measured uncertainties scatter about a law: shared error, independent error, excess noise.

Evaluation prompts stay fixed over a run, so the standard error of a checkpoint (over prompts) is mostly one common
offset: Cov(e_i, e_j) = c se_i se_j + (1 - c) se_i^2 [i = j] + sigma^2 [i = j] , with the smooth
course of the standard errors in the first term.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax.scipy.special import gammaln
from numpyro.distributions import constraints

from .._check import InputError, choose
from ._small import inverse_2x2
from ._whitening import Factor, factor, straying_factor

# Variance floor in standard units: no run is known to a ten-thousandth of its range, and a noiseless curve would else
# have a posterior without width.
FLOOR = 1e-8


@dataclasses.dataclass(frozen=True)
class Likelihood:
    """The error model of a fit.

    Parameters
    ----------
    noise
        "gaussian", or "student_t" (one checkpoint far off the curve costs little; adds `nu`).
    shared
        Which part c of a squared standard error all checkpoints have in common (same prompts, same seeds): "infer"
        from how little the checkpoints scatter, or a number in [0, 1] (0: fresh prompts at every checkpoint). It
        matters only where the run has standard errors.
    excess
        Whether u_s and u_v have one excess noise ("shared", parameter `sigma`) or two ("separate", `sigma_s` and
        `sigma_v`). Two let a law that is wrong fit one curve and call the whole of the other noise, in two ways that no
        sampler moves between; take them for a run whose series really differ that much.
    residuals
        Whether all excess noise is fresh at every checkpoint ("independent"), or the run also strays from its law on a
        random walk ("wander", parameter `stray`), as it does from a law that is only nearly right. Forecasts then go on
        from where the run is, and intervals get wider with time. A law or curve with process noise wanders by itself
        and keeps independent residuals.
    """

    noise: str = "gaussian"
    shared: str | float = "infer"
    excess: str = "shared"
    residuals: str = "independent"

    def __post_init__(self) -> None:
        choose(self.noise, ("gaussian", "student_t"), "noise")
        choose(self.residuals, ("independent", "wander"), "value of residuals")
        if self.residuals == "wander" and self.noise != "gaussian":
            raise InputError("residuals='wander' has Gaussian noise: leave noise='student_t' out, or residuals.")
        choose(self.excess, ("shared", "separate"), "value of excess")
        if isinstance(self.shared, str):
            choose(self.shared, ("infer",), "value of shared")
        elif isinstance(self.shared, bool) or not 0 <= self.shared <= 1:
            raise InputError(f"shared={self.shared!r}: give 'infer' or a number in [0, 1].")
        else:
            object.__setattr__(self, "shared", float(self.shared))


class Weighed(NamedTuple):
    """What Gaussian errors of covariance C make of rows of residuals R (n, times, 2).

    left, right : (n, times, 2), linear in the rows, with R C^-1 R' the sums of left times right.
    log_norm : log density of no residual at all.
    """

    left: Any
    right: Any
    log_norm: Any

    def gram(self) -> Any:
        """R C^-1 R', (n, n)."""
        return jnp.einsum("itk,jtk->ij", self.left, self.right)

    def log_prob(self, part: Any) -> Any:
        """Log density of the first row less the others times `part` (n - 1,)."""
        left, right = (x[0] - jnp.einsum("i,itk->tk", part, x[1:]) for x in (self.left, self.right))
        return self.log_norm - 0.5 * jnp.sum(left * right)


class CheckpointErrors(dist.Distribution):
    """Both series of a run about their curve: event shape (times, 2), axis -1 = (u_s, u_v).

    Parameters
    ----------
    mean : (times, 2), the law.
    se : (times, 2), measured standard errors, 0 where there is none: size of the independent part.
    common_se : (times, 2), their smooth course (see `common_course`): size of the shared part; None: nothing is shared.
    corr : (times,), correlation of the errors of u_s and u_v at a checkpoint, 0 where unknown.
    mask : (times, 2), False where not measured.
    shared, sigma : (2,), the shared part c and the excess noise.
    offset : (2,) or None. The common errors in units of sqrt(c) se; None integrates them out (Gaussian only).
    nu : () or None, degrees of freedom; None is Gaussian.
    strays : (times,) or None, variance that either series strays by since the checkpoint before (0 at the first one);
        None: it does not stray (Gaussian only).
    """

    arg_constraints = {}  # noqa: RUF012  (NumPyro's own form)
    support: Any = constraints.real_matrix
    pytree_data_fields = ("mean_", "se", "common_se", "corr", "mask_", "shared", "sigma", "offset", "nu", "strays")

    def __init__(self, mean, se, common_se, corr, mask, shared, sigma, offset=None, nu=None, strays=None):
        self.mean_, self.se, self.common_se, self.corr, self.mask_ = mean, se, common_se, corr, mask
        self.shared, self.sigma, self.offset, self.nu, self.strays = shared, sigma, offset, nu, strays
        super().__init__((), jnp.shape(mean), validate_args=False)

    def common(self) -> Any:
        """sqrt(c) se, (times, 2): the size of the common error at each checkpoint."""
        if self.common_se is None:
            return jnp.zeros_like(self.mean_)
        return jnp.where(self.mask_, jnp.sqrt(self.shared) * self.common_se, 0.0)

    def _blocks(self) -> tuple[Any, Any, Any]:
        """Covariance of one checkpoint's independent part, identity where not measured."""
        var = (1 - self.shared) * self.se**2 + self.sigma**2 + FLOOR
        both = self.mask_[:, 0] & self.mask_[:, 1]
        own = jnp.sqrt((1 - self.shared[0]) * (1 - self.shared[1])) * self.se[:, 0] * self.se[:, 1]
        cross = jnp.where(both, self.corr * own, 0.0)
        v = jnp.where(self.mask_, var, 1.0)
        return v[:, 0], cross, v[:, 1]

    def noise_cov(self) -> Any:
        """Covariance of each checkpoint's independent part, (times, 2, 2); identity where not measured."""
        b11, b12, b22 = self._blocks()
        return jnp.stack([jnp.stack([b11, b12], -1), jnp.stack([b12, b22], -1)], -2)

    def offset_cov(self) -> Any:
        """Covariance of the two common errors, (2, 2), in units of sqrt(c) se."""
        c = self._corr_offset()
        return jnp.stack([jnp.ones_like(c), c, c, jnp.ones_like(c)]).reshape(2, 2)

    def _factor(self) -> Factor:
        """Of the covariance of all checkpoints given the common errors."""
        if self.strays is None:
            return factor(*self._blocks(), self.mask_)
        return straying_factor(*self._blocks(), self.mask_, self.strays)

    def _but(self, **changes: Any) -> CheckpointErrors:
        names = ("mean_", "se", "common_se", "corr", "mask_", "shared", "sigma", "offset", "nu", "strays")
        stated = {name.removesuffix("_"): getattr(self, name) for name in names}
        return CheckpointErrors(**{**stated, **changes})

    def given(self, offset: Any) -> CheckpointErrors:
        """The same errors with the common ones known."""
        return self._but(offset=offset)

    def about(self, mean: Any) -> CheckpointErrors:
        """The same errors about another course, (times, 2)."""
        return self._but(mean=mean)

    def without_strays(self) -> CheckpointErrors:
        """The same errors of a run that does not stray."""
        return self._but(strays=None)

    def centre(self) -> Any:
        """The curve that the checkpoints scatter about, (times, 2): the law plus the common error, where known."""
        return self.mean_ if self.offset is None else self.mean_ + self.common() * self.offset

    def _corr_offset(self) -> Any:
        """Correlation of the two common errors: that of the checkpoints, on average."""
        return jnp.mean(self.corr)

    def _residual(self, value: Any) -> Any:
        return jnp.where(self.mask_, value - self.centre(), 0.0)

    def checkpoint_log_prob(self, value: Any) -> Any:
        """log p of each checkpoint given the common error (`offset` None counts as 0) and, where the run strays,
        the earlier checkpoints: (times,).
        """
        scatter = self._factor()
        square, n = jnp.sum(scatter.whiten(self._residual(value)) ** 2, -1), jnp.sum(self.mask_, -1)
        if self.nu is None:
            return -0.5 * (square + scatter.log_det + n * math.log(2 * math.pi))
        nu = self.nu  # multivariate t: u_s and u_v of one checkpoint are off together
        norm = gammaln((nu + n) / 2) - gammaln(nu / 2) - 0.5 * n * jnp.log(nu * math.pi) - 0.5 * scatter.log_det
        return jnp.where(n > 0, norm - 0.5 * (nu + n) * jnp.log1p(square / nu), 0.0)

    def _whitened(self, rows: Any) -> tuple[Factor, Any, Any]:
        """The factor, whitened rows (n, times, 2), and whitened courses (2, times, 2) of common errors of size 1."""
        scatter = self._factor()
        common = self.common()[None] * jnp.eye(2)[:, None, :]
        white = scatter.whiten(jnp.concatenate([rows, common]))
        return scatter, white[:-2], white[-2:]

    def _offset_posterior(self, rows: Any, common: Any) -> tuple[Any, Any, Any]:
        """h (n, 2), A = I + M R, and R of the common error z given whitened rows: z ~ N(R A^-1 h, R A^-1).

        M = W' D^-1 W is what all checkpoints together say of the two common errors, D their covariance without them.
        """
        big_r = self.offset_cov()
        h = jnp.einsum("ntk,itk->ni", rows, common)
        return h, jnp.eye(2) + jnp.einsum("itk,jtk->ij", common, common) @ big_r, big_r

    def weighed(self, rows: Any) -> Weighed:
        """Of Gaussian errors, the common ones integrated out: rows (n, times, 2) of residuals."""
        count = jnp.sum(self.mask_)
        if self.common_se is None:
            scatter = self._factor()
            white = scatter.whiten(rows)
            return Weighed(white, white, -0.5 * (jnp.sum(scatter.log_det) + count * math.log(2 * math.pi)))
        scatter, white, common = self._whitened(rows)
        # Woodbury: the two common errors couple all checkpoints
        h, a, big_r = self._offset_posterior(white, common)
        inverse, det = inverse_2x2(a)
        log_norm = -0.5 * (jnp.sum(scatter.log_det) + jnp.log(det) + count * math.log(2 * math.pi))
        return Weighed(white, white - jnp.einsum("ni,itk->ntk", h @ big_r @ inverse, common), log_norm)

    def log_prob(self, value: Any) -> Any:
        if self.offset is not None or self.nu is not None or self.common_se is None:
            return jnp.sum(self.checkpoint_log_prob(value))
        return self.weighed(self._residual(value)[None]).log_prob(jnp.zeros(0))

    def offset_from(self, e: Any, value: Any) -> Any:
        """One draw (2,) of the common errors given the data, from two standard normal numbers."""
        if self.common_se is None:  # the data say nothing of them
            return self.new_offset_from(e)
        (h,), a, big_r = self._offset_posterior(*self._whitened(self._but(offset=None)._residual(value)[None])[1:])
        cov = big_r @ inverse_2x2(a)[0]
        c11 = jnp.sqrt(jnp.maximum(cov[0, 0], 0.0))
        c21 = cov[1, 0] / jnp.where(c11 > 0, c11, 1.0)
        c22 = jnp.sqrt(jnp.maximum(cov[1, 1] - c21**2, 0.0))
        return cov @ h + jnp.stack([c11 * e[0], c21 * e[0] + c22 * e[1]])

    def new_offset_from(self, e: Any) -> Any:
        """One draw (2,) of common errors of another set of prompts, from two standard normal numbers."""
        c = self._corr_offset()
        return jnp.stack([e[0], c * e[0] + jnp.sqrt(1 - c**2) * e[1]])

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> Any:
        """Replicated series; not-measured entries are filled as if they had been measured without error."""
        if sample_shape:
            count = math.prod(sample_shape)
            return jax.vmap(self.sample)(jax.random.split(key, count)).reshape(*sample_shape, *self.event_shape)
        k_offset, k_noise, k_t = jax.random.split(key, 3)
        kind = jnp.result_type(float)
        fresh = self.new_offset_from(jax.random.normal(k_offset, (2,), kind))
        whole = self.given(fresh) if self.offset is None else self
        chi2 = None
        if self.nu is not None:
            chi2 = 2 * jax.random.gamma(k_t, self.nu / 2, self.event_shape[:1], kind)
        return whole.measured_from(jax.random.normal(k_noise, self.event_shape, kind), chi2)

    def measured_from(self, e: Any, chi2: Any = None) -> Any:
        """Replicated series about the centre, from standard normal numbers (times, 2) and, with `nu`, a chi-squared
        number of that many degrees of freedom for each checkpoint (times,).
        """
        noise = self._factor().colour(e)
        if self.nu is not None:
            noise = noise * jnp.sqrt(self.nu / chi2)[:, None]
        return self.centre() + noise
