"""Who may import whom: one table, checked on every import statement of the package."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1] / "gapdyn"
TIER = {
    "data": 1, "measurement": 2, "logs": 3, "dynamics": 3, "inference": 4, "sweeps": 5, "fleets": 5, "criticism": 5,
    "decide": 6, "plots": 7, "cli": 8,
}  # fmt: skip
BELOW_ALL = {
    "_atomic", "_check", "_compile", "_finding", "_kept", "_progress", "_typing", "_random", "_versions", "_workers",
}  # fmt: skip
# the library behind each tier; what is not named is free to all (NumPy, SciPy, the standard library)
THIRD_PARTY = {
    "data": {"polars"},
    "measurement": {"polars"},
    "logs": {"polars", "tensorboard", "zstandard"},
    "dynamics": {"jax", "equinox", "diffrax", "jaxtyping"},
    "inference": {
        "jax",
        "equinox",
        "jaxtyping",
        "numpyro",
        "blackjax",
        "optax",
        "arviz_base",
        "xarray",
    },
    "criticism": {"arviz_stats", "numpyro"},
    "decide": {"jax"},
    "sweeps": {"jax", "equinox", "polars", "xarray"},
    "fleets": {"jax", "numpyro", "polars", "xarray", "arviz_base"},
    "plots": {"matplotlib", "jax"},
    "cli": {"jax", "numpyro", "platformdirs"},
}
FREE = {"numpy", "scipy"}
FILES = sorted(p for p in ROOT.rglob("*.py") if p.parent != ROOT)


def imports(path: Path):
    """(top-level gapdyn package or None, third-party name or None) of each import in a file."""
    package = path.relative_to(ROOT.parent).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.split(".")
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0:
                yield (node.module or "").split(".")
            else:
                base = list(package[: len(package) - node.level + 1])
                tail = (node.module or "").split(".") if node.module else []
                for alias in node.names:
                    yield [*base, *tail] if len(base) + len(tail) > 1 else [*base, alias.name]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_only_from_lower_tiers(path: Path):
    import sys

    own = path.relative_to(ROOT).parts[0]
    for parts in imports(path):
        if parts[0] == "gapdyn":
            other = parts[1] if len(parts) > 1 else ""
            assert other == own or other in BELOW_ALL or TIER.get(other, 99) < TIER[own], (
                f"{path} imports {'.'.join(parts)}"
            )
        elif parts[0] not in sys.stdlib_module_names:
            assert parts[0] in THIRD_PARTY[own] | FREE, f"{path} imports {parts[0]}"


def test_every_package_has_its_tier():
    assert {p.name for p in ROOT.iterdir() if (p / "__init__.py").exists()} == set(TIER)


def test_files_are_small():
    assert not [p for p in FILES if len(p.read_text().splitlines()) > 400]
