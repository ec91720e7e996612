"""Rival laws on one run: leave-one-out against the dense Gaussian, weights, and the ceiling over laws."""

from __future__ import annotations

import dataclasses
import functools

import jax.numpy as jnp
import numpy as np
import pytest

import gapdyn as gd
from gapdyn.criticism._rolling import ENGINE
from gapdyn.inference._loo import leave_one_out

RUN = gd.simulate(gd.laws.shared_rate(rate=0.3), np.linspace(0, 9.5, 14), noise=0.005, key=3)
LAWS = [gd.laws.shared_rate(), gd.curves.power_law(), gd.curves.persistence()]
STATED = gd.simulate(gd.laws.shared_rate(rate=0.5), np.linspace(0, 9, 10), noise=0.01, se=0.02, key=4)
GAPS = dataclasses.replace(STATED, u_v=np.where(np.arange(10) == 3, np.nan, STATED.u_v))


@functools.cache
def compared() -> gd.Comparison:
    return gd.compare(RUN, LAWS, key=0, progress=False)


@pytest.mark.parametrize("likelihood", [{}, {"residuals": "wander"}, {"noise": "student_t"}], ids=str)
def test_what_is_left_out_is_judged_by_all_others(likelihood):
    """log p(y_i | the others) = log p(all) - log p(all but i), by masking a checkpoint."""
    fit = gd.fit(GAPS, LAWS[0], key=0, engine=ENGINE, likelihood=gd.Likelihood(**likelihood))
    model, obs, size = fit.model, fit.observations, fit.scale.size
    draw = {k: jnp.asarray(fit.scale.to_standard(k, v), float)[5] for k, v in fit.flat.items()}

    def joint(mask):
        grid = obs._replace(mask=mask)
        trajectory = model.solve_at(draw, obs.ts, grid, model.route)
        errors = model.errors(jnp.stack([trajectory.u_s, trajectory.u_v], -1), draw, grid)
        if "noise" in likelihood:
            errors = errors.given(jnp.stack([draw["offset_s"], draw["offset_v"]]))
        return float(errors.log_prob(obs.y))

    found = leave_one_out(fit)
    assert found.shape == (1000, 10)
    for i, seen in ((0, 2), (3, 1), (9, 2)):
        expected = joint(obs.mask) - joint(obs.mask.at[i].set(False)) - seen * np.log(size)
        assert found[5, i] == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_loo_is_arvizs_where_checkpoints_are_independent():
    import arviz_stats

    fit = gd.fit(RUN, LAWS[0], key=0, engine=ENGINE)
    mine, theirs = gd.loo(fit), arviz_stats.loo(fit.to_arviz(), var_name="checkpoints")
    assert mine.elpd == pytest.approx(float(theirs.elpd), abs=0.1)
    assert mine.se == pytest.approx(float(theirs.se), rel=0.05)
    assert mine.p_loo == pytest.approx(float(theirs.p), abs=0.1)
    assert f"{mine.elpd:.1f}" in str(mine)


def test_a_checkpoint_that_was_not_measured_has_no_score():
    empty = dataclasses.replace(STATED, acc_s=np.full(10, 0.5), u_s=np.where(np.arange(10) == 4, np.nan, STATED.u_s),
                                u_v=np.where(np.arange(10) == 4, np.nan, STATED.u_v))  # fmt: skip
    found = gd.loo(gd.fit(empty, LAWS[0], key=0, engine=ENGINE))
    assert np.flatnonzero(np.isnan(found.elpd_i)).tolist() == [4]
    assert np.isfinite(found.elpd)


def test_the_true_law_is_preferred_to_one_that_cannot_be():
    found = compared()
    assert found.weights["shared_rate"] > 0.3
    assert found.weights["persistence"] < 0.05
    assert sum(found.weights.values()) == pytest.approx(1)
    assert found.loo["shared_rate"].elpd > found.loo["persistence"].elpd
    assert np.isnan(found.lfo["shared_rate"][:7]).all()
    assert np.isfinite(found.lfo["shared_rate"][7:]).all()
    assert all(len(fit.data) == len(RUN) for fit in found.fits.values())
    lines = str(found).splitlines()
    assert lines[2].split()[0] == found.order[0]
    assert found.to_dict()["laws"]["power_law"]["weight"] == found.weights["power_law"]


def test_laws_that_are_close_are_named():
    codes = {f.code for f in compared().findings}
    assert ("not_told_apart" in codes) == (max(compared().weights.values()) < 0.75)


def test_the_ceiling_over_laws_is_their_mixture():
    found = gd.ceiling(compared())
    assert found.weights == compared().weights
    assert found.laws["persistence"] is None
    assert found.settles == pytest.approx(1 - found.weights["persistence"], abs=1e-3)
    own = {n: c for n, c in found.laws.items() if c is not None}
    assert {c.tolerance for c in own.values()} == {found.tolerance}
    share = sum(found.weights[n] * np.mean(c.u_s < 0.5) for n, c in own.items()) / found.settles
    assert np.nanmean(np.where(np.isfinite(found.u_s), found.u_s < 0.5, np.nan)) == pytest.approx(share, abs=0.02)
    low = min(np.quantile(c.u_s, 0.05) for c in own.values())
    high = max(np.quantile(c.u_s, 0.95) for c in own.values())
    assert low <= found.summary()["u_s"]["q05"] < found.summary()["u_s"]["q95"] <= high
    assert "by law" in str(found)
    assert found.to_dict()["laws"]["persistence"] is None


def test_laws_that_disagree_on_the_ceiling_are_seen_to():
    """Two of equal weight that end elsewhere, each sure of it."""
    here, there = (dataclasses.replace(compared().fits["shared_rate"],
                                       draws={**compared().fits["shared_rate"].draws, "u_s_inf": at + 0.001 * x})
                   for at, x in ((0.2, np.random.default_rng(0).normal(size=(4, 250))),
                                 (0.5, np.random.default_rng(1).normal(size=(4, 250)))))  # fmt: skip
    both = dataclasses.replace(compared(), laws={"a": LAWS[0], "b": LAWS[0]}, fits={"a": here, "b": there},
                               weights={"a": 0.5, "b": 0.5})  # fmt: skip
    found = {f.code: f for f in gd.ceiling(both, tolerance=0.01).findings}
    assert "depends on which is true" in found["laws_disagree"].text
    same = dataclasses.replace(both, fits={"a": here, "b": here})
    assert "laws_disagree" not in {f.code for f in gd.ceiling(same, tolerance=0.01).findings}


def test_without_a_limit_there_is_no_ceiling():
    none = dataclasses.replace(compared(), laws={"persistence": LAWS[2]}, weights={"persistence": 1.0},
                               fits={"persistence": compared().fits["persistence"]})  # fmt: skip
    with pytest.raises(gd.InputError, match="none of the laws"):
        gd.ceiling(none)


def test_too_few_checkpoints_are_refused():
    with pytest.raises(gd.InputError, match="4 checkpoints"):
        gd.compare(RUN.head(4), LAWS, key=0)


def test_pictures_of_the_ceiling_over_laws():
    limit = gd.ceiling(compared())
    for size in ("notebook", "paper"):
        (ax,) = gd.plots.ceilings(limit, size=size).axes
        assert [t.get_text().split()[0] for t in ax.get_yticklabels()] == ["over", *compared().order]
        assert any(t.get_text() == "no limit" for t in ax.texts)
    with pytest.raises(gd.InputError, match="over laws"):
        gd.plots.ceilings(limit.laws["shared_rate"])
    assert gd.plots.ceiling_density(limit)._repr_png_().startswith(b"\x89PNG")
