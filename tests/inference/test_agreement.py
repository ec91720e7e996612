"""One posterior from every engine: held to long NUTS, or to a finding that they declined."""

from __future__ import annotations

import functools

import arviz_stats
import numpy as np
import pytest

import gapdyn as gd

TS = np.linspace(0, 12, 25)
FAST = ("importance", "quadrature", "laplace", "svi")
WITHOUT_LEVELS = {"saturating_potential", "neural_potential"}  # that are Gaussian given the rest
SLOW = {"neural_potential", "stochastic"}  # ten minutes and more for 4,000 draws
DECLINED = {"many_numbers", "pareto_k", "share", "ess", "rhat", "starts", "approximation"}


@functools.cache
def run_of(law: str) -> gd.Run:
    return gd.simulate(law_of(law), TS, noise=0.005, key=7)


def law_of(name: str) -> gd.dynamics.LawSpec:
    more = {"times": [0.0, 4.0, 10.0], "lr": [1.0, 1.0, 0.3]} if name == "lr_clock" else {}
    return gd.laws.ALL_LAWS[name](**more)


@functools.cache
def reference(law: str) -> gd.Fit:
    draws = 4000 if law not in SLOW else 1500
    engine = gd.engines.NUTS(warmup=1000, draws=draws, target_acceptance=0.95)
    return gd.fit(run_of(law), law_of(law), key=0, engine=engine)


@functools.cache
def nuts_of_a_real_run() -> gd.Fit:
    engine = gd.engines.NUTS(target_acceptance=0.95)
    return gd.fit(gd.datasets.inner_learning(), gd.laws.shared_rate(), key=0, engine=engine)


def disagreements(fit: gd.Fit, other: gd.Fit) -> dict[str, str]:
    """Means beyond 5 Monte Carlo standard errors, sds beyond 10% (of heavy tails: beyond 5 of their own errors)."""
    found = {}
    for name, a in fit.summary.items():
        b = other.summary[name]
        if not (np.isfinite(a.mean) and np.isfinite(b.mean)):
            continue  # a limit that some draws have not
        error = np.hypot(a.sd / a.ess_bulk**0.5, b.sd / b.ess_bulk**0.5)
        if abs(a.mean - b.mean) > 5 * error:
            found[name] = f"mean {a.mean:.4g} against {b.mean:.4g}, error {error:.2g}"
        sd_error = np.hypot(*(arviz_stats.base.array_stats.mcse(f.draws[name], method="sd") for f in (fit, other)))
        if abs(a.sd - b.sd) > max(0.1 * b.sd, 5 * sd_error):
            found[name] = f"sd {a.sd:.3g} against {b.sd:.3g}"
    return found


@pytest.mark.slow
@pytest.mark.parametrize("engine", FAST)
@pytest.mark.parametrize("law", gd.laws.ALL_LAWS)
def test_every_engine_has_the_posterior_of_long_nuts_or_declines(law, engine):
    if engine == "quadrature" and law in WITHOUT_LEVELS:
        with pytest.raises(gd.InputError, match="engine='importance'"):
            gd.fit(run_of(law), law_of(law), key=1, engine=engine)
        return
    fit = gd.fit(run_of(law), law_of(law), key=1, engine=engine)
    if not {f.code for f in fit.findings if f.level != "info"} & DECLINED:
        assert not disagreements(fit, reference(law))


@pytest.mark.parametrize("engine", FAST)
def test_fast_engines_have_the_posterior_of_nuts(engine):
    """The usual set's share: the paper's law on a real run, where weighted draws must not decline."""
    fit = gd.fit(gd.datasets.inner_learning(), gd.laws.shared_rate(), key=1, engine=engine)
    declined = {f.code for f in fit.findings if f.level != "info"} & DECLINED
    assert bool(declined) == (engine in ("laplace", "svi"))  # the noise parameters are far from Gaussian
    if not declined:
        assert not disagreements(fit, nuts_of_a_real_run())
