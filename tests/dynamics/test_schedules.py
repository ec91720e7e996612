"""Schedules of external data, what is refused, and potentials of a user's own."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gapdyn as gd
from gapdyn.dynamics import (
    AbstractPotential,
    ConstantResponse,
    GapLaw,
    ImpulseForcing,
    LinearPotential,
    RampForcing,
    RelaxingVerifier,
    StepForcing,
    forcings,
    laws,
    limits,
    solve,
)
from gapdyn.dynamics._schedule import as_schedule
from gapdyn.dynamics.forcings import Schedule, early, from_run, late, one_shot, uniform

# schedules -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "amounts"),
    [
        (early(4), [0.4, 0.3, 0.2, 0.1]),
        (late(4), [0.1, 0.2, 0.3, 0.4]),
        (uniform(4), [0.25, 0.25, 0.25, 0.25]),
        (one_shot(), [1.0]),
        (early(1), [1.0]),
    ],
)
def test_shares_sum_to_1_and_have_the_shape_that_the_name_says(schedule, amounts):
    np.testing.assert_allclose(schedule.amounts, amounts)
    np.testing.assert_array_equal(schedule.times, np.arange(len(amounts)))
    assert schedule.end == len(amounts)


@pytest.mark.parametrize("make", [early, late, uniform])
def test_rounds_start_and_last_as_told(make):
    schedule = make(5, start=-2.0, length=3.0)
    np.testing.assert_array_equal(schedule.times, [-2.0, 1.0, 4.0, 7.0, 10.0])
    assert schedule.end == 13.0
    assert schedule.amounts.sum() == pytest.approx(1.0)


def test_one_shot_is_a_single_arrival():
    schedule = one_shot(7.0, length=0.5)
    assert (schedule.times.tolist(), schedule.amounts.tolist(), schedule.end) == ([7.0], [1.0], 7.5)


def test_any_measure_of_the_amounts_works_and_the_arrays_are_read_only():
    schedule = Schedule([0, 2], [300, 100])
    assert schedule.amounts.tolist() == [300.0, 100.0]
    assert schedule.end == 4.0  # the last spacing further on
    with pytest.raises(ValueError, match="read-only"):
        schedule.amounts[0] = 1.0


def test_a_run_brings_its_own_schedule_as_shares():
    run = gd.Run("a", [0, 1, 2, 4, 5], clock="round", u_s=[1.0, 0.9, 0.8, 0.7, 0.6], external=[0, 30, None, 10, 0])
    for schedule in (from_run(run), Schedule.from_run(run)):
        np.testing.assert_array_equal(schedule.times, [1.0, 4.0])
        np.testing.assert_array_equal(schedule.amounts, [0.75, 0.25])
        assert schedule.end == 5.0


def test_items_of_the_last_checkpoint_take_as_long_as_the_round_before():
    run = gd.Run("a", [0, 1, 3], clock="round", u_s=[1.0, 0.9, 0.8], external=[1, 0, 1])
    assert from_run(run).end == 5.0


def test_bundled_runs_have_the_schedules_of_their_names():
    first, even, last = (from_run(gd.datasets.load(f"external_{when}")) for when in ("early", "uniform", "late"))
    assert first.times[-1] < even.times[-1] <= last.times[-1]
    assert first.times[0] == even.times[0] == 0 < last.times[0]
    assert [schedule.amounts.sum() for schedule in (first, even, last)] == pytest.approx([1.0] * 3)


@pytest.mark.parametrize("kind", [ImpulseForcing, StepForcing, RampForcing])
def test_what_arrives_between_two_times_adds_up_to_the_whole(kind):
    schedule = early(6, start=1.0)
    ends = {"end": schedule.end} if kind is StepForcing else {}
    forcing = kind(schedule.times, schedule.amounts, 0.4, **ends)
    edges = np.concatenate([[-5.0, 0.5, 2.3], np.arange(3.0, 9.0, 0.7), [20.0]])
    parts = [float(forcing.total(a, b)) for a, b in itertools.pairwise(edges)]
    assert sum(parts) == pytest.approx(1.0)
    assert min(parts) >= 0
    if kind is not ImpulseForcing:  # and it is the integral of the density
        grid = np.linspace(1.0, 7.0, 60_001)
        middle = (grid[1:] + grid[:-1]) / 2
        area = float(jnp.sum(jax.vmap(lambda t: forcing.density(t, t))(middle)) * (grid[1] - grid[0]))
        assert area == pytest.approx(1.0, abs=1e-6)


# what is refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Schedule([], []), "0 times and 0 amounts"),
        (lambda: Schedule([0, 1], [1]), "2 times and 1 amounts"),
        (lambda: Schedule([0, np.nan], [1, 1]), r"times\[1\] is not finite"),
        (lambda: Schedule([0, 1], [np.inf, 1]), r"amounts\[0\] is not finite"),
        (lambda: Schedule([0, 2, 2], [1, 1, 1]), r"times\[2\]=2 follows 2"),
        (lambda: Schedule([3, 2], [1, 1]), r"times\[1\]=2 follows 3"),
        (lambda: Schedule([0, 1], [1, -1]), "amounts must be >= 0"),
        (lambda: Schedule([0, 1], [0, 0]), "one of them positive"),
        (lambda: Schedule([0, 1], [1, 1], end=1.0), "end=1 is not after the last arrival at 1"),
        (lambda: Schedule([0, 1], [1, 1], end=np.nan), "end=nan"),
        (lambda: Schedule([0, 1], [1, 1], end=np.inf), "end=inf"),
        (lambda: early(0), "rounds=0"),
        (lambda: late(-3), "rounds=-3"),
        (lambda: uniform(True), "rounds=True"),
        (lambda: uniform(3, length=0.0), r"length=0\.0"),
        (lambda: early(3, start=np.nan), "start=nan"),
        (lambda: one_shot(np.inf), "inf"),
        (lambda: one_shot(0.0, length=-1.0), r"length=-1\.0"),
        (lambda: from_run(gd.datasets.learning()), "has no external items"),
        (lambda: as_schedule([0, 1, 2]), r"schedule=\[0, 1, 2\]"),
        (lambda: as_schedule(early), "schedule=<function early"),
        (lambda: laws.shared_rate(forcing=early(8)), "forcing=Schedule"),
        (lambda: laws.shared_rate(forcing=forcings.impulse), "forcing=<function impulse"),
        (lambda: laws.shared_rate(forcing=forcings.impulse(gamma=-0.1)), r"gamma=-0\.1"),
        (lambda: laws.shared_rate(forcing=forcings.impulse(gamma="much")), "gamma='much'"),
        (lambda: laws.shared_rate(forcing=forcings.additive_rate(dose=np.nan)), "dose=nan"),
        (lambda: laws.shared_rate(forcing=forcings.ramp(one_shot())).law(), "this schedule has one"),
        (lambda: laws.shared_rate().replace(gamma=0.3), "no parameter 'gamma'"),
        (lambda: laws.shared_rate(forcing=forcings.impulse()).replace(dose=0.1), "no parameter 'dose'"),
        (lambda: laws.shared_rate(forcing=forcings.impulse(), u_s_inf=0.3), "u_s_inf"),
        (lambda: laws.lr_clock(times=[0, 1]), "times and lr together"),
        (lambda: laws.lr_clock(times=[0, 1], lr=[1]), "one rate for each"),
        (lambda: laws.lr_clock(times=[1, 0], lr=[1, 1]), "increase"),
        (lambda: laws.lr_clock(times=[0, 1], lr=[0, 0]), "not all 0"),
        (lambda: laws.rounds(length=0.0), "length=0"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(gd.InputError, match=message):
        call()


# a user's own potential ----------------------------------------------------------------------------------------------


class Cubic(AbstractPotential):
    """k (x + x^3/s^2), x = G - rest: a drive that a wide gap makes stronger."""

    k: jax.Array
    at: jax.Array
    s: jax.Array

    def __call__(self, gap):
        x = gap - self.at
        return self.k * (x + x**3 / self.s**2)

    @property
    def rest(self):
        return self.at


CUBIC = Cubic(jnp.asarray(1.0), jnp.asarray(0.05), jnp.asarray(0.3))
RESPONSE, TS = ConstantResponse(0.7, 0.21), np.linspace(0.0, 12.0, 13)
DATA = (jnp.asarray([2.0, 5.0]), jnp.asarray([0.5, 0.5]), 0.5)
SURROUNDINGS = {
    "alone": (None, None),
    "with impulses": (None, ImpulseForcing(*DATA)),
    "relaxing, with steps": (RelaxingVerifier(0.3, 0.4), StepForcing(*DATA, end=7.0)),
}


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_a_potential_of_ones_own_works_everywhere(name):
    law = GapLaw(CUBIC, RESPONSE, 1.0, 0.6, 0.0, *SURROUNDINGS[name])
    found, ode = solve(law, TS), solve(law, np.append(TS, 200.0), "ode")
    assert (found.route, int(found.status), int(ode.status)) == ("fixed", 0, 0)
    np.testing.assert_allclose([found.u_s, found.u_v], [ode.u_s[:-1], ode.u_v[:-1]], atol=1e-7)
    ends = limits(law)
    np.testing.assert_allclose([ends.u_s_inf, ends.u_v_inf], [ode.u_s[-1], ode.u_v[-1]], atol=1e-7)


def test_a_potential_of_ones_own_has_the_solution_of_its_equation():
    # x' = -c (x + x^3/s^2) is solved by (x^2/(1 + x^2/s^2)) falling as exp(-2 c t)
    x = solve(GapLaw(CUBIC, RESPONSE, 1.0, 0.6), TS).gap - 0.05
    ratio = x**2 / (1 + (x / 0.3) ** 2)
    np.testing.assert_allclose(ratio, ratio[0] * np.exp(-2 * 0.49 * TS), atol=1e-8)


def test_gradients_reach_the_numbers_of_a_potential_of_ones_own():
    def last(x):
        return solve(GapLaw(Cubic(*x), RESPONSE, 1.0, 0.6), TS).u_s[-1]

    x, steps = jnp.asarray([1.0, 0.05, 0.3]), 1e-5 * jnp.eye(3)
    central = (jax.vmap(last)(x + steps) - jax.vmap(last)(x - steps)) / 2e-5
    np.testing.assert_allclose(jax.grad(last)(x), central, atol=1e-7)
    assert np.abs(central).min() > 1e-4


def test_a_subclass_of_a_known_potential_does_not_inherit_its_closed_form():
    class Halved(LinearPotential):
        def __call__(self, gap):
            return (self.k * gap - self.b) / 2

    halved, slower = (
        solve(GapLaw(p, RESPONSE, 1.0, 0.6), TS) for p in (Halved(1.0, 0.05), LinearPotential(0.5, 0.025))
    )
    assert (halved.route, slower.route) == ("fixed", "exact")
    np.testing.assert_allclose(halved.u_s, slower.u_s, atol=1e-8)
