"""Parameters in which a law says that both series are affine: quadrature integrates them out by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from quick import quick_jit

from gapdyn.dynamics import curves, forcings, laws
from gapdyn.dynamics._solve import along, plan

TS = np.linspace(0.0, 9.0, 19)
LINEAR = ("shared_rate", "relaxing_verifier", "chasing_solver", "drifting_response", "decaying_response", "lr_clock",
          "rounds", "stochastic")  # fmt: skip
CASES = [
    *((name, make()) for name, make in {**laws.ALL_LAWS, **curves.ALL_CURVES}.items()),
    *((f"{name}-{kind}", laws.ALL_LAWS[name](forcing=forcings.ALL_FORCINGS[kind]()))
      for name in LINEAR for kind in ("impulse", "additive_impulse")),
]  # fmt: skip
AFFINE = [pytest.param(spec.bind(None), id=name) for name, spec in CASES if spec.coordinates.affine]


def corners(affine: tuple[str, ...], values: Mapping[str, float], seed: int) -> list[dict[str, float]]:
    """A point, two steps from it in the affine parameters, and both steps together."""
    random = np.random.default_rng(seed)
    one, other = ({n: random.normal() for n in affine} for _ in range(2))
    return [
        {n: v + a * one.get(n, 0.0) + b * other.get(n, 0.0) for n, v in values.items()}
        for a, b in ((0, 0), (1, 0), (0, 1), (1, 1))
    ]


def bent(first: Any, second: Any, third: Any, fourth: Any) -> Any:
    """0 for an affine function."""
    size = np.max(np.abs([first, second, third, fourth]))
    return np.max(np.abs(np.asarray(fourth) - second - third + first)) / np.where(size == 0, 1.0, size)


@pytest.mark.parametrize("spec", AFFINE)
def test_both_series_are_affine_in_them(spec):
    example = spec.build({**spec.example, **spec.constants})
    route = plan(example, "auto", TS, 0.0)

    def path(values: Any) -> Any:
        t = along(spec.build({**values, **spec.constants}), jnp.asarray(TS), route, jnp.asarray(1.0))
        return jnp.stack([t.u_s, t.u_v])

    compiled = quick_jit(path)
    for seed in range(3):
        series = [
            compiled({n: jnp.asarray(v) for n, v in c.items()})
            for c in corners(spec.coordinates.affine, spec.example, seed)
        ]
        assert bent(*series) < 1e-12


@pytest.mark.parametrize("name", [n for n in laws.ALL_LAWS if laws.ALL_LAWS[n]().coordinates.affine])
def test_coordinates_are_affine_in_them_and_leave_the_rest(name):
    spec = laws.ALL_LAWS[name]()
    example = {**spec.example, "u_s_inf": 0.4, "u_v_inf": 0.3, "alpha": 0.7, "beta": 0.2, "b": 0.1}
    for coordinates in spec.family:
        if not coordinates.affine:
            continue
        stated = {n: example[n] for n in coordinates.names}
        found = [coordinates.resolve(c) for c in corners(coordinates.affine, stated, 0)]
        for canonical in spec.example:
            values = [f[canonical] for f in found]
            assert bent(*values) < 1e-12
            assert canonical in spec.coordinates.affine or np.ptp(values) == 0


def test_laws_that_are_not_affine_in_levels_do_not_say_so():
    assert laws.saturating_potential().coordinates.affine == ()
    assert laws.neural_potential().coordinates.affine == ()  # it is on either side of rest, not across
    assert laws.power_potential(one_sided=True).coordinates.affine == ()
    assert laws.power_potential(forcing=forcings.impulse()).coordinates.affine == ()
    assert "dose" in laws.shared_rate(forcing=forcings.additive_rate()).coordinates.affine
    assert "gamma" not in laws.shared_rate(forcing=forcings.rate()).coordinates.affine
    assert laws.shared_rate(u_s_inf=0.5, u_v_inf=0.3).coordinates.affine == ()
