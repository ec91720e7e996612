"""Parsing, dispatch, exit codes: 0 done, 1 failed, 2 bad input or usage."""

from __future__ import annotations

import _thread
import argparse
import contextlib
import io
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from .._check import InputError
from ._output import Failed, say
from ._parser import UsageError, parse
from ._words import reword


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command. Returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a letter gets its code, not an exception
            stream.reconfigure(errors="backslashreplace")
    if argv is None:  # a process of our own: threads of BLAS would wait for work on the cores that our own threads use
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    who = "gapdyn"
    try:
        arguments = parse(argv)
        who = f"gapdyn {arguments.command}"
        with warnings.catch_warnings(), _interrupts_arrive():
            # what overflows shows in the findings; NumPy's remarks on its own source lines help nobody here
            warnings.simplefilter("ignore", RuntimeWarning)
            code = _run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
        if argv is None and "jax" in sys.modules:
            _leave(code)  # taking JAX apart would cost a quarter of a second
        return code
    except UsageError as error:
        say(f"{error.prog}: {error}")
        return 2
    except InputError as error:
        say(f"{who}: {reword(str(error))}")
        return 2
    except KeyboardInterrupt:
        say(f"{who}: interrupted.")
        if argv is None:
            _leave(130)
        return 130
    except BrokenPipeError:  # the reader of our output has left: nothing to say, and nobody to say it to
        _drop_stdout()
        return 1
    except Failed as error:
        say(f"{who}: failed: {reword(str(error))}")
        return 1
    except MemoryError:
        say(f"{who}: failed: out of memory. Take fewer --draws or --chains.")
        return 1
    except Exception as error:  # a fault of ours or of the machine: one line all the same
        if os.environ.get("GAPDYN_DEBUG"):
            raise
        _drop_stdout()
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        say(f"{who}: failed: {type(error).__name__}: {reason} (GAPDYN_DEBUG=1 shows where)")
        return 1


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "simulate":
        from ._simulate import run
    elif arguments.command == "measure":
        from ._measure import run
    elif arguments.command == "convert":
        from ._convert import run
    elif arguments.command == "forecast":
        from ._forecast import run
    elif arguments.command == "backtest":
        from ._backtest import run
    elif arguments.command == "compare":
        from ._compare import run
    elif arguments.command == "laws":
        from ._laws import run
    elif arguments.command == "sweep":
        from ._sweep import run
    elif arguments.command == "demo":
        from ._demo import run
    else:
        from ._fit import run
    return run(arguments)


@contextlib.contextmanager
def _interrupts_arrive() -> Iterator[None]:
    """Ctrl-C that arrives in a callback of JAX's garbage collection would be dropped there: send it once more."""
    usual = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            threading.Timer(0.05, _interrupt).start()  # not now: we still are inside that callback
        else:
            usual(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = usual


def _interrupt() -> None:
    if hasattr(signal, "pthread_kill"):  # wakes a sleeping main thread, too
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()


def _leave(code: int) -> None:
    """End the process at once: XLA's threads may still compute, and crash if Python first takes itself apart."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def _drop_stdout() -> None:
    """What stdout still holds goes nowhere; else Python tries again on exit, and complains."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or not a file (in a test)
        sys.stdout.flush()
        return
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
