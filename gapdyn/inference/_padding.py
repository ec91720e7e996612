"""Few lengths instead of many: arrays are padded, so that runs of about one length share their compiled programs."""

from __future__ import annotations

from typing import Any

import numpy as np

LEAST = 8


def padded_length(n: int) -> int:
    """The least of 8, 12, 16, 24, 32, 48, ... that is no less than n."""
    power = LEAST
    while power < n:
        power *= 2
    between = 3 * power // 4
    return between if power > LEAST and n <= between else power


def padded(x: Any, fill: Any = 0, least: int = 0) -> np.ndarray:
    """`x` (n, ...) with `fill` (...) up to a padded length, that of `least` at least."""
    x = np.asarray(x)
    length = padded_length(max(len(x), least))
    extra = np.broadcast_to(np.asarray(fill, x.dtype), (length - len(x), *x.shape[1:]))
    return np.concatenate([x, extra])
