"""For tests that compile many programs and run each a few times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax


def _known(options: dict[str, Any]) -> bool:
    try:
        jax.jit(lambda x: x, compiler_options=options)(0.0)
    except Exception:  # an option that this version of XLA does not have
        return False
    return True


def quick_jit(function: Callable[..., Any], **options: Any) -> Any:
    """`jax.jit` that compiles two to three times faster: unoptimised, and by XLA's older code generator where it is."""
    level, older = {"xla_backend_optimization_level": 0}, {"xla_cpu_use_fusion_emitters": False}
    return jax.jit(function, compiler_options={**level, **(older if _known(older) else {})}, **options)
