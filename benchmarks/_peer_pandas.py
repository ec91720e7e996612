"""What `gapdyn.measure` measures, in straightforward pandas, without intervals: `python _peer_pandas.py FILE`.

Prints JSON: seconds, peak memory, and some of the numbers, which must be gapdyn's.
"""

from __future__ import annotations

import json
import sys
import time

began = time.perf_counter()
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

SIGMA, TAUS = 0.5, np.arange(20) / 20
KEYS = ["run", "round", "prompt_id"]
COLUMNS = [*KEYS, "sample_id", "nll", "n_tokens", "score", "correct"]


def auc(part: pd.DataFrame) -> float:
    """Mann-Whitney."""
    rank, right = part["score"].rank(), part["correct"]
    n = right.sum()
    return (rank[right].sum() - n * (n + 1) / 2) / (n * (len(part) - n))


def main(path: str) -> dict:
    table = pd.read_parquet(path, columns=COLUMNS)
    read = time.perf_counter() - began
    table["per_token"] = table["nll"] / table["n_tokens"]
    groups = table.groupby(KEYS, sort=False)
    prompts = groups[["nll", "per_token", "n_tokens", "correct"]].mean()
    prompts["n"], prompts["c"] = groups.size(), groups["correct"].sum()
    passing = table[table["score"] >= SIGMA]
    best = table.loc[passing.groupby(KEYS, sort=False)["per_token"].idxmin()].set_index(KEYS)
    failed = prompts.index.difference(best.index)
    highest = table.loc[groups["score"].idxmax()].set_index(KEYS).loc[failed]
    best = pd.concat([best, highest]).reindex(prompts.index)
    prompts["u_v"], prompts["len_v"], prompts["acc_v"] = best["nll"], best["n_tokens"], best["correct"]
    prompts["fallback"] = prompts.index.isin(failed)
    for k in (1, 2, 4, 8):
        left = np.prod([(prompts["n"] - prompts["c"] - i).clip(lower=0) / (prompts["n"] - i) for i in range(k)], axis=0)
        prompts[f"pass_{k}"] = 1 - left
    for i, tau in enumerate(TAUS):
        kept = table[table["score"] >= tau].groupby(KEYS, sort=False)["correct"].mean()
        prompts[f"gap_{i}"] = (kept - prompts["correct"]).fillna(0.0)
        prompts[f"relative_{i}"] = (prompts[f"gap_{i}"] / (1 - prompts["correct"])).fillna(0.0)
    rounds = prompts.groupby(["run", "round"])
    means, errors = rounds.mean(), rounds[["nll", "u_v"]].std() / np.sqrt(rounds.size().to_numpy()[:, None])
    areas = table.groupby(["run", "round"])[["score", "correct"]].apply(auc)
    return {
        "u_s": means["nll"].tolist(), "u_v": means["u_v"].tolist(), "se_s": errors["nll"].tolist(),
        "gv_gap": means["gap_10"].tolist(), "auc": areas.tolist(), "rows": len(table), "read": read,
    }  # fmt: skip


if __name__ == "__main__":
    found = main(sys.argv[1])
    seconds = time.perf_counter() - began
    import _bench

    print(json.dumps({**found, "seconds": seconds, "peak_mb": _bench.peak_mb()}))
