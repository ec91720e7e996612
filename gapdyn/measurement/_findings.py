"""What to know of a measurement before using it."""

from __future__ import annotations

from collections import Counter

import numpy as np

from .._finding import Finding
from ._measurement import MeasuredRun
from ._schema import CORRECT

FEW = 30  # prompts below which intervals over prompts are rough
OFTEN = 0.2  # share of prompts without a passing score that deserves a remark
APART = 0.25  # by which the two standard errors may differ
HOW_TO_LOG = (
    "For laws and ceilings log nll and n_tokens: sample with log-probabilities (vLLM: SamplingParams(logprobs=0); "
    "OpenAI's servers: logprobs=true; Inspect: --logprobs), or score the dumped responses with the model (verl, TRL, "
    "lm_eval)."
)


def find(runs: tuple[MeasuredRun, ...], seen: Counter[str], verifier: str | None) -> tuple[Finding, ...]:
    """Findings on the samples as they were read, and on each run."""
    found = [*_of_rows(seen, verifier)]
    for run in runs:
        found += _of_run(run, verifier)
    return tuple(found)


def _of_rows(seen: Counter[str], verifier: str | None) -> list[Finding]:
    found, rows = [], seen["rows"]

    def add(level: str, code: str, count: int, what: str, remedy: str) -> None:
        if count:
            found.append(Finding(level, code, f"{count:,} of {rows:,} responses {what}.", remedy))

    add("warning", "missing", seen["missing"], "have no nll or no n_tokens and were left out", "Log both.")
    empty = "have no tokens and were left out"
    add("warning", "zero_tokens", seen["empty"], empty, "Count the end token, or drop empty responses yourself.")
    if verifier:
        blank = "have no score (NaN) and cannot be picked"
        add("warning", "no_score", seen[verifier], blank, "Score every response, or say 0 where the verifier failed.")
    ungraded = seen[CORRECT.name]
    if 0 < ungraded < rows:
        add("info", "ungraded", ungraded, "are not graded", "Accuracies are over the graded ones.")
    return found


def _of_run(run: MeasuredRun, verifier: str | None) -> list[Finding]:
    found = _without_nll(run)
    if verifier is None:
        series = "u_v" if "u_s" in run.estimates else "acc_v"
        text = f"Run {run.name!r} has no scores, so {series} cannot be measured."
        found.append(Finding("warning", "no_verifier", text, "Log the verifier's score of each response as score."))
    fewest = int(run.n_prompts.min())
    if fewest < FEW:
        text = f"Run {run.name!r} has {fewest} prompts at a checkpoint: intervals over so few prompts are rough."
        found.append(Finding("warning", "few_prompts", text, f"Sample {FEW} prompts or more."))
    if len(set(run.n_prompts.tolist())) > 1:
        text = f"Checkpoints of run {run.name!r} have {fewest} to {int(run.n_prompts.max())} prompts."
        found.append(Finding("info", "prompts_differ", text, "Sample the same prompts at every checkpoint."))
    fallback = run.estimates.get("fallback")
    if fallback is not None and np.nanmax(fallback.value) > OFTEN:
        text = (
            f"In run {run.name!r} up to {np.nanmax(fallback.value):.0%} of the prompts have no response that passes "
            f"sigma; the pick is there the highest-scoring one."
        )
        found.append(Finding("info", "fallback", text, "Take a smaller sigma, or more samples."))
    return [*found, *_errors(run)]


def _without_nll(run: MeasuredRun) -> list[Finding]:
    u_s = run.estimates.get("u_s")
    lacking = len(run.t) if u_s is None else int(np.isnan(u_s.value).sum())
    if not lacking:
        return []
    where = "no" if lacking == len(run.t) else f"at {lacking} of {len(run.t)} checkpoints no"
    lost = "u_s and u_v could not be measured" + (" there" if lacking < len(run.t) else "")
    text = f"Run {run.name!r} has {where} log-probabilities (nll with n_tokens): {lost}."
    if "acc_v" in run.estimates:
        text += " acc_v is that of a response drawn from those that pass sigma, not of the surest one."
    if lacking < len(run.t):
        return [Finding("warning", "no_nll", text, HOW_TO_LOG)]
    curve = "A curve fits what there is: gd.fit(run, gd.curves.sigmoid(), series='acc_s', key=0)."
    return [Finding("warning", "no_nll", text, f"{curve} {HOW_TO_LOG}")]


def _errors(run: MeasuredRun) -> list[Finding]:
    for name in ("u_s", "u_v"):
        if name not in run.estimates:
            continue
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = np.log(run.estimates[name].se / run.se[name])
        ratio = ratio[np.isfinite(ratio)]
        if len(ratio) and run.n_prompts.min() >= FEW and np.median(np.abs(ratio)) > np.log1p(APART):
            factor = np.exp(np.median(np.abs(ratio)))
            text = f"The two standard errors of {name} of run {run.name!r} differ by a factor of {factor:.2f}."
            remedy = "Look for a few prompts that carry most of it."
            return [Finding("warning", "errors_differ", text, remedy)]
    return []
