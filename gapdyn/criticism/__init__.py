"""Judging a model by what it predicts. Tier 4."""

from ._backtest import Backtest as Backtest
from ._backtest import Origin as Origin
from ._backtest import backtest as backtest
from ._calibrate import Calibration as Calibration
from ._calibrate import calibrate as calibrate
from ._check import Check as Check
from ._check import Statistic as Statistic
from ._check import check as check
from ._check import prior_check as prior_check
from ._compare import Comparison as Comparison
from ._compare import compare as compare
from ._exponential import ExponentialFit as ExponentialFit
from ._exponential import exponential_fit as exponential_fit
from ._loo import Loo as Loo
from ._loo import loo as loo
from ._progress import Change as Change
from ._progress import Progress as Progress
from ._progress import progress as progress
from ._rivals import rivals as rivals
from ._rolling import Prediction as Prediction
from ._scores import Scores as Scores
