"""From a posterior to decisions: the ceiling, what is left, what comes next. Tier 6."""

from ._accuracy import Accuracy as Accuracy
from ._accuracy import Link as Link
from ._accuracy import accuracy as accuracy
from ._accuracy import can_link as can_link
from ._ceiling import ceiling as ceiling
from ._forecast import Forecast as Forecast
from ._forecast import check_times as check_times
from ._forecast import forecast as forecast
from ._limits import Ceiling as Ceiling
