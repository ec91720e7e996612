"""Laws side by side, what ceilings depend on, and pictures of curves and single series."""

from __future__ import annotations

import numpy as np
import pytest

import gapdyn as gd
from gapdyn import plots
from gapdyn.inference import SITES
from gapdyn.plots._words import symbol


def test_a_family_shows_the_solved_courses_and_limits():
    laws = {"a": gd.laws.shared_rate(rate=0.3), "b": gd.laws.relaxing_verifier()}
    figure = plots.family(laws, 12.0)
    assert len(figure.axes) == 3
    for ax, name in zip(figure.axes, ("u_s", "u_v", "gap"), strict=True):
        courses, marks = ax.lines[::2], ax.lines[1::2]
        for line, mark, law in zip(courses, marks, laws.values(), strict=True):
            x, y = line.get_data()
            np.testing.assert_allclose(y, getattr(gd.solve(law, x), name))
            np.testing.assert_allclose(mark.get_ydata()[0], getattr(gd.limits(law), f"{name}_inf"))
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["a", "b"]


def test_a_law_without_a_limit_has_no_mark():
    figure = plots.family([gd.curves.persistence()], 5.0, of=["u_s"], size="paper")
    assert len(figure.axes) == 1
    assert len(figure.axes[0].lines) == 1


def test_dependence_is_the_first_order_shift():
    law = gd.laws.shared_rate(rho=0.3, gap_inf=0.05, u_s0=1.0, u_v0=0.6)
    shifted = float(gd.limits(gd.laws.shared_rate(rho=0.3, gap_inf=0.05 + 1e-6, u_s0=1.0, u_v0=0.6)).u_s_inf)
    slope = (shifted - float(gd.limits(law).u_s_inf)) / 1e-6
    ax = plots.dependence([law]).axes[0]
    rows = [t.get_text() for t in ax.get_yticklabels()]
    dots = {row: line.get_xdata()[0] for row, line in zip(rows, ax.lines[2::2], strict=True)}
    assert dots[symbol("gap_inf")] == pytest.approx(0.1 * 0.4 * slope, rel=1e-5)
    assert abs(dots[symbol("rate")]) < 1e-12  # without external data the ceiling does not depend on the rate


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.family({}, 5.0), "at least one law"),
        (lambda: plots.family([gd.laws.shared_rate()], -1.0), "until=-1"),
        (lambda: plots.family([gd.laws.shared_rate()], 5.0, of=["u"]), "unknown quantity"),
        (lambda: plots.dependence([gd.laws.shared_rate().law()]), "GapLaw"),
        (lambda: plots.dependence({"a": gd.laws.shared_rate()}, of="time"), "unknown quantity"),
    ],
)
def test_bad_calls_say_what_is_wrong(call, message):
    with pytest.raises((gd.InputError, AttributeError), match=message):
        call()


@pytest.mark.parametrize("name", SITES)
def test_every_parameter_has_a_symbol(name):
    assert symbol(name).startswith("$")


@pytest.fixture(scope="module")
def one_series():
    t = np.arange(12.0)
    rng = np.random.default_rng(0)
    run = gd.Run("r", t, clock="step", extra={"reward": 2 - np.exp(-0.3 * t) + rng.normal(0, 0.02, 12)})
    engine = gd.engines.NUTS(chains=2, warmup=200, draws=200)
    return {c: gd.fit(run, gd.curves.ALL_CURVES[c](), key=0, series="reward", engine=engine)
            for c in ("exponential", "two_phase")}  # fmt: skip


def test_pictures_of_one_series_name_it(one_series):
    fit = one_series["exponential"]
    figure = plots.trajectory(fit)
    assert figure.axes[0].get_ylabel() == "reward"
    labels = [t.get_text() for t in figure.legends[0].get_texts()]
    assert labels[0] == "reward"
    assert labels[-1].startswith("limit: ")
    assert "limit of reward" in plots.ceiling_density(fit).axes[0].get_xlabel()


def test_a_curve_without_a_limit_is_drawn_without_one(one_series):
    figure = plots.trajectory(one_series["two_phase"])
    assert not [t for t in figure.legends[0].get_texts() if "limit" in t.get_text()]
    with pytest.raises(gd.InputError, match="no limit"):
        plots.ceiling_density(one_series["two_phase"])
    with pytest.raises(gd.InputError, match="gap alone"):
        plots.phase(one_series["exponential"])
