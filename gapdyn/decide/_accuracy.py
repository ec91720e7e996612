"""The ceiling in accuracy: the link from uncertainty to accuracy, jointly with the curves, and whether it holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from .._check import InputError, choose
from .._random import generator
from ..criticism import Comparison, progress
from ..criticism._backtest import mixed
from ..criticism._progress import Change
from ..data import Run
from ..inference import Finding, Fit
from ..inference.engines._exploring import COVERED
from ..inference.engines._pareto import smooth
from ._limits import describe
from ._link import UNCERTAINTY, Graded, Proposed, all_graded, propose
from ._link_findings import WHO, Bend, bend, doubts

Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Link:
    """The posterior of logit p = a - c U for the accuracy of solver or verifier.

    Attributes
    ----------
    series : "acc_s", linked to u_s, or "acc_v", linked to u_v.
    a, c : (draw,), intercept and slope; c >= 0, in logits per unit of U.
    spread : (draw,), how many times as far as binomial counts the accuracies stray, >= 1.
    fitted : (draw, times), accuracy at the run's checkpoints, on its own prompts.
    limit : (draw,), accuracy at the limit of U; NaN in draws without one.
    ahead : (draw,), what accuracy has still to gain after the last checkpoint, on the run's prompts.
    negative : P(c < 0) had c no sign: near 1 where accuracy falls with uncertainty.
    bend : the best link of two slopes; None of few checkpoints.
    findings : what speaks against the link.
    """

    series: str
    a: Array
    c: Array
    spread: Array
    fitted: Array
    limit: Array
    ahead: Array
    negative: float
    bend: Bend | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing was found against it."""
        return not self.findings

    def summary(self) -> dict[str, dict[str, float]]:
        """ "a", "c", "spread", "now" (accuracy at the last checkpoint) and, where there is a limit, "limit" and "ahead"
        -> mean, sd, q05, q50, q95.
        """
        named = {"a": self.a, "c": self.c, "spread": self.spread, "now": self.fitted[:, -1]}
        if np.isfinite(self.limit).any():
            named |= {"limit": self.limit, "ahead": self.ahead}
        return {name: describe(draws) for name, draws in named.items()}


@dataclasses.dataclass(frozen=True, eq=False)
class Accuracy:
    """Accuracy as a run's uncertainties tell it. Made by `gapdyn.accuracy`; prints itself.

    Attributes
    ----------
    run : the run.
    prompts : "new" or "same", what the limits are of.
    links : "acc_s", "acc_v" -> `Link`, as far as they are measured; their draws belong together.
    joint : the series whose accuracies had their say in the curves, too: those whose link holds.
    k_hat : shape of the tail of the weights by which they had it; NaN where there are none.
    ess : draws that the weighted ones are worth.
    findings : of the posterior it comes from, and what speaks against the links.
    laws, weights : of accuracy over laws, name -> its own `Accuracy`, name -> weight.
    """

    run: Run = dataclasses.field(repr=False)
    prompts: str
    links: Mapping[str, Link]
    joint: tuple[str, ...]
    k_hat: float
    ess: float
    findings: tuple[Finding, ...] = ()
    laws: Mapping[str, Accuracy] = dataclasses.field(default_factory=dict)
    weights: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return {
            "prompts": self.prompts,
            "links": {
                name: {
                    **link.summary(),
                    "p_negative": link.negative,
                    "bend": dataclasses.asdict(link.bend) if link.bend else None,
                    "holds": link.holds,
                    "fitted": {q: [describe(x)[q] for x in link.fitted.T] for q in ("q05", "q50", "q95")},
                }
                for name, link in self.links.items()
            },
            "joint": list(self.joint),
            "k_hat": self.k_hat,
            "ess": self.ess,
            **({"weights": dict(self.weights)} if self.weights else {}),
            "findings": [f.to_dict() for f in self.findings],
        }

    def table(self) -> str:
        """The links as a table, without the findings."""
        heads = [f"accuracy of {self.run.name} ({self.prompts} prompts), logit p = a - c U"]
        heads.append(f"{'':10s}{'c':>8s}{'90% interval':>22s}{'now':>8s}{'limit':>8s}{'90% interval':>18s}"
                     f"{'ahead':>8s}{'90% interval':>18s}")  # fmt: skip
        return "\n".join([*heads, *(_row(link) for link in self.links.values())])

    def __str__(self) -> str:
        return "\n".join([self.table(), *(str(f) for f in self.findings if f.level != "info")])


def _row(link: Link) -> str:
    s = link.summary()

    def cell(name: str, form: str, wide: int = 18) -> str:
        if name not in s:
            return f"{'none':>8s}{'':{wide}s}"
        low, middle, high = (format(s[name][q], form) for q in ("q05", "q50", "q95"))
        return f"{middle:>8s}{f'[{low}, {high}]':>{wide}s}"

    slope, limit, ahead = cell("c", ".3g", 22), cell("limit", ".3f"), cell("ahead", "+.3f")
    row = f"{WHO[link.series]:10s}{slope}{s['now']['q50']:>8.3f}{limit}{ahead}"
    return row if link.holds else f"{row}  doubtful: {', '.join(f.code for f in link.findings)}"


def can_link(fit: Fit) -> bool:
    """Whether `accuracy` takes a fit: of u_s and u_v, with accuracies and the counts behind them."""
    return fit.series is None and bool(all_graded(fit.data))


def accuracy(of: Fit | Comparison, *, key: Any = 0, prompts: str = "new") -> Accuracy:
    """Where a run's accuracy goes: correct_k ~ Binomial(n_k, p_k), logit p = a - c U, c >= 0, jointly with the curves.

    The draws of the fit are weighted by what the accuracies say of them (Pareto-smoothed), so that they are draws of
    the joint posterior, whatever engine made them. Only a series whose link holds has that say; where the weights are
    not to be trusted, none has. Counts that stray from the link by more than a binomial's widen all intervals.

    Parameters
    ----------
    of : a fit of u_s and u_v, or a `gapdyn.compare`: the laws then count by their weights. The run needs `acc_s` or
        `acc_v`, and `n_acc` (graded responses) or `n_prompts` with `n_samples`.
    key : seed.
    prompts : "new" for the accuracy on other prompts of the same kind, whose number is that of the run's prompts (all
        samples of one are taken as alike, which is careful), "same" for that on the run's own.

    Returns
    -------
    Accuracy
        With findings `no_link` (accuracy does not rise as uncertainty falls, or that is not told), `link_bends` (one
        slope does not do), `accuracy_turns` (it falls back from its best), and `not_joint`. A limit that stands beside
        one of them is not to be trusted.

    Raises
    ------
    InputError
        No accuracy, no counts behind it, fewer than 3 checkpoints that have both, a fit of one series.
    """
    choose(prompts, ("new", "same"), "value of prompts")
    if isinstance(of, Comparison):
        return _over_laws(of, key, prompts)
    if of.series is not None:
        raise InputError(f"accuracy takes a fit of u_s and u_v; this one is of {of.series!r} alone. Fit a law.")
    data = _counts(of.data)
    random = generator(key)
    same, law = of.curves(prompts="same"), of.curves(prompts="law")
    courses = {"acc_s": same.run_s, "acc_v": same.run_v}
    shifts = {"acc_s": (same.u_s - law.u_s)[:, -1], "acc_v": (same.u_v - law.u_v)[:, -1]}
    ends = {s: of.flat.get(f"{UNCERTAINTY[s]}_inf", np.full(len(same.ok), np.nan)) + shifts[s] for s in data}
    proposed = {s: propose(d, courses[s][:, d.at], random) for s, d in data.items()}
    changes = progress(of.data).changes
    judged = {s: _judge(of.data, d, proposed[s], courses[s][:, d.at], ends[s], changes.get(s)) for s, d in data.items()}
    trusted = tuple(s for s, (_, found) in judged.items() if not found)
    evidence = sum((proposed[s].log_evidence for s in trusted), np.where(same.ok, 0.0, -np.inf))
    weights, k_hat = smooth(evidence) if trusted else (np.full(len(same.ok), 1 / len(same.ok)), np.nan)
    own: list[Finding] = []
    if trusted and not k_hat < COVERED:
        own.append(_not_joint(k_hat))
        trusted, weights = (), np.full(len(same.ok), 1 / len(same.ok))
    rows = _resampled(weights, random) if trusted else np.arange(len(weights))
    links = {}
    for s, d in data.items():
        p, (bent, found) = proposed[s], judged[s]
        picked = _picked(p.log_weight[rows], random)
        a, c, spread = (x[rows, picked] for x in (p.a, p.c, p.spread))
        fitted = expit(a[:, None] - c[:, None] * courses[s][rows])
        limit = expit(a - c * ends[s][rows])
        ahead = limit - fitted[:, -1]
        if prompts == "new":
            limit = _on_new_prompts(limit, d.prompts, random)
        links[s] = Link(s, a, c, spread, fitted, limit, ahead, p.negative, bent, tuple(found))
        own += found
    ess = float(1 / np.sum(weights**2))
    return Accuracy(of.data, prompts, links, trusted, float(k_hat), ess, (*of.findings, *own))


def _counts(run: Run) -> dict[str, Graded]:
    """What is graded, by series; says what is missing where nothing is."""
    measured = [s for s in UNCERTAINTY if np.isfinite(getattr(run, s)).any()]
    if not measured:
        text = f"run {run.name!r} has no accuracy: acc_s and acc_v are empty."
        raise InputError(f"{text} Log acc_s on prompts with known answers.")
    found = all_graded(run)
    if not found:
        text = f"run {run.name!r}: {measured[0]} needs {UNCERTAINTY[measured[0]]} and the number of graded responses "
        raise InputError(f"{text}beside it at 3 checkpoints or more. Log n_acc, or n_prompts and n_samples.")
    return found


def _judge(
    run: Run, data: Graded, proposed: Proposed, course: Array, ends: Array, change: Change | None
) -> tuple[Bend | None, list[Finding]]:
    """The best bend of a link and what speaks against it, along the course that its own counts favour.

    A bend counts where it shows along the measured uncertainty, too: else it is the law that bends.
    """
    weights, _ = smooth(proposed.log_evidence)
    end = float(np.nanmedian(ends)) if np.isfinite(ends).any() else np.nan
    found = bend(data, weights @ course, end)
    seen = getattr(run, UNCERTAINTY[data.series])[data.at]
    counts = found is not None and found.uneven and (measured := bend(data, seen, end)) is not None and measured.uneven
    return found, doubts(data, proposed, found if counts else None, change)


def _not_joint(k_hat: float) -> Finding:
    text = f"Few draws of the curves agree with the accuracies (k-hat {k_hat:.2f}), so these have no say in the curves."
    remedy = "The link is along curves of the uncertainties alone. Take another law, or more draws."
    return Finding("warning", "not_joint", text, remedy)


def _resampled(weights: Array, random: np.random.Generator) -> np.ndarray:
    """As many draws as there are weights, in proportion to them, evenly; in random order."""
    count = len(weights)
    at = (np.arange(count) + random.random()) / count
    chosen = np.minimum(np.searchsorted(np.cumsum(weights), at), count - 1)
    return random.permutation(chosen)


def _picked(log_weight: Array, random: np.random.Generator) -> np.ndarray:
    """One proposal of each draw, by its weight: (draw,)."""
    noise = random.gumbel(size=log_weight.shape)
    return np.argmax(log_weight + noise, axis=1)


def _on_new_prompts(p: Array, prompts: float, random: np.random.Generator) -> Array:
    """Accuracy on other prompts, of which as many would show `p`: what independent prompts vary by."""
    tiny = 1e-9  # a beta distribution has no place for 0 and 1
    inside = np.clip(np.nan_to_num(p, nan=0.5), tiny, 1 - tiny)
    return np.where(np.isnan(p), np.nan, random.beta(prompts * inside, prompts * (1 - inside)))


def _over_laws(compared: Comparison, key: Any, prompts: str) -> Accuracy:
    """The mixture of the laws' links by weight; what speaks against them is said along the heaviest law."""
    each = {name: accuracy(compared.fits[name], key=key, prompts=prompts) for name in compared.order}
    first = each[compared.order[0]]
    weights = {name: compared.weights[name] for name in each}
    parts = ("a", "c", "spread", "limit", "ahead")
    links = {}
    for s, link in first.links.items():
        tables = {
            name: np.column_stack([*(getattr(found.links[s], part) for part in parts), found.links[s].fitted])
            for name, found in each.items()
        }
        draws = mixed(tables, weights, generator(key))
        negative = float(np.average([f.links[s].negative for f in each.values()], weights=list(weights.values())))
        values = dict(zip(parts, draws.T, strict=False))
        links[s] = dataclasses.replace(link, **values, fitted=draws[:, len(parts) :], negative=negative)
    own = [f for f in first.findings if f not in compared.fits[compared.order[0]].findings]
    k_hat = float(np.nanmax([found.k_hat for found in each.values()])) if first.joint else np.nan
    ess = min(found.ess for found in each.values())
    found = (*compared.findings, *own)
    return Accuracy(compared.run, prompts, links, first.joint, k_hat, ess, found, each, dict(compared.weights))
