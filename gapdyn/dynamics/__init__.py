"""Laws of the solver-verifier gap: stated, solved, differentiated. Tier 2: JAX, Equinox and Diffrax."""

from . import laws as laws
from ._coefficients import Coefficients as Coefficients
from ._coefficients import Identifiable as Identifiable
from ._coefficients import from_paper as from_paper
from ._coefficients import to_paper as to_paper
from ._law import GapLaw as GapLaw
from ._limits import Limits as Limits
from ._limits import limits as limits
from ._limits import remaining as remaining
from ._limits import time_to as time_to
from ._potential import AbstractPotential as AbstractPotential
from ._potential import LinearPotential as LinearPotential
from ._response import AbstractResponse as AbstractResponse
from ._response import ConstantResponse as ConstantResponse
from ._sensitivity import Sensitivity as Sensitivity
from ._sensitivity import sensitivity as sensitivity
from ._solve import Status as Status
from ._solve import Trajectory as Trajectory
from ._solve import solve as solve
from ._spec import Coordinates as Coordinates
from ._spec import LawSpec as LawSpec
