"""Fleets: what `gd.fit` makes of many runs, one row each; what is wrong with one run stays with it."""

from __future__ import annotations

import dataclasses
import json

import fleet_job as job
import numpy as np
import numpyro.distributions as dist
import polars as pl
import pytest

import gapdyn as gd
from gapdyn.fleets._describe import describe_law, law_of
from gapdyn.fleets._each import Request
from gapdyn.fleets._status import SAID, has
from gapdyn.inference import fit as fit_run

SHORT = gd.Run("short", [0, 1, 2], u_s=[2, 1.5, 1.2], u_v=[1, 0.9, 0.8], se_s=[0.1] * 3, se_v=[0.1] * 3)
NUTS = gd.engines.NUTS(warmup=300, draws=500)
FEW = gd.Fleet([*job.FLEET.runs[:2], SHORT, job.FLAT])


@pytest.fixture(scope="module")
def quick():
    return job.fit()


@pytest.fixture(scope="module")
def verified():
    """With the engine that is used by default, as far as it needs no NUTS."""
    return gd.fit(FEW, gd.laws.shared_rate(), key=1, engine=gd.engines.Auto(fallback=False), draws=500)


def test_one_run_is_fitted_as_ever(learning_fit):
    again = fit_run(gd.datasets.learning(), gd.laws.shared_rate(), key=0)
    assert isinstance(learning_fit, gd.Fit)
    for name, x in again.draws.items():
        np.testing.assert_array_equal(learning_fit.draws[name], x)


def test_a_row_of_a_run_fitted_alone_is_its_fit():
    """NUTS is no engine of fleets, so that each run is fitted by itself."""
    run = FEW["short"]
    fleet = gd.fit(gd.Fleet([FEW.runs[0], run]), gd.laws.shared_rate(), key=1, engine=NUTS, draws=500)
    request = Request(gd.laws.shared_rate(), np.random.SeedSequence(1), None, 500)
    alone = gd.fit(run, gd.laws.shared_rate(), key=request.seed_of(run), engine=NUTS)
    i = fleet.names.index("short")
    for name, s in alone.summary.items():
        row = fleet.summary[name]
        figures = (row.mean[i], row.sd[i], row.q05[i], row.q50[i], row.q95[i])
        assert figures == (s.mean, s.sd, s.q05, s.q50, s.q95)
        np.testing.assert_array_equal(fleet.draws[name][i], alone.thinned(500)[name])


def test_a_row_agrees_with_the_fit_of_its_run(verified):
    """8 parameters: 5 errors of either make 1e-5 of false alarms."""
    run = FEW["short"]
    alone = gd.fit(run, gd.laws.shared_rate(), key=3, engine=gd.engines.Auto(fallback=False))
    i = verified.names.index("short")
    assert verified.engine[i] == "quadrature"
    error = np.sqrt(1 / verified.effective[i] + 1 / alone.quality["effective"].item())
    assert set(alone.summary) <= set(verified.summary)
    for name in ("rate", "rho", "u_s0", "u_v0", "sigma", "shared_s", "shared_v", "offset_s"):
        x = alone[name]
        assert abs(verified.summary[name].mean[i] - x.mean()) < 5 * error * x.std(), name
    kept = verified["short"]
    assert {f.code for f in kept.findings} == {f.code for f in alone.findings} - {"engine"}
    assert kept.summary["rho"].mean == verified.summary["rho"].mean[i]
    assert kept.update(run, key=0) is kept
    wide = alone.summary["u_s_inf"].q95 - alone.summary["u_s_inf"].q05
    assert gd.ceiling(kept).summary()["u_s"]["q50"] == pytest.approx(alone.summary["u_s_inf"].q50, abs=0.1 * wide)


def test_status_says_what_may_be_done(verified):
    assert verified.status.tolist() == ["trusted", "trusted", "wide", "declined"]
    assert verified.counts == {"trusted": 2, "wide": 1, "declined": 1}
    assert "is open" in verified.reason[2]
    assert "nothing to fit" in verified.reason[3]
    codes = [f.code for f in verified.findings]
    assert codes[:2] == ["declined", "short_run"]
    text = verified.findings[1].text
    assert "1 of 4 runs (25.0%) ('short') has an open ceiling: its 90% interval is wider than the fall" in text
    bits = verified.columns["findings"]
    for code in SAID:
        held = [run.name != "flat" and code in {f.code for f in verified[run.name].findings} for run in FEW]
        if code != "sampler":
            assert has(bits, code).tolist() == held, code


def test_failures_stay_with_their_run(quick):
    others = gd.Fleet([run for run in job.FLEET if run not in (job.FLAT, job.NO_U)])
    alone = gd.fit(others, gd.laws.shared_rate(), key=3, engine=job.QUICK)
    for name, x in alone.draws.items():
        np.testing.assert_array_equal(quick.draws[name][:-2], x)
    assert quick.status[-2:].tolist() == ["declined", "declined"]
    assert np.isnan(quick.draws["u_s_inf"][-2:]).all()
    assert np.isnan(quick.summary["u_s_inf"].q50[-2:]).all()
    with pytest.raises(gd.InputError, match="run 'rewards' has no posterior: run 'rewards' measures neither u_s nor"):
        quick["rewards"]
    with pytest.raises(gd.InputError, match="the fleet has no run 'rewadrs'"):
        quick["rewadrs"]


def test_any_failure_of_a_run_is_its_own(monkeypatch):
    """A run that breaks in a way that nobody thought of: an error that is no InputError, from deep within."""
    broken = dataclasses.replace(job.FLEET.runs[0], name="broken")
    object.__setattr__(broken, "t", np.asarray(["x"] * len(broken)))
    done = gd.fit(gd.Fleet([job.FLEET.runs[0], broken]), gd.laws.shared_rate(), key=3, engine=job.QUICK)
    assert done.status[1] == "declined"
    assert "Error: " in done.reason[1]
    assert done.engine[0] == "laplace" or done.status[0] == "declined"


def test_other_runs_their_order_and_chunks_change_nothing(quick):
    some = [job.FLEET.runs[i] for i in (7, 3, 12)]
    again = gd.fit(gd.Fleet(some), gd.laws.shared_rate(), key=3, engine=job.QUICK, chunk=1)
    for name, x in again.draws.items():
        np.testing.assert_array_equal(x, quick.draws[name][[7, 3, 12]])
    other = gd.fit(gd.Fleet(some), gd.laws.shared_rate(), key=4, engine=job.QUICK)
    assert not np.array_equal(other.draws["rho"], again.draws["rho"])


def test_the_tidy_table(quick):
    frame = quick.frame()
    assert frame.columns[:6] == ["run", "model", "log_flops", "seed", "clock", "unit"]
    assert {"checkpoints", "status", "reason", "engine", "pareto_k", "effective", "u_s_inf_q50"} < set(frame.columns)
    assert frame["run"].to_list() == list(job.FLEET.names)
    assert frame["model"].to_list()[:3] == ["a", "b", "a"]
    assert frame["checkpoints"].to_list() == [len(run) for run in job.FLEET]
    assert frame["log_flops"][-1] is None
    known = frame.filter(pl.col("status") != "declined")
    assert known["u_s_inf_mean"].null_count() == 0
    np.testing.assert_array_equal(frame["rho_sd"].fill_null(np.nan).to_numpy(), quick.summary["rho"].sd)


def test_labelled_arrays(verified):
    data = verified.to_xarray()
    assert data["rho"].dims == ("run", "draw")
    np.testing.assert_array_equal(data["rho"].sel(run="short"), verified.draws["rho"][2])
    assert data["status"].sel(run="short").item() == "wide"
    assert data["model"].values.tolist() == ["a", "b", "", ""]
    tree = verified.to_arviz()
    assert tree["posterior"]["rho"].dims == ("chain", "draw", "run")
    np.testing.assert_array_equal(tree["observed_data"]["u_s"].sel(run="short")[:3], SHORT.u_s)
    assert tree["fleet"]["status"].values.tolist() == verified.status.tolist()
    import arviz_stats

    table = arviz_stats.summary(tree["posterior"].to_dataset()[["rho"]].sel(run=["short"]), round_to="none")
    assert float(table["mean"].iloc[0]) == pytest.approx(verified.draws["rho"][2].mean())


def test_it_prints_itself_and_is_plain_numbers(quick, verified):
    lines = str(verified).splitlines()
    assert lines[0].startswith("4 runs | shared-rate law | 3 to 20 checkpoints | ")
    assert lines[1] == "trusted 2  wide 1  declined 1"
    assert lines[2] == "by quadrature 3"
    assert lines[6].startswith("short")
    assert lines[6].endswith("nats/response wide")
    assert "of the others the widest:" in str(quick)
    plain = json.loads(json.dumps(verified.to_dict()))
    assert plain["status"] == {"trusted": 2, "wide": 1, "declined": 1}
    assert plain["runs"][2]["parameters"]["rho"]["mean"] == verified.summary["rho"].mean[2]
    assert plain["runs"][3]["parameters"] == {}
    with pytest.raises(gd.InputError, match=r"this fleet's fit has no parameter 'roh'\. Did you mean 'rho'"):
        verified.parameter("roh")


def test_a_law_without_limit_and_a_single_series():
    runs = gd.Fleet([dataclasses.replace(run, acc_s=np.linspace(0.2, 0.6, len(run))) for run in job.FLEET.runs[:2]])
    done = gd.fit(runs, gd.curves.two_phase(), key=0, engine=job.QUICK, series="acc_s")
    assert "u_s_inf" not in done.summary
    assert np.isnan(done.p_limit).all()
    known = [name for name, status in zip(done.names, done.status, strict=True) if status != "declined"]
    if known:
        assert "The law has no limit" in done.table()
        assert done[known[0]].series == "acc_s"
    assert list(done.to_arviz()["observed_data"]) == ["acc_s"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"route": "best"}, "best"),
        ({"prior": {"kappa": dist.HalfNormal(1.0)}}, "this model has no such parameter"),
        ({"engine": "nuts2"}, "unknown engine"),
        ({"draws": 0}, "draws=0: give a positive whole number"),
        ({"chunk": True}, "chunk=True: give a positive whole number"),
        ({"length": 30}, "length is for one run, and this is a fleet"),
        ({"law": "shared_rate"}, "is not a law to fit"),
        ({"series": "u_s"}, "One series is for a curve"),
        ({"key": "x"}, "is not a seed"),
    ],
)
def test_what_is_wrong_for_every_run_is_said_at_once(more, message):
    with pytest.raises(gd.InputError, match=message):
        gd.fit(job.FLEET, **{"law": gd.laws.shared_rate(), "key": 0, **more})


@pytest.mark.parametrize("more", [{"draws": 100}, {"out": "x"}, {"chunk": 3}])
def test_options_of_fleets_are_not_for_runs(more):
    with pytest.raises(gd.InputError, match=f"{next(iter(more))} is for fleets, and this is one run. Leave it out"):
        gd.fit(SHORT, gd.laws.shared_rate(), key=0, **more)


LAWS = [
    *gd.laws.all().values(),
    *gd.curves.all().values(),
    gd.laws.shared_rate(rho=0.3, u_s_inf=dist.HalfNormal(1.0), k=2.0),
    gd.laws.rounds(length=2.0, rho=dist.Beta(2.0, 2.0)),
    gd.laws.shared_rate(forcing=gd.forcings.impulse(gd.forcings.early(4), gamma=dist.LogNormal(0.0, 1.0))),
    gd.curves.self_correction(length=3.0),
]


@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_a_law_is_made_again_from_its_description(law):
    said = json.loads(json.dumps(describe_law(law)))
    again = law_of(said)
    assert again is not None
    assert describe_law(again) == said
    assert repr(again) == repr(law)


def test_what_cannot_be_made_again_is_told_apart():
    cut = [gd.laws.shared_rate(rate=dist.TruncatedNormal(0.0, scale, low=0.0)) for scale in (1.0, 2.0)]
    said = [describe_law(law) for law in cut]
    assert said[0] != said[1]
    assert law_of(said[0]) is None
    clocks = [describe_law(gd.laws.lr_clock(times=[0, 1], lr=[1, x])) for x in (0.5, 0.25)]
    assert clocks[0] != clocks[1]
    assert law_of(clocks[0]) is None
