"""`sweep`: many settings of a law, or of the draws of a posterior, in chunks, on all devices, to memory or to disk."""

from __future__ import annotations

import dataclasses
import math
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._check import InputError, choose
from .._progress import progress_bar
from .._versions import versions
from ..data._chunks import Store
from ..dynamics import LawSpec
from ..dynamics.forcings import ForcingSpec
from ..inference import Fit
from ._collect import Columns, OnDisk
from ._part import Part, make_part
from ._posterior import part_of_fit
from ._program import Program
from ._quantities import Quantity, parse
from ._result import Sweep
from ._settings import AbstractSettings, grid, plain
from ._status import STATUS
from ._store import SWEEP

NUMBERS = 2**22  # in one chunk, about: 32 MB of doubles
LARGEST = 2**20  # settings in one chunk
IN_MEMORY = 2**29  # numbers that are kept in memory: 4 GB of doubles


def sweep(
    law: LawSpec | Fit | Mapping[str, LawSpec | Fit],
    settings: AbstractSettings | Mapping[str, Any] | None = None,
    quantities: str | Sequence[str] = "u_s_inf",
    ts: Any = None,
    *,
    out: str | os.PathLike[str] | None = None,
    keep: str = "all",
    chunk: int | None = None,
    devices: Sequence[Any] | None = None,
    process: tuple[int, int] | None = None,
    forcing: ForcingSpec | None = None,
    draws: int | None = None,
    progress: bool | None = None,
) -> Sweep:
    """Quantities of many settings of a law, or of the draws of a posterior.

    Parameters
    ----------
    law
        A law of `gapdyn.laws` or a curve of `gapdyn.curves`; parameters that are neither set nor given have its
        example's numbers, which the result names. A fit: its draws, each with every setting. Or several of either,
        label -> law or fit, such as `comparison.fits`.
    settings
        What is set: parameter -> values (every combination), or `gapdyn.sweeps.grid`, `sobol`, `points`, or products of
        them. Besides parameters: `NAME_factor` multiplies one; "schedule" takes label -> schedule of external data; and
        `forcing_amounts[0]`, `forcing_times[2]` are single numbers of a schedule. None: the draws alone.
    quantities
        "u_s_inf" (also "ceiling"), "u_v_inf", "gap_inf", "time_constant"; "time_to(0.01)": the time until the gap stays
        within that of its limit, "time_to(0.01, u_s)" of another series; "u_s", "u_v", "gap": at the last of `ts`;
        "trajectory": u_s and u_v at all of `ts`; "d u_s_inf": derivatives of any of them by every parameter that is
        set, "d u_s_inf/d rho" by one.
    ts : (times,)
        Increasing, in the law's clock.

    Other Parameters
    ----------------
    out
        A folder: chunks go there as they come, and nothing stays in memory. The same call goes on after whatever
        stopped it. Several processes may share one folder.
    keep
        Without `out`: "all" columns in memory, or the "summary" alone.
    chunk
        Settings that are computed and stored at a time; default by the size of the results.
    devices
        JAX devices to share the work; default all of this process.
    process
        (index, count) of this process among several that share `out`; default what `jax.distributed` says.
    forcing
        External data, with a strength, that are put into laws that were fitted without.
    draws
        Use this many draws of each fit, evenly thinned.
    progress
        Whether to show a bar on stderr; None: in a terminal or a notebook, where there are several chunks.

    Returns
    -------
    Sweep
        Settings outside a parameter's support, and those whose solve fails, have NaN and say why in column `status`;
        findings count them.

    Raises
    ------
    InputError
        Settings or quantities that the law does not have, times that are missing, a folder that holds another sweep or
        cannot be written, columns that do not fit into memory.
    """
    began = time.perf_counter()
    choose(keep, ("all", "summary"), "value of keep")
    parts = _parts(law, settings, forcing, draws)
    asked = parse(quantities, _swept(parts), _parameters(parts))
    times = _times(ts, asked)
    per = _chunk(asked, times, parts) if chunk is None else chunk
    if isinstance(per, bool) or not isinstance(per, int) or per < 1:
        raise InputError(f"chunk={chunk!r}: give a positive whole number of settings.")
    plan = [(k, i, min(per, p.settings.size - i)) for k, p in enumerate(parts) for i in range(0, p.settings.size, per)]
    spec = _specification(parts, asked, times, per)
    me, count = process or (jax.process_index(), jax.process_count())
    if not 0 <= me < count:
        raise InputError(f"process={process!r}: give (index, count) with 0 <= index < count.")
    if count > 1 and out is None:
        raise InputError("several processes share a sweep through a folder. Pass out=FOLDER, the same for all.")
    provenance = _provenance(spec, devices)
    manifest = {
        "spec": spec,
        "versions": provenance["versions"],
        "laws": _held(parts),
        "dims": [{n: x if isinstance(x, int) else x.tolist() for n, x in p.settings.dims.items()} for p in parts],
        "columns": _columns(parts, asked),
        "ts": times.tolist() if times is not None else [],
        "chunks": plan,
    }
    sink = _sink(manifest, parts, out, keep, times)
    todo = [i for i in range(len(plan)) if i % count == me and not sink.has(i)]
    shown = False if progress is None and len(todo) < 2 else progress
    with progress_bar(len(todo), "sweep", shown) as bar:
        _compute(parts, asked, times, per, devices, plan, todo, sink, out is not None or keep == "all", bar)
    return sink.result(time.perf_counter() - began, provenance)


def _compute(
    parts: Sequence[Part], asked: Sequence[Quantity], times: Any, per: int, devices: Any, plan: Sequence[Any],
    todo: Sequence[int], sink: Any, columns: bool, bar: Any,
) -> None:  # fmt: skip
    """One chunk is computed while the one before is put away."""
    devices = list(devices or jax.local_devices())
    programs: dict[int, Program] = {}

    def put_away(i: int, begun: Any) -> None:
        k, first, count = plan[i]
        sink.take(i, programs[k].finish(first, count, begun))
        programs[k].release(begun)
        bar.update()

    before = None
    for i in todo:
        k, first, _ = plan[i]
        if k not in programs:
            programs[k] = Program(parts[k], asked, times, per, devices, columns)
        begun = programs[k].start(first)
        if before is not None:
            put_away(*before)
        before = (i, begun)
    if before is not None:
        put_away(*before)


def _parts(law: Any, settings: Any, forcing: Any, draws: int | None) -> list[Part]:
    if settings is not None and not isinstance(settings, AbstractSettings):
        if not isinstance(settings, Mapping):
            raise InputError(f"settings={settings!r}: give parameter -> values, or one of gd.sweeps.")
        settings = grid(settings)
    several = isinstance(law, Mapping)
    if several and not law:
        raise InputError("law: a sweep over laws needs at least one, label -> law or fit.")
    parts = []
    for label, one in law.items() if several else [("", law)]:
        if isinstance(one, Fit):
            parts.append(part_of_fit(one, settings, str(label), forcing, draws))
            continue
        if settings is None:
            raise InputError("settings: say what is set, such as {'rho': [0.2, 0.4]}. Only fits have draws to go by.")
        if forcing is not None or draws is not None:
            raise InputError(
                "forcing and draws are for fits. State the forcing in the law itself, and leave out draws."
            )
        parts.append(make_part(one, settings, str(label)))
    return parts


def _swept(parts: Sequence[Part]) -> list[str]:
    return [n for n in parts[0].settings.names if all(n in p.settings.names for p in parts)]


def _parameters(parts: Sequence[Part]) -> list[str]:
    return [n for n in parts[0].parameters if all(n in p.parameters for p in parts)]


def _times(ts: Any, asked: Sequence[Quantity]) -> np.ndarray | None:
    needed = [q.name for q in asked if q.solved]
    if not needed:
        return None
    if ts is None:
        raise InputError(f"quantity {needed[0]!r} is at times, and there are none. Pass ts=[...].")
    times = np.atleast_1d(np.asarray(ts, np.float64))
    if times.ndim != 1 or not times.size or not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise InputError("ts must be finite times that increase, at least one.")
    return times if any(q.of == "trajectory" for q in asked) else times[-1:]


def _chunk(asked: Sequence[Quantity], times: Any, parts: Sequence[Part]) -> int:
    """A power of two, such that a chunk's numbers fit into a few caches' worth of memory."""
    width = sum(2 * len(times) if q.of == "trajectory" else 1 for q in asked)
    width += max(len(p.settings.names) for p in parts)
    return min(LARGEST, 2 ** max(8, round(math.log2(NUMBERS / width))))


def _columns(parts: Sequence[Part], asked: Sequence[Quantity]) -> list[str]:
    settings = dict.fromkeys(n for p in parts for n in p.settings.names)
    return [*settings, STATUS, *(n for q in asked for n in (("u_s", "u_v") if q.of == "trajectory" else (q.name,)))]


def _held(parts: Sequence[Part]) -> dict[str, str]:
    """Label -> the law with the numbers that no setting names."""
    out = {}
    for p in parts:
        said = ", ".join(f"{n}={x:g}" for n, x in p.numbers.items())
        out[p.label] = f"{p.spec.title}{f' at {said}' if said else ''}"
    return out


def _specification(parts: Sequence[Part], asked: Sequence[Quantity], times: Any, per: int) -> dict[str, Any]:
    """All that the numbers depend on, in plain data."""
    return {
        "laws": [
            {
                "label": p.label,
                "law": f"{p.spec.home}.{p.spec.name}",
                "static": repr(p.spec.static),
                "coordinates": list(p.spec.coordinates.names),
                "numbers": dict(p.numbers),
                "constants": {n: plain(x) for n, x in p.spec.constants.items()},
                "forcing": p.spec.forcing.name if p.spec.forcing else None,
                "names": list(p.settings.names),
                "settings": p.settings.describe(),
            }
            for p in parts
        ],
        "quantities": [dataclasses.asdict(q) for q in asked],
        "ts": times.tolist() if times is not None else None,
        "precision": str(jnp.zeros(()).dtype),
        "chunk": per,
    }


def _provenance(spec: dict[str, Any], devices: Any) -> dict[str, Any]:
    used = list(devices or jax.local_devices())
    return {
        "versions": versions("gapdyn", "jax", "diffrax", "polars"),
        "devices": len(used),
        "device": str(used[0]),
        "precision": spec["precision"],
        "chunk": spec["chunk"],
    }


def _sink(manifest: Any, parts: Sequence[Part], out: Any, keep: str, times: Any) -> Columns | OnDisk:
    if out is not None:
        return OnDisk(Store.begin(out, manifest, SWEEP))
    trajectories = 2 * len(times) if times is not None and "u_v" in manifest["columns"] else 0
    numbers = sum(p.settings.size for p in parts) * (len(manifest["columns"]) + trajectories)
    if keep == "all" and numbers > IN_MEMORY:
        raise InputError(f"{numbers:.3g} numbers do not fit into memory. Pass out=FOLDER, or keep='summary'.")
    return Columns(manifest, keep == "all")
