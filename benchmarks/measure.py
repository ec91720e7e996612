"""Rows per second and peak memory of `gapdyn.measure`, beside straightforward pandas on the same file.

Each figure is of a fresh process, imports included. pandas gives the same numbers without the bootstrap and its
intervals. `python benchmarks/measure.py [--quick]`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import _bench
import numpy as np

OURS = """
import time
began = time.perf_counter()
import json, sys
import gapdyn as gd
only = gd.measure(sys.argv[1], progress=False).only
value = {name: only.estimates[name].value.tolist() for name in ("u_s", "u_v", "gv_gap", "auc")}
rows = int((only.n_prompts * only.n_samples).sum())
found = {"rows": rows, "seconds": time.perf_counter() - began}
import _bench
print(json.dumps({**value, "se_s": only.se["u_s"].tolist(), **found, "peak_mb": _bench.peak_mb()}))
"""
HERE = Path(__file__).parent
CLOSE = {"u_s": 1e-9, "u_v": 1e-9, "se_s": 1e-9, "gv_gap": 1e-9, "auc": 1e-4}  # the last is of bins


def said(*command: str) -> dict:
    """The JSON that a process prints."""
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True, cwd=HERE)
    return json.loads(done.stdout)


def figures(found: dict) -> dict[str, float]:
    return {"rows_per_s": found["rows"] / found["seconds"], **{k: found[k] for k in ("rows", "seconds", "peak_mb")}}


def main(rows: int, large: int) -> dict:
    result = {}
    with tempfile.TemporaryDirectory(prefix="gapdyn-benchmark-") as folder:
        for name, size in (("same file", rows), ("large file", large)):
            path = Path(folder) / f"{size}.parquet"
            subprocess.run([sys.executable, str(HERE / "_samples_file.py"), str(path), str(size)], check=True)
            ours = said("-c", OURS, str(path))
            result[name] = {"file_gb": path.stat().st_size / 1e9, "gapdyn": figures(ours)}
            if name == "same file":
                peer = said(str(HERE / "_peer_pandas.py"), str(path))
                result[name] |= {"pandas": figures(peer), "pandas_read_s": peer["read"]}
                for quantity, tolerance in CLOSE.items():
                    np.testing.assert_allclose(ours[quantity], peer[quantity], rtol=tolerance)
            path.unlink()
    return result


def table(result: dict) -> str:
    """The figures as Markdown."""
    rows = ["| | rows | file | seconds | rows/s | peak memory |", "|---|---|---|---|---|---|"]
    for part in result.values():
        for who in ("gapdyn", "pandas"):
            if who in part:
                f = part[who]
                rows.append(
                    f"| {who} | {f['rows'] / 1e6:.0f} M | {part['file_gb']:.1f} GB | {f['seconds']:.1f} "
                    f"| {f['rows_per_s']:,.0f} | {f['peak_mb']:,.0f} MB |"
                )
    return "\n".join(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="of the file that both read")
    parser.add_argument("--large", type=int, default=50_000_000, help="of the file that gapdyn alone reads")
    parser.add_argument("--quick", action="store_true", help="small files, no result: does it run?")
    options = parser.parse_args()
    if options.quick:
        print(table(main(200_000, 400_000)))
    else:
        result = main(options.rows, options.large)
        print(table(result))
        _bench.save("measure", result)
