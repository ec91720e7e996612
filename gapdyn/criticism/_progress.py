"""Is it learning, or only growing surer of itself? What the accuracy, the verifier and the lengths of a run say.

No law is fitted here: each quantity's first checkpoints are held against its last ones, and its best against its last.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from .._finding import AbstractResult
from ..data import Run
from ..inference import Finding

SHARE = 0.1  # of a run whose checkpoints, at either end, are averaged; at least WINDOW of them
WINDOW = 3
Z = 1.645  # one-sided 95%
CLEAR = 4.0  # standard errors that count as seen where the largest of many differences is looked at
HEADROOM = 0.05  # share of what was left to learn, below which a gain counts as none
DROP = 0.05  # fall of an accuracy that counts
FALL = 0.1  # share of u_s by which it must fall for its fall to mean anything
CHANCE = 0.02  # AUC over 0.5 that counts as chance
RATES = ("acc_s", "acc_v", "pass_n")


@dataclasses.dataclass(frozen=True)
class Change:
    """How one quantity went over a run.

    Attributes
    ----------
    start, end : means of its first and last checkpoints (a tenth of them, at least 3).
    best : mean of the best such stretch: the highest of an accuracy, the lowest of an uncertainty.
    se : standard error of a difference of two of these.
    """

    start: float
    end: float
    best: float
    se: float

    @property
    def gain(self) -> float:
        """end - start."""
        return self.end - self.start


@dataclasses.dataclass(frozen=True, eq=False)
class Progress(AbstractResult):
    """What a run's other columns say of its falling uncertainty. Made by `gapdyn.progress`; prints itself.

    Attributes
    ----------
    run : the run.
    changes : column -> `Change`, of u_s, u_v, acc_s, acc_v, pass_n, auc and len_s as far as they are measured.
    by_length : share of the fall of log u_s that shorter responses account for; NaN where unknown.
    verdict : "learns", "false progress", "collapse", or "not told".
    findings : what speaks against the run.
    """

    run: Run
    changes: dict[str, Change]
    by_length: float
    verdict: str
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        changes = {name: dataclasses.asdict(c) for name, c in self.changes.items()}
        return {
            "verdict": self.verdict,
            "changes": changes,
            "by_length": self.by_length,
            "findings": [f.to_dict() for f in self.findings],
        }

    def table(self) -> str:
        """The changes as a table, without the findings."""
        lines = [f"{self.run.name}: {self.verdict}", f"{'':8s}{'start':>10s}{'end':>10s}{'change':>10s}{'se':>9s}"]
        for name, c in self.changes.items():
            lines.append(f"{name:8s}{c.start:>10.4g}{c.end:>10.4g}{c.gain:>+10.3g}{c.se:>9.2g}")
        return "\n".join(lines)


def progress(run: Run) -> Progress:
    """Whether a run learns, by what was measured beside its uncertainties.

    Needs `acc_s`; the more of `acc_v`, `auc`, `pass_n`, `len_s` and `n_prompts` (or `n_acc`) there is, the more it
    says. Standard errors of accuracies are those of independent prompts or of the scatter between checkpoints,
    whichever are larger.

    Returns
    -------
    Progress
        With findings `false_progress` (u_s falls, accuracy does not rise), `collapse` (accuracy falls from its best,
        or, where it is not measured, u_s turns back), `narrowing` (pass_n falls: fewer prompts are solved by any
        sample), `verifier_chance`, `length` (shorter responses explain the fall) and `no_accuracy`.
    """
    changes = _changes(run)
    by_length = _by_length(changes)
    found = [*_collapse(run, changes), *_false_progress(run, changes), *_narrowing(run, changes),
             *_chance(run), *_length(run, changes, by_length)]  # fmt: skip
    codes = {f.code for f in found}
    verdict = "not told"
    if "collapse" in codes:
        verdict = "collapse"
    elif "false_progress" in codes:
        verdict = "false progress"
    elif (c := changes.get("acc_s")) and c.gain > Z * c.se:
        verdict = "learns"
    if "acc_s" not in changes:
        text = f"Run {run.name!r} has no accuracy: whether it learns, or only grows sure of itself, cannot be told."
        found.append(Finding("info", "no_accuracy", text, "Log acc_s on prompts with known answers."))
    return Progress(run, changes, by_length, verdict, tuple(found))


def column(run: Run, name: str) -> np.ndarray:
    """What a run has of that name, (n,); NaN where it was not measured."""
    return run.extra[name] if name in run.extra else getattr(run, name, np.full(len(run), np.nan))


def turned(c: Change) -> bool:
    """Whether an accuracy ends clearly below its best."""
    return c.best - c.end > max(CLEAR * c.se, DROP)


def _changes(run: Run) -> dict[str, Change]:
    changes = {}
    for name in ("u_s", "u_v", *RATES, "auc", "len_s"):
        x = column(run, name)
        x = x[np.isfinite(x)]
        if len(x) < 2 * WINDOW:
            continue
        width = max(WINDOW, int(SHARE * len(x)))
        means = np.convolve(x, np.full(width, 1 / width), "valid")
        scatter = np.sqrt(np.mean(np.diff(x, n=2) ** 2) / 6) * np.sqrt(2 / width)
        best = np.min(means) if name in ("u_s", "u_v") else np.max(means)
        stated = 0.0
        if name in RATES and np.isfinite(count := _count(run)):
            # prompts stay the same over a run, which makes differences more certain than this
            p = np.clip(np.asarray([means[0], means[-1]]), 1 / count, 1 - 1 / count)
            stated = float(np.sqrt(np.sum(p * (1 - p)) / count))
        changes[name] = Change(float(means[0]), float(means[-1]), float(best), float(max(scatter, stated)))
    return changes


def _count(run: Run) -> float:
    """Prompts behind an accuracy: those stated, else the graded responses."""
    seen = column(run, "n_prompts")
    seen = seen if np.isfinite(seen).any() else run.n_acc
    return float(np.nanmedian(seen)) if np.isfinite(seen).any() else np.nan


def _falls(changes: dict[str, Change]) -> bool:
    u = changes.get("u_s")
    return u is not None and -u.gain > max(CLEAR * u.se, FALL * abs(u.start))


def _false_progress(run: Run, changes: dict[str, Change]) -> list[Finding]:
    c, u = changes.get("acc_s"), changes.get("u_s")
    if c is None or u is None or not _falls(changes):
        return []
    best = c.gain + Z * c.se
    if best >= HEADROOM * (1 - c.start):
        return []
    text = (
        f"Run {run.name!r} grows sure of itself without learning: u_s falls from {u.start:.3g} to {u.end:.3g} while "
        f"accuracy goes from {c.start:.3f} to {c.end:.3f} (at most {best:+.3f}, 95%)."
    )
    remedy = "Its ceiling is one of certainty, not of capability. Mend the verifier, or bring in external data."
    return [Finding("warning", "false_progress", text, remedy)]


def _collapse(run: Run, changes: dict[str, Change]) -> list[Finding]:
    remedy = "Go back to its best checkpoint; a law with a limit does not describe this run."
    c, u = changes.get("acc_s"), changes.get("u_s")
    if c is not None:  # then it decides: longer answers, say, raise u_s of a run that learns
        if not turned(c):
            return []
        text = f"Run {run.name!r} collapses: accuracy falls from {c.best:.3f} at its best to {c.end:.3f}."
        return [Finding("warning", "collapse", text, remedy)]
    if u is not None and u.end - u.best > max(CLEAR * u.se, 0.5 * abs(u.start - u.best), FALL * abs(u.start)):
        text = f"Run {run.name!r} turns: u_s rises from {u.best:.3g} at its lowest to {u.end:.3g}."
        return [Finding("warning", "collapse", text, remedy)]
    return []


def _narrowing(run: Run, changes: dict[str, Change]) -> list[Finding]:
    c = changes.get("pass_n")
    if c is None or -c.gain <= max(CLEAR * c.se, DROP):
        return []
    text = f"The samples of run {run.name!r} narrow: any of them is right for {c.end:.3f} of the prompts, {c.start:.3f}"
    remedy = "The loop sharpens what it can do already, and loses what it did rarely. More samples, or other data."
    return [Finding("warning", "narrowing", f"{text} at the start.", remedy)]


def _chance(run: Run) -> list[Finding]:
    auc, acc, count = column(run, "auc"), run.acc_s, _count(run)
    both = np.isfinite(auc) & np.isfinite(acc) & (acc > 0) & (acc < 1)
    if both.sum() < WINDOW or not np.isfinite(count):
        return []
    mean, p = float(np.mean(auc[both])), float(np.mean(acc[both]))
    # of an AUC about one half (Mann-Whitney), with one response for each prompt
    se = np.sqrt((count + 1) / (12 * count * p * count * (1 - p)))
    per_prompt = column(run, "n_samples")
    if np.isfinite(per_prompt).any():
        se /= np.sqrt(np.nanmedian(per_prompt))
    if mean + Z * se >= 0.5 + CHANCE:
        return []
    text = f"The verifier of run {run.name!r} is no better than chance: AUC {mean:.3f} (standard error {se:.3f})."
    remedy = "What it picks is not the better answer. Use another verifier, or more of its samples."
    return [Finding("warning", "verifier_chance", text, remedy)]


def _by_length(changes: dict[str, Change]) -> float:
    u, length = changes.get("u_s"), changes.get("len_s")
    if u is None or length is None or min(u.start, u.end) <= 0 or u.start == u.end:
        return np.nan
    return float(np.log(length.start / length.end) / np.log(u.start / u.end))


def _length(run: Run, changes: dict[str, Change], share: float) -> list[Finding]:
    if run.unit != "nats/response" or not _falls(changes) or not share > 0.5:
        return []
    c = changes["len_s"]
    text = f"Shorter responses ({c.start:.3g} to {c.end:.3g} tokens) account for {share:.0%} of the fall of log u_s."
    return [Finding("warning", "length", text, "Fit uncertainty per token: u_s / len_s with unit='nats/token'.")]
