"""Sweeps: many settings of a law on whatever devices there are. Tier 5."""

from ._collect import read_sweep as read_sweep
from ._global_sensitivity import GlobalSensitivity as GlobalSensitivity
from ._global_sensitivity import global_sensitivity as global_sensitivity
from ._result import Sweep as Sweep
from ._settings import AbstractSettings as AbstractSettings
from ._settings import grid as grid
from ._settings import points as points
from ._sobol import sobol as sobol
from ._status import SettingStatus as SettingStatus
from ._sweep import sweep as sweep
