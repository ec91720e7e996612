"""Engines: ways to compute one posterior. Settings are plain data; each has a `name` and `run(target, args, key)`."""

import dataclasses
from typing import Any

from ..._check import InputError, choose
from ._auto import Auto as Auto
from ._importance import Importance as Importance
from ._laplace import Laplace as Laplace
from ._numpyro_nuts import NumPyroNUTS as NumPyroNUTS
from ._nuts import NUTS as NUTS
from ._quadrature import Quadrature as Quadrature
from ._result import Sampled as Sampled
from ._result import Weighted as Weighted
from ._sample import Posterior as Posterior
from ._sample import sample as sample
from ._svi import SVI as SVI
from ._target import Target as Target

ALL_ENGINES = {kind.name: kind for kind in (Auto, NUTS, Importance, Quadrature, Laplace, SVI, NumPyroNUTS)}
_LEAST = {"chains": 1, "warmup": 20, "draws": 4, "rounds": 1, "components": 1, "steps": 10}


def as_engine(engine: Any) -> Any:
    """Settings from an engine's name, or the settings themselves, checked."""
    if isinstance(engine, str):
        return ALL_ENGINES[choose(engine, list(ALL_ENGINES), "engine")]()
    if not isinstance(engine, tuple(ALL_ENGINES.values())):
        raise InputError(f"engine={engine!r}: give a name ({', '.join(ALL_ENGINES)}) or settings, such as NUTS().")
    for field in dataclasses.fields(engine):
        value, least = getattr(engine, field.name), _LEAST.get(field.name)
        if field.name == "fallback":
            if not isinstance(value, bool):
                raise InputError(f"engine {engine.name!r}: fallback={value!r}; it is True or False.")
        elif least is None:
            if not 0 < value < 1:
                raise InputError(f"engine {engine.name!r}: {field.name}={value!r}; it lies in (0, 1).")
        elif not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InputError(
                f"engine {engine.name!r}: {field.name}={value!r}; it must be an integer of at least {least}."
            )
    return engine
