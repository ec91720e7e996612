"""Fleets: many runs fitted in one program. Tier 5."""

from __future__ import annotations

from ._labels import covariate as covariate
from ._labels import labels as labels
