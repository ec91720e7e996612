"""Exponential and logarithm in 64 bits that XLA computes quickly on CPUs: its own take several times as long. For the
logarithm it takes each number out of its vector, to ask the C library.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

SHIFT = 1.5 * 2**52  # plus a whole number: that number in the last bits
ONE, ROOT_HALF, WHOLE = (int(np.float64(x).view(np.int64)) for x in (1.0, math.sqrt(0.5), 2.0**52))  # their bits


def quick_exp(x: Any) -> Any:
    """exp(x) for x <= 0 in `jax.numpy`, to 1e-11 of it."""
    if x.dtype != jnp.float64:
        return jnp.exp(x)
    # as exp(r) 2^n; n comes to stand in the last bits of a sum with `SHIFT`, and is taken off the divisor's exponent
    x = jnp.maximum(x, -700.0)
    n = jax.lax.round(x * (1 / math.log(2)), jax.lax.RoundingMethod.TO_NEAREST_EVEN)
    r = x - n * math.log(2)
    square = r * r
    even, odd = 1 + square * (3 / 28 + square / 1680), r * (0.5 + square / 84)
    # Pade's, and the division last: what has none XLA takes for cheap, and computes anew for each sum
    bits = _bits(even - odd) - (_bits(n + SHIFT) << 52)
    return (even + odd) / _number(bits)


def quick_log(xp: Any, x: Any) -> Any:
    """log(x), in `jax.numpy` to 2e-11 and not finite where x is not within (0, inf)."""
    if xp is np or x.dtype != jnp.float64:
        return xp.log(x)
    # as n log 2 + log(1 + f), 1 + f from the root of 1/2 to that of 2: Pade's, with one division, and last, as above
    bits = _bits(x)
    n = jax.lax.shift_right_logical(bits + (ONE - ROOT_HALF), jnp.int64(52))
    f = _number(bits - (n << 52) + ONE) - 1
    whole = (_number(n + WHOLE) - (2.0**52 + 1023)) * math.log(2)
    above = f * (7560 + f * (15120 + f * (9870 + f * (2310 + f * 137))))
    below = 7560 + f * (18900 + f * (16800 + f * (6300 + f * (900 + f * 30))))
    made = (above + whole * below) / below
    return jnp.where((x > 0) & (x < math.inf), made, math.nan)


def _bits(x: Any) -> Any:
    return jax.lax.bitcast_convert_type(x, jnp.int64)


def _number(bits: Any) -> Any:
    return jax.lax.bitcast_convert_type(bits, jnp.float64)
