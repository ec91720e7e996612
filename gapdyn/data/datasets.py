"""Real self-improvement runs that come with gapdyn: small enough to read, rich enough to go wrong.

How they were made: a from-scratch transformer (2 layers, width 64, 4 heads, 101,000 parameters) learns
two-digit addition (`a+b=`, digits of the answer reversed, 3 digits and an end token) and, in the same
weights, to judge a given answer (`a+b=c?` -> Y or N). Pre-training stops early. Then the model improves
itself: in each round it samples N = 8 answers at temperature 1 to each of 1,024 training prompts, scores
them with its own P(Y), keeps one per prompt by the best-of-N rule (among scores >= 0.5 the smallest NLL per
token, else the highest score), and takes 4 AdamW steps (batch 256) on what it kept. Correct answers enter
training only in the `external_*` runs.

Each checkpoint was measured before its round on the same 512 prompts with the same random numbers, 8 samples
each. So the standard errors, taken over prompts, are mostly one offset common to the whole run, not fresh
noise per checkpoint.

Every run has the clock "round" (from 0) and the unit "nats/response". Columns: `u_s` (mean over all
samples), `u_v`; `se_s`, `se_v` over prompts; `acc_s` over samples, `acc_v` over the best of each 8; `len_s`,
`len_v` in tokens (4 throughout: no length effects here); `external`, correct answers put in place of picks
in that round. In `run.extra`: `pass_n` (share of prompts with any of the 8 samples correct), `auc` (of the
score against correctness), `fallback` (share of prompts without a score >= 0.5), `n_prompts`, `n_samples`.

Of two of them the samples are bundled too: `samples("sharpening_only")`.

Examples
--------
>>> from gapdyn.data import datasets
>>> datasets.learning()
Run('learning', 25 checkpoints, round 0 to 24, u_s u_v acc_s acc_v, nats/response)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from .._check import choose
from ._read import read_run
from ._run import Run

if TYPE_CHECKING:
    import polars as pl


def names() -> tuple[str, ...]:
    """Names of the bundled runs, as `load` takes them."""
    return tuple(_ALL)


def load(name: str) -> Run:
    """A bundled run by name; an unknown name is an `InputError` that lists the known ones."""
    return _ALL[choose(name, _ALL, "dataset")]()


def sampled() -> tuple[str, ...]:
    """Names of the bundled runs whose samples are bundled too, as `samples` takes them."""
    return ("learning_then_sharpening", "sharpening_only")


def samples(name: str) -> pl.DataFrame:
    """The samples behind a bundled run: every response to its 512 evaluation prompts, 8 each, at every checkpoint.

    A Polars frame of round, prompt_id, sample_id, nll, n_tokens, score, correct, as `gapdyn.measure` takes it. A name
    without samples is an `InputError` that lists those with.
    """
    from importlib.resources import as_file, files

    import polars as pl

    choose(name, sampled(), "set of samples")
    with as_file(files("gapdyn.data") / "bundled" / f"{name}_samples.parquet") as path:
        return pl.read_parquet(path)


def learning() -> Run:
    """The loop learns: 24 rounds, solver accuracy .70 -> .79, and the gap closes.

    u_s falls from 0.75 to 0.50 and the gap from 0.44 to 0.26, while the best-of-8 answers stay at .86 to .88
    correct and pass_n loses little (.98 -> .96). u_v has levelled off by round 7, at about 0.23.
    """
    return _load("learning")


def learning_then_sharpening() -> Run:
    """First it learns, then it only grows surer: 40 rounds; the control of the `external_*` runs.

    Solver accuracy rises from .36 to .42 in four rounds and needs 36 more to reach .45, while u_s goes on
    falling from 1.65 to 0.95. The diversity pays for it: pass_n drops from .89 to .72, and the best-of-8
    accuracy, after a peak of .67, ends at .57, below its start of .59.
    """
    return _load("learning_then_sharpening")


def sharpening_only() -> Run:
    """False progress: 40 rounds of smoothly falling uncertainty without any learning.

    u_s falls by three quarters (2.39 -> 0.62) and u_v from 1.53 to 0.19, along smooth, convex curves.
    Accuracy does not rise (.13 -> .12), and pass_n drops from .61 to .20. The uncertainties alone look like
    a success.
    """
    return _load("sharpening_only")


def collapse() -> Run:
    """It breaks: 24 rounds, accuracy .95 -> .97 -> .59, and the uncertainty turns upwards.

    For about nine rounds all is well (u_s 0.18 -> 0.10). Then u_s climbs to 0.26, u_v from 0.04 to 0.21, and
    pass_n falls from 1.00 to .71. No law with a falling u_s describes the second half.
    """
    return _load("collapse")


def near_ceiling() -> Run:
    """Hardly anything left to gain: 24 rounds, accuracy .989 -> .995.

    u_s falls from 0.046 to 0.027 and u_v from 0.017 to 0.006, with standard errors of u_s of a seventh to a
    fifth of it. pass_n is 1 throughout.
    """
    return _load("near_ceiling")


def external_early() -> Run:
    """As `learning_then_sharpening`, with 307 correct answers in round 0; 30 rounds.

    Accuracy jumps from .36 to .40 at once (without external data: .38) and ends at .460, the highest of the
    three schedules (without: .435 at round 30). `external` is 307 in round 0 and 0 after it.
    """
    return _load("external_early")


def external_uniform() -> Run:
    """As `learning_then_sharpening`, with 11 correct answers in each of rounds 0 to 26; 30 rounds.

    That makes 297 in all. Accuracy ends at .448 (without external data: .435 at round 30).
    """
    return _load("external_uniform")


def external_late() -> Run:
    """As `learning_then_sharpening`, with 307 correct answers in round 26; 30 rounds.

    Equal to its control up to the checkpoint of round 26, which was measured before that round. Accuracy
    ends at .442 (without external data: .435 at round 30).
    """
    return _load("external_late")


def inner_learning() -> Run:
    """The inner clock: answers drawn and picked once, then 160 steps on them; accuracy .36 -> .44.

    Starts from the same model as `learning_then_sharpening`, but the picks are never renewed: each "round"
    is a block of 4 steps on the same pseudo-labels. It sharpens less (u_s 1.65 -> 1.23 in 40 blocks, there
    0.95) and keeps its diversity (pass_n .89 -> .86).
    """
    return _load("inner_learning")


def inner_slow() -> Run:
    """The inner clock from a weak model: 40 blocks of 4 steps on picks drawn once; accuracy .13 -> .15.

    Starts from the same model as `sharpening_only`. u_s falls from 2.39 to 1.71 only, and pass_n from .61 to
    .49.
    """
    return _load("inner_slow")


_ALL: dict[str, Callable[[], Run]] = {
    function.__name__: function
    for function in (
        learning,
        learning_then_sharpening,
        sharpening_only,
        collapse,
        near_ceiling,
        external_early,
        external_uniform,
        external_late,
        inner_learning,
        inner_slow,
    )
}


def _load(name: str) -> Run:
    from importlib.resources import as_file, files  # slow to import, and most programs never get here

    with as_file(files("gapdyn.data") / "bundled" / f"{name}.csv") as path:
        run = read_run(path)
    about = (_ALL[name].__doc__ or "").split("\n")[0]
    # not the path: it is of no use to anyone, and may be gone if the package is a zip file
    return dataclasses.replace(run, meta={**run.meta, "source": f"gapdyn.datasets.{name}", "about": about})
