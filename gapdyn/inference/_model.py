"""THE probability model. Every engine takes its log-density from here, so that all target one posterior."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.distributions.transforms import AffineTransform, biject_to

from .._check import InputError
from ..data import Run
from ..dynamics import GapLaw, LawSpec, solve
from ..dynamics._solve import choose_route
from ._held import Held
from ._likelihood import CheckpointErrors, Likelihood, common_course
from ._prior import choose_priors, is_real
from ._scale import Scale
from ._sites import SITES, Dimension

SERIES = ("u_s", "u_v")


class Observations(NamedTuple):
    """What a run contributes, in standard units; not-measured entries are 0 where `mask` is False."""

    ts: Any  # (times,)
    y: Any  # (times, 2)
    mask: Any  # (times, 2)
    se: Any  # (times, 2)
    common_se: Any  # (times, 2)
    corr: Any  # (times,)
    priors: dict[str, Held]
    fixed: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Model:
    """A NumPyro model of one run under one law, ready for any engine: `model(observations)`.

    It is the pair of what is compiled (names, structure: this object, hashable by what it depends on) and what varies
    freely without recompiling (`observations`: data, fixed numbers, priors' numbers).
    """

    law: LawSpec
    likelihood: Likelihood
    route: str
    noise_sites: tuple[str, ...]
    centred: bool
    key: tuple[Any, ...]

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and self.key == other.key

    def __call__(self, obs: Observations) -> None:
        """State the joint density: priors, the law, the likelihood of both series."""
        values = dict(obs.fixed)
        centring = self.law.centring if self.centred else None
        for name in (*self.law.coordinates.names, *self.noise_sites):
            if name not in values and not (centring and name == centring.name):
                values[name] = numpyro.sample(name, obs.priors[name].distribution)
        if centring:
            # the same prior, stated for an affine function of the parameter that data pin down (no Jacobian is lost:
            # TransformedDistribution carries it)
            loc, scale = centring.affine(values)
            moved = dist.TransformedDistribution(obs.priors[centring.name].distribution, AffineTransform(loc, scale))
            values[centring.name] = (numpyro.sample(centring.as_name, moved) - loc) / scale
        law = self.build(values)
        trajectory = solve(law, obs.ts, self.route)
        if self.route != "exact":
            numpyro.factor("solved", jnp.where(trajectory.ok, 0.0, -jnp.inf))
        numpyro.sample("checkpoints", self.errors(trajectory, values, obs), obs=obs.y)

    def build(self, values: Mapping[str, Any]) -> GapLaw:
        """The law at sampled values."""
        return self.law.build(self.law.coordinates.resolve(values))

    def errors(self, trajectory: Any, values: Mapping[str, Any], obs: Observations) -> CheckpointErrors:
        """The distribution of both series about a trajectory."""

        def pair(stem: str, otherwise: Any) -> Any:
            return jnp.stack([jnp.asarray(values.get(f"{stem}_{x}", otherwise), float) for x in "sv"])

        fixed_share = self.likelihood.shared if isinstance(self.likelihood.shared, float) else 0.0
        return CheckpointErrors(
            jnp.stack([trajectory.u_s, trajectory.u_v], -1),
            obs.se,
            obs.common_se,
            obs.corr,
            obs.mask,
            shared=pair("shared", fixed_share),
            sigma=pair("sigma", values.get("sigma", 0.0)),
            offset=pair("offset", 0.0) if self.likelihood.noise == "student_t" else None,
            nu=values.get("nu"),
        )

    def complete(self, values: Mapping[str, Any], obs: Observations) -> dict[str, Any]:
        """Every number a user may ask for, in standard units, from one draw of the sampled sites."""
        values = {**values, **obs.fixed}
        if self.centred:
            assert self.law.centring is not None
            loc, scale = self.law.centring.affine(values)
            values[self.law.centring.name] = (values[self.law.centring.as_name] - loc) / scale
        law = self.law.coordinates.resolve(values)
        noise = {n: values[n] for n in self.noise_sites}
        return {**law, **self.law.outputs(self.law.build(law)), **noise}

    def solve_at(self, values: Mapping[str, Any], ts: Any) -> Any:
        """The trajectory at standard times for one completed draw."""
        return solve(self.law.build({k: values[k] for k in self.law.example}), ts, self.route)


def _noise_sites(run: Run, likelihood: Likelihood) -> tuple[str, ...]:
    sites: list[str] = ["sigma"] if likelihood.excess == "shared" else []
    for x, series in zip("sv", SERIES, strict=True):
        if series not in run.measured:
            continue
        if likelihood.excess == "separate":
            sites.append(f"sigma_{x}")
        if np.isfinite(getattr(run, f"se_{x}")).any():
            if likelihood.shared == "infer":
                sites.append(f"shared_{x}")
            if likelihood.noise == "student_t" and likelihood.shared != 0:
                sites.append(f"offset_{x}")
    if likelihood.noise == "student_t":
        sites.append("nu")
    return tuple(sites)


def prepare(
    run: Run,
    law: LawSpec,
    *,
    prior: Mapping[str, Any] | None = None,
    likelihood: Likelihood | None = None,
    route: str = "auto",
) -> tuple[Model, Observations, Scale]:
    """The NumPyro model of a run under a law, its observations and its scale.

    `numpyro.infer.MCMC(NUTS(model)).run(key, observations)` samples it in standard units; `fit` does all of that and
    comes back to the run's units.

    Raises
    ------
    InputError
        The run measures neither u_s nor u_v or does not move; a law, route or prior that does not fit.
    """
    likelihood = Likelihood() if likelihood is None else likelihood
    if not isinstance(run, Run):
        raise InputError(f"fit takes one Run, got {type(run).__name__}. Pick one of a fleet: fleet['name'].")
    if not isinstance(law, LawSpec):
        raise InputError(f"law={law!r} is not a law to fit. Use one of gapdyn.laws, such as gd.laws.shared_rate().")
    if not run.measured:
        raise InputError(
            f"run {run.name!r} measures neither u_s nor u_v, and law {law.name!r} describes these two. "
            "If the log has them under other names, read it with columns={'u_s': 'entropy'}."
        )
    scale = Scale.of(run)
    level = max((float(np.nanmax(np.abs(getattr(run, s)))) for s in run.measured), default=0.0)
    if not scale.size > 1e-9 * level:
        raise InputError(
            f"run {run.name!r}: u_s and u_v do not change and have no gap (constant curve), so there is nothing to "
            "fit. Check that the columns are the measured uncertainties."
        )
    noise_sites = _noise_sites(run, likelihood)
    priors = choose_priors(run, law, noise_sites, prior, scale)
    centred = _can_centre(law, priors)
    example = law.build(law.example)
    route = choose_route(example, route)
    structure = tuple((n, type(p).__name__) for n, p in sorted(priors.items()))
    key = (law.name, law.coordinates.names, tuple(sorted(law.fixed)), _gauge(example), likelihood, route, noise_sites,
           centred, structure)  # fmt: skip
    model = Model(law, likelihood, route, noise_sites, centred, key)
    return model, _observations(run, law, scale, priors), scale


def _can_centre(law: LawSpec, priors: Mapping[str, dist.Distribution]) -> bool:
    """Whether the law's centring applies: its parameter is free and on the whole line, the others are at hand."""
    centring = law.centring
    return (
        centring is not None
        and centring.name in priors
        and set(centring.needs) <= set(law.coordinates.names)
        and is_real(priors[centring.name])
    )


def _gauge(law: GapLaw) -> float:
    return float(getattr(law.potential, "k", 1.0))


def _observations(run: Run, law: LawSpec, scale: Scale, priors: dict[str, Any]) -> Observations:
    y = np.stack([(run.u_s - scale.origin) / scale.size, (run.u_v - scale.origin) / scale.size], -1)
    mask = np.isfinite(y)
    se = np.nan_to_num(np.stack([run.se_s, run.se_v], -1) / scale.size, nan=0.0)
    common = [common_course(run.t, s / scale.size) for s in (run.se_s, run.se_v)]
    arrays = {
        "common_se": np.stack(common, -1),
        "ts": scale.times(run.t),
        "y": np.where(mask, y, 0.0),
        "se": se,
        "corr": np.nan_to_num(run.corr, nan=0.0),
    }
    device = {k: jnp.asarray(v, float) for k, v in arrays.items()}
    fixed = {k: jnp.asarray(scale.to_standard(k, v), float) for k, v in law.fixed.items()}
    held = {k: Held(v) for k, v in priors.items()}
    return Observations(**device, mask=jnp.asarray(mask), priors=held, fixed=fixed)


def unit_of(name: str, run: Run) -> str:
    """The unit that parameter `name` has for this run."""
    u = "" if run.unit == "arbitrary" else run.unit
    return {
        Dimension.LEVEL: u,
        Dimension.DIFFERENCE: u,
        Dimension.RATE: f"1/{run.clock}",
        Dimension.TIME: run.clock,
        Dimension.PURE: "",
    }[SITES[name].dimension]


def log_density(model: Model, obs: Observations) -> Any:
    """z (dict of unconstrained sites) -> log posterior density, up to the evidence."""
    from numpyro.infer.util import potential_energy

    return lambda z: -potential_energy(model, (obs,), {}, z)


def constrain(model: Model, obs: Observations, z: Mapping[str, Any]) -> dict[str, Any]:
    """Unconstrained sites of one draw -> constrained values of the sampled sites.

    As `numpyro.infer.util.constrain_fn`, without running the model: a site's support depends on no other site.
    """
    centred = model.law.centring.as_name if model.centred and model.law.centring else None
    return {n: x if n == centred else biject_to(obs.priors[n].distribution.support)(x) for n, x in z.items()}


def sampled_sites(model: Model, obs: Observations) -> list[str]:
    """Names of the sampled sites, in the order that engines flatten them."""
    names = [n for n in (*model.law.coordinates.names, *model.noise_sites) if n in obs.priors]
    if model.centred:
        assert model.law.centring is not None
        names[names.index(model.law.centring.name)] = model.law.centring.as_name
    return names
