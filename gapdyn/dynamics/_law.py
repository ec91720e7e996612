"""A complete law: potential, response, relaxation, forcing and start in one PyTree."""

from __future__ import annotations

from typing import Any

import equinox as eqx

from .._typing import Scalar, ScalarLike
from ._forcing import AbstractForcing
from ._number import number
from ._potential import AbstractPotential
from ._relaxation import AbstractRelaxation
from ._response import AbstractResponse


class GapLaw(eqx.Module):
    """dU_s/dt = -alpha(t) E(G), dU_v/dt = -beta(t) E(G) + relaxation + forcing, G = U_s - U_v, from (u_s0, u_v0) at t0.

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
    relaxation
        What pulls the verifier besides the gap; None: nothing (Sun et al.).
    forcing
        External data; None: self-improvement alone. What came before t0 is in the start already.
    round_length
        None: the differential equation. A time: discrete rounds of that length, U_{n+1} = U_n + round_length dU/dt, the
        same numbers on a map; external data of a round acts at its start.
    diffusion
        None, or the sd of the process noise of each of U_s and U_v, unit of u per square root of time. Solutions are
        means; `gapdyn.fit` filters.
    """

    potential: AbstractPotential
    response: AbstractResponse
    u_s0: Scalar = eqx.field(converter=number)
    u_v0: Scalar = eqx.field(converter=number)
    t0: Scalar = eqx.field(converter=number, default=0.0)
    relaxation: AbstractRelaxation | None = None
    forcing: AbstractForcing | None = None
    round_length: Scalar | None = eqx.field(converter=number, default=None)
    diffusion: Scalar | None = eqx.field(converter=number, default=None)

    def vector_field(self, t: ScalarLike, y: tuple[Any, Any], args: Any = None) -> tuple[Any, Any]:
        """(dU_s/dt, dU_v/dt) at y = (u_s, u_v), in the form that `diffrax.ODETerm` takes.

        `args`, if given, is a time inside the smooth piece that is meant where a forcing jumps. Impulses are not in it.
        """
        u_s, u_v = y
        drive = self.potential(u_s - u_v)
        down_v = -self.response.beta(t) * drive
        if self.relaxation is not None:
            down_v = down_v + self.response.speed(t) * self.relaxation.pull(u_v)
        if self.forcing is not None:
            down_v = down_v + self.forcing.rate(t, u_v, t if args is None else args)
        return -self.response.alpha(t) * drive, down_v
