"""From samples to runs: uncertainties, accuracies and generation-verification gaps with standard errors. Tier 2.

The package is not called `measure`, since a package and a function of one name would replace each other in `gapdyn`.
"""

from __future__ import annotations

from ._bootstrap import Estimate as Estimate
from ._measure import measure as measure
from ._measurement import MeasuredRun as MeasuredRun
from ._measurement import Measurement as Measurement
from ._pass_k import pass_at_k as pass_at_k
from ._schema import VERSION as VERSION
from ._schema import sample_table as sample_table
from ._sweep import GapSweep as GapSweep
from ._verifier import Reliability as Reliability
