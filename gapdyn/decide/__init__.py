"""From a posterior to decisions: the ceiling, what is left, what comes next. Tier 6."""

from ._ceiling import Ceiling as Ceiling
from ._ceiling import ceiling as ceiling
from ._forecast import Forecast as Forecast
from ._forecast import check_times as check_times
from ._forecast import forecast as forecast
