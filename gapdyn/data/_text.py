"""Short pieces of text for messages: values cut to a line, long lists cut to their first names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from .._check import did_you_mean


def show(value: object, limit: int = 60) -> str:
    """`repr(value)`, cut to one short line; a NumPy number looks like a plain one."""
    text = f"{value:g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def listing(names: Iterable[str], limit: int = 10) -> str:
    """The first `limit` names, quoted, and how many more there are."""
    every = list(names)
    text = ", ".join(show(name, 40) for name in every[:limit])
    return text if len(every) <= limit else f"{text} and {len(every) - limit} more"


def suggest(word: str, names: Iterable[str], limit: int = 20) -> str:
    """As `did_you_mean`, but a fleet of thousands does not become a message of thousands of names."""
    every = list(names)
    if len(every) <= limit:
        return did_you_mean(word, every)
    near = difflib.get_close_matches(word, every[:10_000], n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return f"{hint}Allowed: {listing(every)}."


def squash(name: str) -> str:
    """The spelling that `U_s`, `u-s` and `u s` share with `u_s`."""
    return "".join(c if c.isalnum() else "_" for c in name.strip().casefold())
