"""Where `gapdyn fit` on a bundled run spends its time: imports, tracing, lowering, compiling, everything else.

Two fresh processes: the first finds an empty compilation cache, the second what the first one left there. The parts are
what JAX's own monitoring says, nested parts counted once. `python benchmarks/cold_start.py [--quick]`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import _bench

CHILD = """
import contextlib, io, json, sys, time
spent = {}

def timed(name, *modules):
    start = time.perf_counter()
    for module in modules:
        __import__(module)
    spent[name] = time.perf_counter() - start

timed("import jax", "jax")
timed("import numpyro", "numpyro", "numpyro.infer")
timed("import gapdyn", "gapdyn.cli", "gapdyn.inference", "gapdyn.criticism", "gapdyn.decide")
import jax

EVENTS = {
    "/jax/core/compile/jaxpr_trace_duration": "trace",
    "/jax/core/compile/jaxpr_to_mlir_module_duration": "lower",
    "/jax/core/compile/backend_compile_duration": "compile, or load from the cache",
}
intervals, programs = {part: [] for part in EVENTS.values()}, {}

def listen(event, seconds, **more):
    if event in EVENTS:
        part, now = EVENTS[event], time.perf_counter()
        intervals[part].append((now - seconds, now))
        name = more.get("fun_name")
        if name:
            programs.setdefault(name, dict.fromkeys(intervals, 0.0))[part] += seconds

def once(spans):
    total, end = 0.0, float("-inf")
    for a, b in sorted(spans):
        total += max(0.0, b - max(a, end))
        end = max(end, b)
    return total

jax.monitoring.register_event_duration_secs_listener(listen)
from gapdyn.cli import main
start, out = time.perf_counter(), io.StringIO()
with contextlib.redirect_stdout(out):
    code = main(["fit", "dataset:" + sys.argv[1], "--engine", sys.argv[2], "--seed", "1", "--json"])
command = time.perf_counter() - start
spent |= {part: once(spans) for part, spans in intervals.items()}
spent["everything else"] = command - once([s for spans in intervals.values() for s in spans])
compiles = len(intervals["compile, or load from the cache"])
largest = sorted(programs.items(), key=lambda p: -sum(p[1].values()))[:6]
print(json.dumps({"code": code, "parts": spent, "programs": compiles, "largest": dict(largest)}))
"""


def child(dataset: str, engine: str, folder: str) -> dict:
    """The figures of one process, with its wall time."""
    environment = {**os.environ, "GAPDYN_CACHE": folder}
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", CHILD, dataset, engine], env=environment, capture_output=True, text=True, check=True
    )
    return {**json.loads(done.stdout), "wall": time.perf_counter() - began}


def main(dataset: str, engine: str) -> dict[str, dict]:
    """Both processes."""
    with tempfile.TemporaryDirectory() as folder:
        return {name: child(dataset, engine, folder) for name in ("first run", "second run")}


def table(result: dict[str, dict]) -> str:
    """The figures as Markdown."""
    rows = [("", *result)]
    for part in result["first run"]["parts"]:
        rows.append((part, *(f"{f['parts'][part]:.2f} s" for f in result.values())))
    rows.append(("whole process", *(f"{f['wall']:.2f} s" for f in result.values())))
    rows.append(("programs", *(str(f["programs"]) for f in result.values())))
    rows.insert(1, ("---",) * len(rows[0]))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def detail(result: dict[str, dict]) -> str:
    """The programs that took longest, their own parts and those of what they call."""
    lines = []
    for run, figures in result.items():
        for name, parts in figures["largest"].items():
            lines.append(f"{run}: {name}: " + ", ".join(f"{part} {s:.2f} s" for part, s in parts.items()))
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="inner_learning")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--quick", action="store_true", help="no file: does it run?")
    options = parser.parse_args()
    found = main(options.dataset, options.engine)
    print(table(found), detail(found), sep="\n\n")
    if not options.quick:
        _bench.save("cold_start", {"dataset": options.dataset, "engine": options.engine, **found})
