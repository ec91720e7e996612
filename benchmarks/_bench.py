"""What the benchmarks share: a record of the machine and versions, and results as JSON beside the script."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
# every compiled program is kept between processes, however small
KEEP_ALL = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1"}
PACKAGES = ("gapdyn", "jax", "jaxlib", "numpyro", "blackjax", "diffrax", "numpy", "scipy")


def machine() -> dict[str, Any]:
    """Versions, processor and device of this run."""
    import jax

    return {
        "python": platform.python_version(),
        "versions": {p: importlib.metadata.version(p) for p in PACKAGES},
        "cores": os.cpu_count(),
        "device": str(jax.devices()[0]),
    }


def peak_mb() -> float:
    """This process's largest memory so far. Not `getrusage`, which also counts the process that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def save(name: str, result: dict[str, Any]) -> None:
    """Write results/NAME.json and say so."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({**result, "machine": machine()}, indent=1) + "\n")
    print(f"wrote {path}")
