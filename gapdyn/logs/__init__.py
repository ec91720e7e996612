"""Logs and dumps of other tools, to runs and samples tables. Tier 3.

One module per source; `_sources.py` has the table of them. What a field is taken for is never decided in silence.
"""

from __future__ import annotations

from ._read_log import read_log as read_log
from ._read_log import read_logs as read_logs
from ._read_samples import read_samples as read_samples
from ._sources import source_table as source_table
