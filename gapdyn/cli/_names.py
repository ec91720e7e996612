"""Names that the command line takes, known without importing what they name.

A wrong name is refused at once, and `--help` can list the right ones. `tests/cli/test_parser.py` holds every
tuple to the library's own table.
"""

from __future__ import annotations

LAWS = ("shared_rate",)
ENGINES = ("auto", "nuts", "numpyro_nuts")
ROUTES = ("auto", "exact", "ode")
NOISES = ("gaussian", "student_t")
EXCESSES = ("shared", "separate")
CLOCKS = ("epoch", "round", "step", "token", "lr")
UNITS = ("nats/response", "nats/token", "arbitrary")
