"""`Fleet`: runs by name."""

from __future__ import annotations

import pickle

import pytest

from gapdyn._check import InputError
from gapdyn.data import Fleet, Run


def make(*names: str) -> list[Run]:
    return [Run(name, [0, 1], u_s=[2, 1]) for name in names]


def test_holds_runs_by_name_in_order():
    runs = make("b", "a")
    fleet = Fleet(iter(runs))
    assert fleet.names == ("b", "a")
    assert list(fleet) == runs
    assert fleet.runs == tuple(runs)
    assert len(fleet) == 2
    assert fleet["a"] is runs[1]
    assert "a" in fleet
    assert runs[0] in fleet
    assert "c" not in fleet
    assert repr(fleet) == "Fleet(2 runs: 'b', 'a')"
    assert repr(Fleet(make(*"abcdefg"))) == "Fleet(7 runs: 'a', 'b', 'c', 'd', 'e' and 2 more)"


def test_frozen_and_picklable():
    fleet = Fleet(make("a"))
    with pytest.raises(AttributeError):
        fleet.runs = ()
    assert pickle.loads(pickle.dumps(fleet)).names == ("a",)
    assert pickle.loads(pickle.dumps(fleet))["a"].name == "a"
    assert pickle.loads(pickle.dumps(Fleet(make("a"), {"b": "why"}))).left_out == {"b": "why"}


def test_unknown_name():
    fleet = Fleet(make("learning", "collapse"))
    with pytest.raises(InputError, match=r"no run 'lerning'. Did you mean 'learning'\? Allowed: collapse, learn"):
        fleet["lerning"]
    with pytest.raises(InputError, match="no run 0"):
        fleet[0]


def test_unknown_name_in_a_large_fleet_stays_short():
    fleet = Fleet(make(*(f"run{i}" for i in range(500))))
    with pytest.raises(InputError, match=r"Did you mean 'run49\d?'.*and 490 more") as caught:
        fleet["run49x"]
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([], "at least one run"),
        (make("a", "b", "a"), r"these repeat: 'a'\. Rename"),
        ([make("a")[0], "b"], r"runs\[1\] of the fleet is 'b', not a Run"),
        (make("a")[0], r"Write Fleet\(\[run\]\)"),
        (3, "a list of runs, not 3"),
    ],
)
def test_refused(runs, message):
    with pytest.raises(InputError, match=message):
        Fleet(runs)
