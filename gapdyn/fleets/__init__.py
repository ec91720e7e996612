"""Fleets: many runs fitted in one program. Tier 5."""

from __future__ import annotations

from ._labels import covariate as covariate
from ._labels import labels as labels
from ._pooled import fit_pooled as fit_pooled
from ._pooled_new import NewRun as NewRun
from ._pooled_result import PooledFit as PooledFit
from ._pooled_scaling import LimitScaling as LimitScaling
