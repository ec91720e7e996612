"""Sweeps give what `solve`, `limits`, `time_to` and `sensitivity` give, setting by setting."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import gapdyn as gd
from gapdyn.sweeps import SettingStatus, grid, points, sobol

TS = np.linspace(0, 12, 7)


def one_by_one(sweep, make, of, rows):
    """A function of the law of each of some settings."""
    return np.asarray([of(make({n: float(sweep[n][i]) for n in sweep.names[: sweep.names.index("status")]}))
                       for i in rows])  # fmt: skip


def test_quantities_are_those_of_the_laws_one_by_one():
    settings = grid({"rho": [0.1, 0.4, 0.7], "gap_inf": [0.0, 0.05], "rate": [0.2, 0.9]})
    asked = [
        "ceiling",
        "u_v_inf",
        "gap_inf",
        "time_constant",
        "time_to(0.01)",
        "time_to(0.02, u_s)",
        "gap",
        "d ceiling",
    ]
    s = gd.sweep(gd.laws.shared_rate(u_s0=2.0), settings, [*asked, "trajectory"], TS)
    rows = range(s.size)

    def make(v):
        return gd.laws.shared_rate(u_s0=2.0, **v)

    assert s.quantities == ("u_s_inf", "u_v_inf", "gap_inf", "time_constant", "time_to(0.01)", "time_to(0.02, u_s)",
                            "gap", "d u_s_inf/d rho", "d u_s_inf/d gap_inf", "d u_s_inf/d rate", "u_s",
                            "u_v")  # fmt: skip
    for name in ("u_s_inf", "u_v_inf", "time_constant"):
        expected = one_by_one(s, make, lambda law, n=name: getattr(gd.limits(law), n), rows)
        np.testing.assert_allclose(s[name], expected, rtol=1e-13)
    np.testing.assert_allclose(s["gap_inf"], np.tile(np.repeat([0.0, 0.05], 2), 3), atol=1e-15)
    for name, arguments in (("time_to(0.01)", (0.01, "gap")), ("time_to(0.02, u_s)", (0.02, "u_s"))):
        expected = one_by_one(s, make, lambda law, a=arguments: gd.time_to(law, *a), rows)
        np.testing.assert_allclose(s[name], expected, rtol=1e-12)
    for name in ("u_s", "u_v"):
        expected = one_by_one(s, make, lambda law, n=name: getattr(gd.solve(law, TS), n), rows)
        np.testing.assert_allclose(s[name], expected, rtol=1e-12)
    np.testing.assert_allclose(s["gap"], (s["u_s"] - s["u_v"])[:, -1], rtol=1e-12, atol=1e-15)
    for name in settings.names:
        expected = one_by_one(s, make, lambda law, n=name: gd.sensitivity(law)[n], rows)
        np.testing.assert_allclose(s[f"d u_s_inf/d {name}"], expected, rtol=1e-10, atol=1e-13)


def test_a_law_without_closed_form_is_solved_as_accurately():
    settings = sobol({"bend_1": (-2.0, 2.0), "rho": (0.0, 0.8)}, 40)
    s = gd.sweep(gd.laws.neural_potential(), settings, ["gap", "d gap/d rho"], [12.0])

    def make(v):
        return gd.laws.neural_potential(**v)

    rows = [0, 7, 39]
    expected = one_by_one(s, make, lambda law: gd.solve(law, [12.0], "ode").gap[0], rows)
    np.testing.assert_allclose(s["gap"][rows], expected, atol=1e-7)
    h = 1e-4

    def slope(v):
        above, below = (gd.solve(make({**v, "rho": v["rho"] + d}), [12.0], "ode").gap[0] for d in (h, -h))
        return (above - below) / (2 * h)

    expected = [slope({n: float(s[n][i]) for n in ("bend_1", "rho")}) for i in rows]
    np.testing.assert_allclose(s["d gap/d rho"][rows], expected, atol=1e-5)


def test_limits_may_be_swept_in_place_of_other_parameters():
    s = gd.sweep(gd.laws.shared_rate(rho=0.2), {"u_s_inf": [0.3, 0.5]}, ["ceiling", "gap_inf"])
    np.testing.assert_allclose(s["u_s_inf"], [0.3, 0.5])


def test_strengths_amounts_times_and_schedules_are_swept():
    law = gd.laws.shared_rate(forcing=gd.forcings.impulse(gd.forcings.Schedule([1.0, 2.0], [0.5, 0.5])))
    settings = {"gamma": [0.1, 0.4], "forcing_amounts[1]": [0.0, 0.5], "forcing_times[1]": [1.5, 3.0]}
    s = gd.sweep(law, settings, "ceiling")
    for i in range(s.size):
        gamma, amount, time = (float(s[n][i]) for n in settings)
        arrivals = gd.forcings.Schedule([1.0, time], [0.5, amount])
        own = gd.laws.shared_rate(forcing=gd.forcings.impulse(arrivals, gamma=gamma))
        np.testing.assert_allclose(s["u_s_inf"][i], gd.limits(own).u_s_inf, rtol=1e-12)


@pytest.mark.parametrize("kind", ["impulse", "rate"])
def test_schedules_of_different_lengths_stand_along_one_dimension(kind):
    when = {"early": gd.forcings.early(4), "once": gd.forcings.one_shot(2.0)}
    act = getattr(gd.forcings, kind)
    s = gd.sweep(gd.laws.shared_rate(forcing=act(gamma=0.3)), {"rho": [0.2, 0.5], "schedule": when}, "ceiling")
    found = s.to_xarray()["u_s_inf"]
    for label, schedule in when.items():
        for rho in (0.2, 0.5):
            own = gd.laws.shared_rate(rho=rho, forcing=act(schedule, gamma=0.3))
            np.testing.assert_allclose(found.sel(schedule=label, rho=rho), gd.limits(own).u_s_inf, rtol=1e-12)


def test_a_factor_multiplies_what_is_set_or_held():
    held = gd.sweep(gd.laws.shared_rate(rho=0.4), {"rho_factor": [1.0, 0.5]}, "ceiling")
    plain = gd.sweep(gd.laws.shared_rate(), {"rho": [0.4, 0.2]}, "ceiling")
    np.testing.assert_array_equal(held["u_s_inf"], plain["u_s_inf"])
    both = gd.sweep(gd.laws.shared_rate(), points({"rho": [0.4]}) * grid({"rho_factor": [1.0, 0.5]}), "ceiling")
    np.testing.assert_array_equal(both["u_s_inf"], plain["u_s_inf"])


def test_laws_of_one_sweep_stand_along_law():
    laws = {"linear": gd.laws.shared_rate(), "bent": gd.laws.power_potential(m=1.5)}
    s = gd.sweep(laws, {"rho": [0.1, 0.5, 0.8]}, ["ceiling", "gap"], [3.0])
    found = s.to_xarray()
    assert found["gap"].dims == ("law", "rho")
    for label, law in laws.items():
        own = gd.solve(law.replace(rho=0.5), [3.0]).gap[0]
        np.testing.assert_allclose(found["gap"].sel(law=label, rho=0.5), own, rtol=1e-12)


def test_every_draw_meets_every_setting(learning_fit):
    s = gd.sweep(learning_fit, {"rho_factor": [1.0, 0.8]}, "ceiling", draws=50)
    found = s.to_xarray()
    assert found["u_s_inf"].sizes == {"draw": 50, "rho_factor": 2}
    assert found["rho"].dims == ("draw",)
    own = learning_fit.thinned(50)["u_s_inf"]
    np.testing.assert_allclose(found["u_s_inf"].sel(rho_factor=1.0), own, rtol=1e-9)


def test_fits_of_several_laws_stand_along_law(learning_fit, tmp_path):
    other = gd.fit(learning_fit.data, gd.curves.exponential(), key=0)
    fits = {"shared_rate": learning_fit, "exponential": other}
    stored, memory = (gd.sweep(fits, None, "ceiling", draws=40, out=out) for out in (tmp_path / "s", None))
    found = memory.to_xarray()
    assert stored.to_xarray().equals(found)
    assert found["u_s_inf"].dims == ("law", "draw")
    for label, fit in fits.items():
        np.testing.assert_allclose(found["u_s_inf"].sel(law=label), fit.thinned(40)["u_s_inf"], rtol=1e-9)
    assert np.isnan(found["rho"].sel(law="exponential")).all()


def test_schedules_of_data_that_the_run_never_had(learning_fit):
    last = float(learning_fit.data.t[-1])
    when = {"early": gd.forcings.early(4, start=last), "late": gd.forcings.late(4, start=last)}
    s = gd.sweep(learning_fit, {"schedule": when}, "ceiling", forcing=gd.forcings.additive_impulse(dose=0.1), draws=30)
    found = s.to_xarray()["u_s_inf"]
    flat = learning_fit.thinned(30)
    shifted = flat["u_s_inf"] - 0.1 / (1 - flat["rho"])  # theory, section 3: whatever the timing
    for label in when:
        np.testing.assert_allclose(found.sel(schedule=label), shifted, rtol=1e-9)


def test_settings_off_the_support_are_marked_counted_and_reported():
    s = gd.sweep(gd.laws.shared_rate(), {"rho": [-0.1, 0.2, 1.0, np.nan]}, ["ceiling", "gap", "d gap"], [5.0])
    np.testing.assert_array_equal(s["status"], [SettingStatus.INVALID, 0, SettingStatus.INVALID, SettingStatus.INVALID])
    for name in s.quantities:
        np.testing.assert_array_equal(np.isfinite(s[name]), [False, True, False, False])
    (finding,) = s.findings
    assert (finding.code, finding.level) == ("invalid", "warning")
    assert "3 of 4 settings (75.00%)" in finding.text
    assert s.summary["u_s_inf"]["count"] == 1
    assert s.failed == 3


def test_settings_without_a_limit_keep_what_they_have():
    law = gd.laws.drifting_response(tau=1.0)
    s = gd.sweep(law, {"q": [-0.5, 0.0, 3.0]}, ["ceiling", "time_to(0.01)", "gap"], [2.0])
    for i, q in enumerate((-0.5, 0.0, 3.0)):
        limit = float(gd.limits(law.replace(q=q)).u_s_inf)
        assert s["u_s_inf"][i] == pytest.approx(limit, nan_ok=True)
        assert (s["status"][i] == SettingStatus.NO_LIMIT) == (not np.isfinite(limit))
    assert np.isfinite(s["gap"]).all()
    assert SettingStatus.NO_LIMIT in s["status"]


def test_an_explosion_is_marked():
    starts = points({"u_s0": [1.0, 1e308], "u_v0": [0.6, -1e308]})
    s = gd.sweep(gd.laws.relaxing_verifier(), starts, ["gap"], [50.0])
    np.testing.assert_array_equal(s["status"] == SettingStatus.NOT_FINITE, [False, True])
    np.testing.assert_array_equal(np.isfinite(s["gap"]), [True, False])
    assert s.findings[0].code == "not_finite"


def test_a_chunk_of_any_size_gives_the_same():
    law, settings = gd.laws.shared_rate(), sobol({"rho": (0, 0.9), "rate": (0.1, 1.0)}, 1000)
    whole = gd.sweep(law, settings, ["ceiling", "trajectory"], TS)
    for chunk in (77, 1000, 5000):
        parts = gd.sweep(law, settings, ["ceiling", "trajectory"], TS, chunk=chunk)
        for name in whole.names:
            np.testing.assert_allclose(parts[name], whole[name], rtol=1e-13)


def test_a_summary_takes_no_memory_and_says_the_same():
    law, settings = gd.laws.shared_rate(), sobol({"rho": (0, 0.9)}, 1000)
    whole, summary = (gd.sweep(law, settings, "ceiling", keep=keep, chunk=64) for keep in ("all", "summary"))
    assert whole.summary == summary.summary
    x = whole["u_s_inf"]
    known = {"count": 1000, "mean": x.mean(), "sd": x.std(), "min": x.min(), "max": x.max()}
    assert summary.summary["u_s_inf"] == pytest.approx(known, rel=1e-12)
    with pytest.raises(gd.InputError, match="summary only"):
        summary["u_s_inf"]


def test_a_sweep_compiles_once_for_all_chunks():
    from gapdyn.sweeps import _program

    traced = []
    original = _program.Program._one

    def counted(self, *rest):
        traced.append(1)
        return original(self, *rest)

    settings = sobol({"rho": (0, 0.9)}, 1000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_program.Program, "_one", counted)
        gd.sweep(gd.laws.shared_rate(), settings, ["trajectory"], TS, chunk=100)
    assert len(traced) == 2  # with fresh memory, and into that of an earlier chunk


def test_numbers_of_32_bits_stay_so():
    with jax.enable_x64(False):
        s = gd.sweep(gd.laws.shared_rate(), {"rho": [0.1, 0.2]}, ["ceiling", "trajectory"], [1.0, 2.0])
    assert s["u_s_inf"].dtype == np.float32
    assert s["u_s"].dtype == np.float32


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: gd.sweep(3, {"rho": [0.1]}), "give a law of gapdyn.laws"),
        (lambda: gd.sweep(gd.laws.shared_rate()), "say what is set"),
        (lambda: gd.sweep(gd.laws.shared_rate(), [1]), "give parameter -> values"),
        (lambda: gd.sweep(gd.laws.shared_rate(), {"roh": [1]}), "Did you mean 'rho'"),
        (lambda: gd.sweep(gd.laws.shared_rate(), {"kappa_factor": [1]}), "has no 'kappa_factor'"),
        (lambda: gd.sweep(gd.laws.shared_rate(), {"beta_factor": [1]}), "not one of this law's coordinates"),
        (lambda: gd.sweep(gd.laws.shared_rate(), {"schedule": {"a": gd.forcings.early(2)}}), "has no forcing"),
        (lambda: gd.sweep(gd.laws.shared_rate(), {"alpha": [1], "rate": [1]}), "cannot be given together"),
        (lambda: gd.sweep(gd.laws.rounds(), {"round_length": [1]}), "has no 'round_length'"),
        (lambda: gd.sweep(gd.laws.shared_rate(), {"rho": [1]}, "ceilng"), "Did you mean 'ceiling'"),
        (lambda: gd.sweep(gd.laws.shared_rate(), {"rho": [1]}, "time_to(x)"), "must be a positive number"),
        (lambda: gd.sweep(gd.laws.shared_rate(), {"rho": [1]}, "d ceiling/d m"), "no parameter 'm'"),
        (lambda: gd.sweep(gd.laws.shared_rate(), {"rho": [1]}, "d trajectory"), "no one derivative"),
        (lambda: gd.sweep(gd.laws.shared_rate(), {"rho": [1]}, ["u_s", "trajectory"], [1]), "Keep one of the two"),
        (lambda: gd.sweep(gd.laws.shared_rate(), {"rho": [1]}, []), "name at least one"),
        (lambda: gd.sweep(gd.laws.shared_rate(), {"rho": [1]}, "gap"), "Pass ts="),
        (lambda: gd.sweep(gd.laws.shared_rate(), {"rho": [1]}, "gap", [2, 1]), "increase"),
        (lambda: gd.sweep(gd.laws.neural_potential(), {"rho": [0.1]}, "gap", [-1]), "before the law's start"),
        (lambda: gd.sweep(gd.laws.shared_rate(), {"rho": [1]}, chunk=0), "chunk=0"),
        (lambda: gd.sweep(gd.laws.shared_rate(), {"rho": [1]}, keep="some"), "keep"),
        (lambda: gd.sweep(gd.laws.shared_rate(), {"rho": [1]}, process=(2, 2)), r"0 <= index < count"),
        (lambda: gd.sweep(gd.laws.shared_rate(), {"rho": [1]}, process=(0, 2)), "Pass out="),
        (lambda: gd.sweep(gd.laws.shared_rate(), sobol({"rho": (0, 1)}, 2**30)), "do not fit into memory"),
    ],
)  # fmt: skip
def test_what_cannot_be_swept_is_refused_in_one_sentence(call, says):
    with pytest.raises(gd.InputError, match=says):
        call()


def test_a_prior_that_no_setting_names_is_refused():
    import numpyro.distributions as dist

    with pytest.raises(gd.InputError, match="has a prior on 'rate'"):
        gd.sweep(gd.laws.shared_rate(rate=dist.LogNormal(0, 1)), {"rho": [0.1]})
