"""A small table of samples that can be worked out by hand."""

from __future__ import annotations

import polars as pl


def codes(measured) -> set[str]:
    return {f.code for f in measured.findings}


def table(**columns) -> pl.DataFrame:
    """Two checkpoints of three prompts with two samples each, two lengths; columns may be replaced."""
    usual = {
        "round": [0] * 6 + [1] * 6,
        "prompt_id": [1, 1, 2, 2, 3, 3] * 2,
        "sample_id": [0, 1] * 6,
        "nll": [4.0, 3.0, 6.0, 5.0, 2.0, 8.0] * 2,
        "n_tokens": [4, 2, 3, 5, 2, 4] * 2,
        "score": [0.9, 0.8, 0.1, 0.3, 0.2, 0.6] * 2,
        "correct": [1, 0, 0, 1, 0, 0] * 2,
    }
    return pl.DataFrame({**usual, **columns})
