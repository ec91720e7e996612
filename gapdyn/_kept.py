"""Programs kept between processes, before they are compiled: a model is traced once, not in each process anew.

JAX's persistent cache keeps what the compiler makes, and finds it by the traced program: of a second backtest tracing
would be a third. So where that cache is on, in a local folder, the programs of gapdyn that ask for it are exported
beside it (`jax.export`), under a name made of all that they are traced from: the versions and gapdyn's own source,
JAX's options, the static arguments, and the structure, shapes and types of the others. What holds code from elsewhere
(a law or a prior of the user's own) has no such name and is traced.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ._atomic import atomic_write
from ._check import InputError
from ._versions import versions

TRACED_BY = ("jax", "jaxlib", "numpyro", "diffrax", "equinox", "lineax", "optimistix", "numpy")
OURS = ("gapdyn", "numpyro", "jax", "jaxlib", "equinox", "diffrax", "numpy", "builtins")
FOLDER = "exported"


class Nameless(Exception):
    """Something that has no name in another process."""


def kept(function: Callable[..., Any], static: tuple[int, ...]) -> Callable[..., Any]:
    """`function`, which `jax.jit` is to trace with these static arguments, from where it was exported, if it was.

    Its value must be made of tuples, lists, dictionaries and arrays.
    """

    @functools.wraps(function)
    def traced(*args: Any) -> Any:
        import jax

        folder = jax.config.values["jax_compilation_cache_dir"]
        if not folder or not os.path.isdir(folder):
            return function(*args)
        leaves, tree = jax.tree.flatten([x for i, x in enumerate(args) if i not in static])

        def flat(*leaves: Any) -> Any:
            others = iter(jax.tree.unflatten(tree, leaves))
            return function(*(x if i in static else next(others) for i, x in enumerate(args)))

        stated = tuple(args[i] for i in static)
        types = [jax.ShapeDtypeStruct(x.shape, x.dtype, weak_type=x.weak_type) for x in map(jax.typeof, leaves)]
        try:
            name = _name((f"{function.__module__}.{function.__qualname__}", stated, tree, tuple(map(str, types))))
            exported = _exported(flat, types, Path(folder) / FOLDER / name)
        except Exception:  # it has no name or cannot be exported: JAX has many ways to say so
            return function(*args)
        return exported.call(*leaves)

    return traced


def _exported(flat: Callable[..., Any], types: list[Any], file: Path) -> Any:
    """What the file has, or `flat` exported and written to it."""
    import jax
    from jax import export

    try:
        return export.deserialize(bytearray(file.read_bytes()))
    except Exception:  # not there, or not whole: it is made anew
        pass
    made = export.export(jax.jit(flat))(*types)
    if made.nr_devices != 1:
        raise Nameless("a program of several devices, which may be called nowhere but there")
    _write(file, bytes(made.serialize()))
    return made


def _write(file: Path, content: bytes) -> None:
    """Nothing where one may not write: it costs seconds, not results."""
    try:
        file.parent.mkdir(exist_ok=True)
        atomic_write(file, content, overwrite=True)
    except (OSError, InputError):
        return


def _name(made_of: tuple[Any, ...]) -> str:
    """The same for the same program in every process, and for no other."""
    return hashlib.sha256(f"{_surroundings()} {said(made_of)}".encode()).hexdigest()


def said(x: Any) -> str:
    """What a static argument is, in words that mean the same in every process.

    Raises
    ------
    Nameless
        It holds more than plain values, structures and classes of known packages.
    """
    import jax

    if x is None or isinstance(x, bool | int | float | str):
        return repr(x)
    if isinstance(x, jax.tree_util.PyTreeDef):
        return f"{said(x.node_data())} {said(tuple(x.children()))}"
    if isinstance(x, type) and x.__module__.split(".")[0] in OURS and "<" not in x.__qualname__:
        return f"{x.__module__}.{x.__qualname__}"
    if isinstance(x, dict):
        return said(tuple(x.items()))
    if isinstance(x, tuple | list):
        return f"{said(type(x))} [{', '.join(map(said, x))}]"
    if hasattr(x, "program"):  # it says itself what matters
        return f"{said(type(x))} {said(x.program)}"
    if dataclasses.is_dataclass(x):
        return f"{said(type(x))} {said(tuple(getattr(x, f.name) for f in dataclasses.fields(x)))}"
    raise Nameless(f"{x!r}")


def _surroundings() -> str:
    """What every program is traced in: versions, gapdyn's source, JAX's options and device."""
    import jax

    cached = ("jax_compilation_cache", "jax_persistent_cache")  # where and what is kept changes no program
    options = sorted((name, repr(x)) for name, x in jax.config.values.items() if not name.startswith(cached))
    return f"{_source()} {jax.default_backend()} {options}"


@functools.cache
def _source() -> str:
    """The versions, and gapdyn's source, for it may be edited in place."""
    made = hashlib.sha256(repr(sorted(versions(*TRACED_BY).items())).encode())
    root = Path(__file__).parent
    for file in sorted(root.rglob("*.py")):
        made.update(f"{file.relative_to(root)} {file.stat().st_size} ".encode())
        made.update(file.read_bytes())
    return made.hexdigest()
