"""Labels and covariates of runs: what groups them, what orders them."""

from __future__ import annotations

import numpy as np
import pytest

from gapdyn import Fleet, InputError, Run
from gapdyn.fleets import covariate, labels


def run(name: str, words: dict[str, str], **numbers) -> Run:
    extra = {n: np.broadcast_to(np.asarray(x, float), 3) for n, x in numbers.items()}
    return Run(name, [0, 1, 2], u_s=[3, 2, 1], extra=extra, meta={"labels": words})


FLEET = Fleet([
    run("a", {"model": "7b", "task": "math"}, seed=0, flops=[1e21, np.nan, np.nan], mixed=0.5, lr=[1, 2, 3]),
    run("b", {"model": "13b", "task": "math", "mixed": "x"}, seed=1, flops=3e21, lr=1),
])  # fmt: skip


def test_labels_and_constant_columns_group_runs():
    assert labels(FLEET, ["model"]) == [("7b",), ("13b",)]
    assert labels(FLEET, ["task", "seed"]) == [("math", "0"), ("math", "1")]
    assert labels(FLEET, ["mixed"]) == [("0.5",), ("x",)]
    assert labels(FLEET, []) == [(), ()]


def test_a_covariate_is_a_number_of_each_run():
    np.testing.assert_array_equal(covariate(FLEET, "flops"), [1e21, 3e21])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: labels(FLEET, "model"), r"groups='model': give a list of names of labels, such as \['model'\]"),
        (lambda: labels(FLEET, ["model", "model"]), "a name stands there twice"),
        (lambda: labels(FLEET, ["modle"]), "run 'a' has no label 'modle'. Did you mean 'model'"),
        (lambda: labels(FLEET, ["lr"]), "run 'a': column 'lr' changes from 1 to 3; a label of a run is the same"),
        (lambda: covariate(FLEET, "lr"), "run 'a': column 'lr' changes from 1 to 3; a number of a run is the same"),
        (lambda: covariate(FLEET, "task"), "run 'a': 'task' is the text 'math', and a number is needed"),
        (lambda: covariate(FLEET, "mixed"), "run 'b': 'mixed' is the text 'x', and a number is needed"),
        (
            lambda: covariate(FLEET, "flop"),
            r"run 'a' has no number 'flop'. Did you mean 'flops'\? Allowed: flops, seed",
        ),
        (lambda: covariate(FLEET, ["flops"]), "give the name of an extra column"),
        (lambda: covariate(Fleet([run("c", {})]), "flops"), "No number is there for every run. Give the log a column"),
    ],
)
def test_what_is_missing_is_named(call, message):
    with pytest.raises(InputError, match=message):
        call()
