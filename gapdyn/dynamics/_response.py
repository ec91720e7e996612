"""Responses: how strongly the solver (alpha) and the verifier (beta) answer to the potential."""

from __future__ import annotations

import abc

import equinox as eqx

from .._typing import Scalar, ScalarLike
from ._number import number


class AbstractResponse(eqx.Module):
    """alpha(t) and beta(t) of dU_s/dt = -alpha E(G), dU_v/dt = -beta E(G), in 1/time."""

    @abc.abstractmethod
    def alpha(self, t: ScalarLike) -> Scalar:
        """The solver's response at time t."""

    @abc.abstractmethod
    def beta(self, t: ScalarLike) -> Scalar:
        """The verifier's response at time t."""


class ConstantResponse(AbstractResponse):
    """Constant alpha and beta, in 1/time. A ceiling exists when alpha k > beta k (Sun et al.: alpha > beta >= 0)."""

    a: Scalar = eqx.field(converter=number)
    b: Scalar = eqx.field(converter=number)

    def __init__(self, alpha: ScalarLike, beta: ScalarLike):
        self.a = number(alpha)
        self.b = number(beta)

    def alpha(self, t: ScalarLike) -> Scalar:
        return self.a

    def beta(self, t: ScalarLike) -> Scalar:
        return self.b
