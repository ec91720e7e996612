"""What the options take: texts to values, each with its own message. Standard library only."""

from __future__ import annotations

import argparse
import ast
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .._check import did_you_mean
from ._names import SCHEDULES

Refused = argparse.ArgumentTypeError
LARGEST = 1e100  # beyond it float64 cannot square a number; the column contract has the same limit


class Call(NamedTuple):
    """A distribution as it was written: `Beta(2, concentration0=3)`."""

    text: str
    kind: str
    positional: tuple[float, ...]
    named: dict[str, float]


class Named(argparse.Action):
    """Collects NAME=VALUE options into a mapping; a name that comes twice is an error."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        name, value = values
        given = getattr(namespace, self.dest)
        if name in given:
            raise argparse.ArgumentError(self, f"{name!r} is given twice. Keep one of the two.")
        setattr(namespace, self.dest, {**given, name: value})


def text(given: str) -> str:
    """Any text but an empty one, which mostly is a shell variable that was never set."""
    if not given.strip():
        raise Refused("the value is empty. Is a shell variable not set?")
    return given


def one_of(what: str, names: Sequence[str]) -> Callable[[str], str]:
    """One of `names`."""

    def parse(given: str) -> str:
        if given not in names:
            raise Refused(f"unknown {what} {given!r}. {did_you_mean(given, names)}")
        return given

    return parse


def several_of(what: str, names: Sequence[str]) -> Callable[[str], list[str] | None]:
    """Some of `names`, separated by commas; None for "all"."""
    one = one_of(what, ("all", *names))

    def parse(given: str) -> list[str] | None:
        chosen = [one(part) for part in given.split(",")]
        if "all" in chosen and len(chosen) > 1:
            raise Refused(f"{given!r}: give all by itself, or names.")
        return None if chosen == ["all"] else chosen

    return parse


def count(low: int, high: int) -> Callable[[str], int]:
    """A whole number in [low, high]."""

    def parse(given: str) -> int:
        try:
            value = int(given)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise Refused(f"{given!r}: give a whole number from {low} to {_short(high)}.")
        return value

    return parse


def counts(high: int = 1_000_000) -> Callable[[str], list[int]]:
    """Whole numbers in [1, high], separated by commas."""
    one = count(1, high)

    def parse(given: str) -> list[int]:
        return [one(part) for part in given.split(",")]

    return parse


def number(low: float = -math.inf, high: float = math.inf, open: bool = False) -> Callable[[str], float]:
    """A finite number in [low, high], or strictly between them."""
    if low == -math.inf:
        wanted = "a finite number"
    elif high == math.inf:
        wanted = f"a finite number {'above' if open else 'of at least'} {low:g}"
    else:
        wanted = f"a number {'strictly ' if open else ''}between {low:g} and {high:g}"

    def parse(given: str) -> float:
        try:
            value = float(given)
        except ValueError:
            value = math.nan
        inside = low < value < high if open else low <= value <= high
        if not (inside and math.isfinite(value)):
            raise Refused(f"{given!r}: give {wanted}.")
        return value

    return parse


def share(given: str) -> str | float:
    """`infer`, or a number in [0, 1]."""
    if given == "infer":
        return given
    try:
        return number(0, 1)(given)
    except Refused:
        raise Refused(f"{given!r}: give infer, or a number between 0 and 1.") from None


def times(given: str) -> list[float]:
    """Finite, increasing numbers, separated by commas."""
    try:
        values = [float(part) for part in given.split(",")]
    except ValueError:
        raise Refused(f"{given!r} is not a list of numbers such as 30,40,50.") from None
    for before, after in itertools.pairwise(values):
        if after <= before:
            raise Refused(f"{given!r}: {after:g} follows {before:g}; times must increase.")
    if not all(map(math.isfinite, values)):
        raise Refused(f"{given!r}: times must be finite.")
    return values


def schedule(given: str) -> tuple[str, tuple[int, ...] | tuple[float, ...], dict[str, float]]:
    """KIND:ROUNDS[:START[:LENGTH]], or one_shot:TIME -> the schedule's function and its arguments."""
    kind, *rest = given.split(":")
    if kind not in SCHEDULES:
        raise Refused(f"{given!r}: unknown schedule {kind!r}. {did_you_mean(kind, SCHEDULES)}")
    form = (
        "one_shot:TIME" if kind == "one_shot" else f"{kind}:ROUNDS, {kind}:ROUNDS:START or {kind}:ROUNDS:START:LENGTH"
    )
    if not 1 <= len(rest) <= (1 if kind == "one_shot" else 3):
        raise Refused(f"{given!r} is not of the form {form}.")
    if kind == "one_shot":
        return kind, (number()(rest[0]),), {}
    readers = {"start": number(), "length": number(0, open=True)}
    more = {name: read(part) for (name, read), part in zip(readers.items(), rest[1:], strict=False)}
    return kind, (count(1, 100_000)(rest[0]),), more


def share_of(given: str) -> tuple[int, int]:
    """I/N, one of N processes counted from 0."""
    index, sign, total = given.partition("/")
    try:
        if sign and 0 <= int(index) < int(total):
            return int(index), int(total)
    except ValueError:
        pass
    raise Refused(f"{given!r}: give I/N, such as 0/4, 1/4, 2/4 and 3/4 for four processes.")


def delimiter(given: str) -> str:
    r"""One character; `tab` and `\t` are a tab, which is hard to type in a shell."""
    value = "\t" if given in ("tab", r"\t") else given
    if len(value) != 1 or value in '"\r\n':
        raise Refused(f"{given!r}: give one character such as ';', or tab.")
    return value


def assignment(given: str) -> tuple[str, str]:
    """NAME=VALUE."""
    name, sign, value = given.partition("=")
    if not (sign and name.strip() and value.strip()):
        raise Refused(f"{given!r} is not of the form NAME=VALUE.")
    return name.strip(), value.strip()


def number_assignment(given: str) -> tuple[str, float]:
    """NAME=NUMBER."""
    name, value = assignment(given)
    try:
        return name, number(-LARGEST, LARGEST)(value)
    except Refused:
        raise Refused(f"{given!r}: {value!r} is not a finite number, or beyond {LARGEST:g}.") from None


def prior_assignment(given: str) -> tuple[str, Call]:
    """NAME=DISTRIBUTION(NUMBERS). Whether NumPyro has it is asked later: NumPyro takes a second to load."""
    name, value = assignment(given)
    example = f"Write it as {name}=Normal(0,1)"
    try:
        call = ast.parse(value, mode="eval").body
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
            raise Refused(f"{given!r}: not a distribution with its numbers. {example}.")
        positional = tuple(_literal(a) for a in call.args)
        named = {str(k.arg): _literal(k.value) for k in call.keywords}
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        raise Refused(f"{given!r}: cannot be read as a distribution of plain numbers. {example}.") from None
    return name, Call(given, call.func.id, positional, named)


def _literal(node: ast.expr) -> float:
    value = ast.literal_eval(node)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
        raise ValueError
    return float(value)


def _short(n: int) -> str:
    return "2**63 - 1" if n == 2**63 - 1 else f"{n:,}".replace(",", " ")
