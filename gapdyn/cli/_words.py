"""The library's remedies in the words of the command line: `sort=True` is `--sort` there.

One table for all messages and findings. Tests run every entry on the message that the library writes.
"""

from __future__ import annotations

import ast
import dataclasses
import re
import shlex
from collections.abc import Callable, Iterable
from typing import Any

_TEXT = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_FREE = r"(?<![\w'\"\[.-])"  # not within a word, a quoted name or an option


def _quote(literal: str) -> str:
    """A Python literal as a shell word."""
    value = str(ast.literal_eval(literal))
    if value == "<its name>":
        return "NAME"
    return "tab" if value == "\t" else shlex.quote(value)


def _option(match: re.Match[str]) -> str:
    return f"--{match['name']} {_quote(match['value'])}"


def _pair(option: str) -> Callable[[re.Match[str]], str]:
    """A mapping of one name, {'ours': 'theirs'}, as an option."""
    return lambda match: f"--{option} {ast.literal_eval(match['ours'])}={_quote(match['theirs'])}"


def _field(match: re.Match[str]) -> str:
    return f"--column {match['ours']}={_quote(match['theirs'])}"


_TABLE: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    # sweeps, which a file states
    (r"Pass ts=\[\.\.\.\]\.", "Give times = [...]."),
    (r", such as forcing=gd\.forcings\.impulse\(\)\.", ": a table [forcing]."),
    (r", such as gd\.forcings\.\w+\((\w+)=0\.3\), or sweep it\.", ": strength = 0.3 in [forcing], or sweep it."),
    (r"Give it a schedule, such as gd\.forcings\.early\(8\), or", 'Give it schedule = "early:8" in [forcing], or'),
    (r"use gd\.read_\w+, or start the same [\w ]+ again", "start the same command again"),
    (r"start the fleet fit again", "start the same command again"),
    (r", or look at one of them with gd\.solve\.", "."),
    (r"; one such setting alone shows why with gd\.solve\.", "."),
    # findings
    (r"engine=gd\.engines\.\w+\([^)]*\), on the command line (--\w+ \d+)", r"\1"),
    (r"engine=gd\.engines\.NUTS\(target_acceptance=([\d.]+)\)", r"--target-acceptance \1"),
    (r"\bengine='(\w+)'", r"--engine \1"),
    (r"\bgd\.backtest\b", "gapdyn backtest"),
    (r"gd\.fit\(run, gd\.curves\.(\w+)\(\), series='(\w+)', key=0\)", r"gapdyn fit RUN --law \1 --series \2"),
    (r"gd\.ceiling\(comparison\)", "The ceiling"),
    (r"gd\.forcings\.(\w+)\(gd\.forcings\.(\w+)\((\d+)\)\)", r"--forcing \1 --schedule \2:\3"),
    (r"gd\.forcings\.(\w+)\(\)", r"--forcing \1"),
    (r"gd\.(?:laws|curves)\.(\w+)\(\)", r"--law \1"),
    (r", or give the schedule: gd\.laws\.lr_clock\([^)]*\)", ""),
    (r"gd\.(?:laws|curves)\.\w+\((\w+)=numpyro\.distributions\.(\w+\([^)]*\))\)", r"--prior '\1=\2'"),
    (r"(?:likelihood=)?gd\.Likelihood\((noise|shared|residuals)='?([\w.]+)'?\)", r"--\1 \2"),
    # readers and writers
    (rf"{_FREE}sort=True", "--sort"),
    (rf"{_FREE}overwrite=True", "--overwrite"),
    (rf"{_FREE}columns=\{{(?P<ours>{_TEXT}): (?P<theirs>{_TEXT})\}}", _pair("column")),
    (r", or use read_fleet", ""),
    (rf"{_FREE}(?P<name>run|t|clock|unit|delimiter|route|noise|verifier|pooling)=(?P<value>{_TEXT})", _option),
    (r"\bLeave out run=", "Leave out --run"),
    (r": columns maps ", ": --column maps "),
    (r"^columns maps ", "--column maps "),
    (r": delimiter is for ", ": --delimiter is for "),
    (r"^the name of a run ", "--name: the name of a run "),
    # logs of other tools
    (r" A table with columns of gapdyn's is read by gd\.read_run\.", ""),
    (r" Read it with gd\.read_(?:log|samples)\.", " Convert it by itself."),
    (r"\bgd\.measure\b", "gapdyn measure"),
    (rf"{_FREE}source=(?P<value>{_TEXT})", lambda match: f"--from {_quote(match['value'])}"),
    (rf"{_FREE}where=\{{(?P<ours>{_TEXT}): (?P<theirs>{_TEXT})\}}", _pair("where")),
    (r"\bat=0 \(at=\[0, 100\] for two\)", "--at 0 (--at 0,100 for two)"),
    (r"(?<![\w'\"])(\w+)=None\b", r"--without \1"),
    (rf"(?<=such as )(?P<ours>\w+)=(?P<theirs>{_TEXT})", _field),
    # pooling
    (r"^(out|series|pooling) is for ", r"--\1 is for "),
    (r"^(group|covariate)s is for ", r"--\1 is for "),
    # laws, priors, engines
    (r"^prior for '(\w+)'", r"--prior \1"),
    (r"^law '(\w+)': (\w+)=([^ ,]+), but", r"--fix \2=\3, but"),
    (r"^law '(\w+)': (\w+)=", r"--law \1: \2="),
)


def reword(message: str) -> str:
    """A message of the library for a user of the command line, on one line."""
    for pattern, replacement in _TABLE:
        message = re.sub(pattern, replacement, message)
    return message.replace("\n", " ")


def reworded(findings: Iterable[Any]) -> list[Any]:
    """Findings with their texts and remedies for a user of the command line."""
    return [dataclasses.replace(f, text=reword(f.text), remedy=reword(f.remedy)) for f in findings]
