"""Work in threads and in other processes: the same answers, and nothing left behind."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

import gapdyn as gd
from gapdyn._workers import cores, side_by_side


@pytest.mark.parametrize("workers", [1, 2])
def test_answers_and_errors_come_back(workers):
    def made(x):  # no name that another process could import
        return lambda y: x + y

    def wrong():
        raise gd.InputError("this is wrong.")

    with side_by_side(workers) as submit:
        answers = [submit(lambda f, y: (f(y), os.getpid()), made(i), 10) for i in range(4)]
        fault = submit(wrong)
        found = [a.result() for a in answers]
        assert [value for value, _ in found] == [10, 11, 12, 13]
        assert (os.getpid() in {pid for _, pid in found}) == (workers == 1)
        with pytest.raises(gd.InputError, match="this is wrong"):
            fault.result()


def test_other_processes_compute_as_this_one_does():
    import jax

    def precision():
        import jax.numpy as jnp

        print("no answer")
        return str(jnp.zeros(()).dtype), jax.config.jax_compilation_cache_dir

    with side_by_side(2) as submit:
        assert submit(precision).result() == precision()


def test_what_cannot_be_sent_is_done_here():
    lock = threading.Lock()

    def guarded():
        with lock:
            return os.getpid()

    with side_by_side(2) as submit:
        assert submit(guarded).result() == os.getpid()


def test_leaving_ends_what_still_runs():
    with side_by_side(2) as submit:
        pid = submit(os.getpid).result()
        for _ in range(3):
            submit(time.sleep, 600)
        began = time.monotonic()
    assert time.monotonic() - began < 60
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_process_that_was_killed_is_said():
    with side_by_side(2) as submit:
        submit(os.getpid).result()
        with pytest.raises(RuntimeError, match="fewer workers"):
            submit(lambda: os.kill(os.getpid(), signal.SIGTERM)).result()


@pytest.mark.parametrize("workers", [0, True, 1.5])
def test_what_is_no_number_of_processes_is_refused(workers):
    with pytest.raises(gd.InputError, match="workers="), side_by_side(workers):
        pass


def test_there_is_a_core():
    assert cores() >= 1
