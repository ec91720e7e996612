"""Where each parameter of a law or a curve may lie: the one statement of it. Not listed: the whole line."""

from __future__ import annotations

import math

SUPPORTS: dict[str, str] = {
    "rate": "> 0",
    "rho": "[0, 1)",
    "alpha": "> 0",
    "beta": ">= 0",
    "kappa": ">= 0",
    "m": ">= 1",
    "s": "> 0",
    "tau": "> 0",
    "p": ">= 0",
    "diffusion": "> 0",
    "gamma": ">= 0",
    **{f"{stem}_{x}": "> 0" for stem in ("rate", "tau", "p", "mid", "steepness") for x in "sv"},
    **{f"{stem}_{x}": "(0, 1)" for stem in ("factor",) for x in "sv"},
    **{f"{stem}_{x}": "> 0" for stem in ("wander", "turn") for x in "sv"},
    "rate_slow": "> 0",
    "ratio": "> 1",
    "change": "> 0",
}


def bounds(support: str) -> tuple[float, float, bool, bool]:
    """(low, high, low is allowed, high is allowed) of a support as written in a table."""
    if support == "real":
        return -math.inf, math.inf, False, False
    if support[0] in "[(":
        low, high = (float(x) for x in support[1:-1].split(","))
        return low, high, support[0] == "[", support[-1] == "]"
    sign, value = support.split()
    return float(value), math.inf, sign == ">=", False


def supported(name: str, value: float) -> bool:
    """Whether `value` lies in the support of parameter `name`."""
    low, high, at_low, at_high = bounds(SUPPORTS.get(name, "real"))
    return low < value < high or (at_low and value == low) or (at_high and value == high)


def in_words(name: str) -> str:
    """The support as the end of "it must be"."""
    support = SUPPORTS[name]
    return f"in {support}" if support[0] in "[(" else support
