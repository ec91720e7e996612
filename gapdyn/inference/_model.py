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
from ..dynamics import LawSpec
from ..dynamics._deviation import deviation, wanders
from ..dynamics._solve import Route, along, plan
from ._held import Held
from ._kalman import PathErrors
from ._likelihood import CheckpointErrors, Likelihood
from ._padding import padded
from ._prior import Seen, choose_priors, is_real
from ._scale import Scale
from ._sites import SITES, Dimension
from ._table import Table, common_course
from ._whitening import steps
from .engines._scores import SUFFIX, from_score

SERIES = ("u_s", "u_v")
BY_CHECKPOINT = ("real", "ts", "y", "mask", "se", "common_se", "corr")
FINE = 32  # fixed steps over a run: enough for ACCURACY with ten time constants in the run
# relative errors that a solve inside a sampler may have, far below any measurement's
ACCURACY = {"exact": 1.0, "map": 1.0, "fixed": 1e-4, "ode": 1e-8}


class Observations(NamedTuple):
    """What a run contributes, in standard units; not-measured entries are 0 where `mask` is False.

    Checkpoints are padded to one of few lengths: at the end the last time is repeated, where nothing was measured.
    """

    real: Any  # (times,), False where padded
    ts: Any  # (times,)
    y: Any  # (times, 2)
    mask: Any  # (times, 2)
    se: Any  # (times, 2)
    common_se: Any  # (times, 2)
    corr: Any  # (times,)
    priors: dict[str, Held]
    fixed: dict[str, Any]
    constants: dict[str, Any]  # of the law: schedules, a round's length

    def unpadded(self) -> Observations:
        """The checkpoints alone, as NumPy arrays."""
        real = np.asarray(self.real)
        return self._replace(**{name: np.asarray(getattr(self, name))[real] for name in BY_CHECKPOINT})


@dataclasses.dataclass(frozen=True)
class Model:
    """A NumPyro model of one run under one law, ready for any engine: `model(observations)`.

    It is the pair of what is compiled (names, structure: this object, hashable by what it depends on) and what varies
    freely without recompiling (`observations`: data, fixed numbers, priors' numbers).
    """

    law: LawSpec
    likelihood: Likelihood
    route: Route
    noise_sites: tuple[str, ...]
    centred: bool
    wanders: bool
    stated: bool  # whether the run states standard errors
    key: tuple[Any, ...]

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and self.key == other.key

    @property
    def program(self) -> Any:
        """What its compiled programs depend on, from one process to the next, too: functions of others may change."""
        return self.key if self.law.ours else self.law.build

    @property
    def has_common_errors(self) -> bool:
        """Whether checkpoints may share an error: not where no standard errors are stated."""
        return bool(self.likelihood.shared) and self.stated

    def __call__(self, obs: Observations) -> None:
        """State the joint density: priors, the law, the likelihood of both series."""
        errors, solved = self.about_law(self.prior(obs), obs)
        numpyro.factor("solved", jnp.where(solved, 0.0, -jnp.inf))
        numpyro.sample("checkpoints", errors, obs=obs.y)

    def prior(self, obs: Observations) -> dict[str, Any]:
        """State the priors of all numbers that are not fixed; name -> value."""
        values = dict(obs.fixed)
        centring = self.law.centring if self.centred else None
        if centring and centring.name in values:
            centring = None
        for name in (*self.law.coordinates.names, *self.noise_sites):
            if name not in values and not (centring and name == centring.name):
                values[name] = numpyro.sample(name, obs.priors[name].distribution)
        if centring:
            # the same prior, stated for an affine function of the parameter that data pin down (no Jacobian is lost:
            # TransformedDistribution carries it)
            loc, scale = centring.affine(values)
            moved = dist.TransformedDistribution(obs.priors[centring.name].distribution, AffineTransform(loc, scale))
            values[centring.name] = (numpyro.sample(centring.as_name, moved) - loc) / scale
        return values

    def about_law(self, values: Mapping[str, Any], obs: Observations) -> tuple[CheckpointErrors | PathErrors, Any]:
        """The distribution of both series given one value of each sampled or fixed number, and whether the law could
        be solved.
        """
        resolved = self.law.coordinates.resolve(values)
        trajectory = self._along(resolved, obs.ts, obs, self.route)
        course = jnp.stack([trajectory.u_s, trajectory.u_v], -1)
        return self.errors(course, {**values, **resolved}, obs), trajectory.ok

    def _along(self, values: Mapping[str, Any], ts: Any, obs: Observations, route: Route) -> Any:
        tolerance = ACCURACY[self.route.name] if obs.ts.dtype == jnp.float64 else 1e-3
        return along(self.law.build({**values, **obs.constants}), ts, route, jnp.asarray(tolerance, float))

    def errors(self, course: Any, values: Mapping[str, Any], obs: Observations) -> CheckpointErrors | PathErrors:
        """The distribution of both series about a law's course (times, 2), the mean one where there is process noise;
        `values` are all of the law's and the noise's.
        """
        about = self.errors_about(course, values, obs)
        if not self.wanders:
            return about
        law = self.law.build({**values, **obs.constants})
        return PathErrors(about, deviation(law, obs.ts), self.has_common_errors)

    def errors_about(self, course: Any, values: Mapping[str, Any], obs: Observations) -> CheckpointErrors:
        """The distribution of both series about a course (times, 2)."""

        def pair(stem: str, otherwise: Any) -> Any:
            return jnp.stack([jnp.asarray(values.get(f"{stem}_{x}", otherwise), float) for x in "sv"])

        fixed_share = self.likelihood.shared if isinstance(self.likelihood.shared, float) else 0.0
        return CheckpointErrors(
            course,
            obs.se,
            obs.common_se if self.has_common_errors else None,
            obs.corr,
            obs.mask,
            shared=pair("shared", fixed_share),
            sigma=pair("sigma", values.get("sigma", 0.0)),
            offset=pair("offset", 0.0) if self.likelihood.noise == "student_t" else None,
            nu=values.get("nu"),
            strays=values["stray"] ** 2 * steps(obs.ts) if "stray" in self.noise_sites else None,
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
        return {**law, **self.law.outputs(self.law.build({**law, **obs.constants})), **noise}

    def solve_at(self, values: Mapping[str, Any], ts: Any, obs: Observations, route: Route) -> Any:
        """The trajectory at standard times for one completed draw, along a route planned for these times."""
        return self._along({k: values[k] for k in self.law.example}, ts, obs, route)

    def plan(self, ts: np.ndarray, obs: Observations) -> Route:
        """The model's route with the steps that the standard times `ts` ask for."""
        example = self.law.build({**self.law.example, **obs.constants})
        return plan(example, self.route.name, ts, 0.0, fine=FINE)


def _noise_sites(run: Run, likelihood: Likelihood, wanders: bool) -> tuple[str, ...]:
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
    if likelihood.residuals == "wander" and not wanders:
        sites.append("stray")
    return tuple(sites)


def prepare(
    run: Run,
    law: LawSpec,
    *,
    prior: Mapping[str, Any] | None = None,
    likelihood: Likelihood | None = None,
    route: str = "auto",
    length: int = 0,
    scale: Scale | None = None,
) -> tuple[Model, Observations, Scale]:
    """The NumPyro model of a run under a law, its observations and its scale.

    `numpyro.infer.MCMC(NUTS(model)).run(key, observations)` samples it in standard units; `fit` does all of that and
    comes back to the run's units. A `scale` is one that the run has in common with others; None: its own.

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
            "If the log has them under other names, read it with columns={'u_s': 'entropy'}. A curve fits any one "
            "series: gd.fit(run, gd.curves.sigmoid(), series='acc_s', key=0)."
        )
    table = Table.of([run], length)
    scales = Scale.of(table) if scale is None else scale.one
    scale = scales[0]
    level = max((float(np.nanmax(np.abs(getattr(run, s)))) for s in run.measured), default=0.0)
    if not scale.size > 1e-9 * level:
        raise InputError(
            f"run {run.name!r}: u_s and u_v do not change and have no gap (constant curve), so there is nothing to "
            "fit. Check that the columns are the measured uncertainties."
        )
    law = law.bind(run)
    fixed, constants = (in_standard_units(scale, values) for values in (law.fixed, law.constants))
    example = law.build({**law.example, **constants})
    wandering = wanders(example)
    if wandering and likelihood.noise != "gaussian":
        raise InputError(
            f"the {law.title} has process noise, which is filtered with Gaussian errors: noise={likelihood.noise!r} "
            "does not go with it. Use noise='gaussian'."
        )
    noise_sites = _noise_sites(run, likelihood, wandering)
    priors = choose_priors(Seen.of_one(table, scale), law, noise_sites, prior, scale)
    centred = _can_centre(law, priors)
    arrays = {name: jnp.asarray(x[0]) for name, x in measured(table, scales).items()}
    held = {k: Held(v) for k, v in priors.items()}
    obs = Observations(**arrays, priors=held, fixed=fixed, constants=constants)
    chosen = plan(example, route, np.asarray(obs.ts), 0.0, fine=FINE)
    stated = bool(np.isfinite([run.se_s, run.se_v]).any())
    structure = tuple((n, type(p).__name__) for n, p in sorted(priors.items()))
    forcing = None if law.forcing is None else law.forcing.name
    key = (law.home, law.name, law.static, forcing, law.coordinates.names, tuple(sorted(law.fixed)), likelihood, chosen,
           noise_sites, centred, stated, structure)  # fmt: skip
    return Model(law, likelihood, chosen, noise_sites, centred, wandering, stated, key), obs, scale


def _can_centre(law: LawSpec, priors: Mapping[str, dist.Distribution]) -> bool:
    """Whether the law's centring applies: its parameter is free and on the whole line, the others are at hand."""
    centring = law.centring
    return (
        centring is not None
        and centring.name in priors
        and set(centring.needs) <= set(law.coordinates.names)
        and is_real(priors[centring.name])
    )


def measured(runs: Table, scale: Scale) -> dict[str, np.ndarray]:
    """What each run contributes, in standard units: the arrays of `Observations`, with the runs along a first axis."""
    scale = scale.column
    y = np.stack([(runs.u_s - scale.origin) / scale.size, (runs.u_v - scale.origin) / scale.size], -1)
    mask = np.isfinite(y)
    se = [runs.se_s / scale.size, runs.se_v / scale.size]
    corr = np.nan_to_num(runs.corr, nan=0.0)
    mean = np.sum(corr, 1, keepdims=True) / np.sum(runs.real, 1, keepdims=True)
    kind = jnp.result_type(float)
    arrays = {
        "ts": scale.times(runs.t),
        "y": np.where(mask, y, 0.0),
        "se": np.nan_to_num(np.stack(se, -1), nan=0.0),
        "common_se": np.where(runs.real[..., None], np.stack([common_course(runs.t, s) for s in se], -1), 0.0),
        "corr": np.where(runs.real, corr, mean),  # what the common errors of the two series have is the mean
    }
    return {"real": runs.real, "mask": mask, **{name: x.astype(kind) for name, x in arrays.items()}}


def in_standard_units(scale: Scale, values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters or constants, of any shape, from the run's units to standard ones."""
    return {name: jnp.asarray(scale.to_standard(name, value), float) for name, value in values.items()}


def known_offset(values: Mapping[str, Any]) -> Any:
    """The common errors (2,) of one draw in units of sqrt(c) se; 0 of a series that has none."""
    return jnp.stack([values.get(f"offset_{x}", jnp.zeros(())) for x in "sv"])


def measured_anew(obs: Observations, scale: Scale, u_s: Any, u_v: Any) -> Observations:
    """The same checkpoints with other values (times,), in the run's units; priors and errors stay what they are."""
    y = padded((np.stack([u_s, u_v], -1) - scale.origin) / scale.size)
    return obs._replace(y=jnp.asarray(np.where(np.asarray(obs.mask), y, 0.0), float))


def unit_of(name: str, run: Run) -> str:
    """The unit that parameter `name` has for this run."""
    u = "" if run.unit == "arbitrary" else run.unit
    return {
        Dimension.LEVEL: u,
        Dimension.DIFFERENCE: u,
        Dimension.RATE: f"1/{run.clock}",
        Dimension.TIME: run.clock,
        Dimension.POINT: run.clock,
        Dimension.SLOPE: f"{u}/{run.clock}",
        Dimension.WANDER: f"{u}/{run.clock}^0.5",
        Dimension.TURN: f"{u}/{run.clock}^1.5",
        Dimension.PURE: "",
    }[SITES[name].dimension]


def constrain(model: Model, obs: Observations, z: Mapping[str, Any]) -> dict[str, Any]:
    """Unconstrained sites of one draw, or some of them -> constrained values of the sampled sites.

    As `numpyro.infer.util.constrain_fn`, without running the model: a site's support depends on no other site.
    """
    values = {}
    for name in sampled_sites(model, obs):
        if name in z and name not in obs.priors:  # the centred one, on the whole line
            values[name] = z[name]
        elif name in z:
            values[name] = biject_to(obs.priors[name].distribution.support)(z[name])
        elif name + SUFFIX in z:
            values[name] = from_score(obs.priors[name].distribution, z[name + SUFFIX])
    return values


def sampled_sites(model: Model, obs: Observations) -> list[str]:
    """Names of the sampled sites, in the order in which engines line them up."""
    names = [n for n in (*model.law.coordinates.names, *model.noise_sites) if n in obs.priors]
    if model.centred:
        assert model.law.centring is not None
        names[names.index(model.law.centring.name)] = model.law.centring.as_name
    return names
