"""`Run`: what it keeps, what it refuses, and with which words."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest

from gapdyn._check import InputError
from gapdyn.data import CLOCKS, CONTRACT, UNITS, Run, column_table
from gapdyn.data._columns import SERIES, SERIES_NAMES


def make(**changes) -> Run:
    return Run(**{"name": "a", "t": [0, 1, 2], "u_s": [3.0, 2.0, 1.5], **changes})


def test_arrays_are_read_only_float64_copies():
    u_s = np.array([3, 2, 1])
    extra = {"auc": np.array([0.5, 0.6, np.nan])}
    run = make(u_s=u_s, extra=extra)
    u_s[0] = 99
    extra["auc"][0] = 99
    extra["more"] = np.zeros(3)
    for array in (run.t, run.u_s, run.u_v, run.extra["auc"]):
        assert array.dtype == np.float64
        assert not array.flags.writeable
    assert run.u_s[0] == 3
    assert run.extra["auc"][0] == 0.5
    assert list(run.extra) == ["auc"]


def test_what_is_left_out_is_nan():
    run = make()
    for name in SERIES_NAMES:
        if name != "u_s":
            assert np.all(np.isnan(getattr(run, name)))
            assert getattr(run, name).shape == (3,)
    assert (run.clock, run.unit) == ("step", "nats/response")
    assert run.measured == ("u_s",)


def test_gap_measured_len_columns_repr():
    run = make(clock="epoch", u_v=[1.0, None, 1.0], acc_s=[0.1, 0.2, 0.3], extra={"auc": [0.5, 0.5, 0.5]})
    np.testing.assert_array_equal(run.gap, [2.0, np.nan, 0.5])
    assert run.measured == ("u_s", "u_v")
    assert len(run) == 3
    assert list(run.columns()) == ["epoch", "u_s", "u_v", "acc_s", "auc"]
    assert repr(run) == "Run('a', 3 checkpoints, epoch 0 to 2, u_s u_v acc_s, nats/response)"


def test_accuracy_alone_and_extra_alone_are_runs():
    assert make(u_s=None, acc_s=[0.1, 0.2, 0.3]).measured == ()
    assert "reward" in repr(make(u_s=None, extra={"reward": [1, 2, 3]}))


def test_an_extra_that_was_never_measured_is_left_out():
    assert dict(make(extra={"auc": [None, None, None]}).extra) == {}


def test_masked_values_are_not_measured():
    run = make(u_s=np.ma.MaskedArray([3, 2, 1], mask=[False, True, False]), u_v=[1, 1, 1])
    np.testing.assert_array_equal(run.u_s, [3, np.nan, 1])


def test_head():
    run = make(extra={"auc": [0.5, 0.6, 0.7]}, u_v=[1, 1, 1])
    short = run.head(np.int64(2))
    np.testing.assert_array_equal(short.t, [0, 1])
    np.testing.assert_array_equal(short.extra["auc"], [0.5, 0.6])
    assert short.name == "a"
    for n in (1, 4, -1, 2.0, True, "2"):
        with pytest.raises(InputError, match=r"2 <= n <= 3"):
            run.head(n)


def test_frozen_but_replaceable_copyable_and_picklable():
    run = make(extra={"auc": [0.5, 0.6, 0.7]}, meta={"source": "x"})
    with pytest.raises(dataclasses.FrozenInstanceError):
        run.name = "b"
    with pytest.raises(TypeError):
        run.extra["auc"] = np.zeros(3)
    with pytest.raises(TypeError):
        run.meta["source"] = "y"
    assert dataclasses.replace(run, name="b").name == "b"
    for other in (pickle.loads(pickle.dumps(run)), copy.deepcopy(run)):
        np.testing.assert_array_equal(other.extra["auc"], run.extra["auc"])
        assert other.meta == {"source": "x"}
    assert run != make(extra={"auc": [0.5, 0.6, 0.7]}, meta={"source": "x"})  # identity: arrays have no one truth
    assert hash(run) == hash(run)


BAD = {
    "one checkpoint": ({"t": [0], "u_s": [1]}, "run 'a' has 1 checkpoint; a law needs at least 2"),
    "none": ({"t": [], "u_s": []}, "run 'a' has no checkpoints; a law needs at least 2"),
    "falling t": ({"t": [0, 400, 300]}, "run 'a': t must increase; t[2]=300 follows t[1]=400. Sort the log"),
    "sort hint": ({"t": [0, 4, 3]}, "pass sort=True"),
    "repeated t": ({"t": [0, 3, 3]}, "run 'a': t[2]=3 repeats t[1]=3. Keep one row per checkpoint"),
    "repeated far apart": ({"t": [3, 4, 3]}, "t[2]=3 repeats t[0]=3"),
    "nan t": ({"t": [0, np.nan, 2]}, "t must be finite; t[1]=nan. Every checkpoint needs its time."),
    "inf t": ({"t": [0, 1, np.inf]}, "t must be finite; t[2]=inf"),
    "no t": ({"t": None}, "run 'a': t is missing"),
    "inf": ({"u_s": [1, np.inf, 1]}, "u_s must not be infinite; u_s[1]=inf. Leave it empty"),
    "inf extra": ({"extra": {"auc": [1, 1, -np.inf]}}, "auc must not be infinite; auc[2]=-inf"),
    "length": ({"u_v": [1, 2]}, "u_v has 2 values but t has 3. Give one value per checkpoint"),
    "scalar": ({"n_acc": 512}, "n_acc has shape (); give one number per checkpoint"),
    "matrix": ({"u_v": [[1, 2, 3]]}, "u_v has shape (1, 3)"),
    "ragged": ({"u_v": [[1, 2], [3]]}, "u_v must hold real numbers"),
    "text": ({"u_v": ["1", "2", "3"]}, "u_v must hold real numbers; it is ['1', '2', '3']"),
    "bool": ({"acc_s": [True, False, True]}, "acc_s must hold real numbers"),
    "complex": ({"u_v": [1j, 2, 3]}, "u_v must hold real numbers"),
    "object": ({"u_v": [object(), 2, 3]}, "u_v must hold real numbers"),
    "huge int": ({"u_v": [10**400, 2, 3]}, "u_v must hold real numbers"),
    "nothing measured": ({"u_s": [1, np.nan, 1]}, "nothing was measured at checkpoint 1. Drop the row"),
    "se below 0": ({"se_s": [1, -0.5, 1]}, "se_s must be > 0; se_s[1]=-0.5"),
    "se of 0": ({"se_v": [1, 1, 0]}, "A standard error of 0 claims an exact measurement; leave it empty"),
    "corr 1": ({"corr": [0, 1, 0]}, "corr must be strictly between -1 and 1; corr[1]=1"),
    "percent": ({"acc_s": [0.5, 0.6, 83.5]}, "acc_s must be between 0 and 1; acc_s[2]=83.5"),
    "percent remedy": ({"acc_v": [83, 84, 85]}, "divide percentages by 100"),
    "n_acc": ({"n_acc": [512, 512, 0]}, "n_acc must be >= 1; n_acc[2]=0"),
    "len": ({"len_s": [4, 4, 0]}, "len_s must be > 0; len_s[2]=0"),
    "external": ({"external": [0, -1, 0]}, "external must be >= 0; external[1]=-1"),
    "too large": ({"u_s": [1, 2e100, 1]}, "u_s[1]=2e+100; its size must be 0 or between 1e-100 and 1e+100"),
    "too small": ({"u_s": [1, -1e-200, 1]}, "u_s[1]=-1e-200; its size must be 0 or between"),
    "t too large": ({"t": [0, 1, 1e200]}, "t[2]=1e+200; its size"),
    "clock": ({"clock": "epochs"}, "'epochs'. Did you mean 'epoch'?"),
    "unit": ({"unit": "nats"}, "Allowed: arbitrary, nats/response, nats/token."),
    "empty name": ({"name": ""}, "the name of a run must be a text that is not empty"),
    "name of a number": ({"name": 3}, "the name of a run must be a text"),
    "blank name": ({"name": " a"}, "blanks at its ends"),
    "line end in name": ({"name": "a\nb"}, "unprintable"),
    "extra is the contract's": ({"extra": {"u_v": [1, 2, 3]}}, "extra column 'u_v' looks like 'u_v'"),
    "extra looks like the contract's": ({"extra": {"Acc-S": [1, 2, 3]}}, "looks like 'acc_s'"),
    "extra is the time": ({"extra": {"step": [1, 2, 3]}}, "extra column 'step' is the time"),
    "extra without name": ({"extra": {"": [1, 2, 3]}}, "name of an extra column must be a text"),
    "extra no mapping": ({"extra": [1]}, "extra must be a mapping"),
    "meta no mapping": ({"meta": "x"}, "meta must be a mapping"),
    "labels no mapping": ({"meta": {"labels": ["x"]}}, "meta['labels'] must map names to texts; it is ['x']"),
    "label is a number": ({"meta": {"labels": {"seed": "1"}}}, "which reads as a number or as nothing. Give"),
    "label is no text": ({"meta": {"labels": {"seed": 1}}}, "the label 'seed' must be a text that is not empty"),
    "label is nothing": ({"meta": {"labels": {"seed": "NA"}}}, "the label 'seed' is 'NA', which reads as a number or"),
    "label is a column": ({"meta": {"labels": {"U_s": "x"}}}, "the label 'U_s' looks like a column of a run log"),
    "label is an extra": ({"extra": {"m": [1, 2, 3]}, "meta": {"labels": {"m": "x"}}}, "an extra column 'm' too"),
}


@pytest.mark.parametrize("what", BAD)
def test_refused_with_offender_and_remedy(what):
    changes, message = BAD[what]
    with pytest.raises(InputError, match=re.escape(message)):
        make(**changes)


def test_limits_themselves_are_accepted():
    make(u_s=[0, 1e-100, 1e100], acc_s=[0, 1, 0.5], n_acc=[1, 1, 1], external=[0, 0, 0], corr=[-0.99, 0, 0.99])
    make(u_s=[-1.0, -2.0, -3.0], unit="arbitrary")


def test_errors_where_nothing_was_measured_are_accepted():
    run = make(u_s=[3, None, 2], u_v=[1, 1, 1], se_s=[0.1, 0.1, 0.1])
    assert run.se_s[1] == 0.1


def test_another_clock_may_ride_along():
    assert list(make(clock="epoch", extra={"step": [0, 10, 20]}).columns()) == ["epoch", "u_s", "step"]


def test_every_column_of_the_contract_is_documented_and_is_a_field():
    table = column_table()
    fields = {f.name for f in dataclasses.fields(Run)}
    for column in CONTRACT:
        assert f"`{column.name}`" in table
        assert column.allowed in table
        assert column.name == "run" or column.name in fields
    for word in (*CLOCKS, *UNITS):
        assert word in table
        assert f'"{word}"' in (Run.__doc__ or "")
    for column in SERIES:
        assert re.search(rf"\b{column.name}\b", Run.__doc__ or "")


def test_import_is_light():
    heavy = ("jax", "polars", "pandas", "scipy")
    code = f"import sys, gapdyn.data; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
