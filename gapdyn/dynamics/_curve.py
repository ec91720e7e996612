"""Curves: trajectories by formula, without mechanism, to be compared with laws."""

from __future__ import annotations

import abc
from typing import Any

import equinox as eqx

from .._typing import Array, Scalar, Times


class AbstractCurve(eqx.Module):
    """Both series as formulas of time: `curve(ts)` is (u_s, u_v), (times,) each.

    Attributes
    ----------
    t0 : time of the start.
    """

    t0: eqx.AbstractVar[Scalar]

    @abc.abstractmethod
    def __call__(self, ts: Times) -> tuple[Array, Array]:
        """(u_s, u_v) at ts."""

    @property
    @abc.abstractmethod
    def start(self) -> tuple[Any, Any]:
        """(u_s, u_v) at t0."""

    @property
    @abc.abstractmethod
    def limit(self) -> tuple[Any, Any]:
        """Long-run values of (u_s, u_v); NaN where there is none."""

    @property
    @abc.abstractmethod
    def time_scale(self) -> Any:
        """A time on which the curve bends."""

    @property
    def u_s0(self) -> Any:
        return self.start[0]

    @property
    def u_v0(self) -> Any:
        return self.start[1]
