"""Files larger than a batch in bounded memory, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
STATUS = Path("/proc/self/status")
# not getrusage: its largest memory is also that of the process that started this one
CHILD = f"""
import json, sys
import gapdyn as gd
measured = gd.measure(sys.argv[1], progress=False, draws=100)
peak = next(int(line.split()[1]) for line in open("{STATUS}") if line.startswith("VmHWM")) / 1024
print(json.dumps([measured.rows, peak]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not STATUS.exists(), reason=f"peak memory is read from {STATUS}, which Linux has")
def test_ten_times_the_rows_take_hardly_more_memory(tmp_path):
    """One million rows need a full batch, too; ten million stay below 1 GB."""
    peak = {}
    for rows in (1_000_000, 10_000_000):
        path = tmp_path / f"{rows}.parquet"
        subprocess.run([sys.executable, BENCHMARKS / "_samples_file.py", path, str(rows)], check=True)
        done = subprocess.run([sys.executable, "-c", CHILD, path], capture_output=True, text=True, check=True)
        read, peak[rows] = json.loads(done.stdout)
        assert read == rows
    assert peak[10_000_000] < 1000
    assert peak[10_000_000] < 1.5 * peak[1_000_000]
