"""Shapes in signatures: one alias for each thing that numbers of the library can be."""

from __future__ import annotations

from typing import TypeAlias

from jaxtyping import Array, Bool, Float, Int, Real

# A number of a law: without axes, or with the leading axes of a batch of laws (draws, sweep points).
Scalar: TypeAlias = Float[Array, "..."]
ScalarLike: TypeAlias = float | int | Real[Array, "..."]
Times: TypeAlias = Float[Array, " times"]

__all__ = ["Array", "Bool", "Float", "Int", "Real", "Scalar", "ScalarLike", "Times"]
