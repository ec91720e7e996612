"""Run logs in and out: `Run`, `Fleet`, the column contract, readers, writers, and real example runs."""

from __future__ import annotations

from . import datasets as datasets
from ._chunks import StoppedWriting as StoppedWriting
from ._columns import CLOCKS as CLOCKS
from ._columns import CONTRACT as CONTRACT
from ._columns import UNITS as UNITS
from ._columns import Column as Column
from ._columns import column_table as column_table
from ._fleet import Fleet as Fleet
from ._read import read_fleet as read_fleet
from ._read import read_run as read_run
from ._run import Run as Run
from ._write import write_run as write_run
