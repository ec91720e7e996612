"""Weights of rival laws by what they said of later checkpoints. NumPy only.

`log_scores` (cases, laws) are log predictive densities, `share` (cases,) says how much a case counts, in checkpoints,
`votes` (laws,) are the weights before anything was seen, which add up to 1.
"""

from __future__ import annotations

import numpy as np

from .._random import generator

# Neighbours err together: a law that bends otherwise is off at all of them. So a checkpoint counts as a part of one.
FRACTION = 1 / 3
# What nobody foresaw, a jump, has densities that differ by hundreds of nats between the far tails of two laws.
# That tells tails apart and not laws: a law is taken to say this share of what all say by their votes.
HEDGE = 0.2
CAUTION = 4.0  # checkpoints' worth of prior, in stacking
ALIKE = 24  # power of the overlap of two forecasts: half an sd apart, or one 1.4 times as wide, they are half alike
RESAMPLES = 1000
STEPS = 2000
CLOSE = 1e-9


def shared_votes(middle: np.ndarray, width: np.ndarray, share: np.ndarray) -> np.ndarray:
    """The `votes` of laws that said `middle`, plus or minus `width` (cases, laws, series).

    Laws that foretell the same share a vote, lest many variants of one law outvote the others (dilution; George 2010):
    a law's vote is one over how many are alike, itself included, by Bhattacharyya's overlap of normal densities.
    """
    width = np.maximum(width, np.finfo(float).tiny ** 0.25)
    square = width[:, :, None] ** 2 + width[:, None] ** 2
    apart = middle[:, :, None] - middle[:, None]
    overlap = np.sqrt(2 * width[:, :, None] * width[:, None] / square) * np.exp(-(apart**2) / (4 * square))
    alike = np.nan_to_num(np.prod(overlap, -1) ** ALIKE)  # what is no forecast is like no other
    votes = 1 / np.maximum(np.average(alike, 0, share).sum(1), 1.0)
    return votes / np.sum(votes)


def pseudo_bma(
    log_scores: np.ndarray, share: np.ndarray, votes: np.ndarray | None = None, fraction: float = FRACTION
) -> np.ndarray:
    """Pseudo-BMA+ weights (laws,): exp of the summed scores, averaged over their Bayesian bootstrap.

    With few cases, or scores that hang on few of them, weights stay near `votes` (Yao, Vehtari, Simpson, Gelman 2018).
    """
    random = generator(0)
    boot = random.dirichlet(np.ones(len(share)), RESAMPLES) * len(share)
    votes = _given(votes, log_scores)
    total = fraction * (boot * share) @ _hedged(log_scores, votes) + np.log(votes)
    weight = np.exp(total - np.max(total, 1, keepdims=True))
    return np.mean(weight / np.sum(weight, 1, keepdims=True), 0)


def _given(votes: np.ndarray | None, log_scores: np.ndarray) -> np.ndarray:
    """Equal ones where none are given."""
    count = log_scores.shape[1]
    return np.full(count, 1 / count) if votes is None else votes


def _hedged(log_scores: np.ndarray, votes: np.ndarray) -> np.ndarray:
    """Each law's score less that of all, where a share of its prediction is theirs; 0 where no law says anything."""
    top = np.max(log_scores, 1, keepdims=True)
    p = np.exp(log_scores - np.where(np.isfinite(top), top, 0.0))
    p = np.where(np.isfinite(top), p, 1.0)
    return np.log((1 - HEDGE) * p + HEDGE * (p @ votes)[:, None])


def stacking(
    log_scores: np.ndarray, share: np.ndarray, votes: np.ndarray | None = None, caution: float = CAUTION
) -> np.ndarray:
    """Weights (laws,) of the mixture that would have predicted best (Yao, Vehtari, Simpson, Gelman 2018), with a prior.

    They maximise sum_i share_i log sum_k w_k p_ik + caution sum_k votes_k log w_k: with few cases they stay near
    `votes`, and laws that predicted alike share for good. By expectation-maximisation, uphill from `votes`.
    """
    votes = _given(votes, log_scores)
    top = np.max(log_scores, 1, keepdims=True)
    p = np.exp(log_scores - np.where(np.isfinite(top), top, 0.0))
    weight = votes
    for _ in range(STEPS):
        joint = p * weight
        total = joint.sum(1, keepdims=True)
        part = np.where(total > 0, joint / np.where(total > 0, total, 1.0), weight)
        after = share @ part + caution * votes
        after /= after.sum()
        done = np.max(np.abs(after - weight)) < CLOSE
        weight = after
        if done:
            break
    return weight


METHODS = {"pseudo_bma": pseudo_bma, "stacking": stacking}
