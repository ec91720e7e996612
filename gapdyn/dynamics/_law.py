"""A complete law: potential, response and start in one PyTree."""

from __future__ import annotations

from typing import Any

import equinox as eqx

from .._typing import Scalar, ScalarLike
from ._number import number
from ._potential import AbstractPotential
from ._response import AbstractResponse


class GapLaw(eqx.Module):
    """dU_s/dt = -alpha(t) E(U_s - U_v), dU_v/dt = -beta(t) E(U_s - U_v), from (u_s0, u_v0) at t0.

    All numbers are arrays, so that a batch of laws (draws of a posterior, points of a sweep) is one `GapLaw` whose
    arrays have a leading axis, to be used with `jax.vmap`.

    Parameters
    ----------
    potential, response
        What drives the gap and how strongly the two answer.
    u_s0, u_v0
        Uncertainties of the solver and of the verifier at `t0`, in the run's unit (nats/response, nats/token).
    t0
        Time of the start, in the run's clock.
    """

    potential: AbstractPotential
    response: AbstractResponse
    u_s0: Scalar = eqx.field(converter=number)
    u_v0: Scalar = eqx.field(converter=number)
    t0: Scalar = eqx.field(converter=number, default=0.0)

    def vector_field(self, t: ScalarLike, y: tuple[Any, Any], args: Any = None) -> tuple[Any, Any]:
        """(dU_s/dt, dU_v/dt) at y = (u_s, u_v), in the form that `diffrax.ODETerm` takes."""
        u_s, u_v = y
        drive = self.potential(u_s - u_v)
        return -self.response.alpha(t) * drive, -self.response.beta(t) * drive
