"""What the command line takes. Standard library only."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from .._check import InputError
from ._names import (
    CLOCKS,
    CURVES,
    ENGINES,
    EXCESSES,
    FORCINGS,
    IN_ROUNDS,
    LAWS,
    MOST_MORE,
    NOISES,
    POOLINGS,
    RESIDUALS,
    ROUTES,
    SCHEDULES,
    SOLVERS,
    SOURCES,
    UNITS,
)
from ._values import (
    Named,
    assignment,
    count,
    counts,
    delimiter,
    number,
    number_assignment,
    one_of,
    prior_assignment,
    schedule,
    several_of,
    share,
    share_of,
    text,
    times,
)

_DEFAULT = "(default %(default)s)"
_PRIOR_HELP = (
    "prior in the run's units, a NumPyro distribution: 'rho=Beta(2,2)', 'u_s_inf=HalfNormal(1)'; may be repeated"
)
_EPILOG = (
    "Exit codes: 0 done, 1 failed (or draws that cannot be trusted), 2 bad input or usage. "
    "GAPDYN_CACHE=off turns the compilation cache off, GAPDYN_CACHE=FOLDER moves it; "
    "GAPDYN_DEBUG=1 shows where a failure came from."
)


class UsageError(InputError):
    """The command line cannot be read; `prog` says which command's."""

    def __init__(self, prog: str, message: str):
        super().__init__(message)
        self.prog = prog


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and leaves the exit to `main`."""

    def error(self, message: str) -> NoReturn:
        message = message.removeprefix("argument ").rstrip(".")
        raise UsageError(self.prog, f"{message}. Help: {self.prog} --help")


class _Version(argparse.Action):
    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        from importlib.metadata import version  # slow to import

        print(f"gapdyn {version('gapdyn')}")
        parser.exit()


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command and its options.

    Raises
    ------
    UsageError
        Options that are unknown, lack a value, have a wrong one or contradict each other.
    """
    parser = build()
    arguments, unknown = parser.parse_known_args(argv)
    prog = f"{parser.prog} {arguments.command}"
    if unknown:
        raise UsageError(prog, f"unknown argument {unknown[0]!r}. Help: {prog} --help")
    if getattr(arguments, "schedule", None) and not arguments.forcing:
        raise UsageError(prog, "--schedule is that of a forcing. Name one with --forcing, such as --forcing impulse.")
    if getattr(arguments, "length", None) is not None and arguments.law not in IN_ROUNDS:
        raise UsageError(prog, f"--length is for --law {_or(IN_ROUNDS)}. Leave it out.")
    if getattr(arguments, "series", None) and arguments.law not in CURVES:
        raise UsageError(
            prog, f"--series fits one series, and law {arguments.law!r} describes two. Take --law {_or(CURVES)}."
        )
    if getattr(arguments, "coordinator", None) and not arguments.process:
        raise UsageError(prog, "--coordinator needs this process's number. Pass --process 0/2, --process 1/2, ...")
    if getattr(arguments, "cluster", False) and (arguments.coordinator or arguments.process):
        raise UsageError(prog, "--cluster knows the processes. Leave out --coordinator and --process.")
    both = [name for name in getattr(arguments, "prior", {}) if name in arguments.fix]
    if both:
        raise UsageError(prog, f"{both[0]!r} is given to --fix and to --prior. Keep one of the two.")
    return arguments


def build() -> argparse.ArgumentParser:
    """The parser of `gapdyn`."""
    parser = _Parser(
        prog="gapdyn",
        description="Where does a self-improvement run stop, and how sure are we?",
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, purpose: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=purpose, description=purpose, allow_abbrev=False)

    demo = add("demo", "fit a bundled real run; write its ceiling, two pictures and a JSON")
    demo.add_argument("--run", type=text, default="inner_learning", metavar="NAME", help=f"bundled run {_DEFAULT}")
    demo.add_argument("--out", type=text, default="gapdyn-demo", metavar="DIR", help=f"folder to write {_DEFAULT}")
    demo.add_argument("--overwrite", action="store_true", help="replace files that no earlier demo wrote")
    _add_seed(demo, 1)
    _add_json(demo)

    fit = add("fit", "posterior of a law, and the ceiling, of a run, or of every run of a file")
    _add_run(fit)
    _add_model(fit)
    _add_pooling(fit)
    wrote = "of one run, also write fit.json, trajectory.png, ceiling.png, check.png there; of several, the draws: the "
    goes_on = "same command goes on after whatever stopped it"
    fit.add_argument("--out", type=text, metavar="DIR", help=wrote + goes_on)
    tidy = "of several runs, also write there one row for each: status, ceiling, parameters (.csv, .parquet)"
    fit.add_argument("--table", type=text, metavar="FILE", help=tidy)
    fit.add_argument("--overwrite", action="store_true", help="replace files that are there (not a folder of draws)")

    forecast = add("forecast", "what later checkpoints will show")
    _add_run(forecast)
    _add_model(forecast)
    when = forecast.add_mutually_exclusive_group(required=True)
    when.add_argument("--at", type=times, metavar="T1,T2,..", help="times to forecast, in the run's clock")
    when.add_argument("--to", type=number(), metavar="T", help="ten times from the last checkpoint to T")

    backtest = add("backtest", "which law predicts: fitted to a run's beginnings, judged on what came later")
    _add_run(backtest)
    known = "checkpoints to fit, one number or several"
    backtest.add_argument("--train", type=counts(), required=True, metavar="N[,N2..]", help=known)
    _add_rivals(backtest)

    compare = add("compare", "rival laws weighed by what they foretold, and the ceiling over them")
    _add_run(compare)
    _add_rivals(compare)
    say = "also the chance that so many more checkpoints would tell the laws apart, such as 5,10,20"
    compare.add_argument("--more", type=counts(MOST_MORE), metavar="N[,N2..]", help=say)
    compare.add_argument("--out", type=text, metavar="DIR", help="also write compare.json and ceilings.png there")
    compare.add_argument("--overwrite", action="store_true", help="replace these files if they are there")

    laws = add("laws", "what can be fitted: equations, parameters, default priors, sources")
    laws.add_argument("name", type=text, nargs="?", metavar="NAME", help="a law, curve or forcing, in full")
    _add_json(laws)

    _add_measure(add("measure", "samples to a run: uncertainties, accuracies and gaps, with standard errors"))
    _add_convert(add("convert", "logs and dumps of other tools to a run, or to samples"))
    _add_sweep(add("sweep", "quantities of many settings of a law, or of a posterior, to a folder; resumes"))
    _add_simulate(add("simulate", "a run of a law, measured with noise"))
    return parser


def _add_rivals(parser: argparse.ArgumentParser) -> None:
    which = f"laws or curves, see gapdyn laws, or all usual rivals {_DEFAULT}"
    parser.add_argument(
        "--law", type=several_of("law", (*LAWS, *CURVES)), default="all", metavar="NAME[,..]", help=which
    )
    _add_seed(parser, 0)
    _add_json(parser)


def _add_measure(parser: argparse.ArgumentParser) -> None:
    def add(name: str, kind: Any, purpose: str, **more: Any) -> None:
        parser.add_argument(name, type=kind, help=purpose, **more)

    kinds = "tables of samples, one row per response (.parquet, .jsonl, .csv, .tsv), or dataset:NAME"
    add("files", text, kinds, nargs="+", metavar="FILE")
    add("--sigma", number(0, 1), f"score that the best of N must have {_DEFAULT}", default=0.5, metavar="S")
    which = f"the solver's response: the {_or(SOLVERS)} of a prompt's samples {_DEFAULT}"
    add("--solver", one_of("solver", SOLVERS), which, default=SOLVERS[0])
    add("--unit", one_of("unit", UNITS[:2]), f"{_or(UNITS[:2])} {_DEFAULT}", default=UNITS[0])
    add("--verifier", text, "whose scores: score (default), or the NAME of a column score_NAME", metavar="NAME")
    add("--t", text, f"time column, if not t, {_or(CLOCKS)}", metavar="COLUMN")
    add("--clock", one_of("clock", CLOCKS), f"what the time counts: {_or(CLOCKS)}")
    mapped = "which column is what: nll=neg_logprob; may be repeated"
    add("--column", assignment, mapped, action=Named, default={}, metavar="NAME=COLUMN")
    add("--name", text, "name of the run, where no column names it (default the file's); files of one name are one run")
    add("--draws", count(100, 100_000), f"draws of the bootstrap over prompts {_DEFAULT}", default=1000, metavar="N")
    add("--level", number(0.5, 0.999), f"of the intervals {_DEFAULT}", default=0.9, metavar="P")
    _add_seed(parser, 0)
    add("--out", text, "also write the run there: .csv, .tsv, .jsonl or .parquet", metavar="FILE")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    _add_json(parser)


def _add_convert(parser: argparse.ArgumentParser) -> None:
    def add(name: str, kind: Any, purpose: str, **more: Any) -> None:
        parser.add_argument(name, type=kind, help=purpose, **more)

    kinds = "what a trainer, logger or sampler wrote; of MLflow and TensorBoard a folder"
    add("files", text, kinds, nargs="+", metavar="FILE")
    which = f"what wrote it: {_or(SOURCES)} (default told from the content)"
    add("--from", one_of("source", SOURCES), which, dest="source", metavar="SOURCE")
    where = "the run or samples: .csv, .tsv, .jsonl or .parquet"
    add("--out", text, where, required=True, metavar="FILE")
    mapped = "which field is what: u_s=entropy, score=reward; may be repeated"
    add("--column", assignment, mapped, action=Named, default={}, metavar="NAME=FIELD")
    add("--without", text, "a column that is not to be taken by default; may be repeated", action="append", default=[],
        metavar="NAME")  # fmt: skip
    add("--run", text, "which run, if a log holds several (default all)", metavar="NAME")
    add("--t", text, "field of the time (default the source's own)", metavar="FIELD")
    add("--clock", one_of("clock", CLOCKS), f"what the time counts: {_or(CLOCKS)}")
    add("--unit", one_of("unit", UNITS), f"of u_s: {_or(UNITS)} (default {UNITS[1]}, as trainers log it)")
    add("--at", times, "time of each file of samples that does not say it, such as 0,100", metavar="T1[,T2..]")
    kept = "keep samples whose field has this value, such as filter=strict-match; may be repeated"
    add("--where", assignment, kept, action=Named, default={}, metavar="FIELD=VALUE")
    add("--name", text, "name of the run (default the log's, else from the path)")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    _add_json(parser)


def _add_sweep(parser: argparse.ArgumentParser) -> None:
    def add(name: str, kind: Any, purpose: str, **more: Any) -> None:
        parser.add_argument(name, type=kind, help=purpose, **more)

    add("spec", text, "what to sweep, .toml or .json, see README", metavar="SPEC")
    where = "folder of the results; the same command goes on after whatever stopped it"
    add("--out", text, where, required=True, metavar="DIR")
    add("--devices", count(1, 1024), "devices to make of this processor, best one a core (default 1)", metavar="N")
    share = "this is process I of N that share DIR, on one machine or many"
    add("--process", share_of, share, metavar="I/N")
    meet = "let the processes meet there by jax.distributed; process 0 waits for all and prints the whole"
    add("--coordinator", text, meet, metavar="HOST:PORT")
    found = "the same, found out from SLURM, Open MPI or a TPU pod"
    parser.add_argument("--cluster", action="store_true", help=found)
    _add_json(parser)


def _add_simulate(parser: argparse.ArgumentParser) -> None:
    def add(name: str, kind: Any, default: Any, purpose: str, metavar: str | None = None) -> None:
        parser.add_argument(name, type=kind, default=default, metavar=metavar, help=f"{purpose} {_DEFAULT}")

    _add_law(parser, "a parameter of the law; may be repeated")
    add("--checkpoints", count(2, 1_000_000), 20, "number of checkpoints", "N")
    add("--to", number(0, open=True), 10.0, "last time", "T")
    add("--clock", one_of("clock", CLOCKS), "round", _or(CLOCKS))
    add("--noise", number(0), 0.01, "sd of fresh noise", "SD")
    parser.add_argument("--se", type=number(0, open=True), help="standard error that the run states (default none)")
    add("--shared", number(0, 1), 1.0, "part of se^2 common to all checkpoints", "C")
    add("--name", text, "simulated", "name of the run")
    _add_seed(parser, 0)
    where = ".csv, .tsv, .jsonl or .parquet (default CSV on stdout)"
    parser.add_argument("--out", type=text, metavar="FILE", help=where)
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    _add_json(parser)


def _add_run(parser: argparse.ArgumentParser) -> None:
    def add(name: str, kind: Any, purpose: str, **more: Any) -> None:
        parser.add_argument(name, type=kind, help=purpose, **more)

    add("file", text, "run log (.csv, .tsv, .jsonl, .parquet), or dataset:NAME", metavar="FILE")
    add("--run", text, "which run, if the file holds several", metavar="NAME")
    add("--t", text, f"time column, if not t, {_or(CLOCKS)}", metavar="COLUMN")
    add("--clock", one_of("clock", CLOCKS), f"what the time counts: {_or(CLOCKS)}")
    add("--unit", one_of("unit", UNITS), f"{_or(UNITS)} (default {UNITS[0]})")
    which = "which column is what: u_s=entropy; may be repeated"
    add("--column", assignment, which, action=Named, default={}, metavar="NAME=COLUMN")
    add("--delimiter", delimiter, "of a .csv or .tsv file (default comma or tab)")
    parser.add_argument("--sort", action="store_true", help="sort the checkpoints by time")


def _add_model(parser: argparse.ArgumentParser) -> None:
    def add(name: str, kind: Any, purpose: str, **more: Any) -> None:
        parser.add_argument(name, type=kind, help=purpose, **more)

    _add_law(parser, "hold a parameter of the law fixed; may be repeated")
    one_series = "for a curve: the one column to fit, such as acc_s, instead of u_s and u_v"
    add("--series", text, one_series, metavar="COLUMN")
    add("--prior", prior_assignment, _PRIOR_HELP, action=Named, default={}, metavar="NAME=DIST")
    add("--noise", one_of("noise", NOISES), f"{_or(NOISES)} {_DEFAULT}", default=NOISES[0])
    one = "one noise (sigma) of u_s and u_v, or two (sigma_s, sigma_v)"
    add("--excess", one_of("excess", EXCESSES), f"{_or(EXCESSES)}: {one} {_DEFAULT}", default=EXCESSES[0])
    kept = "whether the run may also stray from its law on a random walk"
    add("--residuals", one_of("residuals", RESIDUALS), f"{_or(RESIDUALS)}: {kept} {_DEFAULT}", default=RESIDUALS[0])
    part = "part of se^2 common to all checkpoints, in [0,1] (default inferred)"
    add("--shared", share, part, default="infer", metavar="C")
    add("--engine", one_of("engine", ENGINES), f"{_or(ENGINES)} {_DEFAULT}", default=ENGINES[0])
    add("--route", one_of("route", ROUTES), f"{_or(ROUTES)} {_DEFAULT}", default=ROUTES[0])
    add("--chains", count(1, 1000), "chains (default 4)", metavar="N")
    add("--warmup", count(20, 1_000_000), "warm-up draws per chain (default 500)", metavar="N")
    add("--draws", count(4, 10_000_000), "draws per chain (default 1000)", metavar="N")
    care = "nearer 1 takes smaller steps, the remedy for divergences (default 0.95)"
    add("--target-acceptance", number(0, 1, open=True), care, metavar="P")
    _add_seed(parser, 0)
    _add_json(parser)


def _add_pooling(parser: argparse.ArgumentParser) -> None:
    which = f"{_or(POOLINGS)}: whether the runs of a file inform one another {_DEFAULT}"
    parser.add_argument("--pooling", type=one_of("pooling", POOLINGS), default=POOLINGS[0], help=which)
    label = "label by which pooled runs are grouped, such as model; may be repeated"
    parser.add_argument("--group", type=text, action="append", default=[], metavar="NAME", help=label)
    number = "number of each pooled run that its parameters may go with, such as log10_flops; may be repeated"
    parser.add_argument("--covariate", type=text, action="append", default=[], metavar="NAME", help=number)


def _add_law(parser: argparse.ArgumentParser, fix: str) -> None:
    law = one_of("law", (*LAWS, *CURVES))
    which = f"a law ({_or(LAWS)}) or a reference curve ({_or(CURVES)}), see gapdyn laws {_DEFAULT}"
    parser.add_argument("--law", type=law, default=LAWS[0], metavar="NAME", help=which)
    length = f"length of a round in the run's clock, for {_or(IN_ROUNDS)} (default 1)"
    parser.add_argument("--length", type=number(0, open=True), metavar="T", help=length)
    data = f"external data that the law knows of: {_or(FORCINGS)}"
    parser.add_argument("--forcing", type=one_of("forcing", FORCINGS), metavar="NAME", help=data)
    when = f"its schedule, {_or(SCHEDULES)}, as early:8, early:8:START:LENGTH, one_shot:3 (default the column external)"
    parser.add_argument("--schedule", type=schedule, metavar="KIND:N", help=when)
    assign = number_assignment
    parser.add_argument("--fix", type=assign, action=Named, default={}, metavar="NAME=NUMBER", help=fix)


def _add_seed(parser: argparse.ArgumentParser, default: int) -> None:
    seed = count(0, 2**63 - 1)
    parser.add_argument("--seed", type=seed, default=default, metavar="N", help=f"random seed {_DEFAULT}")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout, nothing else")


def _or(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
