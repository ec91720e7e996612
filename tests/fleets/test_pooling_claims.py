"""What pooling promises: one posterior in all forms, better ceilings where runs share, no harm where they do not.

Families are those of benchmarks/pooling.py, which has the figures with their intervals.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

import gapdyn as gd
from gapdyn.fleets._pooled import fit_pooled

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

FALSE_ALARM = 1e-3


def fitted(fleet: gd.Fleet, **settings) -> gd.PooledFit:
    return fit_pooled(fleet, gd.laws.shared_rate(), key=0, progress=False, **settings)


@pytest.mark.slow
def test_all_forms_have_one_posterior():
    """Means within 5 Monte Carlo standard errors: of some 80 numbers of three fits that raises a false alarm in 1 of
    10,000 runs.
    """
    from pooling import family

    fleet, *_ = family("shared", 8, 3)
    engine = gd.engines.NUTS(draws=1500, target_acceptance=0.95)
    fits = {form: fitted(fleet, form=form, engine=engine) for form in ("auto", "centred", "non_centred")}
    reference = fits["auto"].summary
    for form in ("centred", "non_centred"):
        for name, a in fits[form].summary.items():
            b = reference[name]
            error = np.hypot(a.sd / a.ess_bulk**0.5, b.sd / b.ess_bulk**0.5)
            assert abs(a.mean - b.mean) < 5 * error, (form, name, a, b)


@pytest.mark.slow
def test_runs_that_share_lend_one_another_and_say_how_sure_they_are():
    from pooling import study

    studies = [study("shared", 20, seed) for seed in (100, 101, 102)]
    pooled, alone = (sum(np.sum(s[who]["squared"]) for s in studies) for who in ("pooled", "alone"))
    assert pooled < 0.75 * alone
    covered = [c for s in studies for c in s["pooled"]["covered"]]
    assert binom.cdf(sum(covered), len(covered), 0.9) > FALSE_ALARM
    unseen = [c for s in studies for c in s["unseen"]]
    assert binom.cdf(sum(unseen), len(unseen), 0.9) > FALSE_ALARM


@pytest.mark.slow
def test_runs_that_share_nothing_lose_nothing():
    """Over 60 runs the ratio of squared errors is known to about 4% (sd over families): 1.03 and three of these."""
    from pooling import study

    studies = [study("nothing shared", 20, seed) for seed in (100, 101, 102)]
    pooled, alone = (sum(np.sum(s[who]["squared"]) for s in studies) for who in ("pooled", "alone"))
    assert pooled < 1.15 * alone
    covered = [c for s in studies for c in s["pooled"]["covered"]]
    assert binom.cdf(sum(covered), len(covered), 0.9) > FALSE_ALARM
