"""A fleet on several devices: processes of their own, because a process has its devices once."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

JOB = Path(__file__).resolve().parent / "devices_job.py"


@functools.cache
def on(count: int, kind: str) -> dict[str, list[float]]:
    environment = {**os.environ, "XLA_FLAGS": f"--xla_force_host_platform_device_count={count}"}
    done = subprocess.run([sys.executable, str(JOB), kind], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("devices") == count
    return found


@pytest.mark.parametrize("count", [pytest.param(2, marks=pytest.mark.slow), 3])
@pytest.mark.parametrize("kind", ["outright", pytest.param("searched", marks=pytest.mark.slow)])
def test_any_number_of_devices_gives_the_same(kind: str, count: int):
    for name, x in on(count, kind).items():
        np.testing.assert_allclose(x, on(1, kind)[name], rtol=1e-6, err_msg=name)
