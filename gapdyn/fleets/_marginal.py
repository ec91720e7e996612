"""The density of a run's few numbers that are left when its levels are integrated out, and the levels given them.

`General` takes it from the model as it stands. `WrittenOut` writes it out for laws whose two curves are one shape,
U_s = U_s0 - D s(t), U_v = U_v0 - rho D s(t), without stated standard errors: then a dozen sums over the checkpoints say
all that the data say, at a small part of the cost. A test holds the two to each other.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from numpyro.distributions.transforms import biject_to

from ..dynamics import GapLaw
from ..dynamics._exact import exact_flow
from ..dynamics._potential import LinearPotential, PowerPotential
from ..dynamics._response import ConstantResponse
from ..inference._base import coordinate
from ..inference._likelihood import FLOOR
from ..inference._model import Model, Observations, constrain
from ..inference._small import lower_inverse, lower_root
from ..inference._target import GivenRest, target
from ..inference.engines import Target
from ..inference.engines._scores import SUFFIX, correction
from ._tiles import summed
from ._two_modes import TwoModes

STARTS = 2  # of Newton's method
_ONE_SHAPE = {(LinearPotential, ConstantResponse), (PowerPotential, ConstantResponse)}


@dataclasses.dataclass(frozen=True)
class General:
    """The density of any model: what `Target` says, its Gaussian sites at their mean. Hashable: part of a program."""

    model: Model
    target: Target

    @property
    def size(self) -> int:
        """Numbers that are left."""
        return sum(math.prod(shape) for _, shape in self.target.rest)

    @property
    def extra(self) -> int:
        """Levels that are integrated out."""
        return self.target.size - self.size

    @property
    def noise(self) -> tuple[int, ...]:
        """Places of the noise in x."""
        return tuple(i for i, (name, _) in enumerate(self.target.rest) if name.removesuffix(SUFFIX).startswith("sigma"))

    @property
    def along(self) -> int | None:
        """The place in x of a number that trades off against the others, so that the posterior is a thin bent ridge."""
        names = [name for name, _ in self.target.rest]
        sums = isinstance(self.target.given_rest, TwoModes)
        return names.index("kappa") if sums and "kappa" in names and len(names) - len(self.noise) > 1 else None

    def value(self, x: Sequence[Any], obs: Observations) -> Any:
        """Log density at x, one number each, up to a constant."""
        # a Gaussian's mass is its height times its width, whatever the height is taken at
        return self.target.collapsed_log_density((obs,))(jnp.stack([*x, *[jnp.zeros(())] * self.extra]))[0]

    def quiet(self, x: Sequence[Any], obs: Observations) -> list[Any]:
        """x with the noise that fits best, of a law with a number to go `along`."""
        known, sums = {**obs.fixed, **constrain(self.model, obs, self._rest(x))}, self.target.given_rest
        assert isinstance(sums, TwoModes)
        moved, noise = list(x), sums.noise(known, obs)
        for i in self.noise:
            moved[i] = self.coordinate(i, noise[self.target.rest[i][0].removesuffix(SUFFIX)], obs)
        return moved

    def both(self, x: Sequence[Any], e: Sequence[Any], obs: Observations) -> tuple[Any, dict[str, Any]]:
        """The same, and every sampled site in standard units from x and `extra` standard normal numbers."""
        density, own = self.target.collapsed_log_density((obs,))(jnp.stack([*x, *e]))
        return density + 0.5 * sum(z**2 for z in e), constrain(self.model, obs, self.target.split(own))

    def starts(self, tries: Any, obs: Observations) -> Any:
        """Where to look for modes, (starts, size), given points of a default prior (n, size)."""
        values = jax.vmap(lambda x: self.value([x[i] for i in range(self.size)], obs))(tries)
        return jnp.asarray(tries)[jax.lax.top_k(jnp.where(jnp.isfinite(values), values, -jnp.inf), STARTS)[1]]

    def coordinate(self, i: int, value: Any, obs: Observations) -> Any:
        """The number in x of a site's value."""
        name = self.target.rest[i][0]
        prior: Any = obs.priors[name.removesuffix(SUFFIX)].distribution
        return coordinate(prior, value, name.endswith(SUFFIX))

    def _rest(self, x: Sequence[Any]) -> dict[str, Any]:
        return {name: x[i] for i, (name, _) in enumerate(self.target.rest)}


class WrittenOut(General):
    """The same density of the laws in the table above, without stated standard errors."""

    def value(self, x: Sequence[Any], obs: Observations) -> Any:
        return self.both(x, [jnp.zeros(())] * self.extra, obs)[0]

    def both(self, x: Sequence[Any], e: Sequence[Any], obs: Observations) -> tuple[Any, dict[str, Any]]:
        known = self._known(x, obs)
        white, inverse, log_mass, level = self._levels(known, obs)
        density = log_mass + self._log_prior(x, known, obs)
        moved = [w + z for w, z in zip(white, e, strict=True)]
        u_s0, u_v0, fall = (sum(inverse[i, j] * moved[i] for i in range(j, 3)) for j in range(3))
        known |= {"u_s0": u_s0, "u_v0": u_v0, self._level: level(u_s0, u_v0, fall)}
        if self.model.centred:
            assert self.model.law.centring is not None
            loc, scale = self.model.law.centring.affine(known)
            known[self.model.law.centring.as_name] = loc + scale * known[self.model.law.centring.name]
        return jnp.where(jnp.isnan(density), -jnp.inf, density), known

    def starts(self, tries: Any, obs: Observations) -> Any:
        # each try's shape has its own best fall, ratio and noise by least squares
        def one(x: Any) -> tuple[Any, Any]:
            known = self._known([x[i] for i in range(self.size)], obs)
            sums = self._sums(known, obs)
            slopes, squares = [], []
            for i in range(2):
                n, y, yy, s, ss, sy = (v[i] for v in sums)
                spread = jnp.maximum(ss - s * s / jnp.maximum(n, 1), 1e-12)
                shared = sy - s * y / jnp.maximum(n, 1)
                slopes.append(-shared / spread)
                squares.append(jnp.maximum(yy - y * y / jnp.maximum(n, 1) - shared**2 / spread, 0.0))
            count = sums[0][0] + sums[0][1]
            noise = jnp.sqrt((squares[0] + squares[1]) / jnp.maximum(count - 4, 1) + FLOOR)
            ratio = jnp.clip(slopes[1] / jnp.where(jnp.abs(slopes[0]) > 1e-9, slopes[0], 1e-9), 0.01, 0.99)
            return count * jnp.log(noise) - 1e-3 * jnp.sum(x**2), {"rho": ratio, **dict.fromkeys(self._noise, noise)}

        misfit, best = jax.vmap(one)(tries)
        _, chosen = jax.lax.top_k(-misfit, STARTS)
        names = [name for name, _ in self.target.rest]
        rows = []
        for k in range(STARTS):
            x = list(jnp.asarray(tries)[chosen[k]])
            for name, value in best.items():
                for i in (i for i, n in enumerate(names) if n.removesuffix(SUFFIX) == name):
                    x[i] = self.coordinate(i, value[chosen[k]], obs)
            rows.append(jnp.stack(x))
        return jnp.stack(rows)

    @property
    def _level(self) -> str:
        """The third level beside the two starts: gap_inf, or a limit."""
        assert self.target.given_rest is not None
        return next(n for n in self.target.given_rest.names if n not in ("u_s0", "u_v0"))

    @property
    def _noise(self) -> tuple[str, ...]:
        return tuple(n for n in self.model.noise_sites if n.startswith("sigma"))

    def _known(self, x: Sequence[Any], obs: Observations) -> dict[str, Any]:
        return {**obs.fixed, **constrain(self.model, obs, self._rest(x))}

    def _resolved(self, known: dict[str, Any], **levels: Any) -> dict[str, Any]:
        """The law's own parameters, levels at 0 where they are not given."""
        zeros = dict.fromkeys(("u_s0", "u_v0", self._level), jnp.zeros(()))
        return self.model.law.coordinates.resolve({**known, **zeros, **levels})

    def _log_prior(self, x: Sequence[Any], known: dict[str, Any], obs: Observations) -> Any:
        total = jnp.zeros(())
        for name, z in self._rest(x).items():
            prior: Any = obs.priors[name.removesuffix(SUFFIX)].distribution
            if name.endswith(SUFFIX):
                more = correction(prior, z)
                total += -0.5 * z**2 + (0.0 if more is None else more)
            else:
                transform = biject_to(prior.support)
                total += prior.log_prob(known[name]) + transform.log_abs_det_jacobian(z, known[name])
        return total

    def _sums(self, known: dict[str, Any], obs: Observations) -> list[list[Any]]:
        """For either series: count, sums of y, y^2, s, s^2, s y over what is measured."""
        shape = self._shape(known, obs)
        mask = jnp.where(obs.mask, 1.0, 0.0)  # y is 0 where it is not measured

        def more(t: Any, both: Any) -> tuple[Any, Any]:
            s = jax.lax.optimization_barrier(shape(t))  # else XLA works it out anew for its square
            return s @ both, (s * s) @ both[:, :2]

        of_s, of_square = summed(more, obs.mask, obs.ts, jnp.concatenate([mask, obs.y], 1))
        plain = [jnp.sum(mask, 0), jnp.sum(obs.y, 0), jnp.sum(obs.y**2, 0)]
        return [*([x[0], x[1]] for x in plain), [of_s[0], of_s[1]], [of_square[0], of_square[1]], [of_s[2], of_s[3]]]

    def _levels(
        self, known: dict[str, Any], obs: Observations
    ) -> tuple[list[Any], dict[tuple[int, int], Any], Any, Any]:
        """(U_s0, U_v0, D) given the rest: their whitened mean, the inverse of a lower triangular root of their
        precision, the log of what is left of the likelihood when they are integrated out; and the third level, as a
        function of them. In D, and not in the level, nothing grows without bound as rho nears 1.
        """
        zero = jnp.zeros(())

        def fall(**levels: Any) -> Any:
            r = self._resolved(known, **levels)
            return (r["u_s0"] - r["u_v0"] - r["gap_inf"]) / (1 - r["rho"])

        at = fall()
        each = 1 / (fall(**{self._level: zero + 1}) - at)  # of the level, by one of D
        by_s, by_v = (-(fall(**{n: zero + 1}) - at) * each for n in ("u_s0", "u_v0"))

        def level(u_s0: Any, u_v0: Any, d: Any) -> Any:
            return by_s * u_s0 + by_v * u_v0 + each * (d - at)

        loc, sd = zip(*(self._prior(n, obs) for n in ("u_s0", "u_v0", self._level)), strict=True)
        pull = [1 / x**2 for x in sd]
        way, rest = (by_s, by_v, each), loc[2] + each * at  # the level's prior, on D
        precision = {(i, j): pull[2] * way[i] * way[j] for i in range(3) for j in range(i + 1)}
        slope = [pull[2] * w * rest for w in way]
        square = pull[2] * rest**2
        for i in range(2):
            precision[i, i] += pull[i]
            slope[i] += pull[i] * loc[i]
            square += pull[i] * loc[i] ** 2
        log_mass = zero
        sums = self._sums(known, obs)
        for i, ratio in enumerate((1.0, self._resolved(known)["rho"])):
            n, y, yy, s, ss, sy = (v[i] for v in sums)
            variance = known.get("sigma", known.get(f"sigma_{'sv'[i]}", 0.0)) ** 2 + FLOOR
            w = 1 / variance
            log_mass -= 0.5 * n * jnp.log(2 * math.pi * variance)
            precision[i, i] += w * n
            precision[2, i] -= w * ratio * s
            precision[2, 2] += w * ratio**2 * ss
            slope[i] += w * y
            slope[2] -= w * ratio * sy
            square += w * yy
        lower = lower_root(precision, 3)
        inverse = lower_inverse(lower, 3)
        white = [sum(inverse[i, j] * slope[j] for j in range(i + 1)) for i in range(3)]
        for i in range(3):
            log_mass += 0.5 * white[i] ** 2 - jnp.log(lower[i, i] * sd[i])
        return white, inverse, log_mass - 0.5 * square + jnp.log(jnp.abs(each)), level

    def _prior(self, name: str, obs: Observations) -> tuple[Any, Any]:
        prior: Any = obs.priors[name].distribution
        return jnp.asarray(prior.loc, float), jnp.asarray(prior.scale, float)

    def _shape(self, known: dict[str, Any], obs: Observations) -> Callable[[Any], Any]:
        """s(t): what U_s is fallen by where D = 1."""
        r = self._resolved(known)
        start = {"u_s0": jnp.zeros(()), "u_v0": r["rho"] - 1, "gap_inf": jnp.zeros(())}
        law = self.model.law.build({**r, **start, **obs.constants})
        flow = exact_flow(law)
        assert flow is not None
        return lambda t: -flow(law, (law.u_s0, law.u_v0), law.t0, t - law.t0, jnp.zeros(()))[0]


def marginal(model: Model, obs: Observations) -> General:
    """The density of one run's numbers, written out where it can be; `obs` of any run with this model."""
    aim = target(model, obs)
    if _has_one_shape(model, aim):
        return WrittenOut(model, aim)
    in_sums = TwoModes.of(aim.given_rest) if isinstance(aim.given_rest, GivenRest) else None
    return General(model, dataclasses.replace(aim, given_rest=in_sums or aim.given_rest))


def _has_one_shape(model: Model, aim: Target) -> bool:
    if not isinstance(aim.given_rest, GivenRest) or model.stated or model.wanders or model.route.name != "exact":
        return False
    if model.likelihood.residuals != "independent" or len(aim.given_rest.names) != 3:
        return False
    law = model.law.build({**model.law.example, **model.law.constants})
    if not isinstance(law, GapLaw) or law.relaxation is not None or law.forcing is not None:
        return False
    return (type(law.potential), type(law.response)) in _ONE_SHAPE
