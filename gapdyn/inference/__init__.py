"""From a run to a posterior: sites, priors, likelihood, the model, engines, findings. Tier 4: NumPyro and BlackJAX."""

from .._finding import Finding as Finding
from . import engines as engines
from ._diagnostics import Summary as Summary
from ._fit import fit as fit
from ._likelihood import CheckpointErrors as CheckpointErrors
from ._likelihood import Likelihood as Likelihood
from ._model import Model as Model
from ._model import prepare as prepare
from ._predict import Curves as Curves
from ._prior_predictive import prior_curves as prior_curves
from ._prior_predictive import prior_draws as prior_draws
from ._result import Fit as Fit
from ._simulate import simulate as simulate
from ._sites import SITES as SITES
from ._sites import Site as Site
