"""Bad input: one line on stderr that names offender and remedy, exit code 2, and nothing else happens."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from gapdyn.cli import main

HEADER = "step,u_s,u_v"


def table(*rows: str, header: str = HEADER) -> bytes:
    return "\n".join([header, *rows, ""]).encode()


def jsonl(*rows: object) -> bytes:
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows).encode()


GOOD = table("0,2.0,1.0", "10,1.5,0.9", "20,1.3,0.85", "30,1.2,0.8", "40,1.15,0.79", "50,1.13,0.78")
ROW = {"step": 0, "u_s": 2.0}
FIT = "fit run.csv"
DATA = "fit dataset:learning"


class Case(NamedTuple):
    id: str
    argv: str  # split at blanks
    said: tuple[str, ...]  # what the message must hold: offender and remedy
    files: dict[str, bytes | None] = {}  # noqa: RUF012  (name -> content; None is a folder)
    late: bool = False  # found only once JAX is there


def log(id: str, content: bytes, *said: str, argv: str = FIT, name: str = "run.csv", late: bool = False) -> Case:
    """A run log that cannot be used; the message names the file, or the run that is named after it."""
    return Case(id, argv.replace("run.csv", name), (name if not late else "run 'run'", *said), {name: content}, late)


def option(id: str, argv: str, *said: str, late: bool = False) -> Case:
    """An option that cannot be used, beside a good run log."""
    return Case(id, argv, said, {"run.csv": GOOD}, late)


COORDINATES = "--prior gap_inf=Normal(0,1) --prior rho=Beta(2,2) --prior u_s_inf=Normal(0,1)"

CASES = [
    # files that cannot be read
    Case("missing", FIT, ("run.csv", "no such file", "Check the path")),
    Case("folder", FIT, ("run.csv", "folder", "Name a file"), {"run.csv": None}),
    Case("no_name", "fit ", ("FILE", "empty", "shell variable")),
    log("empty", b"", "empty"),
    log("blank_lines", b"\n \n\n", "empty"),
    log("header_only", table(), "no rows", "at least 2 checkpoints"),
    log("unknown_suffix", GOOD, "unknown kind of file '.txt'", ".csv", ".parquet", name="run.txt"),
    log("json_not_jsonl", b"[]", "one object per line", ".jsonl", name="run.json"),
    log("not_utf8", table("0,2.0,1.0").replace(b"u_v", b"u\xe9"), "UTF-8", "Save it as UTF-8"),
    log("utf16", GOOD.decode().encode("utf-16"), "UTF-16", "Save it as UTF-8"),
    log(
        "truncated_gzip",
        gzip.compress(GOOD * 20)[:-20],
        "broken gzip",
        "Copy or compress it again",
        name="run.csv.gz",
    ),
    log("not_gzip", GOOD, "broken gzip", name="run.csv.gz"),
    log("truncated_parquet", b"PAR1" + b"\0" * 40, "Parquet", "written to the end", name="run.parquet"),
    log("text_as_parquet", GOOD, "Parquet", name="run.parquet"),
    log("json_line_not_an_object", jsonl(ROW, [1, 2]), "line 2", "not an object", name="run.jsonl"),
    log(
        "invalid_json_line",
        jsonl(ROW, '{"step": 1, "u_s": '),
        "line 2",
        "not valid JSON",
        "cut off",
        name="run.jsonl",
    ),
    log(
        "nested_json",
        jsonl(ROW, {"step": 1, "u_s": {"mean": 1}}),
        "line 2",
        "'u_s'",
        "one number",
        name="run.jsonl",
    ),
    log(
        "repeated_json_key",
        jsonl('{"step": 0, "u_s": 1, "u_s": 2}'),
        "line 1",
        "'u_s'",
        "Rename",
        name="run.jsonl",
    ),
    # tables that are not run logs
    log("wrong_delimiter", GOOD.replace(b",", b";"), "semicolon", "--delimiter ';'"),
    log("tab_in_csv", GOOD.replace(b",", b"\t"), "tab", "--delimiter tab"),
    log(
        "delimiter_of_parquet",
        GOOD,
        "--delimiter",
        "Leave it out",
        argv=f"{FIT} --delimiter ;",
        name="run.parquet",
    ),
    log("duplicate_columns", table("0,2,1", header="step,u_s,u_s"), "'u_s'", "Rename or drop"),
    log("ragged_row", table("0,2.0,1.0", "1,1.5"), "line 3", "2 cells, but 3 columns"),
    log("unclosed_quote", table('0,"2.0,1.0', "1,1,1"), "not valid CSV", "quotes"),
    log("no_time_column", table("0,2", header="when,u_s"), "no time column", "'when'", "--t NAME"),
    log("near_time_column", table("0,2", header="epochs,u_s"), "'epochs'", "--t epochs"),
    log("two_time_columns", table("0,0,2", header="epoch,step,u_s"), "'epoch', 'step'", "--t step"),
    log("nothing_measured", table("0,a", header="step,note"), "'note'", "--column u_s=NAME"),
    log("look_alike", table("0,2", header="step,U-S"), "'U-S'", "--column u_s=U-S"),
    log(
        "only_accuracy",
        table("0,.5", "1,.6", header="step,acc_s"),
        "neither u_s nor u_v",
        "--column u_s=NAME",
    ),
    # cells
    log("text_in_a_number", table("0,2,1", "1,high,1"), "line 3", "'u_s'", "'high'", "not a number"),
    log("decimal_comma", table('0,"2,5",1'), "line 2", "'2,5'", "decimal point"),
    log("infinite", table("0,2,1", "1,inf,1"), "line 3", "'u_s'", "infinite", "Leave the cell empty"),
    log("absurdly_large", table("0,1e300,1", "1,2e300,1"), "u_s[0]=1e+300", "Rescale"),
    log("absurdly_small", table("0,1e-300,1", "1,2e-300,1"), "u_s[0]=1e-300", "Rescale"),
    log("nan_everywhere", table("0,nan,nan", "1,nan,nan"), "nothing was measured", "checkpoint 0"),
    log("time_missing", table("0,2,1", ",1,1"), "t[1]=nan", "Every checkpoint needs its time"),
    log("unsorted", table("0,2,1", "20,1,1", "10,1,1"), "t[2]=10 follows t[1]=20", "--sort"),
    log("repeated_time", table("0,2,1", "1,1,1", "1,1,1"), "t[2]=1 repeats t[1]=1", "one row per checkpoint"),
    log("one_checkpoint", table("0,2,1"), "1 checkpoint", "at least 2"),
    log("constant", table("0,2,2", "1,2,2", "2,2,2"), "do not change", "Check that the columns", late=True),
    log("negative_error", table("0,2,-1", "1,1,1", header="step,u_s,se_s"), "se_s[0]=-1", "> 0"),
    log("zero_error", table("0,2,0", "1,1,1", header="step,u_s,se_s"), "se_s[0]=0", "leave it empty"),
    log("correlation", table("0,2,1.5", "1,1,0", header="step,u_s,corr"), "corr[0]=1.5", "between -1 and 1"),
    log(
        "accuracy",
        table("0,2,1.5", "1,1,.5", header="step,u_s,acc_s"),
        "acc_s[0]=1.5",
        "divide percentages by 100",
    ),
    log("unit_column", table("0,2,bits", "1,1,bits", header="step,u_s,unit"), "'bits'", "nats/token"),
    # which run, which column
    log(
        "two_runs",
        table("a,0,2", "a,1,1", "b,0,2", "b,1,1", header="run,step,u_s"),
        "'a', 'b'",
        "such as --run a.",
        argv="compare run.csv",
    ),
    log(
        "unknown_run",
        table("first,0,2", "first,1,1", header="run,step,u_s"),
        "'fist'",
        "'first'",
        argv=f"{FIT} --run fist",
    ),
    option("run_without_column", f"{FIT} --run a", "run.csv", "no 'run' column", "Leave out --run."),
    option("unknown_column", f"{FIT} --column u_s=entropy", "--column", "'entropy'", "Allowed: step, u_s, u_v"),
    option("unknown_contract_name", f"{FIT} --column us=u_s", "'us'", "Did you mean 'u_s'?"),
    option("column_twice", f"{FIT} --column u_s=a --column u_s=b", "--column", "'u_s' is given twice", "Keep one"),
    option(
        "column_for_two",
        f"{FIT} --column u_s=u_v --column u_v=u_v",
        "--column",
        "two names",
        "only one thing",
    ),
    option("unknown_time_column", f"{FIT} --t stp", "'stp'", "'step'"),
    option("unknown_clock", f"{FIT} --clock steps", "--clock", "'steps'", "'step'"),
    option("contradicting_clock", f"{FIT} --clock epoch", "'step'", "--t step with --clock epoch"),
    option("unknown_unit", f"{FIT} --unit bits", "--unit", "'bits'", "nats/token"),
    option("long_delimiter", f"{FIT} --delimiter ;;", "--delimiter", "';;'", "one character"),
    Case("unknown_dataset", "fit dataset:lerning", ("'lerning'", "Did you mean 'learning'?")),
    Case("option_of_files", f"{DATA} --sort", ("--sort", "dataset:learning", "Leave it out")),
    Case("unknown_demo_run", "demo --run lerning", ("'lerning'", "Did you mean 'learning'?")),
    # laws, priors, settings
    option("unknown_law", f"{FIT} --law shared", "--law", "'shared'", "shared_rate"),
    option("unknown_engine", f"{FIT} --engine stan", "--engine", "'stan'", "nuts"),
    option("unknown_route", f"{FIT} --route oed", "--route", "'oed'", "'ode'"),
    option("unknown_noise", f"{FIT} --noise cauchy", "--noise", "'cauchy'", "student_t"),
    option("unknown_excess", f"{FIT} --excess two", "--excess", "'two'", "separate"),
    option("shared", f"{FIT} --shared 2", "--shared", "'2'", "between 0 and 1"),
    option(
        "unknown_prior",
        f"{FIT} --prior rho=Bta(2,2)",
        "--prior rho=Bta(2,2)",
        "Did you mean 'Beta'?",
        late=True,
    ),
    option(
        "prior_off_support",
        f"{FIT} --prior rho=Normal(0,1)",
        "--prior rho",
        "[0, 1)",
        "Beta(2, 2)",
        late=True,
    ),
    option("discrete_prior", f"{FIT} --prior rho=Poisson(1)", "--prior rho", "Poisson is discrete", late=True),
    option("discrete_function", f"{FIT} --prior rho=Bernoulli(.5)", "--prior rho", "discrete", late=True),
    option(
        "prior_of_a_vector",
        f"{FIT} --prior rho=Dirichlet(1)",
        "--prior rho=Dirichlet(1)",
        "Write it as",
        late=True,
    ),
    option("prior_at_a_point", f"{FIT} --prior rho=Delta(0.3)", "one value only", "--fix rho=NUMBER", late=True),
    option(
        "prior_without_width",
        f"{FIT} --prior rho=LogUniform(.5,.5)",
        "one value only",
        "--fix rho=NUMBER",
        late=True,
    ),
    option("prior_negative_scale", f"{FIT} --prior u_s0=Normal(0,-1)", "u_s0=Normal(0,-1)", "scale", late=True),
    option(
        "prior_wrong_argument",
        f"{FIT} --prior u_s0=Normal(mean=0)",
        "u_s0=Normal(mean=0)",
        "'mean'",
        late=True,
    ),
    option("prior_unknown_name", f"{FIT} --prior roh=Beta(2,2)", "'roh'", "Did you mean 'rho'?", late=True),
    option("prior_of_absent_site", f"{FIT} --prior nu=Gamma(2,1)", "--prior nu", "no such parameter", late=True),
    option("prior_malformed", f"{FIT} --prior rho=Beta(2,", "'rho=Beta(2,'", "Write it as rho=Normal(0,1)"),
    option("prior_no_call", f"{FIT} --prior rho=Beta", "'rho=Beta'", "Write it as rho=Normal(0,1)"),
    option(
        "prior_of_code",
        f"{FIT} --prior rho=Beta(open('x'),2)",
        "plain numbers",
        "Write it as rho=Normal(0,1)",
    ),
    option("prior_nested", f"{FIT} --prior rho={'(' * 5000}", "--prior", "cannot be read"),
    option("prior_nan", f"{FIT} --prior rho=Beta(nan,2)", "plain numbers"),
    option("prior_no_name", f"{FIT} --prior Beta(2,2)", "'Beta(2,2)'", "NAME=VALUE"),
    option(
        "prior_twice",
        f"{FIT} --prior rho=Beta(2,2) --prior rho=Beta(1,1)",
        "'rho' is given twice",
        "Keep one",
    ),
    option("fix_twice", f"{FIT} --fix rho=.2 --fix rho=.3", "'rho' is given twice", "Keep one"),
    option(
        "fix_and_prior",
        f"{FIT} --fix rho=.2 --prior rho=Beta(2,2)",
        "'rho'",
        "--fix and to --prior",
        "Keep one",
    ),
    option("fix_nan", f"{FIT} --fix rho=NaN", "--fix", "'NaN'", "finite"),
    option("fix_infinite", f"{FIT} --fix rate=inf", "--fix", "'inf'", "finite"),
    option("fix_absurd", f"{FIT} --fix rate=1e300", "--fix", "'1e300'", "1e+100"),
    option("fix_text", f"{FIT} --fix rho=high", "--fix", "'high'"),
    option("fix_off_support", f"{FIT} --fix rho=1", "--fix rho=1", "must be in [0, 1)", late=True),
    option("fix_negative_rate", f"{FIT} --fix rate=-1", "--fix rate=-1", "must be > 0", late=True),
    option("fix_unknown", f"{FIT} --fix roh=.3", "'roh'", "Did you mean 'rho'?", late=True),
    option("fix_noise", f"{FIT} --fix sigma_s=.3", "'sigma_s'", "Allowed: alpha", late=True),
    option(
        "fix_without_gain",
        f"{FIT} --fix u_s0=1 --fix u_s_inf=1",
        "--fix u_s0=1",
        "--fix u_s_inf=1",
        late=True,
    ),
    option("coordinates", f"{FIT} {COORDINATES}", "gap_inf, rho, u_s_inf", "Choose all from one of", late=True),
    option("chains", f"{FIT} --chains 0", "--chains", "'0'", "from 1 to 1 000"),
    option("huge_chains", f"{FIT} --chains 100000", "--chains", "'100000'", "from 1 to 1 000"),
    option("draws", f"{FIT} --draws -5", "--draws", "'-5'", "from 4"),
    option("huge_draws", f"{FIT} --draws 10000000", "--draws", "memory", "--draws 4166666 or fewer"),
    option("absurd_draws", f"{FIT} --draws 1e3", "--draws", "'1e3'", "whole number"),
    option("warmup", f"{FIT} --warmup 0", "--warmup", "'0'", "from 20"),
    option("target_acceptance", f"{FIT} --target-acceptance 1", "--target-acceptance", "'1'", "between 0 and 1"),
    option("seed", f"{FIT} --seed -1", "--seed", "'-1'", "from 0 to 2**63 - 1"),
    option("seed_too_large", f"{FIT} --seed {2**63}", "--seed", "2**63 - 1"),
    # where to
    option("out_below_a_file", f"{FIT} --out /dev/null/x", "/dev/null/x", "Not a directory", "--out"),
    option("out_is_a_file", f"{FIT} --out run.csv", "run.csv is a file", "--out"),
    option("out_empty", "fit run.csv --out ", "--out", "empty"),
    Case(
        "out_holds_results",
        f"{FIT} --out old",
        ("old", "fit.json", "--overwrite"),
        {"run.csv": GOOD, "old/fit.json": b"{}"},
    ),
    Case(
        "out_holds_a_folder",
        f"{FIT} --out old --overwrite",
        ("old/check.png", "is a folder", "--out"),
        {"run.csv": GOOD, "old/check.png": None},
    ),
    Case("demo_foreign_files", "demo --out old", ("old", "ceiling.png", "--out"), {"old/ceiling.png": b"mine"}),
    Case(
        "demo_foreign_json",
        "demo --out old",
        ("old", "fit.json", "--out"),
        {"old/fit.json": b'{"made_by": "me"}'},
    ),
    Case(
        "new_folder_goes_again",
        f"{DATA} --out a/b --prior rho=Normal(0,1)",
        ("--prior rho", "Beta"),
        late=True,
    ),
    # forecasts
    option("to_before_the_end", "forecast run.csv --to 20", "--to 20", "last checkpoint", "(50)", "--at"),
    option("to_infinite", "forecast run.csv --to inf", "--to", "'inf'", "finite"),
    option("at_decreasing", "forecast run.csv --at 70,60", "--at", "60 follows 70", "increase"),
    option("at_repeated", "forecast run.csv --at 60,60", "--at", "60 follows 60", "increase"),
    option("at_nan", "forecast run.csv --at nan", "--at", "'nan'", "finite"),
    option("at_text", "forecast run.csv --at soon", "--at", "'soon'", "30,40,50"),
    option(
        "at_before_the_start",
        "forecast run.csv --at=-5,60",
        "--at -5",
        "first checkpoint",
        "Leave that time out",
    ),
    option("neither_at_nor_to", "forecast run.csv", "--at", "--to", "required"),
    option("both_at_and_to", "forecast run.csv --at 60 --to 70", "--at", "--to", "not allowed"),
    # simulation
    option("one_simulated_checkpoint", "simulate --checkpoints 1", "--checkpoints", "'1'", "from 2"),
    option("absurd_checkpoints", "simulate --checkpoints 10000000000", "--checkpoints", "to 1 000 000"),
    option("negative_noise", "simulate --noise -1", "--noise", "'-1'", "at least 0"),
    option("absurd_noise", "simulate --noise 1e200", "u_s[0]", "Rescale", late=True),
    option("no_train", "backtest run.csv --train x", "--train", "'x'", "whole number"),
    option("train_too_long", "backtest run.csv --train 99", "99", "checkpoints", late=True),
    option("rival", "backtest run.csv --train 4 --law some", "--law", "'some'", "all"),
    option("rivals", "compare run.csv --law shared_rate,some", "--law", "'some'", "all"),
    option("all_and_more", "compare run.csv --law all,sigmoid", "--law", "all by itself"),
    log(
        "compare_short",
        table("0,2.0,1.0", "1,1.5,0.9", "2,1.3,0.85", "3,1.2,0.8"),
        "4 checkpoints",
        "5",
        argv="compare run.csv --law sigmoid",
        late=True,
    ),
    option("zero_se", "simulate --se 0", "--se", "'0'", "above 0"),
    option("simulated_share", "simulate --shared 1.5", "--shared", "'1.5'", "between 0 and 1"),
    option("simulated_end", "simulate --to 0", "--to", "'0'", "above 0"),
    option("simulated_clock", "simulate --clock hour", "--clock", "'hour'", "epoch"),
    option("simulated_name", "simulate --name a\x07", "--name", "unprintable", "Remove them", late=True),
    option(
        "impossible_law",
        "simulate --fix u_s0=1 --fix u_s_inf=1 --fix u_v_inf=0",
        "--fix u_s_inf=1",
        late=True,
    ),
    option("division_by_zero", "simulate --fix alpha=1 --fix beta=1", "beta=1", "make rate=0", "Change one", late=True),
    option(
        "derived_off_support",
        "simulate --fix u_s_inf=2 --fix u_v_inf=2",
        "u_s_inf=2",
        "rho=1.4",
        "in [0, 1)",
        late=True,
    ),
    option("simulate_onto_a_file", "simulate --out run.csv", "run.csv", "exists already", "--overwrite"),
    option("simulate_unknown_suffix", "simulate --out run.txt", "'.txt'", ".parquet"),
    option("simulate_no_folder", "simulate --out no/run.csv", "folder no", "Create it", "--out"),
    option("simulate_below_a_file", "simulate --out /dev/null/run.csv", "/dev/null", "--out"),
    option("simulate_onto_a_folder", "simulate --out old.csv --overwrite", "old.csv", "folder", late=True)._replace(
        files={"old.csv": None}
    ),
    # the command line itself
    Case("no_command", "", ("COMMAND", "gapdyn --help")),
    Case("unknown_command", "fti", ("'fti'", "fit")),
    option("unknown_option", f"{FIT} --chain 2", "'--chain'", "gapdyn fit --help"),
    option("second_file", f"{FIT} other.csv", "'other.csv'", "gapdyn fit --help"),
    option("option_without_value", f"{FIT} --seed", "--seed", "one argument"),
]


def prepare(folder: Path, case: Case) -> None:
    for name, content in case.files.items():
        path = folder / name
        if content is None:
            path.mkdir(parents=True)
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)


def snapshot(folder: Path) -> dict[str, bytes | None]:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def words(case: Case) -> list[str]:
    return case.argv.split(" ") if case.argv else []


def check(case: Case, code: int, out: str, err: str) -> None:
    assert code == 2, err
    assert out == ""
    assert err.endswith("\n")
    assert err.count("\n") == 1, f"not one line: {err}"
    assert err.startswith("gapdyn")
    for part in case.said:
        assert part in err
    for python in ("Traceback", "=True", "columns=", "read_fleet", "numpyro.distributions", "gd.", "Error"):
        assert python not in err, f"{python} is no word of the command line"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_one_message(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    prepare(tmp_path, case)
    monkeypatch.chdir(tmp_path)
    before = snapshot(tmp_path)
    code = main(words(case))
    check(case, code, *capsys.readouterr())
    assert snapshot(tmp_path) == before, "something was written, lost or changed"


def test_ids_are_unique_and_many():
    assert len({case.id for case in CASES}) == len(CASES) >= 40


def test_found_before_jax_is_loaded(tmp_path: Path):
    """All cases that need no JAX, in one new process."""
    early = [case for case in CASES if not case.late]
    for number, case in enumerate(early):
        (tmp_path / str(number)).mkdir()
        prepare(tmp_path / str(number), case)
    script = """
import json, os, sys
from gapdyn.cli import main
for number, argv in enumerate(json.load(sys.stdin)):
    os.chdir(os.path.join(sys.argv[1], str(number)))
    code = main(argv)
    loaded = [m for m in ("jax", "numpyro", "matplotlib") if m in sys.modules]
    assert code == 2 and not loaded, (argv, code, loaded)
"""
    argvs = json.dumps([words(case) for case in early])
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], input=argvs, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(early) > 80


PROCESS = {
    "missing",
    "unsorted",
    "unknown_law",
    "out_below_a_file",
    "prior_off_support",
    "simulate_onto_a_file",
}


@pytest.mark.parametrize("case", [c for c in CASES if c.id in PROCESS], ids=lambda case: case.id)
def test_one_message_in_a_process(case: Case, tmp_path: Path):
    prepare(tmp_path, case)
    before = snapshot(tmp_path)
    script = os.path.join(os.path.dirname(sys.executable), "gapdyn")
    done = subprocess.run([script, *words(case)], cwd=tmp_path, capture_output=True, text=True, check=False)
    check(case, done.returncode, done.stdout, done.stderr)
    assert snapshot(tmp_path) == before
