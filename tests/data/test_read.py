"""Readers: what they understand, and what they say about what they do not."""

from __future__ import annotations

import gzip
import os
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest

from gapdyn._check import InputError
from gapdyn.data import Run, read_fleet, read_run

GOOD = "epoch,u_s,u_v,se_s,acc_s\n0,3,1.5,0.1,0.5\n1,2,,0.1,0.6\n2,1.5,1,,0.7\n"


@pytest.fixture
def save(tmp_path):
    def write(content: str | bytes, name: str = "my_run.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def check_good(run: Run, name: str = "my_run") -> None:
    assert (run.name, run.clock, run.unit) == (name, "epoch", "nats/response")
    np.testing.assert_array_equal(run.t, [0, 1, 2])
    np.testing.assert_array_equal(run.u_s, [3, 2, 1.5])
    np.testing.assert_array_equal(run.u_v, [1.5, np.nan, 1])
    np.testing.assert_array_equal(run.se_s, [0.1, 0.1, np.nan])
    np.testing.assert_array_equal(run.acc_s, [0.5, 0.6, 0.7])


# What is understood


def test_csv(save):
    run = read_run(save(GOOD))
    check_good(run)
    assert run.meta["source"].endswith("my_run.csv")
    assert run.meta["text_columns"] == ()
    check_good(read_run(str(save(GOOD))))


@pytest.mark.parametrize("word", ["", " ", "nan", "NaN", "null", "None", "NA", "n/a"])
def test_missing_cells(save, word):
    check_good(read_run(save(GOOD.replace(",,", f",{word},"))))


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\n\n"),
        GOOD + ",,,,\n  \n",
        GOOD.replace(",", " , "),
        GOOD.replace("u_s", '"u_s"'),
        GOOD.rstrip("\n"),
    ],
    ids=["bom", "crlf", "blank lines", "empty rows", "spaces", "quotes", "no last line end"],
)
def test_csv_as_programs_write_it(save, text):
    check_good(read_run(save(text)))


def test_tsv_gz_and_delimiters(save):
    check_good(read_run(save(GOOD.replace(",", "\t"), "my_run.tsv")))
    check_good(read_run(save(GOOD.replace(",", ";")), delimiter=";"))
    check_good(read_run(save(gzip.compress(GOOD.encode()), "my_run.csv.gz")))
    check_good(read_run(save(GOOD, "my_run.CSV")))


@pytest.mark.parametrize("suffix", ["jsonl", "ndjson", "json-lines", "jsonl.gz"])
def test_jsonl(save, suffix):
    text = (
        '{"epoch": 0, "u_s": 3, "u_v": 1.5, "se_s": 0.1, "acc_s": 0.5}\n'
        '{"epoch": 1, "u_s": 2, "u_v": null, "se_s": 0.1, "acc_s": "0.6"}\n\n'
        '{"acc_s": 0.7, "epoch": 2, "u_s": 1.5, "u_v": 1, "se_s": NaN}'
    )
    raw = gzip.compress(text.encode()) if suffix.endswith("gz") else text.encode()
    check_good(read_run(save(raw, f"my_run.{suffix}")))


def test_parquet_whatever_its_name(tmp_path):
    path = tmp_path / "my_run[1]*.parquet"
    columns = {"epoch": [0, 1, 2], "u_s": [3.0, 2.0, 1.5], "u_v": [1.5, None, 1], "se_s": [0.1, 0.1, None]}
    pl.DataFrame({**columns, "acc_s": [0.5, 0.6, 0.7]}).write_parquet(path)
    check_good(read_run(path), "my_run[1]*")


COLUMNS = {
    "epoch": [0, 1, 2],
    "u_s": [3.0, 2.0, 1.5],
    "u_v": [1.5, None, 1.0],
    "se_s": [0.1, 0.1, None],
    "acc_s": [0.5, 0.6, 0.7],
}


@pytest.mark.parametrize(
    "frame",
    [
        COLUMNS,
        {name: np.array(values, dtype=float) for name, values in COLUMNS.items()},
        {name: iter(values) for name, values in COLUMNS.items()},
        pd.DataFrame(COLUMNS),
        pd.DataFrame(COLUMNS).convert_dtypes(),
        pd.DataFrame(COLUMNS, dtype=object),
        pl.DataFrame(COLUMNS),
        pl.DataFrame(COLUMNS).with_columns(pl.col("u_s").cast(pl.Decimal(10, 2))),
        pl.DataFrame(COLUMNS).cast({"u_v": pl.String}),
    ],
    ids=[
        "lists",
        "arrays",
        "iterators",
        "pandas",
        "pandas NA",
        "pandas object",
        "polars",
        "decimal",
        "string",
    ],
)
def test_frames_and_mappings(frame):
    run = read_run(frame)
    check_good(run, "run")
    assert "source" not in run.meta
    assert read_run(frame if not hasattr(frame["epoch"], "__next__") else COLUMNS, name="b").name == "b"


def test_pandas_file_with_its_index(tmp_path):
    path = tmp_path / "my_run.csv"
    pd.DataFrame(COLUMNS).to_csv(path)
    run = read_run(path)
    check_good(run)
    np.testing.assert_array_equal(run.extra["unnamed_1"], [0, 1, 2])


def test_extra_columns(save):
    text = "epoch,u_s,auc,note,empty,commit\n0,3,.5,hello,,12ab\n1,2,,there,,34\n"
    run = read_run(save(text))
    assert list(run.extra) == ["auc"]
    np.testing.assert_array_equal(run.extra["auc"], [0.5, np.nan])
    assert run.meta["text_columns"] == ("note", "commit")
    assert run.labels == {}


def test_text_that_is_the_same_throughout_a_run_is_a_label(save):
    text = "run,epoch,u_s,model,task,seed,Clock,remark\n"
    text += 'a,0,3,7b,math,0,x,"two\nlines"\na,1,2,7b,code,0,x,"two\nlines"\n'
    text += "b,0,3, 7b ,math,one,x,\nb,1,2, 7b ,math,one,x,\n"
    fleet = read_fleet(save(text))
    assert dict(fleet["a"].labels) == {"model": "7b"}
    assert dict(fleet["b"].labels) == {"model": "7b", "task": "math", "seed": "one"}
    np.testing.assert_array_equal(fleet["a"].extra["seed"], [0, 0])
    assert fleet["a"].meta["text_columns"] == ("model", "task", "Clock", "remark")


def test_columns_gives_names(save):
    path = save("when,entropy,u_s\n0,3,30\n1,2,20\n")
    run = read_run(path, columns={"u_s": "entropy", "epoch": "when"})
    np.testing.assert_array_equal(run.u_s, [3, 2])
    assert run.clock == "epoch"
    assert run.meta["unused_columns"] == ("u_s",)
    assert read_run(path, columns={"u_s": "entropy", "t": "when"}).clock == "step"
    assert read_run(path, columns={"t": "when"}, clock="lr").clock == "lr"


def test_clock_of_the_time_column(save):
    assert read_run(save("t,u_s\n0,1\n1,2\n")).clock == "step"
    assert read_run(save("t,u_s\n0,1\n1,2\n"), clock="token").clock == "token"
    assert read_run(save("t,clock,u_s\n0,lr,1\n1,lr,2\n")).clock == "lr"
    assert read_run(save("lr,u_s\n0,1\n1,2\n")).clock == "lr"
    assert read_run(save("Epoch,u_s\n0,1\n1,2\n"), t="Epoch").clock == "epoch"
    assert read_run(save("when,u_s\n0,1\n1,2\n"), t="when").clock == "step"
    assert read_run(save("when,u_s\n0,1\n1,2\n"), t="when", clock="round").clock == "round"
    run = read_run(save("epoch,step,u_s\n0,0,1\n1,100,2\n"), t="step")
    assert (run.clock, list(run.extra)) == ("step", ["epoch"])
    assert read_run(save("epoch,step,u_s\n0,0,1\n1,100,2\n"), clock="epoch").clock == "epoch"
    # an empty column is no candidate
    assert read_run(save("epoch,step,u_s\n0,,1\n1,,2\n")).clock == "epoch"


def test_unit(save):
    path = save("epoch,u_s,unit\n0,3,nats/token\n1,2,\n")
    assert read_run(path).unit == "nats/token"
    assert read_run(path, unit="arbitrary").unit == "arbitrary"


def test_sort_is_stable_and_moves_every_column(save):
    run = read_run(save("epoch,u_s,auc\n2,1,.3\n0,3,.1\n1,2,.2\n"), sort=True)
    np.testing.assert_array_equal(run.t, [0, 1, 2])
    np.testing.assert_array_equal(run.u_s, [3, 2, 1])
    np.testing.assert_array_equal(run.extra["auc"], [0.1, 0.2, 0.3])


FLEET = "run,epoch,u_s\nb,0,3\na,0,30\nb,1,2\na,1,20\n"


def test_runs_in_one_file(save):
    fleet = read_fleet(save(FLEET))
    assert fleet.names == ("b", "a")
    np.testing.assert_array_equal(fleet["a"].u_s, [30, 20])
    np.testing.assert_array_equal(read_run(save(FLEET), run="b").u_s, [3, 2])
    assert read_run(save(FLEET), run="b", name="c").name == "c"


def test_a_mistake_in_another_run_does_not_matter(save):
    assert len(read_run(save(FLEET + "c,0,oops\n"), run="a")) == 2


def test_numbers_as_run_names(save):
    assert read_fleet(save("run,epoch,u_s\n1,0,3\n1,1,2\n007,0,3\n007,1,2\n")).names == ("1", "007")
    columns = {"epoch": [0, 1, 0, 1], "u_s": [3, 2, 3, 2]}
    for run in ([1, 1, 2, 2], np.array([1.0, 1.0, 2.0, 2.0]), pd.Series([1, 1, 2, 2])):
        fleet = read_fleet({**columns, "run": run})
        assert fleet.names == ("1", "2")
    assert read_run({**columns, "run": [1, 1, 2, 2]}, run=2).name == "2"


def test_fleet_of_several_sources(save):
    fleet = read_fleet([save(GOOD, "x.csv"), save(FLEET, "y.csv"), COLUMNS])
    assert fleet.names == ("x", "b", "a", "run")
    with pytest.raises(InputError, match="repeat: 'x'"):
        read_fleet([save(GOOD, "x.csv"), save(GOOD, "x.tsv.csv"), save(GOOD, "x.csv")])


# What is refused

CSV_BAD = {
    "text in a number": ("epoch,u_s\n0,3\n1,two\n", "line 3, column 'u_s': 'two' is not a number"),
    "decimal comma": ('epoch,u_s\n0,"3,5"\n1,2\n', "'3,5' is not a number. Use a decimal point."),
    "underscore": ("epoch,u_s\n0,3\n1,1_0\n", "line 3, column 'u_s': '1_0' is not a number"),
    "inf": ("epoch,u_s\n0,3\n1,-inf\n", "line 3, column 'u_s': '-inf' is infinite or too large"),
    "inf extra": (
        "epoch,u_s,auc\n0,3,1e999\n1,2,0\n",
        "line 2, column 'auc': '1e999' is infinite or too large",
    ),
    "semicolons": ("epoch;u_s\n0;3\n1;2\n", "split by a semicolon. Pass delimiter=';'"),
    "tabs": ("epoch\tu_s\n0\t3\n1\t2\n", r"split by a tab. Pass delimiter='\t'"),
    "bars": ("epoch|u_s\n0|3\n1|2\n", "split by a bar. Pass delimiter='|'"),
    "no time": ("epochs,u_s\n0,3\n1,2\n", "Is it 'epochs'? Rename it, or pass t='epochs'"),
    "no time, global_step": ("loss,global_step,u_s\n0,3,1\n1,2,1\n", "pass t='global_step'"),
    "no time at all": ("u_s,u_v\n0,3\n1,2\n", "its columns are 'u_s', 'u_v'. Rename it, or pass t="),
    "two times": (
        "epoch,step,u_s\n0,0,3\n1,9,2\n",
        "could be the time: 'epoch', 'step'. Choose one, such as t=",
    ),
    "nothing measured": (
        "epoch,note\n0,x\n1,y\n",
        "columns are 'epoch', 'note'. Rename one, or pass columns=",
    ),
    "capitals": (
        "epoch,U_s\n0,3\n1,2\n",
        "column 'U_s' looks like 'u_s'. Rename it, or pass columns={'u_s': 'U_s'}",
    ),
    "empty": ("", "the file is empty"),
    "blank": ("\n \n", "the file is empty"),
    "empty cells only": (",,\n,,\n", "the file is empty"),
    "header only": ("epoch,u_s\n", "has a header but no rows"),
    "short row": ("epoch,u_s\n0,3\n1\n", "line 3: 1 cells, but 2 columns"),
    "long row": ("epoch,u_s\n0,3,4\n1,2\n", "line 2: 3 cells, but 2 columns"),
    "repeated column": ("epoch,u_s,u_s\n0,3,3\n", "column names repeat: 'u_s'"),
    "open quote": ('epoch,u_s\n0,3\n"1,2\n', "not valid CSV"),
    "UTF-16": (
        "epoch,u_s\n0,3\n".encode("utf-16"),
        "is not UTF-8 text (it looks like UTF-16). Save it as UTF-8",
    ),
    "Latin-1": (b"epoch,u_s,caf\xe9\n0,3,1\n", "is not UTF-8 text (byte 13 is not)"),
    "no name": ("run,epoch,u_s\na,0,3\n,1,2\n", "line 3, column 'run': empty. Every row needs the name"),
    "several runs": (FLEET, "holds 2 runs: 'b', 'a'. Choose one, such as run='b', or use read_fleet"),
    "two units": ("epoch,u_s,unit\n0,3,nats/token\n1,2,arbitrary\n", "'arbitrary' follows 'nats/token'"),
    "unknown unit": ("epoch,u_s,unit\n0,3,bits\n1,2,bits\n", "'bits'. Allowed: arbitrary, nats/response"),
    "unknown clock": ("t,u_s,clock\n0,3,hours\n1,2,hours\n", "column 'clock': unknown clock 'hours'"),
    "other clock": (
        "epoch,u_s,clock\n0,3,lr\n1,2,lr\n",
        "the time column is 'epoch', but the clock is to be 'lr'",
    ),
    "one row": ("epoch,u_s\n0,3\n", "run 'bad' has 1 checkpoint"),
    "unsorted": ("epoch,u_s\n4,3\n3,2\n", "t[1]=3 follows t[0]=4. Sort the log, or pass sort=True."),
    "no t cell": ("epoch,u_s\n0,3\n,2\n", "t[1]=nan. Every checkpoint needs its time."),
    "percent": ("epoch,acc_s\n0,50\n1,60\n", "acc_s[0]=50"),
    "huge cell": ("epoch,u_s,x\n0,3," + "x" * 200_000 + "\n", "field larger than field limit"),
}


@pytest.mark.parametrize("what", CSV_BAD)
def test_csv_refused_with_path_offender_and_remedy(save, what):
    content, message = CSV_BAD[what]
    path = save(content, "bad.csv")
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        read_run(path)
    assert str(path) in str(caught.value)
    assert str(caught.value).count(str(path)) == 1
    assert len(str(caught.value)) < 500


JSON_BAD = {
    "cut off": ('{"epoch": 0, "u_s": 3}\n{"epoch": 1, "u_', "line 2, column 14: not valid JSON"),
    "array": (
        "[\n1,\n2]",
        "line 1, column 2: not valid JSON: Expecting value. Write one whole object per line",
    ),
    "pretty": ('{\n "epoch": 0\n}', "Write one whole object per line"),
    "no object": ('{"epoch": 0, "u_s": 1}\n[1, 2]\n', "line 2: [1, 2] is not an object"),
    "boolean": ('{"epoch": 0, "u_s": true}\n', "line 1, column 'u_s': True is true or false, not a number"),
    "nested": ('{"epoch": 0, "u_s": {"mean": 1}}\n', "line 1, column 'u_s': {'mean': 1} is not a number"),
    "infinity": ('{"epoch": 0, "u_s": Infinity}\n', "line 1, column 'u_s': inf is infinite or too large"),
    "long integer": (
        '{"epoch": 0, "u_s": 1' + "0" * 5000 + "}\n",
        "line 1: not valid JSON: too long a number",
    ),
    "large integer": ('{"epoch": 0, "u_s": 1' + "0" * 500 + "}\n", "is infinite or too large"),
    "deep": ("[" * 100_000, "line 1"),
    "repeated key": ('{"epoch": 0, "u_s": 1, "u_s": 2}\n', "line 1: keys repeat: 'u_s'"),
    "empty objects": ("{}\n{}\n", "its objects are empty"),
    "empty": ("\n", "the file is empty"),
    "nested run": (
        '{"run": [1], "epoch": 0, "u_s": 1}\n',
        "column 'run': [1] is neither a text nor a number",
    ),
    "unit is a number": (
        '{"unit": 1, "epoch": 0, "u_s": 1}\n{"epoch": 1, "u_s": 1}',
        "column 'unit': 1 is not a text",
    ),
}


@pytest.mark.parametrize("what", JSON_BAD)
def test_jsonl_refused_with_path_offender_and_remedy(save, what):
    content, message = JSON_BAD[what]
    path = save(content, "bad.jsonl")
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        read_run(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 500


def test_broken_parquet(tmp_path, save):
    path = tmp_path / "good.parquet"
    pl.DataFrame(COLUMNS).write_parquet(path)
    raw = path.read_bytes()
    for content in (raw[:-20], raw[: len(raw) // 2], b"PAR1", GOOD.encode()):
        with pytest.raises(InputError, match=r"bad\.parquet: not a readable Parquet file"):
            read_run(save(content, "bad.parquet"))
    with pytest.raises(InputError, match="the file is empty"):
        read_run(save(b"", "bad.parquet"))
    pl.DataFrame({"epoch": [], "u_s": []}).write_parquet(path)
    with pytest.raises(InputError, match=r"good\.parquet has columns but no rows"):
        read_run(path)


def test_broken_gzip(save):
    raw = gzip.compress(GOOD.encode() * 100)
    for content in (raw[:-10], raw[:30], GOOD.encode(), raw[:20] + b"xxxx" + raw[24:]):
        with pytest.raises(InputError, match=r"bad\.csv\.gz: broken gzip file"):
            read_run(save(content, "bad.csv.gz"))


def test_paths_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv: no such file\. Check the path; the working folder is"):
        read_run(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match=r"folder\.csv: is a folder"):
        read_run(tmp_path / "folder.csv")
    with pytest.raises(InputError, match="cannot be read"):
        read_run("x\0.csv")
    with pytest.raises(InputError, match="cannot be read: File name too long"):
        read_run("x" * 5000 + ".csv")
    (tmp_path / "file.csv").write_text(GOOD)
    with pytest.raises(InputError, match="cannot be read: Not a directory"):
        read_run(tmp_path / "file.csv" / "run.csv")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InputError, match="not a regular file"):
        read_run(tmp_path / "pipe.csv")


def test_no_permission(save):
    path = save(GOOD)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user (root?) may read everything")
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        read_run(path)


def test_no_permission_by_pretence(save, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    with pytest.raises(InputError, match=r"my_run\.csv: cannot be read: Permission denied"):
        read_run(save(GOOD))


@pytest.mark.parametrize("name", ["run.txt", "run", "run.json", "run.parquet.gz", "run.gz", ""])
def test_unknown_suffix(name):
    with pytest.raises(InputError, match=r"Known suffixes: \.csv, \.tsv, \.jsonl, .*\.parquet; \.gz"):
        read_run(name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"t": "epcoh"}, "no column 'epcoh' for the time. Did you mean 'epoch'?"),
        ({"clock": "hour"}, "unknown clock 'hour'"),
        (
            {"clock": "step"},
            "the time column is 'epoch', but the clock is to be 'step'. Leave it out, or pass t='epoch'",
        ),
        ({"unit": "bits"}, "unknown unit 'bits'"),
        ({"run": "a"}, "there is no 'run' column to look for run 'a'"),
        ({"columns": {"U": "u_s"}}, "'U' is not one"),
        ({"columns": {"u_s": "ent"}}, "columns maps 'u_s' to 'ent', which is not there"),
        ({"columns": {"u_s": 3}}, "columns['u_s'] must be the name of your column; it is 3"),
        ({"columns": ["u_s"]}, "columns must be a mapping"),
        ({"columns": {"u_s": "acc_s", "u_v": "acc_s"}}, "maps two names to 'acc_s'"),
        ({"t": 3}, "t must be a text"),
        ({"name": 3}, "name must be a text"),
        ({"delimiter": ";;"}, "delimiter must be one character"),
        ({"delimiter": "\n"}, "delimiter must be one character"),
    ],
)
def test_arguments_refused(save, arguments, message):
    with pytest.raises(InputError, match=re.escape(message)):
        read_run(save(GOOD), **arguments)


def test_unknown_run(save):
    with pytest.raises(InputError, match=r"no run 'bb'\. Did you mean 'b'\? Allowed: a, b"):
        read_run(save(FLEET), run="bb")
    with pytest.raises(InputError, match=r"name='x' was given for several runs"):
        read_fleet(save(FLEET), name="x")
    many = "run,epoch,u_s\n" + "".join(f"r{i},0,1\nr{i},1,2\n" for i in range(30))
    with pytest.raises(InputError, match=r"holds 30 runs: 'r0', .*'r9' and 20 more"):
        read_run(save(many))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (3, "cannot read a run from 3: give a path"),
        (None, "cannot read a run from None"),
        ([COLUMNS], "use read_fleet"),
        (b"x.csv", "cannot read a run from b'x.csv'"),
        ({}, "the mapping has no columns"),
        ({"epoch": 3, "u_s": [1]}, "column 'epoch' is 3. Give a list"),
        ({"epoch": "012", "u_s": [1]}, "column 'epoch' is '012'. Give a list"),
        ({"epoch": [0, 1], "u_s": [1]}, "column 'u_s' has 1 values, but 'epoch' has 2"),
        ({"epoch": [0, 1], "u_s": np.ones((2, 2))}, "column 'u_s' has shape (2, 2)"),
        ({"epoch": [0, 1], "u_s": [[1], [2]]}, "row 0, column 'u_s': [1] is not a number"),
        ({"epoch": [0, 1], "u_s": np.array(["x", "y"])}, "row 0, column 'u_s': 'x' is not a number"),
        ({"epoch": [], "u_s": []}, "has columns but no rows"),
        (pd.DataFrame([[0, 1, 1], [1, 1, 1]], columns=["epoch", "u_s", "u_s"]), "column names repeat: 'u_s'"),
        (pd.DataFrame({"epoch": pd.to_datetime(["2020", "2021"]), "u_s": [1, 2]}), "column 'epoch': "),
        (pd.DataFrame(), "the data frame has no columns"),
        (pl.DataFrame(COLUMNS).lazy(), "lazy. Call .collect()"),
        (pl.DataFrame({"epoch": [0, 1], "u_s": [[1], [2]]}), "row 0, column 'u_s': [1] is not a number"),
        (pl.DataFrame({"epoch": [0, 1], "u_s": [True, False]}), "row 0, column 'u_s': True is true or false"),
    ],
)
def test_sources_refused(source, message):
    with pytest.raises(InputError, match=re.escape(message)):
        read_run(source)


def test_foreign_frame_that_fails():
    class Odd:
        columns = ("epoch", "u_s")

        def __getitem__(self, name):
            raise RuntimeError("not today")

    with pytest.raises(InputError, match="not today"):
        read_run(Odd())


def test_out_of_memory(monkeypatch, save):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr("gapdyn.data._read.read_csv", fail)
    with pytest.raises(InputError, match="too large for the memory"):
        read_run(save(GOOD))


def test_runs_that_cannot_be_read_may_be_skipped(save):
    path = save("run,epoch,u_s\na,0,3\na,1,2\nb,0,3\nc,0,1\nc,0,2\nd,0,x\nd,1,2\n")
    with pytest.raises(InputError, match="run 'b' has 1 checkpoint"):
        read_fleet(path)
    fleet = read_fleet(path, bad="skip")
    assert fleet.names == ("a",)
    assert list(fleet.left_out) == ["b", "c", "d"]
    assert "run 'b' has 1 checkpoint" in fleet.left_out["b"]
    assert "line 7, column 'u_s': 'x' is not a number" in fleet.left_out["d"]
    with pytest.raises(InputError, match="run 'b' has 1 checkpoint"):
        read_fleet(save("run,epoch,u_s\nb,0,3\nc,0,1\nc,0,2\n"), bad="skip")
    with pytest.raises(InputError, match="unknown value of bad 'ignore'"):
        read_fleet(path, bad="ignore")
