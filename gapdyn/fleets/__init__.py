"""Fleets: many runs fitted in one program. Tier 5."""

from __future__ import annotations

from ._collect import read_fleet_fit as read_fleet_fit
from ._fit import fit as fit
from ._labels import covariate as covariate
from ._labels import labels as labels
from ._pooled_new import NewRun as NewRun
from ._pooled_result import PooledFit as PooledFit
from ._pooled_scaling import LimitScaling as LimitScaling
from ._result import FleetFit as FleetFit
from ._result import FleetSummary as FleetSummary
from ._status import RunStatus as RunStatus
