"""What the command line takes. Standard library only."""

from __future__ import annotations

import argparse

_PRIOR_HELP = "prior in the run's units, a NumPyro distribution: rho=Beta(2,2), u_s_inf=HalfNormal(1); may be repeated"


def build() -> argparse.ArgumentParser:
    """The parser of `gapdyn`."""
    parser = argparse.ArgumentParser(
        prog="gapdyn",
        description="Where does a self-improvement run stop, and how sure are we?",
        epilog="Exit codes: 0 done, 1 failed, 2 bad input or usage. GAPDYN_CACHE=off turns the compilation cache off, "
        "GAPDYN_CACHE=FOLDER moves it.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="fit a bundled real run; write its ceiling, two pictures and a JSON")
    demo.add_argument("--run", default="inner_learning", metavar="NAME", help="bundled run (default %(default)s)")
    demo.add_argument("--out", default="gapdyn-demo", metavar="DIR", help="folder to write (default ./%(default)s)")
    demo.add_argument("--seed", type=_seed, default=1, help="random seed (default %(default)s)")
    demo.add_argument("--json", action="store_true", help="one JSON object on stdout, nothing else")

    fit = commands.add_parser("fit", help="posterior of a law, and the ceiling, of one run")
    _add_run(fit)
    _add_model(fit)
    fit.add_argument("--out", metavar="DIR", help="also write fit.json, trajectory.png, ceiling.png, check.png there")

    forecast = commands.add_parser("forecast", help="what later checkpoints will show")
    _add_run(forecast)
    _add_model(forecast)
    when = forecast.add_mutually_exclusive_group(required=True)
    when.add_argument("--at", type=_times, metavar="T1,T2,..", help="times to forecast, in the run's clock")
    when.add_argument("--to", type=float, metavar="T", help="ten times from the last checkpoint to T")

    simulate = commands.add_parser("simulate", help="a run of a law, measured with noise")
    simulate.add_argument("--law", default="shared_rate", help="law (default %(default)s)")
    simulate.add_argument("--fix", type=_assignment, action="append", default=[], metavar="NAME=NUMBER",
                          help="a parameter of the law; may be repeated")  # fmt: skip
    simulate.add_argument("--checkpoints", type=int, default=20, help="number of checkpoints (default %(default)s)")
    simulate.add_argument("--to", type=float, default=10.0, metavar="T", help="last time (default %(default)s)")
    simulate.add_argument("--clock", default="round", help="epoch, round, step, token or lr (default %(default)s)")
    simulate.add_argument("--noise", type=float, default=0.01, help="sd of fresh noise (default %(default)s)")
    simulate.add_argument("--se", type=float, help="standard error that the run states (default: none)")
    simulate.add_argument("--shared", type=float, default=1.0,
                          help="part of se^2 common to all checkpoints (default %(default)s)")  # fmt: skip
    simulate.add_argument("--name", default="simulated", help="name of the run (default %(default)s)")
    simulate.add_argument("--seed", type=_seed, default=0, help="random seed (default %(default)s)")
    simulate.add_argument("--out", metavar="FILE", help=".csv, .tsv, .jsonl or .parquet; default: CSV on stdout")
    simulate.add_argument("--overwrite", action="store_true", help="replace an existing file")
    return parser


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="run log (.csv, .tsv, .jsonl, .parquet), or dataset:NAME")
    parser.add_argument("--run", metavar="NAME", help="which run, if the file holds several")
    parser.add_argument("--t", metavar="COLUMN", help="time column, if not t, epoch, round, step, token or lr")
    parser.add_argument("--clock", help="what the time counts: epoch, round, step, token or lr")
    parser.add_argument("--unit", help="nats/response (default), nats/token or arbitrary")
    parser.add_argument("--column", type=_text_assignment, action="append", default=[], metavar="NAME=COLUMN",
                        help="which column is what: u_s=entropy; may be repeated")  # fmt: skip
    parser.add_argument("--delimiter", help="of a CSV file (default ,)")
    parser.add_argument("--sort", action="store_true", help="sort the checkpoints by time")


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--law", default="shared_rate", help="law (default %(default)s)")
    parser.add_argument("--fix", type=_assignment, action="append", default=[], metavar="NAME=NUMBER",
                        help="hold a parameter of the law fixed; may be repeated")  # fmt: skip
    parser.add_argument("--prior", type=_text_assignment, action="append", default=[], metavar="NAME=DIST",
                        help=_PRIOR_HELP)  # fmt: skip
    parser.add_argument("--noise", default="gaussian", help="gaussian or student_t (default %(default)s)")
    parser.add_argument("--shared", type=_share, default="infer", metavar="C",
                        help="part of se^2 common to all checkpoints, in [0,1] (default: inferred)")  # fmt: skip
    parser.add_argument("--engine", default="auto", help="auto, nuts or numpyro_nuts (default %(default)s)")
    parser.add_argument("--route", default="auto", help="auto, exact or ode (default %(default)s)")
    parser.add_argument("--chains", type=int, help="chains (default 4)")
    parser.add_argument("--warmup", type=int, help="warm-up draws per chain (default 500)")
    parser.add_argument("--draws", type=int, help="draws per chain (default 1000)")
    parser.add_argument("--seed", type=_seed, default=0, help="random seed (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout, nothing else")


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is not a seed; give a whole number from 0 to 2**63 - 1")
    return int(text)


def _assignment(text: str) -> tuple[str, float]:
    name, value = _text_assignment(text)
    try:
        return name, float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: {value!r} is not a number") from None


def _text_assignment(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (sign and name.strip() and value.strip()):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name.strip(), value.strip()


def _share(text: str) -> str | float:
    if text == "infer":
        return text
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: give infer or a number in [0, 1]") from None


def _times(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers such as 30,40,50") from None
