"""The accuracy link: on the bundled runs by name, on runs without what it needs, over laws, and in pictures."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from links import ENGINE, LAW, linked, same_prompts
from scipy.special import expit

import gapdyn as gd
from gapdyn.decide._link import graded
from gapdyn.decide._link_findings import bend

# what speaks against the solver's and the verifier's link
BUNDLED = {
    "learning": ((), ("no_link",)),
    "inner_learning": ((), ("no_link",)),
    "inner_slow": ((), ("no_link",)),
    "near_ceiling": ((), ("no_link",)),
    "learning_then_sharpening": (("link_bends",), ("no_link",)),
    "external_early": (("link_bends",), ("no_link",)),
    "external_uniform": (("link_bends",), ("no_link",)),
    "external_late": (("link_bends",), ("no_link",)),
    "sharpening_only": (("no_link",), ("no_link",)),
    "collapse": (("accuracy_turns",), ("accuracy_turns",)),
}


def of(run: gd.Run, **more) -> gd.Accuracy:
    return gd.accuracy(gd.fit(run, LAW, key=0, engine=ENGINE), **more)


@pytest.fixture(scope="module")
def learning(learning_fit) -> gd.Accuracy:
    return gd.accuracy(learning_fit, prompts="same")


@pytest.mark.parametrize("name", BUNDLED)
def test_what_is_said_of_the_bundled_runs(name):
    found = of(gd.datasets.load(name))
    assert tuple(tuple(f.code for f in link.findings) for link in found.links.values()) == BUNDLED[name]
    assert found.joint == tuple(s for s, link in found.links.items() if link.holds)
    for link in found.links.values():
        assert link.holds or f"doubtful: {link.findings[0].code}" in str(found)


def test_the_healthy_run_has_a_ceiling_in_accuracy(learning, learning_fit):
    link = learning.links["acc_s"]
    assert link.holds
    assert learning.k_hat < 0.7
    s = link.summary()
    assert 1.5 < s["c"]["q50"] < 2.5
    assert s["limit"]["q05"] < 0.7917 < s["limit"]["q95"] + 0.01  # where the run is, and the law has it settle
    np.testing.assert_allclose(link.ahead, link.limit - link.fitted[:, -1])
    seen = learning_fit.data.acc_s
    assert np.max(np.abs(np.median(link.fitted, 0) - seen)) < 0.015
    assert link.a.shape == link.limit.shape == (4000,)
    assert json.loads(json.dumps(learning.to_dict()))["links"]["acc_s"]["holds"]
    assert "limit" in str(learning)


def test_new_prompts_widen_the_limit_by_their_number(learning, learning_fit):
    new = gd.accuracy(learning_fit, prompts="new").links["acc_s"]
    same = learning.links["acc_s"]
    p = same.limit.mean()
    assert new.limit.var() == pytest.approx(same.limit.var() + p * (1 - p) / 513, rel=0.1)
    np.testing.assert_array_equal(new.ahead, same.ahead)


def test_the_same_key_gives_the_same_draws(learning_fit):
    a, b, c = (gd.accuracy(learning_fit, key=key).links["acc_s"] for key in (0, 0, 1))
    np.testing.assert_array_equal(a.limit, b.limit)
    assert not np.array_equal(a.limit, c.limit)


def test_counts_are_found_wherever_they_are():
    run = gd.datasets.learning()
    by_prompts = graded(run, "acc_s"), graded(run, "acc_v")
    blind = {k: x for k, x in run.extra.items() if k not in ("n_prompts", "n_samples")}
    by_count = dataclasses.replace(run, n_acc=np.full(len(run), 4096.0), extra=blind)
    both = dataclasses.replace(by_count, extra={**blind, "n_samples": run.extra["n_samples"]})
    assert [d.count[0] for d in by_prompts] == [4096, 512]
    assert [graded(both, s).count[0] for s in ("acc_s", "acc_v")] == [4096, 512]
    assert by_prompts[0].prompts == graded(both, "acc_s").prompts == 512
    assert graded(by_count, "acc_s").count[0] == 4096


def test_what_is_missing_is_named(learning_fit):
    run = gd.datasets.learning()
    no_accuracy = dataclasses.replace(run, acc_s=None, acc_v=None)
    no_counts = dataclasses.replace(run, extra={})
    for bad, message in ((no_accuracy, "Log acc_s"), (no_counts, "Log n_acc")):
        with pytest.raises(gd.InputError, match=message):
            gd.accuracy(dataclasses.replace(learning_fit, data=bad))
    curve = gd.fit(run, gd.curves.exponential(), key=0, series="acc_s", engine="laplace")
    with pytest.raises(gd.InputError, match="'acc_s' alone"):
        gd.accuracy(curve)
    with pytest.raises(gd.InputError, match="Allowed: new, same"):
        gd.accuracy(learning_fit, prompts="old")


@pytest.mark.slow
def test_a_law_without_a_limit_has_a_link_all_the_same():
    found = gd.accuracy(gd.fit(gd.datasets.learning(), gd.curves.local_linear(), key=0, engine="laplace"))
    link = found.links["acc_s"]
    assert np.isnan(link.limit).all()
    assert "limit" not in link.summary()
    assert "none" in found.table()
    json.dumps(found.to_dict())


def test_gaps_in_a_log_are_left_out():
    run = gd.datasets.learning()
    holes = np.where(np.arange(len(run)) % 3 == 1, np.nan, run.acc_s)
    found = of(dataclasses.replace(run, acc_s=holes, acc_v=None), prompts="same")
    assert list(found.links) == ["acc_s"]
    assert found.links["acc_s"].summary()["c"]["q50"] == pytest.approx(1.9, abs=0.3)


def test_accuracies_without_an_error_are_still_bounded():
    """All right, all wrong: no logit is infinite."""
    run = gd.datasets.learning()
    for value in (0.0, 1.0):
        found = of(dataclasses.replace(run, acc_s=np.full(len(run), value), acc_v=None), prompts="same")
        s = found.links["acc_s"].summary()
        assert abs(s["limit"]["q50"] - value) < 0.01
        assert not found.links["acc_s"].holds


def test_over_laws_it_is_the_mixture():
    laws = {"shared_rate": LAW, "chasing_solver": gd.laws.chasing_solver()}
    fits = {name: gd.fit(gd.datasets.learning(), law, key=0, engine=ENGINE) for name, law in laws.items()}
    compared = gd.Comparison(
        gd.datasets.learning(), laws, fits, {"shared_rate": 0.7, "chasing_solver": 0.3}, {}, {}, ()
    )
    found = gd.accuracy(compared)
    assert set(found.laws) == set(compared.fits)
    each = {name: a.links["acc_s"].limit for name, a in found.laws.items()}
    mean = sum(found.weights[name] * draws.mean() for name, draws in each.items())
    assert found.links["acc_s"].limit.mean() == pytest.approx(mean, abs=0.005)
    assert found.links["acc_s"].holds
    assert "solver" in str(found)
    assert found.to_dict()["weights"] == compared.weights


def test_a_bend_is_found_where_it_is():
    truth = linked(np.random.default_rng(0), same_prompts)
    data = graded(truth.run, "acc_s")
    assert data is not None
    u = truth.run.u_s
    at = float(np.quantile(u, 0.5))
    score = -0.5 + np.where(u > at, 2.0 * (u.max() - u), 2.0 * (u.max() - at))
    bent = dataclasses.replace(data, right=data.count * expit(score))
    found = bend(bent, u, at)
    assert found is not None
    assert found.uneven
    assert found.at == pytest.approx(at, abs=0.1 * np.ptp(u))
    assert found.early == pytest.approx(2.0, rel=0.2)
    assert abs(found.late) < 0.3
    straight = dataclasses.replace(data, right=data.count * expit(-0.5 + 2.0 * (u.max() - u)))
    assert not bend(straight, u, at).uneven
    few = dataclasses.replace(straight, **{n: getattr(straight, n)[:7] for n in ("right", "count", "at")})
    assert bend(few, u[:7], at) is None


def test_the_picture_shows_what_is_said(learning, learning_fit):
    for size in ("notebook", "paper", "paper-wide"):
        figure = gd.plots.accuracy(learning, size=size)
        assert figure._repr_png_().startswith(b"\x89PNG")
        assert len(figure.axes) == 2
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "limit 0.7" in words[0]
    assert words[1].endswith("no limit stated (no link)")
    assert len(gd.plots.accuracy(learning_fit).axes) == 2
    with pytest.raises(gd.InputError, match="Accuracy or a Fit"):
        gd.plots.accuracy(learning_fit.data)
