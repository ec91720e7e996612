"""From an engine to draws that may be trusted: judge, choose, and sample again where the first pass was not enough."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..._finding import Finding
from ..._random import split
from .._diagnostics import ENOUGH, Summary, convergence_findings
from .._sites import is_noise
from ._auto import Auto
from ._result import Sampled
from ._target import Target

RETRY_SHARE = 0.001  # divergences above this share are worth a second, more careful pass
CAREFUL = 0.99
LARGEST = 9  # numbers that importance sampling is trusted with: of 10 and 12 it has sds 10 to 20% small at k-hat 0.5


class Pass(NamedTuple):
    """One pass of an engine, with everything that judges it."""

    engine: Any
    sampled: Sampled
    completed: Any
    summary: dict[str, Summary]

    @property
    def free(self) -> dict[str, Summary]:
        """Parameters that vary: the fixed ones have no convergence to judge."""
        return {k: s for k, s in self.summary.items() if s.sd > 0}

    @property
    def findings(self) -> list[Finding]:
        """What speaks against trusting the draws."""
        return convergence_findings(self.free, self.sampled)

    @property
    def faults(self) -> tuple[int, int]:
        """Errors and warnings among the findings."""
        levels = [f.level for f in self.findings]
        return levels.count("error"), levels.count("warning")

    @property
    def diverged(self) -> float:
        return float(np.mean(self.sampled.stats.get("diverging", 0.0)))

    @property
    def rough(self) -> bool:
        few = any(min(s.ess_bulk, s.ess_tail) < ENOUGH for n, s in self.free.items() if not is_noise(n))
        return few or any(s.rhat > 1.01 for s in self.free.values())

    @property
    def doubt(self) -> str:
        said = [f"{self.diverged:.1%} of the draws diverged"] if self.diverged > RETRY_SHARE else []
        return ", ".join([*said, *(["the chains had not mixed"] if self.rough else [])])


def sample_with_care(
    engine: Any, attempt: Callable[[Any, Any], Pass], key: Any, target: Target
) -> tuple[Pass, list[Finding]]:
    """The pass to use, and how it came about. `attempt(engine, key)` samples `target` once."""
    k_nuts, k_again, k_fast = split(key, 3)
    if not isinstance(engine, Auto):
        done, found = _twice_where_asked(engine, attempt, k_nuts, k_again)
        return done, [*too_many(engine, target), *found]
    fast, nuts = engine.candidates(target)
    title = "Quadrature" if fast.name == "quadrature" else "Importance sampling"
    tried = None
    numbers = sum(math.prod(shape) for _, shape in target.rest)
    if numbers > LARGEST and engine.fallback:
        why = f"the posterior has {numbers} numbers, and beyond {LARGEST} a proposal loses its tails."
    else:
        tried = attempt(fast, k_fast)
        worst, effective = (tried.sampled.quality[q].item() for q in ("pareto_k", "effective"))
        # few draws of many that were found good are a choice, and stay
        against = [f for f in tried.findings if f.level != "info" and not (f.code == "ess" and effective >= ENOUGH)]
        if not against:
            text = f"{title} is verified on this posterior: k-hat {worst:.2f}, worth {effective:.0f} draws."
            return tried, [Finding("info", "engine", text, "For another: engine='nuts'.")]
        why = against[0].text
        if not engine.fallback:
            text = f"{title} declined, and is all that was asked for: {why}"
            return tried, [Finding("info", "engine", text, "engine='auto' goes on to NUTS.")]
    done, found = _twice_where_asked(nuts, attempt, k_nuts, k_again)
    if tried is not None and tried.faults < done.faults:
        worse = next(f.text for f in done.findings if f.level != "info")
        why, worse = why.rstrip("."), worse.rstrip(".")
        text = f"{title} declined ({why}) and NUTS did worse ({worse}), so these are the draws of the former."
        return tried, [Finding("info", "engine", text, "A tighter prior on the loosest parameter helps either.")]
    text = f"{title} declined, so NUTS sampled this posterior: {why}"
    return done, [Finding("info", "engine", text, "To go there at once: engine='nuts'."), *found]


def too_many(engine: Any, target: Target) -> list[Finding]:
    """What speaks against importance sampling where weights do not show it."""
    if engine.name != "importance" or target.size <= LARGEST:
        return []
    text = f"Importance sampling of {target.size} numbers (more than {LARGEST}) loses tails that k-hat does not see."
    return [Finding("warning", "many_numbers", text, "Use engine='nuts', or 'auto'.")]


def _twice_where_asked(
    engine: Any, attempt: Callable[[Any, Any], Pass], k_first: Any, k_again: Any
) -> tuple[Pass, list[Finding]]:
    done = attempt(engine, k_first)
    careful = _more_careful(engine, done)
    if careful is None:
        return done, []
    changes = ", ".join(
        f"{f.name}={getattr(careful, f.name)}"
        for f in dataclasses.fields(engine)
        if getattr(engine, f.name) != getattr(careful, f.name)
    )
    text = f"The first pass was not good enough ({done.doubt}); sampled again with {changes}."
    found = Finding("info", "resampled", text, "To skip the first pass, ask for these settings.")
    return attempt(careful, k_again), [found]


def _more_careful(engine: Any, done: Pass) -> Any:
    """Settings for a second pass where the first one asks for it and default counts or more were drawn; else None.

    Nobody should have to tune a sampler. Fewer draws than the default are a choice of speed over quality, and stay.
    """
    default = type(engine)()
    if not hasattr(engine, "warmup") or engine.draws * engine.chains < default.draws * default.chains:
        return None
    longer = {"warmup": 2 * engine.warmup, "draws": 3 * engine.draws} if done.rough else {}
    if not longer and (done.diverged <= RETRY_SHARE or engine.target_acceptance >= CAREFUL):
        return None
    # chains that did not mix sit in a corner where larger steps diverge, sooner or later
    return dataclasses.replace(engine, **longer, target_acceptance=max(CAREFUL, engine.target_acceptance))


def worth(summary: dict[str, Summary], sampled: Sampled) -> dict[str, Summary]:
    """The summaries of an engine's draws; those that were picked by weight are worth no more than the weights say."""
    if "effective" not in sampled.quality:
        return summary
    effective = sampled.quality["effective"].item()
    return {
        n: dataclasses.replace(s, ess_bulk=min(s.ess_bulk, effective), ess_tail=min(s.ess_tail, effective))
        for n, s in summary.items()
    }
