"""Five minutes of coverage-guided fuzzing for each reader (`fuzz_reader.py`, in a process of its own)."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from fuzz_reader import SOURCES, good, reader, write

SECONDS = 300
LIMITS = ("-timeout=60", "-rss_limit_mb=2048", "-print_final_stats=1")


@pytest.mark.parametrize("source", SOURCES)
def test_fuzzing_starts_from_files_that_are_right(source, tmp_path):
    if source == "tensorboard":
        pytest.importorskip("tensorboard")
    for content in good(source):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert reader(source)(write(source, tmp_path, content)) is not None


def test_every_source_is_fuzzed():
    from gapdyn.logs._sources import SOURCES as KNOWN

    assert {s for s in SOURCES if not s.startswith("measure")} == set(KNOWN)


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_a_reader_survives_what_atheris_finds(source, tmp_path):
    pytest.importorskip("atheris")
    if source == "tensorboard":
        pytest.importorskip("tensorboard")
    script = Path(__file__).with_name("fuzz_reader.py")
    command = [sys.executable, str(script), source, str(tmp_path), f"-max_total_time={SECONDS}", *LIMITS]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS + 240)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    assert "Done " in done.stderr
