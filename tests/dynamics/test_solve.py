"""`solve` as users meet it: routes, failures as data, transformations, bad calls."""

from __future__ import annotations

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gapdyn as gd
from gapdyn.dynamics import AbstractPotential, ConstantResponse, GapLaw, Status

TS = np.linspace(0, 10, 11)


class Exploding(AbstractPotential):
    """A user's own potential whose flow runs away."""

    def __call__(self, gap):
        return -(gap**3) * 1e3

    @property
    def rest(self):
        return jnp.zeros(())


def test_a_failed_solve_is_data():
    law = GapLaw(Exploding(), ConstantResponse(1.0, 0.1), 1.0, 0.5)
    failed = gd.solve(law, TS, max_steps=200)
    assert Status(int(failed.status)) in (Status.MAX_STEPS, Status.NOT_FINITE)
    assert not failed.ok
    assert np.isfinite(failed.u_s).all()
    assert np.isfinite(failed.u_v).all()
    assert "max_steps" in Status.MAX_STEPS.message


def test_overflow_is_reported_not_returned():
    law = gd.laws.shared_rate(rate=1.0, u_s0=1e308, u_v0=-1e308).law()
    assert Status(int(gd.solve(law, TS).status)) is Status.NOT_FINITE


def test_a_law_by_name_solves_with_example_numbers():
    t = gd.solve(gd.laws.shared_rate(), TS)
    assert t.route == "exact"
    assert t.ok
    assert t.u_s[0] == 1.0
    np.testing.assert_allclose(t.gap, t.u_s - t.u_v)


@pytest.mark.parametrize("route", ["exact", "ode"])
def test_batches_by_vmap_equal_one_by_one(route):
    rates = jnp.linspace(0.1, 1.0, 5)
    laws = jax.vmap(lambda r: gd.laws.shared_rate().build({**gd.laws.shared_rate().example, "rate": r}))(rates)
    batch = jax.jit(jax.vmap(lambda law: gd.solve(law, TS, route).u_s))(laws)
    for i, r in enumerate(rates):
        np.testing.assert_allclose(batch[i], gd.solve(gd.laws.shared_rate(rate=float(r)), TS, route).u_s, atol=1e-7)


def test_new_numbers_do_not_recompile():
    traces = []

    @jax.jit
    def run(law, ts):
        traces.append(1)
        return gd.solve(law, ts).u_s

    for rate in (0.1, 0.2, 0.3):
        run(gd.laws.shared_rate(rate=rate).law(), jnp.asarray(TS))
    assert len(traces) == 1


def test_forward_mode():
    def last(rate):
        law = gd.laws.shared_rate().build({**gd.laws.shared_rate().example, "rate": rate})
        return gd.solve(law, TS, "ode", adjoint=diffrax.ForwardMode()).u_s[-1]

    forward = jax.jacfwd(last)(0.5)
    exact = jax.grad(
        lambda r: gd.solve(gd.laws.shared_rate().build({**gd.laws.shared_rate().example, "rate": r}), TS).u_s[-1]
    )(0.5)
    assert forward == pytest.approx(float(exact), abs=1e-6)


def test_tolerance_and_units_do_not_interfere():
    """A change of units (or of the level) changes nothing about the accuracy of the integration."""
    for size, level in ((1e-12, 0.0), (1e12, 0.0), (1.0, 1e6)):
        law = gd.laws.shared_rate(u_s0=level + size, u_v0=level + 0.6 * size, gap_inf=0.05 * size).law()
        ode, exact = (gd.solve(law, TS, r) for r in ("ode", "exact"))
        np.testing.assert_allclose((ode.u_s - exact.u_s) / size, 0, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda law: gd.solve(law, TS, "closed"), "unknown route 'closed'"),
        (lambda law: gd.solve(law, []), "at least one time"),
        (lambda law: gd.solve(law, [[1.0]]), "vector"),
        (lambda law: gd.solve(law, [0.0, np.nan]), "finite"),
        (lambda law: gd.solve(law, [1.0, 0.5], "ode"), "increase"),
        (lambda law: gd.solve(law, [-1.0, 0.5], "ode"), "start at or after"),
        (
            lambda law: gd.solve(GapLaw(Exploding(), ConstantResponse(1, 0), 1, 0), TS, "exact"),
            "no closed form",
        ),
    ],
)
def test_bad_calls_say_what_is_wrong(call, message):
    with pytest.raises(gd.InputError, match=message):
        call(gd.laws.shared_rate().law())
