"""Compiling for a first run: users wait for the compiler longer than for the sampler."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ._kept import kept

# XLA's older code generator for CPUs: programs of many small operations, which samplers are, compile in two thirds of
# the time and run as fast. Other devices ignore it.
QUICKER = {"xla_cpu_use_fusion_emitters": False}
# for programs that run a few times: a third less of the compiler's time, a few milliseconds more of a run's
SELDOM = {"xla_backend_optimization_level": 1}


@functools.cache
def known(option: str, value: Any) -> bool:
    """Whether this version of XLA has a compiler option."""
    import jax

    try:
        jax.jit(lambda x: x, compiler_options={option: value}).lower(0.0).compile()
    except Exception:  # XLA says no in its own ways
        return False
    return True


class QuickJit:
    """`jax.jit` with those of `QUICKER` that exist, which is asked at the first call: importing compiles nothing."""

    def __init__(self, function: Callable[..., Any], keep: bool, seldom: bool, **options: Any):
        functools.update_wrapper(self, function)
        self._function, self._options = kept(function, options["static_argnums"]) if keep else function, options
        self._wished = {**QUICKER, **SELDOM} if seldom else QUICKER

    @functools.cached_property
    def jitted(self) -> Any:
        """The jitted function itself, with all that JAX hangs on it."""
        import jax

        chosen = {k: v for k, v in self._wished.items() if known(k, v)}
        return jax.jit(self._function, compiler_options=chosen or None, **self._options)

    def __call__(self, *args: Any) -> Any:
        return self.jitted(*args)


def quick_jit(*, keep: bool = False, seldom: bool = False, **options: Any) -> Callable[[Callable[..., Any]], QuickJit]:
    """A decorator: `jax.jit` that compiles quickly, with `jax.jit`'s own options.

    `keep`: between processes, too, see `_kept`. `seldom`: it runs so few times that compiling it is what counts.
    """
    return lambda function: QuickJit(function, keep, seldom, **options)
