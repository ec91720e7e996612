"""Quick compilation: options that XLA lacks are left out, results and caches are those of `jax.jit`."""

from __future__ import annotations

import subprocess
import sys

import jax.numpy as jnp

from gapdyn import _compile


def test_options_that_xla_lacks_are_known_and_left_out(monkeypatch):
    assert not _compile.known("xla_no_such_option", True)
    monkeypatch.setattr(_compile, "QUICKER", {"xla_no_such_option": True})

    @_compile.quick_jit(static_argnums=0)
    def power(n, x):
        return x**n

    assert power(2, jnp.asarray(3.0)) == 9
    assert power.jitted._cache_size() == 1


def test_importing_compiles_nothing():
    code = "import gapdyn.inference.engines._blackjax as n; assert 'jitted' not in vars(n._advance)"
    subprocess.run([sys.executable, "-c", code], check=True)
