"""The public surface: importing is free of side effects, every name is there and documented."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import gapdyn as gd


def in_new_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_loads_nothing_heavy():
    out = in_new_process(
        "import sys, gapdyn; print([m for m in ('jax','numpy','numpyro','matplotlib') if m in sys.modules])"
    )
    assert out.strip() == "[]"


def test_data_is_numpy_only():
    out = in_new_process("import sys, gapdyn as gd; gd.datasets.learning(); print('jax' in sys.modules)")
    assert out.strip() == "False"


def test_import_leaves_jax_logging_and_warnings_alone():
    code = """
import logging, warnings, jax
before = (jax.config.jax_enable_x64, jax.config.jax_compilation_cache_dir, logging.root.handlers[:], logging.root.level)
filters = len(warnings.filters)
import gapdyn as gd
[getattr(gd, n) for n in dir(gd)]
after = (jax.config.jax_enable_x64, jax.config.jax_compilation_cache_dir, logging.root.handlers[:], logging.root.level)
print(before == after)
"""
    assert in_new_process(code).strip() == "True"


@pytest.mark.parametrize("name", dir(gd))
def test_every_public_name_exists_and_is_documented(name: str):
    value = getattr(gd, name)
    assert isinstance(value, str) or inspect.getdoc(value)


@pytest.mark.parametrize("name", [n for n in dir(gd) if inspect.isclass(getattr(gd, n))])
def test_public_methods_are_documented(name: str):
    for member, value in vars(getattr(gd, name)).items():
        if not member.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
            assert inspect.getdoc(value), f"{name}.{member}"


def test_type_checkers_see_the_same_names():
    import ast
    from pathlib import Path

    tree = ast.parse(Path(gd.__file__).read_text())
    block = next(n for n in tree.body if isinstance(n, ast.If))
    typed = {a.name for n in block.body if isinstance(n, ast.ImportFrom) for a in n.names}
    assert typed == set(gd._HOME) | {"plots", "sweeps"}


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        gd.nonsense  # noqa: B018
