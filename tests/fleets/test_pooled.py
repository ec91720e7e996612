"""A pooled fit as a value: what it says of runs, of the population, of runs nobody has made, and of itself."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pytest

import gapdyn as gd
from gapdyn.fleets._pooled import ENGINE as ENGINE_OF_POOLS
from gapdyn.fleets._pooled import _sampler
from gapdyn.fleets._pooled_data import prepare_pool
from gapdyn.fleets._pooled_findings import pool_findings
from gapdyn.fleets._pooled_model import scatter

ENGINE = gd.engines.NUTS(chains=2, warmup=150, draws=150, target_acceptance=0.8)


def family(count: int = 8, seed: int = 0) -> gd.Fleet:
    """Runs of two models; ceilings fall by 0.1 per factor of ten. Each fourth run is hardly seen."""
    random = np.random.default_rng(seed)
    runs = []
    for i in range(count):
        model = "ab"[i % 2]
        flops = 20.0 + 0.5 * i
        law = gd.laws.shared_rate(
            rate=0.3 * np.exp(0.2 * random.normal()), rho=0.3, u_s0=2 + 0.1 * random.normal(), u_v0=1.2,
            u_s_inf=1.0 - 0.1 * (flops - 21) + 0.03 * random.normal(),
        )  # fmt: skip
        ts = np.linspace(0, 10, 12) if i % 4 else np.linspace(0, 1, 5)
        run = gd.simulate(law, ts, noise=0.02, key=i, name=f"run {i}")
        meta = {"labels": {"model": model}}
        runs.append(dataclasses.replace(run, meta=meta, extra={"log10_flops": np.full(len(ts), flops)}))
    return gd.Fleet(runs)


@pytest.fixture(scope="module")
def pooled() -> gd.PooledFit:
    fleet = gd.Fleet(family(), left_out={"run 8": "t must increase"})
    return gd.fit(
        fleet, gd.laws.shared_rate(), key=0, pooling="partial", groups=["model"], covariates=["log10_flops"],
        engine=ENGINE,
    )  # fmt: skip


def test_every_run_has_its_fit_with_all_that_a_fit_has(pooled):
    alone = gd.inference.fit(pooled.fleet["run 1"], gd.laws.shared_rate(), key=0)
    fit = pooled["run 1"]
    assert set(fit.draws) == set(alone.draws)
    assert fit.log_lik.shape == (2, 150, 12)
    assert fit.provenance["pooling"] == "partial"
    with pytest.raises(gd.InputError, match="one of a pooled fleet"):
        fit.update(fit.data, key=0)
    limit = gd.ceiling(fit).summary()["u_s"]
    assert limit["q05"] < limit["q50"] < limit["q95"]
    assert {"posterior", "sample_stats", "log_likelihood"} <= set(fit.to_arviz().children)
    with pytest.raises(gd.InputError, match="no run 'run 99'"):
        pooled["run 99"]
    with pytest.raises(gd.InputError, match="its prior is what the other runs say"):
        gd.prior_sensitivity(fit)


def test_limits_and_parameters_of_a_draw_belong_together(pooled):
    d = pooled.draws
    assert d["u_s_inf"].shape == (2, 150, 8)
    np.testing.assert_allclose(d["u_s_inf"] - d["u_v_inf"], d["gap_inf"], atol=1e-9)
    gap_0 = d["u_s0"] - d["u_v0"]
    np.testing.assert_allclose(d["u_s0"] - (gap_0 - d["gap_inf"]) / (1 - d["rho"]), d["u_s_inf"], atol=1e-9)


def test_a_run_that_was_hardly_seen_learns_from_the_others_and_one_that_was_seen_stays(pooled):
    for i in (0, 4):
        alone = pooled.alone[i]["u_s_inf"]
        here = pooled.fits[i].summary["u_s_inf"]
        assert here.sd < 0.5 * alone.sd
    seen, alone = pooled.fits[1].summary["u_s_inf"], pooled.alone[1]["u_s_inf"]
    assert abs(seen.mean - alone.mean) < alone.sd


def test_the_frame_and_the_table_have_every_run_shrunk_and_alone(pooled):
    frame = pooled.frame()
    assert frame["run"].to_list() == list(pooled.fleet.names)
    assert frame["model"].to_list() == ["a", "b"] * 4
    assert {"log10_flops", "ceiling_q50", "alone_q50", "rhat", "ess"} <= set(frame.columns)
    text = str(pooled)
    assert "8 runs | shared-rate law, partially pooled" in text
    assert "u_s_inf per log10_flops" in text
    assert "run 7" in text
    json.dumps(pooled.to_dict())


def test_arviz_gets_runs_and_members_as_dims(pooled):
    posterior = pooled.to_arviz()["posterior"]
    assert posterior["u_s_inf"].dims == ("chain", "draw", "run")
    assert posterior["effect_rate_by_model"].dims == ("chain", "draw", "model")
    assert posterior["model"].values.tolist() == ["a", "b"]


def test_the_scaling_is_the_pooled_slope_and_widens_away_from_the_runs(pooled):
    line = pooled.scaling(by="log10_flops")
    assert isinstance(line, gd.LimitScaling)
    slope = pooled.population["slope_u_s_inf_by_log10_flops"]
    np.testing.assert_allclose(line.slope, np.quantile(slope, (0.05, 0.5, 0.95)), rtol=1e-6)
    np.testing.assert_allclose(line.rising, np.mean(slope > 0))
    assert ((line.another[2] - line.another[0]) > (line.line[2] - line.line[0])).all()
    typical = pooled.population["typical_u_s_inf"]
    np.testing.assert_allclose(line.level_at_centre, np.quantile(typical, (0.05, 0.5, 0.95)), rtol=1e-6)
    other = pooled.scaling("gap_inf", at=[20.0, 30.0])
    assert other.line.shape == (3, 2)
    assert "beyond_the_runs" in {f.code for f in other.findings}
    json.dumps(line.to_dict())
    assert "per unit of log10_flops" in str(line)


def test_an_unseen_run_of_a_known_group_is_known_better_than_one_of_a_new_group(pooled):
    known = pooled.new_run(group="a", covariates={"log10_flops": 21.0}, key=1)
    other = pooled.new_run(covariates={"log10_flops": 21.0}, key=1)
    assert isinstance(known, gd.NewRun)
    assert np.std(known["u_s0"]) < np.std(other["u_s0"])
    d = known.draws
    np.testing.assert_allclose(d["u_s_inf"] - d["u_v_inf"], d["gap_inf"], atol=1e-9)
    assert "a new run | model a | log10_flops 21" in str(known)
    assert "(a new one)" in str(other)
    json.dumps(known.to_dict())
    far = pooled.new_run(group={"model": "b"}, covariates={"log10_flops": 30.0})
    assert [f.code for f in far.findings] == ["beyond_the_runs"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: p.new_run(group="c", covariates={"log10_flops": 21.0}), "no member 'c'"),
        (lambda p: p.new_run(group={"seed": "1"}, covariates={"log10_flops": 21.0}), "not grouped by 'seed'"),
        (lambda p: p.new_run(), "a new run needs those of the fit, log10_flops"),
        (lambda p: p.scaling("speed"), "of='speed': this law has no such number"),
        (lambda p: p.scaling(by="size"), "by='size' is no covariate"),
        (lambda p: p.scaling(level=2), "level=2"),
        (lambda p: p.scaling(at=[np.nan]), "finite numbers"),
    ],
)
def test_what_cannot_be_asked_is_said(pooled, call, message):
    with pytest.raises(gd.InputError, match=message):
        call(pooled)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pooling": "full"}, "unknown pooling 'full'. Allowed: none, partial."),
        ({"engine": "importance"}, "engine 'importance' does not sample a pooled fleet"),
        ({"engine": gd.engines.Auto(fallback=False)}, "engine 'auto' without fallback does not sample"),
        ({"groups": ["seed"]}, "no label 'seed'"),
        ({"groups": "model"}, "give a list of names of labels"),
        ({"covariates": ["loss"]}, "no number 'loss'"),
        ({"covariates": "log10_flops"}, "give a list of names, such as ['log10_flops']"),
        ({"out": "fits"}, "out is for pooling='none', and this is pooling='partial'. Leave it out."),
        ({"chunk": 8}, "chunk is for pooling='none'"),
        ({"draws": 100}, "draws is for pooling='none'"),
        ({"series": "u_s"}, "series is for pooling='none'"),
        ({"start": "another fit"}, "start is for one run, and this is a fleet"),
        ({"pooling": "none", "groups": ["model"]}, "groups is for pooling='partial', and this is pooling='none'"),
        ({"pooling": "none", "covariates": ["log10_flops"]}, "covariates is for pooling='partial'"),
    ],
)
def test_settings_that_do_not_exist_or_do_not_go_together_are_said(settings, message):
    with pytest.raises(gd.InputError, match=re.escape(message)):
        gd.fit(family(), gd.laws.shared_rate(), key=0, **{"pooling": "partial", **settings})


def test_one_run_has_nobody_to_share_with():
    run = family()["run 1"]
    for more in ({"pooling": "partial"}, {"groups": ["model"]}, {"covariates": ["log10_flops"]}):
        with pytest.raises(gd.InputError, match=f"{next(iter(more))} is for fleets, and this is one run"):
            gd.fit(run, gd.laws.shared_rate(), key=0, **more)


def test_auto_leaves_to_the_pool_what_it_does_not_state():
    assert _sampler("auto") == ENGINE_OF_POOLS
    asked = gd.engines.Auto(chains=2, draws=80)
    assert _sampler(asked) == dataclasses.replace(ENGINE_OF_POOLS, chains=2, draws=80)
    assert _sampler("nuts") == gd.engines.NUTS()


def test_runs_that_the_log_could_not_give_are_said(pooled):
    said = [f for f in pooled.findings if f.code == "left_out"]
    assert ["1 more run of the log cannot be read, such as 'run 8'" in f.text for f in said] == [True]


def found(groups: dict, covariates: dict, count: int = 8) -> set[str]:
    prepared = prepare_pool(family(count), gd.laws.shared_rate(), groups, covariates, None, None)
    sure = {scatter(n): np.full((2, 50), 0.1) for n in prepared.model.pooled}
    return {f.code for f in pool_findings(prepared, sure)}


def test_findings_say_where_the_fleet_tells_little():
    one_apart = {"z": [0.0] * 7 + [1.0]}
    assert found({}, {}) == set()
    assert found({}, {}, 4) == {"few_runs"}
    assert found({"model": ["a"] * 8}, {}) == {"one_group"}
    assert found({"model": list("abcdefgh")}, {}) == {"groups_of_one"}
    assert found({"model": list("aaaaaabc")}, {}) == {"group_of_one"}
    assert found({"model": list("aaaabbbb")}, {}) == {"few_members"}
    assert found({}, {"z": [1.0] * 8}) == {"no_spread"}
    assert found({}, one_apart) == {"one_run_apart"}
