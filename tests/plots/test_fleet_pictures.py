"""Pictures of a fleet show the rows they are given."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import gapdyn as gd
from gapdyn import plots

LAW = gd.laws.shared_rate(rate=0.5, rho=0.3, u_s0=2.0, u_v0=1.2, u_s_inf=1.0)


def simulated(i: int) -> gd.Run:
    run = gd.simulate(LAW, np.arange(10 + i) * 1.0, noise=0.02, key=i, name=f"run {i}")
    extra = {"log_flops": np.full(len(run), 20.0 + i % 5)}
    return dataclasses.replace(run, meta={"labels": {"model": "b"}}, extra=extra)


SHORT = gd.Run("short", [0, 1, 2], clock="round", u_s=[2, 1.5, 1.2], u_v=[1, 0.9, 0.8], extra={"log_flops": [20] * 3},
               meta={"labels": {"model": "c"}})  # fmt: skip
FLAT = gd.Run("flat", [0, 1, 2, 3], clock="round", u_s=[1] * 4, u_v=[1] * 4, extra={"log_flops": [21] * 4},
              meta={"labels": {"model": "c"}})  # fmt: skip
FLEET = gd.Fleet([*(simulated(i) for i in (1, 3, 5, 7)), SHORT, FLAT])


@pytest.fixture(scope="module")
def fitted():
    return gd.fit(FLEET, gd.laws.shared_rate(), key=1, engine=gd.engines.Auto(fallback=False))


def drawn(figure) -> None:
    """Draw it: what is wrong with a label shows up there."""
    figure.canvas.draw()


@pytest.mark.parametrize("size", ["notebook", "paper", "paper-wide"])
def test_small_multiples(fitted, size):
    figure = plots.fleet(fitted, size=size)
    drawn(figure)
    panels = [ax for ax in figure.axes if ax.get_visible()]
    assert [ax.get_title(loc="left") for ax in panels] == list(FLEET.names[:-1])
    for ax, run in zip(panels, FLEET, strict=False):
        dots = [line for line in ax.lines if line.get_linestyle() == "None"]
        np.testing.assert_array_equal(dots[0].get_ydata(), run.u_s)
        np.testing.assert_array_equal(dots[1].get_ydata(), run.u_v)
    lines = [line for line in panels[0].lines if line.get_linestyle() == "-"]
    curves = fitted["run 1"].curves(lines[0].get_xdata())
    np.testing.assert_allclose(lines[0].get_ydata(), np.median(curves.u_s, axis=0))
    assert panels[0]._left_title.get_color() != panels[-1]._left_title.get_color()  # trusted, wide


def test_runs_of_other_clocks_have_axes_of_their_own(fitted):
    other = dataclasses.replace(fitted.fleet.runs[0], name="tokens", clock="token", t=FLEET.runs[0].t * 1e9)
    mixed = gd.fit(gd.Fleet([FLEET.runs[0], other]), gd.laws.shared_rate(), key=1,
                   engine=gd.engines.Auto(fallback=False))  # fmt: skip
    figure = plots.fleet(mixed)
    drawn(figure)
    assert figure.axes[0].get_xlim()[1] < 20 < 1e9 < figure.axes[1].get_xlim()[1]
    drawn(plots.forest(mixed, "rate"))


@pytest.mark.parametrize("size", ["notebook", "paper"])
def test_a_forest_by_group_and_beside_another_fit(fitted, size):
    figure = plots.forest(fitted, by=["model"], size=size)
    drawn(figure)
    ax = figure.axes[0]
    middles = {line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o" and len(line.get_xdata()) == 1}
    shown = [x for x in fitted.summary["u_s_inf"].q50[:5] if ax.get_xlim()[0] <= x <= ax.get_xlim()[1]]
    assert set(shown) <= middles
    assert [text.get_text() for text in ax.texts] == ["b", "c"]
    order = [label.get_text() for label in ax.get_yticklabels()]
    assert order[-1] == "short"
    two = plots.forest(fitted, "rho", beside=fitted, names=("one", "other"), size=size)
    drawn(two)
    assert "other" in [text.get_text() for text in two.legends[0].get_texts()]
    diamonds = [line.get_xdata()[0] for line in two.axes[0].lines if line.get_marker() == "D"]
    assert sorted(diamonds) == sorted(fitted.summary["rho"].q50[:5])


@pytest.mark.parametrize("size", ["notebook", "paper"])
def test_triage_counts(fitted, size):
    figure = plots.triage(fitted, size=size)
    drawn(figure)
    ax = figure.axes[0]
    rows = fitted.triage()
    assert [bar.get_width() for bar in ax.patches] == rows["count"].to_list()
    assert sum(rows["count"]) == len(FLEET)
    assert [label.get_text() for label in ax.get_yticklabels()] == rows["status"].to_list()
    assert any("nothing to fit" in text.get_text() or "do not change" in text.get_text() for text in ax.texts)


@pytest.mark.parametrize("size", ["notebook", "paper"])
def test_a_limit_against_a_number(fitted, size):
    figure = plots.against(fitted, "log_flops", group=["model"], size=size)
    drawn(figure)
    dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert {len(line.get_xdata()) for line in dots} == {4, 1}
    np.testing.assert_array_equal(dots[0].get_ydata(), fitted.summary["u_s_inf"].q50[:4])
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[:2] == ["b", "c"]
    assert texts[2].startswith("per unit: ")


def test_the_line_is_the_one_that_made_the_runs():
    """Ceilings that fall by 0.2 per unit: its 90% interval holds that slope (a fixed case, no chance left)."""
    runs = []
    for i in range(8):
        x = 20 + i / 2
        law = gd.laws.shared_rate(rate=0.5, rho=0.3, u_s0=2.4, u_v0=1.5, u_s_inf=1.4 - 0.2 * (x - 20))
        run = gd.simulate(law, np.arange(18) * 1.0, noise=0.01, key=i, name=f"run {i}")
        runs.append(dataclasses.replace(run, extra={"x": np.full(18, x)}))
    done = gd.fit(gd.Fleet(runs), gd.laws.shared_rate(), key=0, engine=gd.engines.Auto(fallback=False))
    figure = plots.against(done, "x")
    text = next(t.get_text() for t in figure.legends[0].get_texts() if t.get_text().startswith("per unit"))
    middle, low, high = (float(w.strip("[],").replace("−", "-")) for w in text.removeprefix("per unit: ").split())
    assert low < -0.2 < high
    assert middle == pytest.approx(-0.2, abs=0.02)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: plots.fleet(f, ["flat"]), "run 'flat' has no posterior"),
        (lambda f: plots.fleet(f, []), "runs is empty"),
        (lambda f: plots.fleet(f, ["run 1"] * 25), "25 runs are more panels than a page holds"),
        (lambda f: plots.fleet(f, level=2), "level=2"),
        (lambda f: plots.fleet(1), "takes the fit of a fleet"),
        (lambda f: plots.forest(f, "roh"), "no parameter 'roh'"),
        (lambda f: plots.forest(f, by=["modle"]), "no label 'modle'"),
        (lambda f: plots.forest(1), "takes the fit of a fleet"),
        (lambda f: plots.triage(1), "takes the fit of a fleet"),
        (lambda f: plots.against(f, "flops"), "no number 'flops'"),
        (lambda f: plots.against(1, "flops"), "takes the fit of a fleet"),
    ],
)
def test_what_cannot_be_shown_is_refused(fitted, call, message):
    with pytest.raises(gd.InputError, match=message):
        call(fitted)
