"""Elementary functions of the closed forms, written so that values and gradients stay right where textbooks divide by
zero: equal rates, no relaxation, no time, equal or complex eigenvalues.

Every branch is computed and one is chosen, so untaken branches get harmless arguments: else their NaN would reach the
gradient.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from .._typing import Array

TERMS = 13


def saturation(rate: Any, t: Any) -> Array:
    """(1 - exp(-rate t)) / rate, equal to t at rate = 0; smooth in both arguments, any sign."""
    # no expm1 and one division for all times: written out over many laws, this is as fast as memory takes it
    x = rate * t
    small = jnp.abs(x) < 0.5
    terms = 8 if x.dtype == jnp.float32 else 15
    series = jnp.ones_like(x)
    for k in range(terms, 1, -1):
        series = 1 - x * series * (1 / k)
    tiny = float(jnp.finfo(x.dtype).tiny) ** 0.5
    inverse = 1 / jnp.where(jnp.abs(rate) < tiny, 1.0, rate)
    return jnp.where(small, t * series, (1 - jnp.exp(-jnp.where(small, 1.0, x))) * inverse)


def algebraic_saturation(excess: Any, x: Any) -> Array:
    """(1 - (1 + excess x)^(-1/excess)) / x for excess >= 0: (1 - exp(-x))/x at excess = 0, and 1 at x = 0.

    For 1 + excess x <= 0, which is a time after a blow-up, infinite.
    """
    small = jnp.abs(x) < 1e-4
    c1, c2 = 1 + excess, (1 + excess) * (1 + 2 * excess)
    series = 1 - c1 * x / 2 + c2 * x**2 / 6
    y = excess * x
    alive = y > -1
    tiny = jnp.abs(y) < 1e-4
    safe_y = jnp.where(tiny | ~alive, 1.0, y)
    log = jnp.where(tiny, x * (1 - y / 2 + y**2 / 3 - y**3 / 4), jnp.log1p(safe_y) / jnp.where(tiny, 1.0, excess))
    full = -jnp.expm1(-jnp.where(small, 1.0, log)) / jnp.where(small, 1.0, x)
    return jnp.where(alive, jnp.where(small, series, full), jnp.inf)


def two_modes(total: Any, product: Any, t: Any) -> tuple[Array, Array]:
    """s(t) and its integral J(t), where s'' + total s' + product s = 0, s(0) = 0, s'(0) = 1.

    With a 2x2 matrix M of trace -total and determinant product, x' = M x + r has the solution
    x(t) = x(0) + s v + J (M + total) v, v = x'(0) (Cayley-Hamilton), no inverse of M needed. s is
    (exp(-p2 t) - exp(-p1 t))/(p1 - p2) with p1, p2 the roots of p^2 - total p + product. Three ways of computing it,
    each where it loses no digits: a power series for short times; through cosh or cos of half the difference where p1
    and p2 are close or complex; through p1 and p2 where they are well apart.
    """
    a, b = total * t, product * t * t
    early = (jnp.abs(a) < 0.3) & (jnp.abs(b) < 0.1)
    close = ~early & (product > total**2 / 8)
    apart = ~early & ~close
    s1, j1 = _series(jnp.where(early, a, 0.0), jnp.where(early, b, 0.0))
    s2, j2 = _close(jnp.where(close, a, 1.0), jnp.where(close, b, 1.0))
    root = jnp.sqrt(jnp.where(apart, total**2 - 4 * product, 1.0))
    p1 = jnp.where(apart, (total + jnp.where(total < 0, -root, root)) / 2, 1.0)
    p2 = jnp.where(apart, product / p1, 0.0)
    late = jnp.where(apart, t, 1.0)
    s3 = jnp.exp(-p2 * late) * saturation(p1 - p2, late)
    j3 = (saturation(p2, late) - saturation(p1, late)) / (p1 - p2)
    s = jnp.where(early, s1 * t, jnp.where(close, s2 * t, s3))
    j = jnp.where(early, j1 * t * t, jnp.where(close, j2 * t * t, j3))
    return s, j


def _series(a: Any, b: Any) -> tuple[Array, Array]:
    """s/t and J/t^2 in powers of t: c_{n+2} = -((n + 1) a c_{n+1} + b c_n)/((n + 2)(n + 1))."""
    before, now = jnp.zeros_like(a), jnp.ones_like(a)
    s, j = now, now / 2
    for n in range(TERMS):
        before, now = now, -((n + 1) * a * now + b * before) / ((n + 2) * (n + 1))
        s, j = s + now, j + now / (n + 3)
    return s, j


def _close(a: Any, b: Any) -> tuple[Array, Array]:
    """s/t and J/t^2 for b > a^2/8: J = (1 - s' - total s)/product."""
    z = a**2 / 4 - b  # (half the difference of the roots)^2 t^2, negative where they are complex
    small = jnp.abs(z) < 0.25
    cosh, sinh = jnp.ones_like(z), jnp.ones_like(z)
    term = jnp.ones_like(z)
    for n in range(1, 8):
        term = term * jnp.where(small, z, 0.0) / ((2 * n - 1) * (2 * n))
        cosh, sinh = cosh + term, sinh + term / (2 * n + 1)
    root = jnp.sqrt(jnp.where(small, 1.0, jnp.abs(z)))
    up, down = jnp.exp(jnp.where(z > 0, root, 0.0) - a / 2), jnp.exp(jnp.where(z > 0, -root, 0.0) - a / 2)
    decay = jnp.exp(-a / 2)
    even = jnp.where(small, decay * cosh, jnp.where(z > 0, (up + down) / 2, decay * jnp.cos(root)))
    odd = jnp.where(small, decay * sinh, jnp.where(z > 0, (up - down) / 2, decay * jnp.sin(root)) / root)
    slope = even - a / 2 * odd
    return odd, (1 - slope - a * odd) / b
