"""Blocks of runs on all devices of this process: each of them takes an equal part of the runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

RUNS = "runs"


def devices() -> int:
    """Devices that share the work; a block has as many runs for each of them as it would have for one."""
    return jax.local_device_count()


def spread(one: Callable[..., Any], *by_run: Any) -> Any:
    """one(*by_run), all arrays of which, as those of the result, have runs along the first axis: a multiple of the
    devices. To be called within a program that is compiled.
    """
    if devices() == 1:
        return one(*by_run)
    mesh = jax.make_mesh((devices(),), (RUNS,), axis_types=(AxisType.Auto,), devices=jax.local_devices())
    return jax.shard_map(one, mesh=mesh, in_specs=P(RUNS), out_specs=P(RUNS), check_vma=False)(*by_run)
