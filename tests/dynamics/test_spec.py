"""A law as the user states it: numbers, priors, limits, coefficients."""

from __future__ import annotations

import numpyro.distributions as dist
import pytest

import gapdyn as gd

EXAMPLE = {"rate": 0.4, "rho": 0.25, "gap_inf": 0.08, "u_s0": 1.2, "u_v0": 0.7}


def everything() -> dict[str, float]:
    spec = gd.laws.shared_rate(**EXAMPLE)
    return {**EXAMPLE, **{k: float(v) for k, v in spec.outputs(spec.law()).items()}}


@pytest.mark.parametrize("coordinates", gd.laws.shared_rate().family, ids=lambda c: ",".join(c.names[:3]))
def test_every_set_of_coordinates_states_the_same_law(coordinates):
    known = everything()
    law = gd.laws.shared_rate(**{n: known[n] for n in coordinates.names}).law()
    back = gd.laws.shared_rate().outputs(law)
    for name in ("u_s_inf", "u_v_inf", "alpha", "beta", "b"):
        assert float(back[name]) == pytest.approx(known[name], rel=1e-12)


def test_a_limit_can_be_stated_directly():
    ends = gd.limits(gd.laws.shared_rate(u_s_inf=0.31, u_v_inf=0.22))
    assert float(ends.u_s_inf) == pytest.approx(0.31)
    assert float(ends.u_v_inf) == pytest.approx(0.22)


def test_the_gauge_is_stated_by_the_user():
    law = gd.laws.shared_rate(alpha=1.0, beta=0.5, b=0.2, k=2.0).law()
    assert float(law.potential.rest) == pytest.approx(0.1)
    assert float(gd.limits(law).time_constant) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gd.laws.shared_rate(rho="fast"), "neither a number nor a NumPyro distribution"),
        (lambda: gd.laws.shared_rate(rho=float("nan")), "not finite"),
        (lambda: gd.laws.shared_rate(rho=0.2, gap_inf=0.1, u_s_inf=0.3), "cannot be given together"),
        (lambda: gd.laws.shared_rate().replace(rat=0.2), "Did you mean 'rate'"),
        (lambda: gd.laws.shared_rate(rho=dist.Beta(2, 2)).law(), "prior on 'rho'"),
        (lambda: gd.laws.shared_rate(k=0.0), "gauge"),
        (lambda: gd.laws.shared_rate(rho=1.0), "must be in \\[0, 1\\)"),
        (lambda: gd.laws.shared_rate(rate=-3.0), "rate=-3"),
        (lambda: gd.laws.shared_rate(u_s_inf=1.0, u_s0=1.0, u_v_inf=0.5).law(), "division by zero"),
        (lambda: gd.laws.shared_rate(u_s_inf=0.5, u_v_inf=0.7).law(), "make rho"),
    ],
)
def test_contradictions_are_named(call, message):
    with pytest.raises(gd.InputError, match=message):
        call()


def test_repr_shows_what_was_given():
    assert repr(gd.laws.shared_rate(rho=0.3, rate=dist.LogNormal(0.0, 1.0))) == (
        "gapdyn.laws.shared_rate(rate=LogNormal(0, 1), rho=0.3)"
    )
