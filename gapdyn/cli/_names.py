"""Names that the command line takes, known without importing what they name.

A wrong name is refused at once, and `--help` can list the right ones. `tests/cli/test_parser.py` holds every
tuple to the library's own table.
"""

from __future__ import annotations

LAWS = (
    "shared_rate", "power_potential", "saturating_potential", "neural_potential", "relaxing_verifier",
    "chasing_solver", "drifting_response", "decaying_response", "lr_clock", "rounds", "stochastic",
)  # fmt: skip
CURVES = (
    "exponential", "power_law", "rank_two", "sigmoid", "self_correction", "two_phase", "persistence", "jump",
    "local_linear",
)  # fmt: skip
IN_ROUNDS = ("rounds", "self_correction")  # those that take the length of a round
FORCINGS = ("impulse", "additive_impulse", "rate", "additive_rate", "ramp", "additive_ramp")
SCHEDULES = ("early", "uniform", "late", "one_shot")
ENGINES = ("auto", "nuts", "importance", "quadrature", "laplace", "svi", "numpyro_nuts")
ROUTES = ("auto", "exact", "fixed", "ode", "map")
NOISES = ("gaussian", "student_t")
EXCESSES = ("shared", "separate")
RESIDUALS = ("independent", "wander")
POOLINGS = ("none", "partial")
CLOCKS = ("epoch", "round", "step", "token", "lr")
UNITS = ("nats/response", "nats/token", "arbitrary")
MOST_MORE = 40  # checkpoints that `gapdyn compare --more` may ask about
SOLVERS = ("mean", "first")  # of `gapdyn measure`
SOURCES = (
    "trainer_state", "verl", "tinker", "wandb", "mlflow", "tensorboard",
    "lm_eval", "inspect", "vllm", "openai", "verl_rollouts", "trl_completions",
)  # fmt: skip
