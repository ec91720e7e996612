"""64-bit numbers for every test (each test process turns them on before JAX is used), the slow set, one shared fit."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import jax
import pytest

jax.config.update("jax_enable_x64", True)

# first calls compile: a deadline would time the compiler
hypothesis.settings.register_profile("gapdyn", deadline=None)
hypothesis.settings.load_profile("gapdyn")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run the tests marked slow")


def pytest_configure(config: pytest.Config) -> None:
    # compiled programs are shared between test processes: the suite compiles each of them once
    folder = os.environ.setdefault("GAPDYN_CACHE", str(config.rootpath / ".pytest_cache" / "xla"))
    if folder != "off":
        options = {"compilation_cache_dir": folder, "persistent_cache_min_compile_time_secs": 0.1,
                   "persistent_cache_min_entry_size_bytes": -1}  # fmt: skip
        for name, value in options.items():
            jax.config.update(f"jax_{name}", value)
            os.environ.setdefault(f"JAX_{name.upper()}", str(value))  # notebooks, README's code, commands


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow"):
        return
    skip = pytest.mark.skip(reason="slow; run with --slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def learning_fit():
    """A posterior of a bundled run, with default settings."""
    import gapdyn as gd

    return gd.fit(gd.datasets.learning(), gd.laws.shared_rate(), key=0)


@pytest.fixture(scope="session")
def published():
    """Path of the published curves; skips where the development data is absent."""
    folder = SHARED / "published"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: the published curves are development data and not shipped")
    return folder
