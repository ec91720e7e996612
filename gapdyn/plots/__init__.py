"""Pictures of results: a result goes in, a `matplotlib.figure.Figure` comes out. Tier 7.

Figures are made without pyplot: nothing global is changed, nothing has to be closed. A notebook shows them
by itself.
"""

from __future__ import annotations

from ._accuracy import accuracy as accuracy
from ._against import against as against
from ._backtest import backtest as backtest
from ._ceiling import ceiling_density as ceiling_density
from ._family import dependence as dependence
from ._family import family as family
from ._fleet import fleet as fleet
from ._forest import forest as forest
from ._measured import gap_by_threshold as gap_by_threshold
from ._measured import length_uncertainty as length_uncertainty
from ._measured import pass_k as pass_k
from ._measured import reliability as reliability
from ._measured import score_correlation as score_correlation
from ._over_laws import ceilings as ceilings
from ._pairs import pairs as pairs
from ._phase import phase as phase
from ._predictive import predictive as predictive
from ._progress import learning as learning
from ._ranks import ranks as ranks
from ._save import save as save
from ._scaling import gv_scaling as gv_scaling
from ._scaling import limit_scaling as limit_scaling
from ._shrinkage import shrinkage as shrinkage
from ._sweeps import phase_diagram as phase_diagram
from ._sweeps import tornado as tornado
from ._trajectory import trajectory as trajectory
from ._triage import triage as triage
