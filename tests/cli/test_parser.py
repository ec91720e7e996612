"""The command line's own tables against the library's: names, supports, and remedies in its words."""

from __future__ import annotations

import inspect
import re

import pytest

import gapdyn as gd
from gapdyn.cli import _names, _request, _values
from gapdyn.cli._parser import parse
from gapdyn.cli._words import reword


def test_names_are_those_of_the_library():
    from gapdyn.data import CLOCKS, UNITS
    from gapdyn.dynamics._solve import ROUTES

    assert tuple(gd.laws.ALL_LAWS) == _names.LAWS
    assert tuple(gd.curves.ALL_CURVES) == _names.CURVES
    assert tuple(gd.forcings.ALL_FORCINGS) == _names.FORCINGS
    assert all(callable(getattr(gd.forcings, name)) for name in _names.SCHEDULES)
    every = {**gd.laws.ALL_LAWS, **gd.curves.ALL_CURVES}
    assert tuple(n for n, make in every.items() if "length" in inspect.signature(make).parameters) == _names.IN_ROUNDS
    assert tuple(gd.engines.ALL_ENGINES) == _names.ENGINES
    from gapdyn.criticism._information import MOST

    assert _names.MOST_MORE == MOST
    from gapdyn.measurement._measure import SOLVERS
    from gapdyn.measurement._measure import UNITS as MEASURED_UNITS

    assert (_names.SOLVERS, _names.UNITS[:2]) == (SOLVERS, MEASURED_UNITS)
    from gapdyn.logs._sources import SOURCES

    assert tuple(SOURCES) == _names.SOURCES
    from gapdyn.fleets._fit import POOLINGS

    assert _names.POOLINGS == POOLINGS
    assert (_names.ROUTES, _names.CLOCKS, _names.UNITS) == (ROUTES, CLOCKS, UNITS)
    assert [gd.Likelihood(noise=noise).noise for noise in _names.NOISES] == list(_names.NOISES)
    assert [gd.Likelihood(excess=excess).excess for excess in _names.EXCESSES] == list(_names.EXCESSES)
    assert [gd.Likelihood(residuals=kind).residuals for kind in _names.RESIDUALS] == list(_names.RESIDUALS)


def test_settings_are_those_of_the_engines():
    from gapdyn.inference.engines import _target

    assert _request.BLOCK == _target.BLOCK
    for make in gd.engines.ALL_ENGINES.values():
        settings = make()
        assert (settings.chains, settings.draws) == (4, 1000)  # what `_check_size` and --help say
        if settings.name in ("auto", "nuts", "numpyro_nuts"):
            assert (settings.warmup, settings.target_acceptance) == (500, 0.95)


# what the library says, what the command line makes of it
WORDS = [
    ("Sort the log, or pass sort=True.", "Sort the log, or pass --sort."),
    ("Choose another name, or pass overwrite=True.", "Choose another name, or pass --overwrite."),
    ("or pass columns={'u_s': 'U-S'}.", "or pass --column u_s=U-S."),
    ("or pass columns={'u_s': 'my column'}.", "or pass --column u_s='my column'."),
    ('or pass columns={"u_s": "<its name>"}.', "or pass --column u_s=NAME."),
    ("Choose one, such as run='it is', or use read_fleet.", "Choose one, such as --run 'it is'."),
    ('Choose one, such as run="it\'s", or use read_fleet.', "Choose one, such as --run 'it'\"'\"'s'."),
    ("pass t='epoch' with clock='step'", "pass --t epoch with --clock step"),
    ("Pass delimiter='\\t'.", "Pass --delimiter tab."),
    ("Pass delimiter=';'.", "Pass --delimiter ';'."),
    ("Choose one, such as verifier='tf'.", "Choose one, such as --verifier tf."),
    ("prior for 'rho': Poisson is discrete", "--prior rho: Poisson is discrete"),
    ("Use route='ode' or route='auto'.", "Use --route ode or --route auto."),
    ("engine=gd.engines.NUTS(warmup=2000, draws=4000), on the command line --draws 4000.", "--draws 4000."),
    ("engine=gd.engines.NUTS(target_acceptance=0.995).", "--target-acceptance 0.995."),
    ("gd.laws.shared_rate(u_s_inf=numpyro.distributions.HalfNormal(1))", "--prior 'u_s_inf=HalfNormal(1)'"),
    ("likelihood=gd.Likelihood(noise='student_t') lets", "--noise student_t lets"),
    ("likelihood=gd.Likelihood(residuals='wander') keeps", "--residuals wander keeps"),
    ("gd.ceiling(comparison) is over all", "The ceiling is over all"),
    ("gd.backtest puts its rivals on trial.", "gapdyn backtest puts its rivals on trial."),
    ("try gd.Likelihood(shared=0.0).", "try --shared 0.0."),
    ("such as gd.forcings.impulse() or gd.forcings.additive_impulse().",
     "such as --forcing impulse or --forcing additive_impulse."),
    ("give the forcing a schedule: gd.forcings.impulse(gd.forcings.early(8)).",
     "give the forcing a schedule: --forcing impulse --schedule early:8."),
    ("a law with a limit, such as gd.laws.shared_rate().", "a law with a limit, such as --law shared_rate."),
    ("such as gd.curves.exponential().", "such as --law exponential."),
    ("gd.fit(run, gd.curves.sigmoid(), series='acc_s', key=0).", "gapdyn fit RUN --law sigmoid --series acc_s."),
    ("Log a column 'learning_rate', or give the schedule: gd.laws.lr_clock(times=[...], lr=[...]).",
     "Log a column 'learning_rate'."),
    ("Name the source, such as source='verl'.", "Name the source, such as --from verl."),
    ("Choose with where={'filter': 'strict-match'}.", "Choose with --where filter=strict-match."),
    ("Say it, such as at=0 (at=[0, 100] for two).", "Say it, such as --at 0 (--at 0,100 for two)."),
    ("Leave it out with acc_s=None if", "Leave it out with --without acc_s if"),
    ("to change that, such as u_s='<its name>'.", "to change that, such as --column u_s=NAME."),
    ("Name one, such as acc_s='val/acc@1'.", "Name one, such as --column acc_s=val/acc@1."),
    ("Name the field of the time, such as t='step'.", "Name the field of the time, such as --t step."),
    ("(vllm). Read it with gd.read_samples.", "(vllm). Convert it by itself."),
    ("measure samples with gd.measure where", "measure samples with gapdyn measure where"),
    ("and there are none. Pass ts=[...].", "and there are none. Give times = [...]."),
    ("Give it one, such as forcing=gd.forcings.impulse().", "Give it one: a table [forcing]."),
    ("Give it, such as gd.forcings.impulse(gamma=0.3), or sweep it.",
     "Give it: strength = 0.3 in [forcing], or sweep it."),
    ("Give it a schedule, such as gd.forcings.early(8), or sweep 'schedule'.",
     "Give it schedule = \"early:8\" in [forcing], or sweep 'schedule'."),
    ("Wait for the other processes and use gd.read_sweep, or start the same sweep again.",
     "Wait for the other processes and start the same command again."),
    ("Leave these settings out, or look at one of them with gd.solve.", "Leave these settings out."),
    ("Narrow the ranges; one such setting alone shows why with gd.solve.", "Narrow the ranges."),
    ("groups is for pooling='partial', and this is pooling='none'. Leave it out.",
     "--group is for --pooling partial, and this is --pooling none. Leave it out."),
    ("covariates is for fleets, and this is one run. Leave it out.",
     "--covariate is for fleets, and this is one run. Leave it out."),
    ("out is for pooling='none', and this is pooling='partial'. Leave it out.",
     "--out is for --pooling none, and this is --pooling partial. Leave it out."),
    ("or let runs inform each other: pooling='partial'.", "or let runs inform each other: --pooling partial."),
    ("Pool a law, such as gd.laws.shared_rate(), or fit the runs one by one: pooling='none'.",
     "Pool a law, such as --law shared_rate, or fit the runs one by one: --pooling none."),
    ("more numbers than it can. Use engine='nuts'.", "more numbers than it can. Use --engine nuts."),
    # what users have named is left alone
    ("run 'sort=True': t must increase; t[4]=300 follows t[3]=400.",
     "run 'sort=True': t must increase; t[4]=300 follows t[3]=400."),
]  # fmt: skip


@pytest.mark.parametrize(("library", "command_line"), WORDS)
def test_remedies_in_the_words_of_the_command_line(library: str, command_line: str):
    assert reword(library) == command_line


def test_every_option_that_a_remedy_names_exists():
    from gapdyn.cli._parser import build

    known = {o for p in _subparsers(build()).values() for o in p._option_string_actions}
    assert {o for _, text in WORDS for o in re.findall(r"--[a-z-]+", text)} <= known


def _subparsers(parser):
    return next(a for a in parser._actions if hasattr(a, "choices") and isinstance(a.choices, dict)).choices


def test_no_remedy_of_the_library_is_left_in_python():
    """Every place of the library that names a Python argument in a message is in the table above."""
    from pathlib import Path

    root = Path(gd.__file__).parent
    said = re.compile(r"(?:sort|overwrite)=True|columns=\{|gd\.[a-zA-Z.]+\([^)]*\)|(?:route|delimiter)='")
    for package in ("data", "measurement", "logs", "inference", "criticism", "decide"):
        for path in (root / package).glob("*.py"):
            if package == "data" and path.name == "_fleet.py":
                continue
            for line in path.read_text().splitlines():
                if said.search(line) and ('f"' in line or '"' in line) and ">>>" not in line:
                    text = re.sub(r"\{\{", "{", re.sub(r"\}\}", "}", line))
                    text = re.sub(r"\{[A-Z]+:g\}", "0.99", text).replace("{ours!r}: {theirs!r}", "'u_s': 'x'")
                    text = text.replace("{other!r}", "';'")
                    assert not said.search(reword(text)), f"{path.name}: {line.strip()}"


def test_same_name_in_different_options_is_fine():
    arguments = parse(["fit", "run.csv", "--fix", "rho=.2", "--prior", "rate=LogNormal(0,1)", "--column", "u_s=h"])
    assert arguments.fix == {"rho": 0.2}
    assert arguments.column == {"u_s": "h"}
    assert arguments.prior["rate"] == _values.Call("rate=LogNormal(0,1)", "LogNormal", (0.0, 1.0), {})


def test_defaults_are_not_shared_between_calls():
    assert parse(["simulate", "--fix", "rho=.2"]).fix == {"rho": 0.2}
    assert parse(["simulate"]).fix == {}
