"""Whatever a file holds, a reader returns a `Run` or raises `InputError`."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapdyn._check import InputError
from gapdyn.data import CONTRACT, Run, read_fleet, read_run

NAMES = [column.name for column in CONTRACT] + ["epoch", "round", "lr", "U_s", "auc", "", " ", "é"]
CELLS = [
    "0",
    "1",
    "2.5",
    "-1",
    "",
    "nan",
    "inf",
    "1e999",
    "1e-300",
    "x",
    "1,5",
    '"',
    '""',
    "a\nb",
    "\0",
    "\ufeff",
    "1_0",
]


def survives(raw: bytes, name: str, **arguments) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(raw)
        for sort in (False, True):
            try:
                assert isinstance(read_run(path, sort=sort, **arguments), Run)
            except InputError as error:
                message = str(error)
            else:
                continue
            assert str(path) in message
            assert len(message) < 2000
        with contextlib.suppress(InputError):
            read_fleet(path, **arguments)


@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.jsonl", "x.parquet", "x.csv.gz"])
@settings(max_examples=60, deadline=None)
@given(raw=st.binary(max_size=200))
def test_arbitrary_bytes(raw, name):
    survives(raw, name)


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=200) | st.text("t,u_s01.-\n\"'{}[]: ;\t\r", max_size=100))
def test_arbitrary_text(text, name):
    survives(text.encode("utf-8", "surrogatepass"), name)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_tables_that_are_nearly_right(data):
    width = data.draw(st.integers(1, 5))
    header = data.draw(st.lists(st.sampled_from(NAMES), min_size=width, max_size=width))
    cells = st.sampled_from(CELLS) | st.integers(0, 9).map(str)
    rows = data.draw(st.lists(st.lists(cells, min_size=width, max_size=width), max_size=4))
    text = "\n".join(",".join(row) for row in [header, *rows])
    survives(text.encode(), "x.csv", **data.draw(st.fixed_dictionaries({}, optional={"t": st.sampled_from(NAMES)})))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(CELLS),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(NAMES), json_values, max_size=5) | json_values, max_size=4))
def test_json_lines_that_are_nearly_right(rows):
    survives("\n".join(map(json.dumps, rows)).encode(), "x.jsonl")


mapping_values = st.lists(json_values | st.integers(0, 9), max_size=3) | json_values


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES) | st.integers(), mapping_values, max_size=4))
def test_mappings_that_are_nearly_right(source):
    with contextlib.suppress(InputError):
        assert isinstance(read_run(source), Run)
