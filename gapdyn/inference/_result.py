"""A posterior as a value: draws, figures of merit, findings, and how it was made."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from .._check import InputError, did_you_mean
from .._finding import AbstractResult, Finding
from .._random import as_seed
from ..data import Run
from ..dynamics import AbstractCurve, GapLaw, LawSpec
from ._diagnostics import Summary
from ._model import Model, Observations, unit_of
from ._predict import Curves, curves
from ._scale import Scale

if TYPE_CHECKING:
    import xarray as xr

    from ._base import Base
    from ._likelihood import Likelihood


def quantities(series: str | None) -> dict[str, str]:
    """What was fitted -> the attribute that carries it in limits and curves: itself, or "u_s" for one series."""
    return {s: s for s in ("u_s", "u_v", "gap")} if series is None else {series: "u_s"}


@dataclasses.dataclass(frozen=True, eq=False)
class Asked:
    """What a fit was asked for beside the run: the arguments of `gapdyn.fit`."""

    law: LawSpec
    engine: Any
    prior: Mapping[str, Any] | None
    likelihood: Likelihood | None
    series: str | None
    route: str
    length: int


@dataclasses.dataclass(frozen=True, eq=False)
class Fit(AbstractResult):
    """The posterior of a law given a run. Made by `gapdyn.fit`; immutable.

    Attributes
    ----------
    data, law, engine : what was fitted, by what, and with which settings.
    draws : parameter -> (chain, draw), in the run's units; names are those of the sites table.
    log_lik : (chain, draw, obs), log density of each checkpoint given the draw (obs = one checkpoint); for laws with
        process noise given the earlier checkpoints too.
    stats : sampler's figures -> (chain, draw).
    quality : figures of weighted draws -> (1,), see `gapdyn.engines.Sampled`.
    summary : parameter -> `Summary`.
    findings : what to know before using it.
    provenance : versions, seed, route, precision, settings, priors.
    seconds : phase -> wall-clock seconds.
    proposal : what weighted draws were proposed by, for a fit that starts from this one.
    series : the one column that a curve was fitted to (`data` then has it in the place of u_s); None: u_s and u_v.
    asked : what the fit was asked for, as updates are too; None: it is one of a pooled fleet.
    base : what fits of more checkpoints of the run are weighted from, see `update`; None: they are fitted afresh.
    """

    data: Run
    law: LawSpec
    engine: Any
    draws: Mapping[str, np.ndarray]
    log_lik: np.ndarray
    stats: Mapping[str, np.ndarray]
    summary: Mapping[str, Summary]
    findings: tuple[Finding, ...]
    provenance: Mapping[str, Any]
    seconds: Mapping[str, float]
    model: Model = dataclasses.field(repr=False)
    observations: Observations = dataclasses.field(repr=False)
    scale: Scale = dataclasses.field(repr=False)
    series: str | None = None
    quality: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    proposal: Any = dataclasses.field(default=None, repr=False)
    asked: Asked | None = dataclasses.field(default=None, repr=False)
    base: Base | None = dataclasses.field(default=None, repr=False)

    def __getitem__(self, name: str) -> np.ndarray:
        """Draws of one parameter, flattened over chains: (draw,)."""
        if name not in self.draws:
            raise InputError(f"this fit has no parameter {name!r}. {did_you_mean(name, self.draws)}")
        return self.draws[name].reshape(-1)

    @property
    def flat(self) -> dict[str, np.ndarray]:
        """All draws, flattened over chains: name -> (draw,)."""
        return {k: v.reshape(-1) for k, v in self.draws.items()}

    @property
    def quantities(self) -> dict[str, str]:
        """What was fitted -> the attribute that carries it in limits and curves: itself, or "u_s" for one series."""
        return quantities(self.series)

    @property
    def has_limit(self) -> bool:
        """Whether the law has a limit in any draw."""
        return bool(np.isfinite(self.flat.get("u_s_inf", np.nan)).any())

    @property
    def trusted(self) -> bool:
        """Whether no finding says that the numbers must not be used."""
        return not any(f.level == "error" for f in self.findings)

    @property
    def laws(self) -> GapLaw | AbstractCurve:
        """The posterior as one batch of laws with leading axis (draw,): for `jax.vmap`, limits, sweeps."""

        constants = {**self.law.constants, "t0": self.scale.t0}

        def one(values: dict[str, Any], constants: dict[str, Any]) -> GapLaw:
            return self.law.build({**values, **constants})

        flat = {k: np.asarray(v, float) for k, v in self.flat.items() if k in self.law.example}
        return jax.jit(jax.vmap(one, (0, None)))(flat, constants)

    def curves(
        self, ts: Any = None, *, key: Any = 0, prompts: str = "same", draws: int | None = None, anew: bool = False
    ) -> Curves:
        """Curves and replicated measurements of the draws at times `ts` (default: the run's checkpoints).

        Parameters
        ----------
        ts : (times,) in the run's clock.
        key : seed of the replicated noise.
        prompts : "same" (the run's evaluation prompts: their common error stays), "new" (other prompts), "law".
        draws : use this many draws, evenly thinned; None is all.
        anew : of a run that strays from its law (`residuals="wander"`): another that does, not what goes on from it.
        """
        ts = self.data.t if ts is None else ts
        flat = self.thinned(draws)
        return curves(self.model, self.observations, self.scale, flat, ts, as_seed(key), prompts, anew=anew)

    def update(self, run: Run, *, key: Any, progress: bool | None = None) -> Fit:
        """The posterior of the same law given the same run with more checkpoints.

        It is that of `gapdyn.fit` of the longer run, asked for in the same way: default priors and standard units are
        the longer run's. The points of the last fit are weighted anew (Pareto-smoothed) while these weights can be
        relied on, k-hat below 0.7 and 400 effective draws; else the run is fitted again, from what the points say of
        it. A finding, `updated` or `refitted`, says which. Updates of an update weight the same points: no error adds
        up.

        Parameters
        ----------
        run : its first checkpoints are those that were fitted; with no more of them the fit itself comes back.
        key : seed, an integer or a JAX key.
        progress : of a fit, whether to show a bar on stderr; None: in a terminal or a notebook.

        Raises
        ------
        InputError
            Another run: fewer checkpoints, another clock or unit, a first checkpoint that differs. A fit of a pooled
            fleet, to which the other runs belong.
        """
        from ._update import update

        return update(self, run, key=key, progress=progress)

    def thinned(self, draws: int | None) -> dict[str, np.ndarray]:
        """`draws` of the draws, evenly spaced, or all: name -> (draw,)."""
        flat = self.flat
        total = len(next(iter(flat.values())))
        pick = np.linspace(0, total - 1, min(draws or total, total)).astype(int)
        return flat if len(pick) == total else {k: v[pick] for k, v in flat.items()}

    @property
    def log_prior(self) -> dict[str, np.ndarray]:
        """Log prior density of every sampled parameter, in standard units: name -> (chain, draw)."""
        priors = self.observations.priors
        standard = {name: np.asarray(self.scale.to_standard(name, self.draws[name]), float) for name in priors}
        return {name: np.asarray(held.distribution.log_prob(standard[name])) for name, held in priors.items()}

    def to_arviz(self) -> xr.DataTree:
        """An ArviZ DataTree: posterior, log_prior, log_likelihood, sample_stats, observed_data, constant_data."""
        import arviz_base as azb

        run = self.data
        observed = {s: getattr(run, s) for s in run.measured}
        dims = {name: ["obs"] for name in observed}
        tree = azb.from_dict(
            {
                "posterior": dict(self.draws),
                "log_prior": self.log_prior,
                "log_likelihood": {"checkpoints": self.log_lik},
                "sample_stats": dict(self.stats),
                "observed_data": observed,
                "constant_data": {"t": run.t},
            },
            dims={**dims, "checkpoints": ["obs"], "t": ["obs"]},
            coords={"obs": np.arange(len(run))},
        )
        tree.attrs.update({k: str(v) for k, v in self.provenance.items()})
        return tree

    def table(self) -> str:
        """The posterior as a table, without the findings."""
        run, spec = self.data, self.law
        shape = f"{self.engine.name} {self.engine.chains}x{self.engine.draws}"
        span = f"{run.clock} {run.t[0]:g}..{run.t[-1]:g}"
        head = f"{run.name} | {spec.title} | {len(run)} checkpoints, {span} | {shape} | route {self.model.route.name}"
        columns = ("mean", "sd", "q05", "q50", "q95")
        rows = [f"{'':10s}" + "".join(f"{c:>11s}" for c in columns) + f"{'rhat':>8s}{'ess':>7s}  unit"]
        for name, s in self.summary.items():
            cells = "".join(f"{getattr(s, c):>11.4g}" for c in columns)
            rows.append(f"{name:10s}{cells}{s.rhat:>8.3f}{s.ess_bulk:>7.0f}  {unit_of(name, run)}")
        return "\n".join([head, *rows])
