"""The picture of a backtest."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import gapdyn as gd
from gapdyn import plots
from gapdyn.plots._style import GREY, SIZES

RUN = gd.simulate(gd.laws.shared_rate(rate=0.3), np.arange(12.0), noise=0.01, key=1)


@functools.cache
def judged() -> gd.Backtest:
    laws = [gd.curves.exponential(), gd.curves.persistence()]
    return gd.backtest(RUN, laws, origins=[6, 8, 9, 10], key=0, progress=False)


@pytest.mark.parametrize("size", SIZES)
def test_each_origin_has_its_panel(size):
    panels = [ax for ax in plots.backtest(judged(), size=size).axes if ax.get_visible()]
    assert [ax.get_title(loc="left") for ax in panels] == [f"fitted to {n} checkpoints" for n in (6, 8, 9, 10)]
    for ax, origin in zip(panels, judged().origins, strict=True):
        points = [x for x in ax.lines if x.get_linestyle() == "None"]
        fitted, later = points[0], points[1]
        assert fitted.get_xdata().tolist() == RUN.t[: origin.train].tolist()
        assert later.get_xdata().tolist() == RUN.t[origin.train :].tolist()
        assert later.get_markerfacecolor() == "white" != fitted.get_markerfacecolor()
        grey = [x for x in ax.lines if x.get_color() == GREY and x.get_linestyle() == "-"]
        assert len(grey) == 2 * sum(w >= 0.05 for w in origin.weights.values())
        low, high = ax.get_ylim()
        assert low < min(RUN.u_s.min(), RUN.u_v.min())
        assert high > max(RUN.u_s.max(), RUN.u_v.max())


def test_what_is_no_backtest_is_refused():
    with pytest.raises(gd.InputError, match="given a Run"):
        plots.backtest(RUN)
    with pytest.raises(gd.InputError, match="outer band"):
        plots.backtest(judged(), level=2)
