"""Files larger than a batch in bounded memory, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
CHILD = """
import json, resource, sys
import gapdyn as gd
measured = gd.measure(sys.argv[1], progress=False, draws=100)
print(json.dumps([measured.rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


@pytest.mark.slow
def test_ten_times_the_rows_take_hardly_more_memory(tmp_path):
    """Linux counts ru_maxrss in KiB. One million rows need a full batch, too; ten million stay below 1 GB."""
    peak = {}
    for rows in (1_000_000, 10_000_000):
        path = tmp_path / f"{rows}.parquet"
        subprocess.run([sys.executable, BENCHMARKS / "_samples_file.py", path, str(rows)], check=True)
        done = subprocess.run([sys.executable, "-c", CHILD, path], capture_output=True, text=True, check=True)
        read, peak[rows] = json.loads(done.stdout)
        assert read == rows
    assert peak[10_000_000] < 1000
    assert peak[10_000_000] < 1.5 * peak[1_000_000]
