"""Sweeps on disk: whole chunks, resuming after kill -9, several processes, full disks and other people's folders."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import sweep_job as job

import gapdyn as gd

HERE = Path(__file__).resolve().parent
JOB = [sys.executable, str(HERE / "sweep_job.py")]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a store."""
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed") / "sweep"
    return folder, job.sweep(out=folder)


def test_what_is_stored_is_what_is_computed_in_memory(undisturbed):
    folder, stored = undisturbed
    memory, again = job.sweep(), gd.read_sweep(folder)
    for name in memory.names:
        np.testing.assert_array_equal(stored[name], memory[name])
        np.testing.assert_array_equal(again[name], memory[name])
    np.testing.assert_array_equal(stored.counts, memory.counts)
    assert stored.counts[5] > 0
    for name, figures in memory.summary.items():
        assert stored.summary[name] == pytest.approx(figures, rel=1e-12)
        assert again.summary[name] == pytest.approx(figures, rel=1e-12)
    assert again.findings == memory.findings
    assert str(again).splitlines()[0] == str(memory).splitlines()[0]


def test_other_tools_read_the_chunks(undisturbed):
    folder, stored = undisturbed
    frame = pl.read_parquet(folder / "chunk-*.parquet")
    assert frame.columns == ["rho", "rate", "status", "u_s_inf", "d u_s_inf/d rho", "u_s", "u_v"]
    assert frame.height == stored.size
    assert frame["u_s"].dtype == pl.Array(pl.Float64, 3)
    mean = frame.filter(pl.col("status") == 0)["u_s_inf"].mean()
    assert mean == pytest.approx(stored.summary["u_s_inf"]["mean"])


def test_labels_are_stored_as_words(tmp_path):
    when = {"late": gd.forcings.late(3), "early": gd.forcings.early(3)}
    laws = {"a": gd.laws.shared_rate(forcing=gd.forcings.impulse(gamma=0.2)),
            "b": gd.laws.power_potential(forcing=gd.forcings.impulse(gamma=0.2))}  # fmt: skip
    settings = {"schedule": when, "rho": [0.1, 0.2]}
    stored, memory = (gd.sweep(laws, settings, "ceiling", out=out) for out in (tmp_path / "s", None))
    frame = pl.read_parquet(tmp_path / "s" / "chunk-00000001.parquet")
    assert frame["law"].unique().to_list() == ["b"]
    assert frame["schedule"].cast(pl.String).to_list() == ["late", "late", "early", "early"]
    assert stored.to_xarray().equals(memory.to_xarray())
    assert gd.read_sweep(tmp_path / "s").to_xarray().equals(memory.to_xarray())
    assert stored.frame()["schedule"].to_list() == 2 * ["late", "late", "early", "early"]


def test_a_second_start_does_only_what_is_missing(undisturbed, tmp_path):
    folder = tmp_path / "sweep"
    shutil.copytree(undisturbed[0], folder)
    lost = [folder / f"chunk-{i:08d}.parquet" for i in (0, 41, 79)]
    for path in lost:
        path.unlink()
    (folder / ".0123456789abcdef.tmp").write_bytes(b"half a chunk of a writer that was killed")
    kept = {p: p.stat().st_mtime_ns for p in folder.glob("chunk-*")}
    unfinished = gd.read_sweep(folder)
    assert unfinished.findings[0].code == "unfinished"
    assert "3 of 80 chunks" in unfinished.findings[0].text
    assert (unfinished["status"] == -1).sum() == 2 * job.CHUNK + 200
    resumed = job.sweep(out=folder)
    assert contents(folder) == contents(undisturbed[0])
    assert {p: p.stat().st_mtime_ns for p in kept} == kept
    assert resumed.summary["u_s_inf"] == pytest.approx(undisturbed[1].summary["u_s_inf"], rel=1e-12)


def test_a_killed_sweep_goes_on(undisturbed, tmp_path):
    kill_and_resume(undisturbed[0], tmp_path / "sweep", kills=1)


@pytest.mark.slow
def test_a_sweep_killed_ten_times_equals_an_undisturbed_one(undisturbed, tmp_path):
    kill_and_resume(undisturbed[0], tmp_path / "sweep", kills=10)


def kill_and_resume(expected: Path, folder: Path, kills: int) -> None:
    """kill -9 at random points of the computation, then once to the end."""
    dice = random.Random(kills)
    for _ in range(kills):
        there = len(list(folder.glob("chunk-*"))) if folder.exists() else 0
        process = subprocess.Popen([*JOB, str(folder)], stdout=subprocess.DEVNULL)
        wanted = there + dice.randint(1, max(1, 80 // (kills + 1)))
        while process.poll() is None and (not folder.exists() or len(list(folder.glob("chunk-*"))) < wanted):
            time.sleep(0.001)
        time.sleep(dice.random() * 0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        gd.read_sweep(folder)  # what is there is valid
    subprocess.run([*JOB, str(folder)], check=True, stdout=subprocess.DEVNULL)
    assert contents(folder) == contents(expected)


def test_another_sweep_in_the_folder_is_an_error(undisturbed, tmp_path):
    folder = tmp_path / "sweep"
    shutil.copytree(undisturbed[0], folder)
    before = contents(folder)
    for other in ({"ts": [1.0, 3.0, 8.0]}, {"quantities": ["ceiling"]}, {"chunk": 300}):
        with pytest.raises(gd.InputError, match=f"holds another sweep: {next(iter(other))} is .* there and"):
            job.sweep(out=folder, **other)
    with pytest.raises(gd.InputError, match="holds another sweep: laws is"):
        gd.sweep(gd.laws.shared_rate(u_s0=3.0), job.SETTINGS, **job.ASKED, out=folder)
    assert contents(folder) == before


def test_folders_that_are_no_sweeps_are_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(gd.InputError, match="holds other files"):
        job.sweep(out=tmp_path)
    with pytest.raises(gd.InputError, match="cannot be a sweep's folder"):
        job.sweep(out=tmp_path / "notes.txt")
    with pytest.raises(gd.InputError, match="cannot be a sweep's folder"):
        job.sweep(out=tmp_path / "notes.txt" / "deeper")
    with pytest.raises(gd.InputError, match="not a sweep's folder"):
        gd.read_sweep(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(gd.InputError, match="is not a sweep's"):
        gd.read_sweep(tmp_path)


def test_an_unwritable_folder_is_an_error():
    if not Path("/proc/self").is_dir():
        pytest.skip("there is no /proc here, the folder that not even root may write to")
    with pytest.raises(gd.InputError, match=r"/proc/sweep: cannot be a sweep's folder: .*\. Choose another folder\."):
        job.sweep(out="/proc/sweep")


def test_a_damaged_chunk_is_named(undisturbed, tmp_path):
    folder = tmp_path / "sweep"
    shutil.copytree(undisturbed[0], folder)
    path = folder / "chunk-00000003.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(gd.InputError, match=r"chunk-00000003\.parquet: cannot be read"):
        gd.read_sweep(folder)
    path.unlink()
    job.sweep(out=folder)
    assert contents(folder) == contents(undisturbed[0])


FULL = """
import resource, signal, sys
import sweep_job as job
import gapdyn as gd
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))  # as a full disk would: writing stops with an error
try:
    job.sweep(out=sys.argv[1])
except gd.InputError as error:
    print(error)
"""


def test_a_write_that_fails_ends_with_one_clear_error_and_a_valid_store(tmp_path, undisturbed):
    folder = tmp_path / "sweep"
    large = max(p.stat().st_size for p in undisturbed[0].glob("chunk-*"))
    assert large > 8192 > len((undisturbed[0] / "manifest.json").read_bytes())
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(folder)], cwd=HERE, capture_output=True, text=True, check=True
    )
    assert "cannot be written: File too large" in done.stdout
    assert "0 of 80 chunks are stored and stay; the same call goes on from there." in done.stdout
    assert sorted(p.name for p in folder.iterdir()) == ["manifest.json"]
    job.sweep(out=folder)
    assert contents(folder) == contents(undisturbed[0])


def test_a_full_disk_ends_with_one_clear_error_and_a_valid_store(tmp_path, undisturbed):
    """A real one: a file system of 300 kB, where mounting is allowed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "none", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small file system is not allowed here")
    try:
        with pytest.raises(gd.InputError, match=r"No space left on device.*of 80 chunks are stored and stay"):
            job.sweep(out=disk / "sweep")
        kept = gd.read_sweep(disk / "sweep")
        assert 0 < kept.counts.sum() < kept.size
        assert not list((disk / "sweep").glob(".*"))
        subprocess.run(["mount", "-o", "remount,size=30m", str(disk)], check=True)
        job.sweep(out=disk / "sweep")
        assert contents(disk / "sweep") == contents(undisturbed[0])
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_two_processes_share_a_sweep(undisturbed, tmp_path):
    folder = tmp_path / "sweep"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    both = [subprocess.Popen([*JOB, str(folder), str(i), "2", port], stdout=subprocess.DEVNULL)
            for i in range(2)]  # fmt: skip
    assert [p.wait(timeout=300) for p in both] == [0, 0]
    assert contents(folder) == contents(undisturbed[0])


def test_shares_may_come_one_after_another(undisturbed, tmp_path):
    first = job.sweep(out=tmp_path / "sweep", process=(0, 3))
    assert first.findings[0].code == "unfinished"
    assert "53 of 80 chunks" in first.findings[0].text
    job.sweep(out=tmp_path / "sweep", process=(2, 3))
    last = job.sweep(out=tmp_path / "sweep", process=(1, 3))
    assert "unfinished" not in [f.code for f in last.findings]
    assert contents(tmp_path / "sweep") == contents(undisturbed[0])


@pytest.mark.parametrize("count", [1, 2, 8])
def test_any_number_of_devices_gives_the_same(count, undisturbed, tmp_path):
    environment = {**os.environ, "XLA_FLAGS": f"--xla_force_host_platform_device_count={count}"}
    done = subprocess.run([*JOB, str(tmp_path / "sweep")], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f'"devices": {count}' in done.stdout
    stored = gd.read_sweep(tmp_path / "sweep")
    np.testing.assert_array_equal(stored["status"], undisturbed[1]["status"])
    for name in stored.names:
        np.testing.assert_allclose(stored[name], undisturbed[1][name], rtol=1e-12, atol=1e-12)


def test_memory_does_not_grow_with_the_number_of_settings():
    """The peak of the process itself; `getrusage` also counts that of the process that started it."""
    if not Path("/proc/self/status").exists():
        pytest.skip("there is no /proc here that would say a process's peak memory")
    code = """
import re, sys, jax
from pathlib import Path
jax.config.update("jax_enable_x64", True)
import gapdyn as gd
settings = gd.sweeps.sobol({"rho": (0, 0.9), "rate": (0.1, 1.0)}, int(float(sys.argv[1])))
gd.sweep(gd.laws.shared_rate(), settings, keep="summary")
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024)
"""
    peak = [float(subprocess.run([sys.executable, "-c", code, n], capture_output=True, text=True, check=True).stdout)
            for n in ("1e5", "1e7")]  # fmt: skip
    assert peak[1] - peak[0] < 300
