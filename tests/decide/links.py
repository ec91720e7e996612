"""Simulated runs in which the accuracy link is true, or is not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from scipy.special import expit, logit

import gapdyn as gd

PROMPTS, SAMPLES = 512, 8
LAW = gd.laws.shared_rate()
ENGINE = gd.engines.Quadrature(draws=250)


@dataclasses.dataclass(frozen=True)
class Truth:
    """A run, and the accuracies that its links lead to: solver's and verifier's."""

    run: gd.Run
    limit: tuple[float, float]


def same_prompts(random: np.random.Generator, p: np.ndarray, samples: int) -> np.ndarray:
    """Correct responses (times,): easy and hard prompts, the same throughout, of mean accuracy p (times,)."""
    ease = random.normal(0, 1.5, PROMPTS)
    low, high = np.full(p.shape, -20.0), np.full(p.shape, 20.0)
    for _ in range(50):
        middle = (low + high) / 2
        below = expit(middle[:, None] + ease).mean(1) < p
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return random.binomial(samples, expit(low[:, None] + ease)).sum(1)


def independent(random: np.random.Generator, p: np.ndarray, samples: int) -> np.ndarray:
    """Correct responses (times,), binomial."""
    return random.binomial(PROMPTS * samples, p)


def straying(random: np.random.Generator, p: np.ndarray, samples: int) -> np.ndarray:
    """Correct responses (times,), of a variance that is 4 times as large as a binomial's."""
    count = PROMPTS * samples
    share = (count - 1) / 3 - 1  # beta-binomial: variance 1 + (count - 1) / (share + 1)
    return random.binomial(count, random.beta(p * share, (1 - p) * share))


def linked(
    random: np.random.Generator,
    count: Callable[..., np.ndarray] = independent,
    bend: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Truth:
    """A run of the shared-rate law, one to five time constants long, with 0.5% to 2% noise, whose accuracies follow:
    the solver's gain is a quarter to six tenths of its headroom. `bend` maps the share of the way made to what it is
    worth in accuracy.
    """
    t = np.arange(float(random.integers(15, 41)))
    fall, gap_inf = random.uniform(0.5, 2), random.uniform(0.05, 0.3)
    rate, rho = random.uniform(1, 5) / t[-1], random.uniform(0.1, 0.7)
    gap = gap_inf + fall * (1 - rho)  # at the start
    law = gd.laws.shared_rate(rate=rate, rho=rho, gap_inf=gap_inf, u_s0=fall + 0.6, u_v0=fall + 0.6 - gap).law()
    run = gd.simulate(law, t, noise=fall * random.uniform(0.005, 0.02), key=int(random.integers(2**31)))
    solved, limits = gd.solve(law, t), gd.limits(law)
    columns, ends = {}, []
    for x, samples in (("s", SAMPLES), ("v", 1)):
        u, end = np.asarray(getattr(solved, f"u_{x}")), float(getattr(limits, f"u_{x}_inf"))
        start, learned = random.uniform(0.1, 0.8), random.uniform(0.25, 0.6)
        gained = logit(start + learned * (1 - start)) - logit(start)
        way = (u[0] - u) / (u[0] - u[-1])
        way = way if bend is None else bend(way)
        columns[f"acc_{x}"] = count(random, expit(logit(start) + gained * way), samples) / (PROMPTS * samples)
        ends.append(float(expit(logit(start) + gained * (u[0] - end) / (u[0] - u[-1]))))
    extra = {"n_prompts": np.full(len(t), float(PROMPTS)), "n_samples": np.full(len(t), float(SAMPLES))}
    return Truth(dataclasses.replace(run, **columns, extra=extra), (ends[0], ends[1]))


def judged(truth: Truth, prompts: str = "same") -> gd.Accuracy:
    """What is made of it."""
    return gd.accuracy(gd.fit(truth.run, LAW, key=0, engine=ENGINE), prompts=prompts)
