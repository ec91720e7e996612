"""Errors that a user can act on: every one names the offender, what is allowed, and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something the caller gave cannot be used.

    Raised before any computation starts. The message names the offender, where it stands and what to do. On the
    command line it becomes one line on stderr and exit code 2.
    """


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """A ready suffix: the near misses first, then all that is allowed."""
    names = sorted(allowed)
    near = difflib.get_close_matches(word, names, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return f"{hint}Allowed: {', '.join(names)}."


def choose(value: str, allowed: Iterable[str], what: str) -> str:
    """Return `value` if it is one of `allowed`, else say what is."""
    names = list(allowed)
    if value not in names:
        raise InputError(f"unknown {what} {value!r}. {did_you_mean(str(value), names)}")
    return value
