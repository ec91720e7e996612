"""Draws that were kept by themselves: what follows from them is what the fit said."""

from __future__ import annotations

import numpy as np
import pytest

import gapdyn as gd
from gapdyn.inference._posterior import revisit

QUICK = gd.engines.Laplace(chains=2, draws=50)


CASES = [
    (gd.laws.shared_rate(), gd.Likelihood()),
    (gd.laws.shared_rate(), gd.Likelihood(noise="student_t")),
    *(
        pytest.param(*case, marks=pytest.mark.slow)
        for case in (
            (gd.laws.shared_rate(), gd.Likelihood(shared=0.0, residuals="wander")),
            (gd.laws.stochastic(), gd.Likelihood()),
            (gd.laws.relaxing_verifier(), gd.Likelihood(excess="separate")),
        )
    ),
]


@pytest.mark.parametrize(("law", "likelihood"), CASES)
def test_kept_draws_have_the_fits_log_likelihood(law, likelihood):
    fit = gd.fit(gd.datasets.learning(), law, key=0, engine=QUICK, likelihood=likelihood)
    again = revisit(fit.model, dict(fit.draws), fit.observations, fit.scale, 0)
    np.testing.assert_allclose(again.log_lik, fit.log_lik, rtol=1e-8, atol=1e-8)
    law_alone = fit.curves(prompts="law").u_s[:, -1]
    if not fit.model.wanders:
        np.testing.assert_allclose(again.last.reshape(-1), law_alone, rtol=1e-9)


def test_common_errors_that_were_not_kept_are_drawn_anew():
    """From the same distribution: their means agree within 5 standard errors."""
    engine = gd.engines.Laplace(chains=1, draws=4000)
    fit = gd.fit(gd.datasets.learning(), gd.laws.shared_rate(), key=0, engine=engine)
    kept = {name: x for name, x in fit.draws.items() if not name.startswith("offset_")}
    again = revisit(fit.model, kept, fit.observations, fit.scale, 1)
    assert set(again.draws) == set(fit.draws)
    for name in ("offset_s", "offset_v"):
        old, new = fit.draws[name], again.draws[name]
        assert not np.array_equal(old, new)
        assert abs(new.mean() - old.mean()) < 5 * np.hypot(old.std(), new.std()) / 4000**0.5
        assert new.std() == pytest.approx(old.std(), rel=0.1)
