"""Learning told from sharpening and collapse: on the bundled runs, and on simulated ones with stated error rates."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import gapdyn as gd

PROMPTS, SAMPLES = 512, 8
T = np.arange(25.0)
BUNDLED = {
    "learning": ("learns", set()),
    "near_ceiling": ("not told", set()),
    "inner_learning": ("learns", set()),
    "inner_slow": ("not told", {"verifier_chance"}),
    "learning_then_sharpening": ("learns", {"narrowing"}),
    "external_early": ("learns", {"narrowing"}),
    "external_uniform": ("learns", {"narrowing"}),
    "external_late": ("learns", {"narrowing"}),
    "sharpening_only": ("false progress", {"false_progress", "narrowing", "verifier_chance"}),
    "collapse": ("collapse", {"collapse", "narrowing"}),
}


def codes(run: gd.Run) -> set[str]:
    return {f.code for f in gd.progress(run).findings}


@pytest.mark.parametrize("name", BUNDLED)
def test_what_is_said_of_the_bundled_runs(name):
    verdict, found = BUNDLED[name]
    said = gd.progress(gd.datasets.load(name))
    assert (said.verdict, {f.code for f in said.findings}) == (verdict, found)
    assert said.verdict in str(said)
    assert said.to_dict()["verdict"] == verdict


def simulated(random: np.random.Generator, p: np.ndarray, fall: float, auc: float = 0.7) -> gd.Run:
    """A run on the same prompts throughout, easy and hard ones; samples are graded afresh at every checkpoint."""
    ease = random.beta(2, 2, PROMPTS)
    logit = np.log(p / (1 - p))
    each = 1 / (1 + np.exp(-(logit[:, None] + 2 * np.log(ease / (1 - ease)))))
    each *= (p / each.mean(1))[:, None]
    right = random.binomial(SAMPLES, np.clip(each, 0, 1))
    u_s = 2.0 * (fall + (1 - fall) * np.exp(-T / 8)) + random.normal(0, 0.01, len(T))
    return gd.Run(
        "simulated", T, clock="round", u_s=u_s, u_v=u_s - 0.5 * u_s / u_s[0] + random.normal(0, 0.01, len(T)),
        acc_s=right.mean(1) / SAMPLES, n_acc=np.full(len(T), PROMPTS * SAMPLES), len_s=random.normal(40, 1, len(T)),
        extra={
            "pass_n": (right > 0).mean(1), "n_prompts": np.full(len(T), float(PROMPTS)),
            "n_samples": np.full(len(T), float(SAMPLES)), "auc": auc + random.normal(0, 0.01, len(T)),
        },
    )  # fmt: skip


def healthy(random: np.random.Generator) -> gd.Run:
    """Accuracy rises as much as in `learning` or more, from anywhere, while uncertainty falls by a half."""
    start, learned = random.uniform(0.1, 0.8), random.uniform(0.25, 0.6)
    p = start + learned * (1 - start) * (1 - np.exp(-T / random.uniform(3, 12)))
    return simulated(random, p, fall=0.5, auc=random.uniform(0.58, 0.9))


def test_at_most_one_healthy_run_in_a_hundred_is_suspected():
    random = np.random.default_rng(0)
    said = [gd.progress(healthy(random)) for _ in range(1000)]
    assert sum(bool(s.findings) for s in said) <= 10
    assert sum(s.verdict == "learns" for s in said) >= 950


def test_false_progress_of_the_bundled_strength_is_seen():
    random = np.random.default_rng(1)
    p = 0.12 + 0.012 * np.exp(-T / 8)
    assert sum("false_progress" in codes(simulated(random, p, fall=0.25)) for _ in range(200)) >= 190


def test_collapse_of_the_bundled_strength_is_seen():
    random = np.random.default_rng(2)
    p = 0.97 - 0.38 / (1 + np.exp(-(T - 16) / 2))
    assert sum("collapse" in codes(simulated(random, p, fall=0.6)) for _ in range(200)) >= 190


def test_without_accuracy_a_turn_of_the_uncertainty_is_a_collapse():
    run = gd.datasets.collapse()
    blind = dataclasses.replace(run, acc_s=None, acc_v=None, extra={})
    assert codes(blind) == {"collapse", "no_accuracy"}
    assert gd.progress(blind).verdict == "collapse"
    assert codes(dataclasses.replace(gd.datasets.learning(), acc_s=None, acc_v=None, extra={})) == {"no_accuracy"}


def test_shorter_responses_are_named_where_they_explain_the_fall():
    run = gd.datasets.learning()
    shorter = dataclasses.replace(run, len_s=40 * run.u_s / run.u_s[0])
    assert "length" in codes(shorter)
    assert gd.progress(shorter).by_length == pytest.approx(1.0)
    assert "length" not in codes(dataclasses.replace(shorter, unit="nats/token"))


def test_few_checkpoints_are_not_judged():
    said = gd.progress(gd.datasets.sharpening_only().head(5))
    assert said.changes == {}
    assert said.verdict == "not told"


def test_the_picture_shows_what_was_measured():
    for name, panels in (("sharpening_only", 2), ("collapse", 2)):
        for size in ("notebook", "paper"):
            figure = gd.plots.learning(gd.datasets.load(name), size=size)
            assert len(figure.axes) == panels
            assert figure._repr_png_().startswith(b"\x89PNG")
        assert gd.progress(gd.datasets.load(name)).verdict in figure.axes[0].get_title(loc="left")
    longer = dataclasses.replace(gd.datasets.collapse(), len_s=np.linspace(4, 9, 25))
    assert len(gd.plots.learning(longer).axes) == 3
    blind = dataclasses.replace(gd.datasets.collapse(), acc_s=None, acc_v=None, extra={})
    assert len(gd.plots.learning(gd.progress(blind)).axes) == 1
    with pytest.raises(gd.InputError, match="Progress or a Run"):
        gd.plots.learning("run")
