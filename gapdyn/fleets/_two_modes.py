"""Laws whose verifier relaxes: two functions of time say all of a course, and a few sums over the checkpoints all of
what the data say.

With a linear potential, U = U(0) + s(t) V + J(t) W (see `dynamics._exact`), V and W affine in the levels: none of the
checkpoints has to be looked at again for another level.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ..dynamics import GapLaw
from ..dynamics._potential import LinearPotential
from ..dynamics._relaxation import RelaxingVerifier
from ..dynamics._response import ConstantResponse
from ..inference._likelihood import FLOOR
from ..inference._model import Observations
from ..inference._one_shape import TINY
from ..inference._small import inverse_of_root, root
from ..inference._target import GivenRest
from ._tiles import summed

NEAR = 1e-8  # least product of the rates and square of their difference: nearer to 0 digits would be lost
QUARTER = 1.5707963267341256  # of a turn, in the bits that leave its products with whole numbers exact
_SINE, _COSINE = ([(-1) ** n / math.factorial(2 * n + i) for n in range(7)] for i in (1, 0))  # of Taylor's series


class Summed(NamedTuple):
    """As `inference._likelihood.Weighed`, from the products of the rows alone: (n, n), and the log norm."""

    products: Any
    log_norm: Any

    def gram(self) -> Any:
        """R C^-1 R', (n, n)."""
        return self.products

    def log_prob(self, part: Any) -> Any:
        """Log density of the first row less the others times `part` (n - 1,)."""
        own = jnp.concatenate([jnp.ones(1), -part])
        return self.log_norm - 0.5 * own @ self.products @ own


@dataclasses.dataclass(frozen=True)
class TwoModes(GivenRest):
    """`GivenRest` of such a law, without stated standard errors."""

    @classmethod
    def of(cls, given_rest: GivenRest) -> TwoModes | None:
        """The same in sums, or None where the law or the errors are others."""
        model = given_rest.model
        if model.stated or model.wanders or model.route.name != "exact" or model.likelihood.residuals != "independent":
            return None
        law = model.law.build({**model.law.example, **model.law.constants})
        if not isinstance(law, GapLaw) or law.forcing is not None:
            return None
        kinds = (type(law.potential), type(law.response), type(law.relaxation))
        return cls(model, given_rest.names) if kinds == (LinearPotential, ConstantResponse, RelaxingVerifier) else None

    def weighed(self, values: Mapping[str, Any], base: Any, obs: Observations) -> tuple[Any, Any]:
        total, log_norm = jnp.zeros(()), jnp.zeros(())
        for i, (products, count) in enumerate(self._products(values, base, obs)):
            variance = values.get("sigma", values.get(f"sigma_{'sv'[i]}", 0.0)) ** 2 + FLOOR
            total += products / variance
            log_norm -= 0.5 * count * jnp.log(2 * math.pi * variance)
        return Summed(total, log_norm), jnp.all(jnp.isfinite(total))

    def noise(self, values: Mapping[str, Any], obs: Observations) -> dict[str, Any]:
        """Site -> the noise that fits best, whatever the noise in `values`: `sigma`, or that of u_s and that of u_v."""
        base = jnp.zeros(len(self.names))
        (of_s, count_s), (of_v, count_v) = self._products(values, base, obs)
        count = jnp.stack([count_s, count_v])
        weight = jnp.ones(2)
        shared = "sigma" in values
        for _ in range(1 if shared else 3):
            total = weight[0] * of_s + weight[1] * of_v
            scale = jnp.sqrt(jnp.diagonal(total)[1:] + TINY)
            white = inverse_of_root(root(total[1:, 1:] / scale[:, None] / scale + NEAR * jnp.eye(len(base))))
            own = jnp.concatenate([jnp.ones(1), -(white.T @ (white @ (total[1:, 0] / scale))) / scale])
            square = jnp.stack([own @ of_s @ own, own @ of_v @ own])
            if shared:
                square, count = jnp.full(2, jnp.sum(square)), jnp.full(2, jnp.sum(count))
            free = jnp.maximum(count * (1 - len(base) / jnp.maximum(jnp.sum(count), 1.0)), 1.0)
            noise = jnp.sqrt(jnp.maximum(square / free, FLOOR))
            weight = 1 / noise**2
        return {"sigma": noise[0]} if shared else {"sigma_s": noise[0], "sigma_v": noise[1]}

    def _products(self, values: Mapping[str, Any], base: Any, obs: Observations) -> list[tuple[Any, Any]]:
        """For either series, the products of the data less the course at `base` and of the course's slopes, (n, n), and
        how many values are measured.
        """
        coordinates = self.model.law.coordinates

        def law(theta: Any) -> GapLaw:
            resolved = coordinates.resolve({**values, **dict(zip(self.names, theta, strict=True))})
            built = self.model.law.build({**resolved, **obs.constants})
            assert isinstance(built, GapLaw)
            return built

        at = law(base)
        sums = _sums(at, obs)
        points = jnp.concatenate([base[None], base + jnp.eye(len(base))])
        many = jax.vmap(lambda theta: _coefficients(law(theta)))(points)
        slopes = many[1:] - many[0]
        of_y = jnp.zeros(len(points)).at[0].set(1.0)
        found = []
        for i in range(2):
            rows = jnp.concatenate([of_y[:, None], jnp.concatenate([-many[:1, i], slopes[:, i]])], 1)
            found.append((rows @ sums[i] @ rows.T, sums[i][1, 1]))
        return found


def _parts(law: GapLaw) -> tuple[Any, Any, Any]:
    """k alpha, k beta, kappa."""
    potential, response, relaxation = law.potential, law.response, law.relaxation
    assert isinstance(potential, LinearPotential)
    assert isinstance(response, ConstantResponse)
    assert isinstance(relaxation, RelaxingVerifier)
    return potential.k * response.a, potential.k * response.b, relaxation.kappa


def _modes(law: GapLaw, t: Any) -> tuple[Any, Any]:
    """s and J at times t since the start, as `dynamics._smooth.two_modes` has them, at an eighth of its cost, to 1e-8
    and better: enough to weigh data, not to differentiate.
    """
    a, b, kappa = _parts(law)
    total, product = a - b + kappa, jnp.maximum(a * kappa, NEAR)
    z = total**2 / 4 - product
    z = jnp.where(jnp.abs(z) < NEAR, NEAR, z)
    root = jnp.sqrt(jnp.abs(z))
    real, turn = jnp.where(z > 0, root, 0.0), jnp.where(z > 0, 0.0, root)
    slow, fast = jnp.exp((real - total / 2) * t), jnp.exp(-(real + total / 2) * t)
    sine, cosine = _turned(turn * t)
    even = (slow + fast) / 2 * cosine
    odd = jnp.where(z > 0, (slow - fast) / 2, slow * sine) * (1 / root)
    even, odd = jax.lax.optimization_barrier((even, odd))  # else XLA works them out anew for every sum
    return odd, (1 - even - total / 2 * odd) * (1 / product)


def _turned(angle: Any) -> tuple[Any, Any]:
    """Sine and cosine, to 1e-11: XLA has those of a CPU one number at a time, at half of the cost of all sums."""
    quarter = jnp.round(angle * (2 / math.pi))
    r = (angle - quarter * QUARTER) - quarter * (math.pi / 2 - QUARTER)
    square = r * r
    s, c = r * _series(_SINE, square), _series(_COSINE, square)  # within an eighth of a turn
    odd = quarter / 2 != jnp.floor(quarter / 2)
    sign = jnp.where(quarter / 4 - jnp.floor(quarter / 4) < 0.5, 1.0, -1.0)
    return jnp.where(odd, c, s) * sign, jnp.where(odd, -s, c) * sign


def _series(coefficients: Sequence[float], x: Any) -> Any:
    total = coefficients[-1]
    for c in coefficients[-2::-1]:
        total = c + x * total
    return total


def _coefficients(law: GapLaw) -> Any:
    """(2, 3): what U_s and U_v have of 1, s and J."""
    a, b, kappa = _parts(law)
    assert law.relaxation is not None
    gap = (law.u_s0 - law.u_v0) - law.potential.rest
    v_s, v_v = -a * gap, -b * gap + law.relaxation.pull(law.u_v0)
    return jnp.stack([jnp.stack([law.u_s0, v_s, (kappa - b) * v_s + a * v_v]),
                      jnp.stack([law.u_v0, v_v, a * v_v - b * v_s])])  # fmt: skip


def _sums(law: GapLaw, obs: Observations) -> list[Any]:
    """For either series, the products of y, 1, s and J over what is measured, (4, 4)."""
    mask = jnp.where(obs.mask, 1.0, 0.0)  # y is 0 where it is not measured
    both = jnp.concatenate([mask, obs.y], 1)

    def more(t: Any, both: Any) -> tuple[Any, ...]:
        s, j = _modes(law, t - law.t0)
        mask = both[:, :2]
        return s @ both, j @ both, (s * s) @ mask, (s * j) @ mask, (j * j) @ mask

    of_s, of_j, ss, sj, jj = summed(more, obs.mask, obs.ts, both)
    n, y, yy = jnp.sum(mask, 0), jnp.sum(obs.y, 0), jnp.sum(obs.y**2, 0)
    rows = [[yy, y, of_s[2:], of_j[2:]], [y, n, of_s[:2], of_j[:2]], [of_s[2:], of_s[:2], ss, sj],
            [of_j[2:], of_j[:2], sj, jj]]  # fmt: skip
    return [jnp.stack([jnp.stack([x[i] for x in row]) for row in rows]) for i in range(2)]
