"""A file of simulated samples: `python _samples_file.py FILE ROWS`. 25 checkpoints, 8 samples a prompt, 3 verifiers."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

CHECKPOINTS, SAMPLES = 25, 8


def checkpoint(t: int, prompts: int, rng: np.random.Generator) -> pl.DataFrame:
    """All responses at one checkpoint: hard and easy prompts, better and surer responses as time goes by."""
    n = prompts * SAMPLES
    hard = np.repeat(rng.permutation(np.linspace(-2, 2, prompts)), SAMPLES)
    length = rng.integers(20, 400, n)
    odds = rng.normal(size=n) - hard + 0.03 * t

    def score(noise: float) -> np.ndarray:
        return 1 / (1 + np.exp(-(odds + noise * rng.normal(size=n))))

    frame = pl.DataFrame({
        "run": pl.repeat("simulated", n, eager=True), "round": np.full(n, t),
        "prompt_id": np.repeat(np.arange(prompts), SAMPLES), "sample_id": np.tile(np.arange(SAMPLES), prompts),
        "nll": length * rng.gamma(4, 0.1 * np.exp(-0.03 * t), n) * np.exp(0.2 * hard), "n_tokens": length,
        "score": score(1.0), "score_tf": score(2.0), "score_qe": score(3.0),
        "correct": rng.random(n) < 1 / (1 + np.exp(-odds)), "answer": rng.integers(0, 10**9, n),
    })  # fmt: skip
    return frame.with_columns(prompt_id="p" + pl.col("prompt_id").cast(pl.String))


def write(path: Path, rows: int) -> None:
    """One Parquet file, checkpoint after checkpoint."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        parts = [Path(folder) / f"{t}.parquet" for t in range(CHECKPOINTS)]
        for t, part in enumerate(parts):
            checkpoint(t, rows // CHECKPOINTS // SAMPLES, rng).write_parquet(part, compression="uncompressed")
        pl.scan_parquet(parts).sink_parquet(path, compression="lz4", row_group_size=500_000)


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
