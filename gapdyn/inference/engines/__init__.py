"""Engines: ways to compute one posterior. Settings are plain data; each has a `name` and `run(model, obs, key)`."""

from ..._check import InputError, choose
from ._numpyro_nuts import NumPyroNUTS as NumPyroNUTS
from ._nuts import NUTS as NUTS
from ._result import Sampled as Sampled

ALL_ENGINES = {NUTS.name: NUTS, NumPyroNUTS.name: NumPyroNUTS}


def as_engine(engine: "str | NUTS | NumPyroNUTS") -> "NUTS | NumPyroNUTS":
    """Settings from an engine's name ("auto" is "nuts"), or the settings themselves, checked."""
    if isinstance(engine, str):
        return ALL_ENGINES[NUTS.name if engine == "auto" else choose(engine, ["auto", *ALL_ENGINES], "engine")]()
    if not isinstance(engine, tuple(ALL_ENGINES.values())):
        raise InputError(f"engine={engine!r}: give a name ({', '.join(ALL_ENGINES)}) or settings, such as NUTS().")
    for field, least in (("chains", 1), ("warmup", 20), ("draws", 4)):
        value = getattr(engine, field)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InputError(f"engine {engine.name!r}: {field}={value!r}; it must be an integer of at least {least}.")
    if not 0 < engine.target_acceptance < 1:
        raise InputError(f"engine {engine.name!r}: target_acceptance={engine.target_acceptance!r}; it lies in (0, 1).")
    return engine
