"""Work side by side: in threads of this process, or in processes that compute as this one does.

Tracing and steering are Python, of which a process runs one line at a time: threads gain little there. The processes
are interpreters of their own, asked through pipes: a script needs no guard for them, laws that hold functions reach
them, an interrupt does not, and they end with their parent.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import queue
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from ._check import InputError

KEPT = (
    "jax_enable_x64", "jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs",
    "jax_persistent_cache_min_entry_size_bytes",
)  # fmt: skip
MOST = 4  # processes that are taken unasked: each needs half a GB
Submit = Callable[..., "Future[Any]"]


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def side_by_side(workers: int) -> Iterator[Submit]:
    """`submit(function, *args)` -> its future; leaving ends all work at once. With 1 worker, or an accelerator, which
    processes cannot share, there is a thread for each core.
    """
    import jax

    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise InputError(f"workers={workers!r}: give a positive whole number, of processes.")
    alone = workers == 1 or jax.default_backend() != "cpu"
    pool = ThreadPoolExecutor(cores() if alone else workers)
    processes = [] if alone else [_started() for _ in range(workers)]
    idle: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for process in processes:
        idle.put(process)

    def elsewhere(function: Callable[..., Any], *args: Any) -> Any:
        process = idle.get()
        try:
            return _asked(process, function, args)
        finally:
            idle.put(process)

    try:
        yield pool.submit if alone else lambda function, *args: pool.submit(elsewhere, function, *args)
    finally:
        for process in processes:
            process.kill()
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.communicate()


def _started() -> Any:
    """A process that serves, with this one's settings of JAX."""
    import jax

    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", f"from {__name__} import serve; serve()"]
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    stated = {name: getattr(jax.config, name) for name in KEPT}
    assert process.stdin is not None
    pickle.dump((stated, gc.get_threshold()), process.stdin)
    process.stdin.flush()
    return process


def _asked(process: Any, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    import cloudpickle  # laws hold functions, which pickle does not know

    try:
        job = cloudpickle.dumps((function, args))
    except (TypeError, AttributeError, pickle.PicklingError):  # what cannot be sent is done here
        return function(*args)
    try:
        process.stdin.write(job)
        process.stdin.flush()
        done, answer = pickle.load(process.stdout)
    except (EOFError, OSError) as error:
        raise RuntimeError("a worker process ended before its work; fewer workers need less memory") from error
    if done:
        return answer
    raise answer


def serve() -> None:
    """Do what is asked on standard input, one thing after another, until it is closed."""
    import cloudpickle

    asked, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed on the way is no answer
    _set_up(*pickle.load(asked))
    while True:
        try:
            function, args = pickle.load(asked)
        except EOFError:
            return
        try:
            answer = True, function(*args)
        except Exception as error:
            answer = False, error
        cloudpickle.dump(answer, answers)
        answers.flush()


def _set_up(stated: Mapping[str, Any], threshold: tuple[int, int, int]) -> None:
    import jax

    jax.config.update("jax_platforms", "cpu")
    for name, value in stated.items():
        jax.config.update(name, value)
    gc.set_threshold(*threshold)
    warnings.simplefilter("ignore", RuntimeWarning)  # what overflows shows in the findings, which the parent has
