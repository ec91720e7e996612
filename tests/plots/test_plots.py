"""Pictures: what they show is what the results say; every label has its unit; nothing global is touched."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import jax
import matplotlib
import numpy as np
import pytest
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.figure import Figure

import gapdyn as gd
from gapdyn import plots
from gapdyn.plots._draws import density
from gapdyn.plots._style import SIZES
from gapdyn.plots._words import interval, parameter_label

jax.config.update("jax_enable_x64", True)
ENGINE = gd.engines.NUTS(chains=2, warmup=200, draws=200)


def a_run(scale=1.0, *, se=0.02, **changes):
    law = gd.laws.shared_rate(rate=0.2)
    run = gd.simulate(law, np.arange(16.0), key=3, noise=0.01, se=se, name="a", clock="round")
    errors = {} if se is None else {"se_s": run.se_s * abs(scale), "se_v": run.se_v * abs(scale)}
    scaled = {"u_s": run.u_s * scale, "u_v": run.u_v * scale, **errors}
    return dataclasses.replace(run, **{**scaled, **changes})


def fitted(run):
    return gd.fit(run, gd.laws.shared_rate(), key=0, engine=ENGINE, progress=False)


@pytest.fixture(scope="module")
def fit():
    return fitted(a_run())


@pytest.fixture(scope="module")
def check(fit):
    return gd.check(fit, key=0)


def everything(fit, **options):
    return {
        "trajectory": plots.trajectory(fit, **options),
        "ceiling_density": plots.ceiling_density(fit, **options),
        "predictive": plots.predictive(gd.check(fit, key=0), **options),
        "pairs": plots.pairs(fit, **options),
        "phase": plots.phase(fit, **options),
    }


def line(ax, label):
    (found,) = [x for x in ax.lines if x.get_label() == label]
    return found.get_xydata()


def bands(ax):
    return [x for x in ax.collections if isinstance(x, FillBetweenPolyCollection)]


def texts(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def nothing_clipped(figure):
    """All text lies within the figure; labels of panels do not overlap each other."""
    figure.draw_without_rendering()
    frame = figure.bbox.padded(2)
    boxes = []
    for ax in figure.findobj(matplotlib.axes.Axes):
        if not ax.axison:
            continue
        for text in (ax.title, ax._left_title, ax.xaxis.label, ax.yaxis.label):
            if text.get_text() and text.get_visible():
                box = text.get_window_extent()
                assert frame.x0 <= box.x0 < box.x1 <= frame.x1, text
                assert frame.y0 <= box.y0 < box.y1 <= frame.y1, text
                boxes.append((box, text.get_text()))
    for i, (one, what) in enumerate(boxes):
        for other, that in boxes[:i]:
            apart = one.x0 >= other.x1 or other.x0 >= one.x1 or one.y0 >= other.y1 or other.y0 >= one.y1
            assert apart, (what, that)


@pytest.mark.parametrize("size", SIZES)
def test_every_picture_is_a_figure_of_its_size_with_nothing_clipped(fit, size):
    for name, figure in everything(fit, size=size).items():
        assert isinstance(figure, Figure), name
        assert figure.get_figwidth() == SIZES[size].width
        nothing_clipped(figure)


def test_notebooks_display_figures_without_pyplot(fit):
    assert plots.ceiling_density(fit)._repr_png_().startswith(b"\x89PNG")


def test_trajectory_shows_data_bands_ceiling_and_forecast(fit):
    run = fit.data
    figure = plots.trajectory(fit, until=40)
    top, bottom = figure.axes
    assert top.get_ylabel() == "uncertainty (nats/response)"
    assert bottom.get_ylabel() == "gap\n(nats/response)"
    assert bottom.get_xlabel() == "round"
    for name in ("u_s", "u_v"):
        np.testing.assert_array_equal(line(top, name), np.c_[run.t, getattr(run, name)])
    np.testing.assert_array_equal(line(bottom, "gap"), np.c_[run.t, run.gap])
    assert len(bands(top)) == 4
    assert len(bands(bottom)) == 2
    assert len(top.containers) == 2  # standard errors
    assert not any(c.has_yerr and len(c.lines[2][0].get_segments()) for c in bottom.containers)
    assert top.get_xlim()[1] == 40
    assert any(text.get_text() == "forecast" for text in top.texts)
    low, high = np.quantile(gd.ceiling(fit, prompts="same").u_s, [0.05, 0.95])
    assert any(np.allclose(x.get_ydata(), low) for x in top.lines)
    assert any(np.allclose(x.get_ydata(), high) for x in top.lines)
    assert len(plots.trajectory(fit, gap=False).axes) == 1


def test_trajectory_curves_are_those_of_the_fit_at_checkpoints():
    errors = np.linspace(0.01, 0.04, 16)  # unequal, so that the common error moves the curve
    fit = fitted(a_run(se_s=errors, se_v=errors))
    from gapdyn.plots._trajectory import DRAWS

    t = fit.data.t
    expected = fit.curves(t, prompts="same", draws=DRAWS)
    fine = fit.curves(np.sort(np.r_[t, t[:-1] + 0.5]), prompts="same", draws=DRAWS)
    for name in ("u_s", "u_v", "gap"):
        np.testing.assert_allclose(getattr(fine, name)[:, ::2], getattr(expected, name), rtol=1e-9, atol=1e-12)
    (shown,) = [x for x in plots.trajectory(fit).axes[1].lines if len(x.get_xdata()) > len(t)]
    ends = np.interp(t[[0, -1]], *shown.get_data())
    np.testing.assert_allclose(ends, np.median(expected.gap, 0)[[0, -1]], rtol=1e-9)


def test_forecast_can_be_left_out_and_time_before_the_data_is_refused(fit):
    assert not plots.trajectory(fit, until=fit.data.t[-1]).axes[0].texts[:-1]
    for until in (3, np.nan, np.inf):
        with pytest.raises(gd.InputError, match=r"until=.*last checkpoint"):
            plots.trajectory(fit, until=until)


@pytest.mark.parametrize("level", [0, 1, -1, np.nan, "90%"])
def test_levels_are_probabilities(fit, level):
    for picture in (plots.trajectory, plots.ceiling_density, plots.phase):
        with pytest.raises(gd.InputError, match="level="):
            picture(fit, level=level)


def test_unknown_size_names_the_known_ones(fit, check):
    for picture, result in ((plots.trajectory, fit), (plots.predictive, check)):
        with pytest.raises(gd.InputError, match=r"'papre'.*Did you mean 'paper'"):
            picture(result, size="papre")


def test_ceiling_density_states_prompts_interval_and_last_measurement(fit):
    (ax,) = plots.ceiling_density(gd.ceiling(fit, prompts="same"), level=0.8).axes
    assert ax.get_xlabel() == r"ceiling $U_{s,\infty}$, same prompts (nats/response)"
    figure = plots.ceiling_density(fit)
    assert "new prompts" in figure.axes[0].get_xlabel()
    low, high = np.quantile(fit["u_s_inf"], [0.05, 0.95])
    assert f"90% interval: {interval(fit['u_s_inf'], low, high)}" in texts(figure)
    assert f"last measured $u_s$: {fit.data.u_s[-1]:.3g}" in texts(figure)
    with pytest.raises(gd.InputError, match="Ceiling or a Fit; it was given a Run"):
        plots.ceiling_density(fit.data)


def test_density_integrates_to_one_and_follows_the_truth_despite_heavy_tails():
    rng = np.random.default_rng(0)
    draws = 5e-12 + 1e-12 * rng.standard_t(1.2, 4000)
    grid = np.linspace(-2e-11, 3e-11, 4000)
    y = density(draws, grid)
    share = np.mean((draws > grid[0]) & (draws < grid[-1]))
    assert np.trapezoid(y, grid) == pytest.approx(share, abs=0.02)
    assert y.max() * 1e-12 == pytest.approx(0.33, abs=0.05)  # peak of t(1.2): 0.331


def test_ceiling_that_is_given_or_endless_or_far_away(fit):
    ceiling = gd.ceiling(fit)
    u_s = ceiling.u_s.copy()
    for changed in (
        np.full_like(u_s, 0.3),
        np.r_[np.inf, u_s[1:]],
        u_s * 1e6,
        np.tan(1.5 * np.sin(u_s * 1e4)),
    ):
        figure = plots.ceiling_density(dataclasses.replace(ceiling, u_s=changed))
        nothing_clipped(figure)
    with pytest.raises(gd.InputError, match="no draw of the ceiling is finite"):
        plots.ceiling_density(dataclasses.replace(ceiling, u_s=np.full_like(u_s, np.inf)))


def test_predictive_has_a_panel_per_series_and_a_row_per_statistic(check):
    figure = plots.predictive(check)
    solver, verifier, strip = figure.findobj(matplotlib.axes.Axes)
    for ax, name in ((solver, "u_s"), (verifier, "u_v")):
        np.testing.assert_array_equal(line(ax, name), np.c_[check.run.t, getattr(check.run, name)])
        assert len(bands(ax)) == 2
        assert 20 <= len(ax.lines) <= 60
        assert "(nats/response)" in ax.get_ylabel()
        assert ax.get_xlabel() == "round"
    assert len(strip.get_yticks()) == len(check.statistics)
    assert sum(text.get_text().startswith("p ") for text in strip.texts) == len(check.statistics)


def test_predictive_marks_what_is_surprising_and_what_is_off_the_scale(check):
    odd = dataclasses.replace(check.statistics["final_gap"], observed=1e9, p=0.0)
    same = dataclasses.replace(odd, observed=1.0, q05=1.0, q50=1.0, q95=1.0, p=0.5)
    changed = dataclasses.replace(check, statistics={"final_gap": odd, "falling_share_u_s": same})
    strip = plots.predictive(changed).findobj(matplotlib.axes.Axes)[-1]
    assert [text.get_text() for text in strip.texts] == ["p < 0.001", "p = 0.500"]
    assert [text.get_weight() for text in strip.texts] == ["bold", "normal"]
    assert ">" in [x.get_marker() for x in strip.lines]


def test_predictive_of_the_prior():
    check = gd.prior_check(a_run(), gd.laws.shared_rate(), key=0, draws=100)
    figure = plots.predictive(check)
    assert any("prior predictive" in ax.get_title(loc="left") for ax in figure.findobj(matplotlib.axes.Axes))


def test_pairs_labels_units_and_marks_divergent_draws(fit):
    stats = {**fit.stats, "diverging": np.zeros((2, 200), bool)}
    stats["diverging"][0, :7] = True
    figure = plots.pairs(dataclasses.replace(fit, stats=stats), ("rate", "rho", "u_s_inf"))
    axes = np.reshape(figure.axes, (3, 3))
    assert [ax.get_xlabel() for ax in axes[2]] == [
        "$λ$\n(1/round)",
        "$ρ$",
        "$U_{s,\\infty}$\n(nats/response)",
    ]
    crosses = line(axes[1, 0], "divergent")
    np.testing.assert_array_equal(crosses, np.c_[fit["rate"][:7], fit["rho"][:7]])
    assert "divergent draws (7)" in texts(figure)
    assert not axes[0, 1].axison


def test_pairs_refuses_unknown_empty_and_double_names(fit):
    with pytest.raises(gd.InputError, match=r"'ratte'.*Did you mean 'rate'"):
        plots.pairs(fit, ("ratte",))
    for names in ((), ("rate", "rate")):
        with pytest.raises(gd.InputError, match="each once"):
            plots.pairs(fit, names)
    assert len(plots.pairs(fit, "rate").axes) == 1


def test_every_parameter_can_be_labelled_and_paired_even_a_fixed_one(fit):
    for name in fit.draws:
        assert parameter_label(name, fit.data).startswith("$")
    fixed = dataclasses.replace(fit, draws={**fit.draws, "rho": np.zeros((2, 200))})
    nothing_clipped(plots.pairs(fixed))


def test_phase_shows_the_lines_of_the_law_and_differences_of_the_data(fit):
    run = fit.data
    (ax,) = plots.phase(fit).axes
    assert ax.get_xlabel() == "gap $G=u_s-u_v$ (nats/response)"
    assert ax.get_ylabel() == "$dG/dt$ (nats/response per round)"
    middle, speed = (run.gap[1:] + run.gap[:-1]) / 2, np.diff(run.gap) / np.diff(run.t)
    np.testing.assert_allclose(line(ax, "differences"), np.c_[middle, speed])
    (curve,) = [x for x in ax.lines if len(x.get_xdata()) == 120]
    rest = gd.ceiling(fit, prompts="same").gap
    expected = np.median(-fit["rate"][:, None] * (curve.get_xdata() - rest[:, None]), axis=0)
    np.testing.assert_allclose(curve.get_ydata(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("series", ["u_s", "u_v"])
def test_runs_with_one_series_and_with_holes(series):
    other = {"u_s": "u_v", "u_v": "u_s"}[series]
    holes = a_run(se=None)
    y = getattr(holes, series).copy()
    y[3] = np.nan
    run = dataclasses.replace(holes, **{series: y, other: None, "acc_s": np.full(16, 0.5)})
    for figure in everything(fitted(run), size="paper").values():
        nothing_clipped(figure)
        assert all("measured" not in text or other not in text for text in texts(figure))


@pytest.mark.parametrize("scale", [1e-12, -1e12])
def test_sizes_of_any_order_and_names_of_any_kind(scale):
    run = a_run(scale, se=None, name="a$b_{ with a name that goes on and on and on", unit="arbitrary")
    fit = fitted(run)
    for name, figure in everything(fit, size="paper").items():
        nothing_clipped(figure)
        labels = [ax.get_xlabel() + ax.get_ylabel() for ax in figure.findobj(matplotlib.axes.Axes)]
        assert any("arbitrary" in label and "units" in label for label in labels), name
    assert r"\times 10" in "".join(texts(plots.trajectory(fit)))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0.5, 0.53345, 0.556], "0.533 [0.500, 0.556]"),
        ([-0.001, 0.003, 0.0], "0.0000 [−0.0010, 0.0030]"),
        ([5e-13, 6e-13, 7e-13], r"6.0 [5.0, 7.0] $\times 10^{-13}$"),
        ([0.0, 0.0, 0.0], "0 [0, 0]"),
        ([2.0, 2.0, 2.0], "2.00 [2.00, 2.00]"),
    ],
)
def test_intervals_in_words(values, text):
    assert interval(np.array(values), min(values), max(values)) == text


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("SVG", b"<?xml")])
def test_save_by_suffix(fit, tmp_path, suffix, start):
    path = tmp_path / f"picture.{suffix}"
    figure = plots.ceiling_density(fit, size="paper")
    assert plots.save(figure, path) == path
    assert path.read_bytes().startswith(start)
    with pytest.raises(gd.InputError, match="overwrite=True"):
        plots.save(figure, path)
    plots.save(figure, str(path), overwrite=True, dpi=50)
    assert [x.name for x in tmp_path.iterdir()] == [path.name]


def test_save_says_what_is_wrong(fit, tmp_path):
    figure = plots.ceiling_density(fit)
    with pytest.raises(gd.InputError, match=r"suffix '.pgn'.*Did you mean 'png'"):
        plots.save(figure, tmp_path / "a.pgn")
    with pytest.raises(gd.InputError, match="suffix ''"):
        plots.save(figure, tmp_path / "a")
    with pytest.raises(gd.InputError, match=r"does not exist\. Create it first"):
        plots.save(figure, tmp_path / "nowhere" / "a.png")
    for dpi in (0, -1, np.nan, "high"):
        with pytest.raises(gd.InputError, match="dpi="):
            plots.save(figure, tmp_path / "a.png", dpi=dpi)
    assert not list(tmp_path.iterdir())


def test_drawing_changes_no_settings_and_needs_no_pyplot(fit, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # to import it is an error
    before = matplotlib.rcParams.copy()  # item "backend" itself, once read, would import pyplot
    for name, figure in everything(fit).items():
        plots.save(figure, tmp_path / f"{name}.pdf")
        figure._repr_png_()
    assert dict(matplotlib.rcParams.copy()) == dict(before)


def test_pyplot_is_never_imported():
    code = """
import sys, numpy as np, gapdyn as gd
run = gd.simulate(gd.laws.shared_rate(), np.arange(8.0), key=1, noise=0.01)
gd.plots.predictive(gd.prior_check(run, gd.laws.shared_rate(), draws=50))._repr_png_()
assert "matplotlib.pyplot" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
