"""Which law predicts real runs: every rival, and all of them weighted, fitted to beginnings, judged on what came later.

The published curves (Sun et al., Figure 4; not bundled) from 10, 12, 14, 15 and 16 of their 20 checkpoints, as
`gapdyn backtest FILE --train 10,12,14,15,16` does it, in a fresh process without and with compiled programs kept; a
small real run that jumps and stays (not bundled) from the same origins; then the bundled real runs from the middle and
from three quarters on. Errors are in units of the training range.

`python benchmarks/backtest.py [--quick] [FOLDER]`; FOLDER has published/ and qwen_arithmetic/, default ../shared/data.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import _bench
import numpy as np

import gapdyn as gd

TRAIN = "10,12,14,15,16"
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
WAYS = ("weighted", "relaxing_verifier", "drifting_response", "shared_rate", "exponential", "power_law", "rank_two",
        "persistence")  # fmt: skip


def backtest(source: str, train: str, cache: str) -> tuple[dict[str, Any], float]:
    """The JSON object of one command, and its seconds."""
    script = str(Path(sys.executable).with_name("gapdyn"))
    command = [script, "backtest", source, "--train", train, "--json"]
    began = time.perf_counter()
    done = subprocess.run(command, env={**os.environ, "GAPDYN_CACHE": cache}, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{source}: {done.stderr[-2000:]}")
    return json.loads(done.stdout), time.perf_counter() - began


def rows(origins: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Way -> scores averaged over the origins; "half" is the error of the earliest origin of each run."""
    first = min(o["train"] for o in origins)
    out = {}
    for way in WAYS:
        scores = [o["scores"] if way == "weighted" else o["laws"][way]["scores"] for o in origins]
        early = [s["rmse"] for s, o in zip(scores, origins, strict=True) if o["train"] == first]
        out[way] = {k: float(np.mean([s[k] for s in scores])) for k in ("rmse", "crps", "coverage", "width")}
        out[way]["half"] = float(np.mean(early))
    return out


def published(folder: Path, cache: str) -> dict[str, Any]:
    """Scores over the published curves, and seconds of the first command cold and of the same again."""
    files = sorted(folder.glob("*.csv"))
    origins: list[dict[str, Any]] = []
    seconds = {}
    for file in files:
        found, spent = backtest(str(file), TRAIN, cache)
        seconds.setdefault("cold", spent)
        origins += found["origins"]
    _, seconds["cached"] = backtest(str(files[0]), TRAIN, cache)
    return {"runs": [f.stem for f in files], "train": TRAIN, "seconds": seconds, "ways": rows(origins)}


def jumps(file: Path, cache: str) -> dict[str, Any]:
    """Scores of the weighted forecast and of persistence on a run that jumps, and the worst ratio of their errors."""
    origins = backtest(str(file), TRAIN, cache)[0]["origins"]
    ways = rows(origins)
    ratios = [o["scores"]["rmse"] / o["laws"]["persistence"]["scores"]["rmse"] for o in origins]
    print(f"{file.parent.name}: of persistence's error {ratios}", flush=True)
    return {"weighted": ways["weighted"], "persistence": ways["persistence"], "worst_ratio": max(ratios)}


def bundled(names: tuple[str, ...], cache: str) -> dict[str, Any]:
    """Run -> scores of the weighted forecast and of persistence."""
    out = {}
    for name in names:
        count = len(gd.datasets.load(name))
        found, spent = backtest(f"dataset:{name}", f"{count // 2},{3 * count // 4}", cache)
        ways = rows(found["origins"])
        out[name] = {"weighted": ways["weighted"], "persistence": ways["persistence"], "seconds": spent}
        print(f"{name}: {out[name]}", flush=True)
    return out


def table(result: dict[str, Any]) -> str:
    """The figures as Markdown."""
    head = ("published curves", "error", "from half the run", "CRPS", "in 90% interval", "its width")
    lines = [f"| {' | '.join(head)} |", "|---|---|---|---|---|---|"]
    for way, s in result["published"]["ways"].items():
        name = "all rivals, weighted" if way == "weighted" else f"`{way}` alone"
        lines.append(
            f"| {name} | {s['rmse']:.4f} | {s['half']:.4f} | {s['crps']:.4f} | {s['coverage']:.0%} | {s['width']:.3f} |"
        )
    lines += ["", "| real run | error, weighted | persistence | in 90% interval |", "|---|---|---|---|"]
    for name, s in {**result["bundled"], "qwen_arithmetic (jumps)": result["jumps"]}.items():
        w, p = s["weighted"], s["persistence"]
        lines.append(f"| {name} | {w['rmse']:.3f} | {p['rmse']:.3f} | {w['coverage']:.0%} |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one run, no file: does it work?")
    parser.add_argument("folder", type=Path, nargs="?", default=DATA)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        if options.quick:
            bundled(("learning",), cache)
        elif not options.folder.is_dir():
            raise SystemExit(f"{options.folder}: no such folder. Name one with published/ and qwen_arithmetic/.")
        else:
            result = {
                "published": published(options.folder / "published", cache),
                "jumps": jumps(options.folder / "qwen_arithmetic" / "trajectory.csv", cache),
                "bundled": bundled(gd.datasets.names(), cache),
            }
            print(table(result))
            _bench.save("backtest", result)
