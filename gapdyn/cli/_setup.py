"""JAX as the command line wants it: 64 bits, and compiled programs kept between runs."""

from __future__ import annotations

import gc
import os
from pathlib import Path

from .._workers import MOST, cores
from ._output import say


def set_up_jax() -> None:
    """64-bit numbers; the persistent compilation cache, unless GAPDYN_CACHE=off."""
    import jax

    jax.config.update("jax_enable_x64", True)
    # tracing makes many small objects that all stay: collecting them again and again took a tenth of a second run
    gc.set_threshold(200_000, 50, 100)
    folder = cache_folder()
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:  # it costs seconds, not results
        if os.environ.get("GAPDYN_CACHE"):
            say(f"GAPDYN_CACHE={folder} cannot be used: {error.strerror}. Compiling without a cache.")
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def workers() -> int:
    """Processes for work that can be shared out."""
    return min(cores(), MOST)


def cache_folder() -> Path | None:
    """Where compiled programs go: GAPDYN_CACHE, else the user's cache folder; None is off."""
    wish = os.environ.get("GAPDYN_CACHE", "")
    if wish.lower() == "off":
        return None
    if wish:
        return Path(wish).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("gapdyn") / "xla"
