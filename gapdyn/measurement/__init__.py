"""From samples to runs: uncertainties, accuracies and generation-verification gaps with standard errors. Tier 2.

The package is not called `measure`, since a package and a function of one name would replace each other in `gapdyn`.
"""

from __future__ import annotations

from . import weights as weights
from ._bootstrap import Estimate as Estimate
from ._diversity import Diversity as Diversity
from ._diversity import RunDiversity as RunDiversity
from ._diversity import diversity as diversity
from ._ensemble import ScoreCorrelation as ScoreCorrelation
from ._ensemble import ensemble as ensemble
from ._ensemble import score_correlation as score_correlation
from ._gv_gap import CrossVerification as CrossVerification
from ._gv_gap import GvGap as GvGap
from ._gv_gap import RunGap as RunGap
from ._gv_gap import cross_verify as cross_verify
from ._gv_gap import gv_gap as gv_gap
from ._measure import measure as measure
from ._measurement import MeasuredRun as MeasuredRun
from ._measurement import Measurement as Measurement
from ._pass_k import pass_at_k as pass_at_k
from ._scaling import GvScaling as GvScaling
from ._scaling import gv_scaling as gv_scaling
from ._schema import VERSION as VERSION
from ._schema import sample_table as sample_table
from ._sweep import GapSweep as GapSweep
from ._verifier import Reliability as Reliability
