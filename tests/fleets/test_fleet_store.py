"""Fits of fleets on disk: whole chunks, resuming after kill -9, full disks and other people's folders."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import fleet_job as job
import numpy as np
import numpyro.distributions as dist
import polars as pl
import pytest

import gapdyn as gd

HERE = Path(__file__).resolve().parent
JOB = [sys.executable, str(HERE / "fleet_job.py")]
CHUNKS = 10


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a store."""
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed") / "fits"
    return folder, job.fit(out=folder)


def same(a: gd.FleetFit, b: gd.FleetFit) -> None:
    assert a.frame().equals(b.frame())
    assert set(a.draws) == set(b.draws)
    for name in a.draws:
        np.testing.assert_array_equal(a.draws[name], b.draws[name])


def test_what_is_stored_is_what_is_computed_in_memory(undisturbed):
    folder, stored = undisturbed
    memory, again = job.fit(), gd.read_fleet_fit(folder)
    same(stored, memory)
    same(again, memory)
    assert stored.folder == again.folder == str(folder)
    assert stored.findings == again.findings == memory.findings
    assert again.fleet.names == job.FLEET.names
    assert str(again).splitlines()[1:3] == str(memory).splitlines()[1:3]
    known = next(name for name, status in zip(memory.names, memory.status, strict=True) if status == "trusted")
    one, two = memory[known], again[known]
    np.testing.assert_array_equal(one.log_lik, two.log_lik)
    assert one.table() == two.table()


def test_other_tools_read_the_chunks(undisturbed):
    folder, stored = undisturbed
    assert len(list(folder.glob("chunk-*.parquet"))) == CHUNKS
    frame = pl.concat([pl.read_parquet(p) for p in sorted(folder.glob("chunk-*"))], how="diagonal")
    assert set(frame["run"]) == set(stored.names)
    assert frame["rho"].dtype == pl.Array(pl.Float64, 256)
    mean = frame.filter(pl.col("run") == "run 1")["rho_mean"].item()
    np.testing.assert_equal(np.nan if mean is None else mean, stored.summary["rho"].mean[1])


def test_a_second_start_does_only_what_is_missing(undisturbed, tmp_path):
    folder = tmp_path / "fits"
    shutil.copytree(undisturbed[0], folder)
    for i in (0, 5, CHUNKS - 1):
        (folder / f"chunk-{i:08d}.parquet").unlink()
    (folder / ".0123456789abcdef.tmp").write_bytes(b"half a chunk of a writer that was killed")
    kept = {p: p.stat().st_mtime_ns for p in folder.glob("chunk-*")}
    unfinished = gd.read_fleet_fit(folder)
    assert unfinished.findings[0].code == "unfinished"
    assert f"3 of {CHUNKS} chunks" in unfinished.findings[0].text
    lost = [name for name, status in zip(unfinished.names, unfinished.status, strict=True) if status == "not computed"]
    assert 3 <= len(lost) <= 6
    with pytest.raises(gd.InputError, match="has no posterior: it is not computed yet"):
        unfinished[lost[0]]
    resumed = job.fit(out=folder)
    assert contents(folder) == contents(undisturbed[0])
    assert {p: p.stat().st_mtime_ns for p in kept} == kept
    same(resumed, undisturbed[1])


@pytest.mark.slow
def test_a_fit_killed_again_and_again_equals_an_undisturbed_one(undisturbed, tmp_path):
    """kill -9 at random points of a second process, then once to the end."""
    folder, dice = tmp_path / "fits", random.Random(0)
    for _ in range(4):
        there = len(list(folder.glob("chunk-*"))) if folder.exists() else 0
        process = subprocess.Popen([*JOB, str(folder)], stdout=subprocess.DEVNULL)
        wanted = there + dice.randint(1, 2)
        while process.poll() is None and (not folder.exists() or len(list(folder.glob("chunk-*"))) < wanted):
            time.sleep(0.001)
        time.sleep(dice.random() * 0.3)
        process.send_signal(signal.SIGKILL)
        process.wait()
        gd.read_fleet_fit(folder)  # what is there is valid
    subprocess.run([*JOB, str(folder)], check=True, stdout=subprocess.DEVNULL)
    assert contents(folder) == contents(undisturbed[0])


@pytest.mark.slow
def test_ten_thousand_runs_killed_on_the_way_are_finished_by_a_second_start(tmp_path):
    """The command, as a user would start it, with the engine of many runs; kill -9 in the middle."""
    chance, runs = np.random.default_rng(0), []
    for i in range(10_000):
        t = np.linspace(0, chance.uniform(0.3, 5.0), int(chance.integers(8, 41)))
        gap = np.exp(-t)
        u = np.stack([1.0 + gap, 0.6 + 0.4 * gap], 1) + chance.normal(0, 10 ** chance.uniform(-3, -1), (len(t), 2))
        runs.append(gd.Run(f"run {i}", t, u_s=u[:, 0], u_v=u[:, 1]))
    gd.write_run(gd.Fleet(runs), tmp_path / "runs.parquet")
    command = [sys.executable, "-c", "from gapdyn.cli import main; raise SystemExit(main())", "fit"]
    command += [str(tmp_path / "runs.parquet"), "--out"]
    subprocess.run([*command, str(tmp_path / "whole")], check=True, stdout=subprocess.DEVNULL)
    killed = tmp_path / "killed"
    process = subprocess.Popen([*command, str(killed)], stdout=subprocess.DEVNULL)
    while len(list(killed.glob("chunk-*"))) < 4:
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {p: p.stat().st_mtime_ns for p in killed.glob("chunk-*")}
    assert 4 <= len(kept) < len(list((tmp_path / "whole").glob("chunk-*")))
    subprocess.run([*command, str(killed)], check=True, stdout=subprocess.DEVNULL)
    assert {p: p.stat().st_mtime_ns for p in kept} == kept
    assert contents(killed) == contents(tmp_path / "whole")
    assert len(gd.read_fleet_fit(killed)) == 10_000


def test_a_killed_start_before_the_first_chunk_is_no_harm(undisturbed, tmp_path):
    folder = tmp_path / "fits"
    folder.mkdir()
    shutil.copy(undisturbed[0] / "manifest.json", folder)
    with pytest.raises(gd.InputError, match=r"fleet\.parquet"):
        gd.read_fleet_fit(folder)
    for path in undisturbed[0].glob("chunk-*"):
        shutil.copy(path, folder)
    job.fit(out=folder)
    assert contents(folder) == contents(undisturbed[0])


def test_another_fit_in_the_folder_is_an_error(undisturbed, tmp_path):
    folder = tmp_path / "fits"
    shutil.copytree(undisturbed[0], folder)
    before = contents(folder)
    others = {
        "key": {"key": 4},
        "chunk": {"chunk": 3},
        "engine": {"engine": "quadrature"},
        "draws": {"draws": 100},
        "likelihood": {"likelihood": gd.Likelihood(shared=0.0)},
        "prior": {"prior": {"sigma": dist.HalfNormal(1.0)}},
    }
    for name, more in others.items():
        with pytest.raises(gd.InputError, match=f"holds another fleet fit: {name} is .* there and"):
            job.fit(out=folder, **more)
    with pytest.raises(gd.InputError, match="holds another fleet fit: law is"):
        gd.fit(job.FLEET, gd.laws.shared_rate(rho=0.3), key=3, engine=job.QUICK, chunk=job.CHUNK, out=folder)
    fewer = gd.Fleet(job.FLEET.runs[1:])
    with pytest.raises(gd.InputError, match="holds another fleet fit: fleet is"):
        gd.fit(fewer, gd.laws.shared_rate(), key=3, engine=job.QUICK, chunk=job.CHUNK, out=folder)
    assert contents(folder) == before


def test_folders_that_hold_no_fit_of_a_fleet_are_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(gd.InputError, match="holds other files"):
        job.fit(out=tmp_path)
    with pytest.raises(gd.InputError, match="cannot be a fleet fit's folder"):
        job.fit(out=tmp_path / "notes.txt")
    with pytest.raises(gd.InputError, match="not a fleet fit's folder"):
        gd.read_fleet_fit(tmp_path)
    gd.sweep(gd.laws.shared_rate(), {"rho": [0.1, 0.2]}, out=tmp_path / "sweep")
    with pytest.raises(gd.InputError, match="is not a fleet fit's"):
        gd.read_fleet_fit(tmp_path / "sweep")
    with pytest.raises(gd.InputError, match="is not a fleet fit's"):
        job.fit(out=tmp_path / "sweep")


def test_an_unwritable_folder_is_an_error():
    if not Path("/proc/self").is_dir():
        pytest.skip("there is no /proc here, the folder that not even root may write to")
    with pytest.raises(
        gd.InputError, match=r"/proc/fits: cannot be a fleet fit's folder: .*\. Choose another folder\."
    ):
        job.fit(out="/proc/fits")


def test_a_damaged_chunk_is_named(undisturbed, tmp_path):
    folder = tmp_path / "fits"
    shutil.copytree(undisturbed[0], folder)
    path = folder / "chunk-00000003.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(gd.InputError, match=r"chunk-00000003\.parquet: cannot be read .* start the fleet fit again"):
        gd.read_fleet_fit(folder)
    path.unlink()
    job.fit(out=folder)
    assert contents(folder) == contents(undisturbed[0])


FULL = """
import resource, signal, sys
import fleet_job as job
import gapdyn as gd
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (24000, 24000))  # as a full disk would: writing stops with an error
try:
    job.fit(out=sys.argv[1])
except gd.InputError as error:
    print(error)
"""


def test_a_write_that_fails_ends_with_one_clear_error_and_a_valid_store(tmp_path, undisturbed):
    folder = tmp_path / "fits"
    large = max(p.stat().st_size for p in undisturbed[0].glob("chunk-*"))
    assert large > 24000 > max(p.stat().st_size for p in undisturbed[0].iterdir() if "chunk" not in p.name)
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(folder)], cwd=HERE, capture_output=True, text=True, check=True
    )
    assert "cannot be written: File too large" in done.stdout
    assert f"of {CHUNKS} chunks are stored and stay; the same call goes on from there." in done.stdout
    job.fit(out=folder)
    assert contents(folder) == contents(undisturbed[0])


def test_a_law_that_no_folder_can_state_is_given_to_the_reader(tmp_path):
    law = gd.laws.shared_rate(rate=dist.TruncatedNormal(0.5, 1.0, low=0.0))
    runs = gd.Fleet(job.FLEET.runs[1:2])
    sigma = {"sigma": dist.HalfNormal(1.0)}
    first = gd.fit(runs, law, key=0, engine=job.QUICK, out=tmp_path / "fits", prior=sigma)
    if first.status[0] == "declined":
        pytest.fail(f"this run shall be fitted: {first.reason[0]}")
    again = gd.read_fleet_fit(tmp_path / "fits")
    same(first, again)
    assert again.law is None
    assert "gapdyn.laws.shared_rate(" in again.table().splitlines()[0]
    with pytest.raises(gd.InputError, match=r"Give them: gd\.read_fleet_fit\(folder, law=\.\.\., prior=\.\.\.\)"):
        again["run 1"]
    with pytest.raises(gd.InputError, match="holds a fit of gapdyn"):
        gd.read_fleet_fit(tmp_path / "fits", law=gd.laws.shared_rate())
    with pytest.raises(gd.InputError, match="holds a fit with other priors"):
        gd.read_fleet_fit(tmp_path / "fits", law=law, prior={})
    assert gd.read_fleet_fit(tmp_path / "fits", law=law)["run 1"].table() == first["run 1"].table()
