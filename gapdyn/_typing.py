"""Shapes in signatures: one alias for each thing that numbers of the library can be."""

from __future__ import annotations

from typing import TypeAlias

from jaxtyping import Array, Bool, Float, Int, Real

# What a user may pass as one number, and what the library holds: a real array without axes (a draw of a batch
# inside `vmap`, or a number outside of it).
Scalar: TypeAlias = Float[Array, ""]
ScalarLike: TypeAlias = float | int | Real[Array, ""]
Times: TypeAlias = Float[Array, " times"]

__all__ = ["Array", "Bool", "Float", "Int", "Real", "Scalar", "ScalarLike", "Times"]
