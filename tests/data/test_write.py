"""Writers: exact round trips, and files that appear whole or not at all."""

from __future__ import annotations

import os
import stat
import string
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapdyn._atomic import atomic_write
from gapdyn._check import InputError
from gapdyn.data import CLOCKS, UNITS, Fleet, Run, read_fleet, read_run, write_run
from gapdyn.data._columns import SERIES, SERIES_NAMES, TIME_NAMES

SUFFIXES = [".csv", ".tsv", ".jsonl", ".ndjson", ".csv.gz", ".jsonl.gz", ".parquet"]


def same(a: Run, b: Run) -> None:
    assert (a.name, a.clock, a.unit, list(a.extra)) == (b.name, b.clock, b.unit, list(b.extra))
    assert dict(a.labels) == dict(b.labels)
    for name in ("t", *SERIES_NAMES):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        np.testing.assert_array_equal(np.signbit(getattr(a, name)), np.signbit(getattr(b, name)))
    for name, values in a.extra.items():
        np.testing.assert_array_equal(values, b.extra[name])


def measured(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers that a column may hold, or NaN; none so small that float64 could not square it."""
    number = st.floats(low, high, exclude_min=low == 0, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-90)
    return number | st.just(np.nan)


@st.composite
def runs(draw) -> Run:
    n = draw(st.integers(2, 5))
    t = sorted(draw(st.lists(st.integers(-5, 99) | st.floats(0, 1e4, width=16), min_size=n, max_size=n, unique=True)))
    limits = {column.name: (max(column.low, -1e90), min(column.high, 1e90)) for column in SERIES}
    limits["corr"] = (-0.9, 0.9)
    series = {
        name: draw(st.lists(measured(*limits[name]), min_size=n, max_size=n))
        for name in draw(st.lists(st.sampled_from(SERIES_NAMES), unique=True, max_size=4))
    }
    series["u_s"] = draw(st.lists(st.floats(-1e3, 1e3).filter(lambda x: abs(x) > 1e-9), min_size=n, max_size=n))
    clock = draw(st.sampled_from(CLOCKS))
    taken = {*SERIES_NAMES, "run", "unit", "clock", clock}
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.text(string.punctuation, max_size=3)
    names = (text | st.sampled_from(TIME_NAMES)).filter(
        lambda s: s and s == s.strip() and s.isprintable() and s.casefold() not in taken
    )
    extra = {
        name: draw(st.lists(measured(-1e90, 1e90), min_size=n, max_size=n))
        for name in draw(st.lists(names, unique=True, max_size=2))
    }
    name = draw(text.filter(lambda s: s and s == s.strip() and s.isprintable()))
    words = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=4).map("label {}.".format)
    labels = draw(st.dictionaries(words, words, max_size=2))
    meta = {"labels": labels}
    return Run(name, t, clock=clock, unit=draw(st.sampled_from(UNITS)), extra=extra, meta=meta, **series)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
@settings(max_examples=35, deadline=None)
@given(run=runs())
def test_a_run_comes_back_exactly(run, suffix):
    with tempfile.TemporaryDirectory() as folder:
        path = write_run(run, Path(folder) / f"x{suffix}")
        same(read_run(path), run)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@settings(max_examples=20, deadline=None)
@given(fleet=st.lists(runs(), min_size=1, max_size=3, unique_by=lambda run: run.name).map(Fleet))
def test_a_fleet_comes_back_exactly(fleet, suffix):
    with tempfile.TemporaryDirectory() as folder:
        back = read_fleet(write_run(fleet, Path(folder) / f"x{suffix}"))
    assert back.names == fleet.names
    for a, b in zip(fleet, back, strict=True):
        assert set(a.extra) == set(b.extra)
        same(a, Run(**{**fields(b), "extra": {name: b.extra[name] for name in a.extra}}))


def fields(run: Run) -> dict:
    names = ("name", "t", "clock", *SERIES_NAMES, "unit", "meta")
    return {name: getattr(run, name) for name in names}


RUN = Run("a", [0, 1], clock="epoch", u_s=[0.1, -0.0], u_v=[1 / 3, None], extra={"auc": [0.5, 2**60]})


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    assert write_run(RUN, str(path)) == path
    same(read_run(path), RUN)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_text_is_readable(tmp_path):
    path = write_run(RUN, tmp_path / "x.csv")
    third = repr(1 / 3)
    assert path.read_bytes().decode() == f"run,epoch,u_s,u_v,auc\na,0,0.1,{third},0.5\na,1,-0.0,,{float(2**60)}\n"
    path = write_run(RUN, tmp_path / "x.jsonl")
    assert path.read_text().splitlines()[0] == f'{{"run": "a", "epoch": 0, "u_s": 0.1, "u_v": {third}, "auc": 0.5}}'


def test_equal_runs_give_equal_files(tmp_path):
    for suffix in SUFFIXES:
        a, b = (write_run(RUN, tmp_path / f"{stem}{suffix}") for stem in "ab")
        assert a.read_bytes() == b.read_bytes()


def test_mixed_clocks_and_units(tmp_path):
    other = Run("b", [0, 5], clock="step", acc_s=[0.1, 0.2], unit="nats/token")
    riding = Run("c", [0, 5], clock="round", acc_s=[0.1, 0.2], extra={"t": [7, 8], "epoch": [1, 2]})
    for suffix in SUFFIXES:
        back = read_fleet(write_run(Fleet([RUN, other, riding]), tmp_path / f"x{suffix}"))
        same(back["a"], RUN)
        same(back["b"], other)
        assert back["c"].clock == "round"
        np.testing.assert_array_equal(back["c"].t, riding.t)
        np.testing.assert_array_equal(back["c"].extra["t"], [7, 8])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_labels_come_back(tmp_path, suffix):
    one = Run("one", [0, 1], u_s=[2, 1], meta={"labels": {"model": "7b, base", "size": "large"}, "more": 1})
    two = Run("b", [0, 1, 2], u_s=[3, 2, 1], meta={"labels": {"model": "13b"}}, extra={"size": [13, 13, 13.5]})
    back = read_fleet(write_run(Fleet([one, two, RUN]), tmp_path / f"x{suffix}"))
    assert [dict(run.labels) for run in back] == [dict(one.labels), {"model": "13b"}, {}]
    np.testing.assert_array_equal(back["b"].extra["size"], [13, 13, 13.5])
    assert "more" not in back["one"].meta


def test_existing_file(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("precious")
    path.chmod(0o640)
    with pytest.raises(InputError, match=r"x\.csv: exists already\. Choose another name, or pass overwrite=True"):
        write_run(RUN, path)
    assert path.read_text() == "precious"
    write_run(RUN, path, overwrite=True)
    same(read_run(path), RUN)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("overwrite", [False, True])
def test_places_that_do_not_work(tmp_path, overwrite):
    (tmp_path / "file").write_text("x")
    (tmp_path / "dir.csv").mkdir()
    for name, message in [
        ("none/x.csv", r"the folder .*none does not exist\. Create it first"),
        ("file/x.csv", "the folder .*file does not exist"),
        ("dir.csv", "is a folder"),
        ("x.txt", "Known suffixes"),
        ("x" * 300 + ".csv", "cannot be written"),
        ("x\0.csv", "cannot be written"),
    ]:
        with pytest.raises(InputError, match=message):
            write_run(RUN, tmp_path / name, overwrite=overwrite)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dir.csv", "file"]


def test_unwritable_folder(tmp_path):
    if os.path.isdir("/proc/self"):
        with pytest.raises(InputError, match=r"/proc/self/x\.csv: cannot be written"):  # not even root may
            write_run(RUN, "/proc/self/x.csv")
    tmp_path.chmod(0o500)
    try:
        if os.access(tmp_path, os.W_OK):
            pytest.skip("this user (root?) may write everywhere")
        with pytest.raises(InputError, match="cannot be written: Permission denied"):
            write_run(RUN, tmp_path / "x.csv")
    finally:
        tmp_path.chmod(0o700)


def test_what_is_not_a_run(tmp_path):
    with pytest.raises(InputError, match="writes a Run or a Fleet, not"):
        write_run([RUN], tmp_path / "x.csv")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="needs a path; it got 3"):
        write_run(RUN, 3)  # type: ignore[arg-type]


def test_atomic_write(tmp_path):
    path = tmp_path / "x"
    assert atomic_write(path, "ä\r\n") == path
    assert path.read_bytes() == "ä\r\n".encode()
    with pytest.raises(InputError, match="exists already"):
        atomic_write(path, b"new")
    atomic_write(path, b"new", overwrite=True)
    assert path.read_bytes() == b"new"
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((atomic_write(tmp_path / "y", b"")).stat().st_mode) == 0o666 & ~umask


def test_a_link_is_followed_and_kept(tmp_path):
    target = tmp_path / "target"
    target.write_text("old")
    link = tmp_path / "link"
    link.symlink_to(target)
    with pytest.raises(InputError, match="exists already"):
        atomic_write(link, "new")
    atomic_write(link, "new", overwrite=True)
    assert link.is_symlink()
    assert target.read_text() == "new"


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("call", ["os.fsync", "os.replace", "os.link", "os.fdopen"])
def test_failure_leaves_nothing_behind(tmp_path, monkeypatch, call, overwrite):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    path = tmp_path / "x"
    if overwrite:
        path.write_text("old")
    monkeypatch.setattr(call, fail)
    used = {"os.replace": overwrite, "os.link": False}.get(call, True)  # without links it looks, then renames
    if used:
        with pytest.raises(InputError, match="x: cannot be written: No space left on device"):
            atomic_write(path, "new", overwrite=overwrite)
        assert [p.read_text() for p in tmp_path.iterdir()] == (["old"] if overwrite else [])
    else:
        atomic_write(path, "new", overwrite=overwrite)
        assert [p.read_text() for p in tmp_path.iterdir()] == ["new"]


def test_interruption_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.link", interrupt)
    with pytest.raises(KeyboardInterrupt):
        atomic_write(tmp_path / "x", "new")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path, monkeypatch):
    path = tmp_path / "x"
    real = os.fsync

    def slow(handle):
        path.write_text("theirs")
        real(handle)

    monkeypatch.setattr("os.fsync", slow)
    with pytest.raises(InputError, match="exists already"):
        atomic_write(path, "ours")
    assert path.read_text() == "theirs"
    assert len(list(tmp_path.iterdir())) == 1
