"""`gapdyn sweep`."""

from __future__ import annotations

import argparse
from typing import Any

from . import _sweep_file
from ._output import Failed, say, to_json
from ._setup import set_up_jax
from ._words import reworded

A_WEEK = 7 * 24 * 3600  # that processes wait for the slowest of them


def run(arguments: argparse.Namespace) -> int:
    """Compute a sweep, this process's share of it, or what an earlier start left to do."""
    said = _sweep_file.load(arguments.spec)
    set_up_jax()
    joined = _join(arguments)
    from ..data import StoppedWriting
    from ..sweeps import read_sweep, sweep

    try:
        done = sweep(
            **_sweep_file.arguments(arguments.spec, said), out=arguments.out, process=_share(arguments, joined)
        )
    except StoppedWriting as error:
        raise Failed(str(error)) from error
    if joined:
        import jax

        index = jax.process_index()
        jax.distributed.shutdown()  # all of them come here before any of them goes on
        if index:
            return 0
        done = read_sweep(arguments.out)
    found = reworded(done.findings)
    if arguments.json:
        print(to_json({**done.to_dict(), "findings": [f.to_dict() for f in found]}))
    else:
        print(done.table())
    for finding in found:
        say(str(finding))
    return 1 if any(f.level == "error" for f in found) else 0


def _join(arguments: argparse.Namespace) -> bool:
    """Meet the other processes, before JAX starts its devices; whether there are any."""
    import jax

    if arguments.devices:
        jax.config.update("jax_num_cpu_devices", arguments.devices)
    if not (arguments.coordinator or arguments.cluster):
        return False
    where: dict[str, Any] = {"shutdown_timeout_seconds": A_WEEK}
    if arguments.coordinator:
        index, count = arguments.process
        where |= {"coordinator_address": arguments.coordinator, "num_processes": count, "process_id": index}
    try:
        jax.distributed.initialize(**where)
    except Exception as error:  # JAX says no in many ways
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise Failed(f"the processes did not find each other: {reason}") from error
    return True


def _share(arguments: argparse.Namespace, joined: bool) -> tuple[int, int] | None:
    return None if joined else arguments.process
