"""How pictures look: sizes, palette, and a figure that shows itself. Nothing here touches rcParams."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from gapdyn._check import choose

# Okabe and Ito 2008: told apart by colour-blind readers too
BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
INK, GREY, PALE = "#222222", "#6E6E6E", "#C8C8C8"


@dataclasses.dataclass(frozen=True)
class Size:
    """Width of the figure and panel height in inches, text in points, and a factor for lines and markers."""

    width: float
    panel: float
    font: float
    pen: float

    @property
    def narrow(self) -> bool:
        """Whether panels go below each other."""
        return self.width < 5

    @property
    def small(self) -> float:
        """Font size of ticks and legends, in points."""
        return self.font - 1


SIZES = {
    "notebook": Size(7.5, 3.6, 11, 1.25),
    "paper": Size(3.4, 2.2, 7.5, 0.8),  # one column
    "paper-wide": Size(7.0, 2.7, 8, 0.9),  # two columns
}


@dataclasses.dataclass(frozen=True)
class Look:
    """How one series is drawn: told apart by colour, and by marker and line in greyscale."""

    color: str
    marker: str
    line: str
    label: str
    who: str


LOOKS = {
    "u_s": Look(BLUE, "o", "-", "$u_s$", "solver"),
    "u_v": Look(ORANGE, "s", "--", "$u_v$", "verifier"),
    "gap": Look(INK, "D", "-.", "$u_s-u_v$", "gap"),
}


class _Figure(Figure):
    """A figure that a notebook displays without pyplot."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=max(120, self.dpi))
        return buffer.getvalue()


def new_figure(size: str, height: float) -> tuple[_Figure, Size]:
    """An empty figure of a named size, `height` panels high; and the size."""
    choice = SIZES[choose(size, SIZES, "size")]
    figure = _Figure(figsize=(choice.width, choice.panel * height), layout="constrained", facecolor="white", dpi=100)
    figure.get_layout_engine().set(w_pad=0.04, h_pad=0.03)  # pyright: ignore
    return figure, choice


def dress(ax: Axes, size: Size, *, x: str = "", y: str = "", title: str = "") -> None:
    """Spines, ticks, labels and title of a panel. Its title stands above it, at the left."""
    ax.set_facecolor("white")
    ax.grid(False)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(GREY)
        spine.set_linewidth(0.7 * size.pen)
    ax.tick_params(
        which="both", direction="out", labelsize=size.small, colors=INK, color=GREY, width=0.7 * size.pen,
        length=2.5 * size.pen, top=False, right=False,
    )  # fmt: skip
    for axis, count in ((ax.xaxis, 6), (ax.yaxis, 5)):
        axis.set_major_locator(MaxNLocator(nbins=count - size.narrow, steps=[1, 2, 2.5, 5, 10]))
        axis.set_major_formatter(_formatter())
        axis.get_offset_text().set(fontsize=size.small, color=INK)
    if x:
        ax.set_xlabel(x, fontsize=size.font, color=INK)
    if y:
        ax.set_ylabel(y, fontsize=size.font, color=INK)
    if title:
        ax.set_title(title, loc="left", fontsize=size.font, color=INK, pad=4)


def _formatter() -> ScalarFormatter:
    formatter = ScalarFormatter(useOffset=True, useMathText=True)
    formatter.set_powerlimits((-3, 4))
    return formatter


def legend(figure: Figure, size: Size, handles: list[Any], labels: list[str], columns: int, title: str = "") -> None:
    """A legend above the panels, where it cannot hide data."""
    figure.legend(
        handles, labels, loc="outside upper left", ncols=columns, frameon=False, fontsize=size.small,
        labelcolor=INK, handlelength=2.2, columnspacing=1.2, handletextpad=0.5, borderaxespad=0.2,
        numpoints=1, scatterpoints=1, title=title or None, title_fontsize=size.font, alignment="left",
    )  # fmt: skip
