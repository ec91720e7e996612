"""Which releases made a result."""

from __future__ import annotations

import functools
import importlib.metadata


def versions(*packages: str) -> dict[str, str]:
    """Package -> the version that is installed."""
    return {package: _version(package) for package in packages}


@functools.cache
def _version(package: str) -> str:
    return importlib.metadata.version(package)  # reads files: in a hundred fits that would be seen
