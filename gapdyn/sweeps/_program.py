"""The compiled heart of a sweep: from the numbers of settings to their quantities, on every device at hand."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

from .._check import InputError
from .._typing import Array
from ..dynamics import AbstractCurve, Trajectory
from ..dynamics._exact import piecewise
from ..dynamics._solve import MOST_STEPS, Route, along, plan
from ._part import Part
from ._quantities import Quantity, value
from ._status import STATUS, SettingStatus
from ._uniform import solved_evenly

AXIS = "settings"
PROBES = 8
BLOCK = 512  # settings that are stepped together: their states stay in the processor's cache


class Program:
    """One part's quantities of `length` settings at a time.

    Parameters
    ----------
    part : the law and its settings.
    quantities : what to compute.
    ts : (times,), of trajectories and of what is at the end; None where no quantity is at a time.
    length : settings of one call; fewer are computed where fewer are left.
    devices : those that share the work.
    columns : whether to give the settings too.
    """

    def __init__(
        self, part: Part, quantities: Sequence[Quantity], ts: np.ndarray | None, length: int, devices: Sequence[Any],
        columns: bool,
    ):  # fmt: skip
        self.part, self.quantities, self.columns = part, tuple(quantities), columns
        self.ts, self.route = ts, None
        if self.ts is not None:
            example = part.build(part.complete({**part.safe, **_first(part)}))[0]
            self.route = plan(example, "auto", self.ts, float(example.t0))
            if self.route.name != "exact" and self.ts[0] < float(example.t0):
                raise InputError(f"ts starts at {self.ts[0]:g}, before the law's start at {float(example.t0):g}.")
        self.mesh = jax.make_mesh((len(devices),), (AXIS,), axis_types=(AxisType.Auto,), devices=devices)
        unit = len(devices) * (BLOCK if self.stepped else 1)
        self.length = -(-min(length, part.settings.size) // unit) * unit
        self._spare: list[Any] = []
        self._compiled: dict[tuple[Route | None, bool], Any] = {}

    @property
    def stepped(self) -> bool:
        """Whether steps follow one another: then small blocks are fast, else whole arrays are."""
        return self.route is not None and self.route.name in ("fixed", "map")

    def start(self, first: int) -> Any:
        """Begin to compute the settings from number `first` on; `finish` has the result."""
        spare = self._spare.pop() if self._spare else None
        return self._run(self.route, first, spare)

    def finish(self, first: int, count: int, begun: Any) -> dict[str, np.ndarray]:
        """Columns of `count` settings: status, the settings, and the quantities."""
        out, route = begun, self.route
        while self._coarse(out, count, route):
            route = Route("fixed", 4 * route.steps)  # pyright: ignore[reportOptionalMemberAccess]
            out = self._run(route, first, None)
        flat = {name: _on_host(x)[:count] for name, x in out.items()}
        return {name: x.reshape(count, -1) if x.ndim == 3 else x for name, x in flat.items()}

    def release(self, begun: Any) -> None:
        """Give the memory of results that are stored elsewhere to a later call."""
        if any(x.ndim > 1 for x in begun.values()):
            self._spare.append({name: x for name, x in begun.items() if x.ndim > 1})

    def _coarse(self, out: dict[str, Array], count: int, route: Route | None) -> bool:
        if route is None or route.name != "fixed" or 4 * route.steps > MOST_STEPS:
            return False
        return bool(np.any(np.asarray(out[STATUS])[:count] == SettingStatus.INACCURATE))

    def _run(self, route: Route | None, first: int, spare: Any) -> Any:
        """Compute into fresh memory, or into that of earlier results."""
        again = spare is not None
        if (route, again) not in self._compiled:

            def chunk(settings: Any, first: Any, spare: Any = None) -> Any:
                return self._chunk(route, settings, first)

            donated = {"donate_argnums": 2, "keep_unused": True} if again else {}
            self._compiled[route, again] = jax.jit(chunk, **donated)
        more = (spare,) if again else ()
        return self._compiled[route, again](self.part.settings, jnp.uint32(first), *more)

    def _chunk(self, route: Route | None, settings: Any, first: Any) -> Any:
        share = self.length // self.mesh.size
        last = jnp.uint32(self.part.settings.size - 1)

        def on_device(settings: Any, first: Any) -> Any:
            own = first + jnp.uint32(share) * jax.lax.axis_index(AXIS).astype(jnp.uint32)
            if not self.stepped:
                return self._many(route, settings, jnp.minimum(own + jnp.arange(share, dtype=jnp.uint32), last))

            def block(begin: Any) -> Any:
                return self._many(route, settings, jnp.minimum(begin + jnp.arange(BLOCK, dtype=jnp.uint32), last))

            blocks = jax.lax.map(block, own + BLOCK * jnp.arange(share // BLOCK, dtype=jnp.uint32))
            return jax.tree.map(lambda x: x.reshape(share, *x.shape[2:]), blocks)

        shared = jax.shard_map(
            on_device, mesh=self.mesh, in_specs=(P(), P()), out_specs=P(AXIS), check_vma=False
        )  # fmt: skip
        return shared(settings, first)

    def _many(self, route: Route | None, settings: Any, i: Array) -> dict[str, Array]:
        columns = settings.at(i)
        out = jax.vmap(functools.partial(self._one, route))(columns)
        return {**(columns if self.columns else {}), **out}

    def _one(self, route: Route | None, columns: dict[str, Any]) -> dict[str, Any]:
        """Status and quantities of one setting."""
        values = self.part.complete(columns)
        law, valid = self.part.build(values)
        solved = self._solved(route, law)
        out: dict[str, Any] = {}
        for quantity in self.quantities:
            if quantity.of == "trajectory":
                assert self.ts is not None
                out["u_s"], out["u_v"] = solved_evenly(law, self.ts) or value(quantity, law, solved)
            elif quantity.by is None:
                out[quantity.name] = value(quantity, law, solved)
        out |= self._derivatives(route, values)
        status = _judged(self.quantities, out, valid, solved)
        return {STATUS: status, **{name: jnp.where(_usable(status), x, jnp.nan) for name, x in out.items()}}

    def _solved(self, route: Route | None, law: Any) -> Trajectory | None:
        if route is None:
            return None
        assert self.ts is not None
        ts = jnp.asarray(self.ts, float)
        if route.name != "exact":
            return along(law, ts, route, _accuracy())
        # written straight to memory: looking at every number first would compute each twice. What leaves the range of
        # numbers stays out of it, so that a few times show it
        probe = along(law, ts[np.unique(np.linspace(0, len(ts) - 1, PROBES).astype(int))], route, _accuracy())
        u_s, u_v = law(ts) if isinstance(law, AbstractCurve) else piecewise(law, ts)
        return Trajectory(ts, u_s, u_v, probe.status, probe.steps, route.name)

    def _derivatives(self, route: Route | None, values: dict[str, Any]) -> dict[str, Any]:
        """Of each quantity all derivatives at once, in reverse mode: Diffrax, which some limits take, has no other."""
        members: dict[Any, list[Quantity]] = {}
        for q in self.quantities:
            if q.by is not None:
                members.setdefault((q.of, q.series, q.tolerance), []).append(q)

        def of(moved: dict[str, Any], quantity: Quantity) -> Any:
            law = self.part.build({**values, **moved})[0]
            return value(quantity, law, self._solved(route, law) if quantity.solved else None)

        out: dict[str, Any] = {}
        for several in members.values():
            gradient = jax.grad(of)({str(q.by): jnp.asarray(values[str(q.by)], float) for q in several}, several[0])
            out |= {q.name: gradient[str(q.by)] for q in several}
        return out


def _judged(quantities: Sequence[Quantity], out: dict[str, Any], valid: Any, solved: Trajectory | None) -> Any:
    """How a setting ended, (): the worst of what its numbers say."""
    broken, endless = jnp.asarray(False), jnp.asarray(False)
    for q in quantities:
        if q.of == "trajectory":
            continue  # its status is the solver's
        x = out[q.name]
        if q.by is not None or q.solved:
            broken = broken | ~jnp.isfinite(x)
        elif q.of == "time_constant":
            endless = endless | jnp.isnan(x)  # infinite where what is left does not fall exponentially
        else:
            endless = endless | ~jnp.isfinite(x)
    status = jnp.asarray(SettingStatus.OK if solved is None else solved.status)
    ok = status == SettingStatus.OK
    status = jnp.where(ok & broken, SettingStatus.NOT_FINITE, status)
    status = jnp.where(ok & endless, SettingStatus.NO_LIMIT, status)
    return jnp.where(valid, status, SettingStatus.INVALID).astype(jnp.int8)


def _usable(status: Any) -> Any:
    """Whether numbers mean something: those that there are, where only a limit is missing or one is not finite."""
    return (status == SettingStatus.OK) | (status == SettingStatus.NO_LIMIT) | (status == SettingStatus.NOT_FINITE)


def _on_host(x: Array) -> np.ndarray:
    """The numbers of all devices; not `np.asarray` of the whole, which would keep a copy beside them."""
    pieces = [np.asarray(shard.data) for shard in sorted(x.addressable_shards, key=_begin)]
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def _begin(shard: Any) -> int:
    return shard.index[0].start or 0


def _first(part: Part) -> dict[str, Any]:
    """The first setting's schedule and elements of constants, which an example law needs."""
    first = {n: x[0] for n, x in part.settings.at(jnp.zeros(1, jnp.uint32)).items()}
    return {n: x for n, x in first.items() if n not in part.spec.coordinates.names}


def _accuracy() -> Any:
    """The error of fixed steps, relative to the displacement, beyond which a setting counts as inaccurate."""
    return jnp.asarray(1e-6 if jnp.zeros(()).dtype == jnp.float64 else 1e-4)
