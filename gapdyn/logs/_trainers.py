"""What trainers call their numbers: one table, for their own logs and for the loggers that they write to."""

from __future__ import annotations

from collections.abc import Mapping

TRL = {
    "u_s": ("entropy",),
    "acc_s": ("reward",),
    "len_s": ("completions/mean_length", "completion_length"),
}
VERL = {
    "u_s": ("actor/entropy", "actor/entropy_loss"),
    "acc_s": ("critic/score/mean", "val-core/*/acc/mean@*", "val-core/*/reward/mean@*", "val/test_score/*"),
    "len_s": ("response_length/mean",),
}
TINKER = {
    "u_s": ("optim/entropy",),
    "acc_s": ("env/all/correct", "env/all/reward/total"),
    "len_s": ("env/all/ac_tokens_per_turn",),
}
_PREFIXED = {ours: tuple(f"train/{field}" for field in fields) for ours, fields in TRL.items()}
EVERY: Mapping[str, tuple[str, ...]] = {
    ours: tuple(field for trainer in (_PREFIXED, TRL, VERL, TINKER) for field in trainer[ours]) for ours in TRL
}

STEPS = (("step", "step"), ("global_step", "step"), ("epoch", "epoch"))
