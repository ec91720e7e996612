"""Parsing, dispatch, exit codes: 0 done, 1 failed, 2 bad input or usage."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .._check import InputError
from . import _parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command. Returns the exit code."""
    arguments = _parser.build().parse_args(argv)
    try:
        return _run(arguments)
    except InputError as error:
        print(f"gapdyn {arguments.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"gapdyn {arguments.command}: interrupted; nothing was written.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has left; Python would complain on exit
        return 1
    except Exception as error:  # a fault of ours or of the machine: one line all the same, never a traceback
        print(f"gapdyn {arguments.command}: failed: {type(error).__name__}: {error}", file=sys.stderr)
        return 1


def _run(arguments: argparse.Namespace) -> int:
    from ._setup import set_up_jax

    if arguments.command == "simulate":
        from ._simulate import run
    elif arguments.command == "forecast":
        from ._forecast import run
    elif arguments.command == "demo":
        from ._demo import run
    else:
        from ._fit import run
    set_up_jax()
    return run(arguments)
