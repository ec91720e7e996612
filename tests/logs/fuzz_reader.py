"""Coverage-guided fuzzing of one reader: `python fuzz_reader.py SOURCE CORPUS [options of libFuzzer]`.

The bytes that libFuzzer makes become a file; the corpus folder starts with small files that are right. Whatever a file
holds, the reader gives a result or raises `InputError`: another exception, a hang (-timeout) or a runaway of memory
(-rss_limit_mb) ends the run with an exit code and the input in `crash-...`. `test_atheris.py` runs it for every source.

Of Parquet the bytes are the cells of the table, as CSV: a damaged page (a count of values that no memory holds) aborts
the process within Polars 2.1, which no exception of ours can prevent.
"""

from __future__ import annotations

import contextlib
import csv
import json
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

FILES = Path(__file__).parent / "files"
NAMES = {
    "trainer_state": "trainer_state.json", "verl": "x.jsonl", "tinker": "metrics.jsonl", "wandb": "x.csv",
    "mlflow": "mlruns/1/abc/metrics/loss", "tensorboard": "events.out.tfevents.1", "inspect": "x.json",
    "trl_completions": "x.parquet", "measure": "x.csv", "measure_lines": "x.jsonl",
}  # fmt: skip
RUNS = ("trainer_state", "verl", "tinker", "wandb", "mlflow", "tensorboard")
SOURCES = (
    *RUNS,
    "lm_eval",
    "inspect",
    "vllm",
    "openai",
    "verl_rollouts",
    "trl_completions",
    "measure",
    "measure_lines",
)


def good(source: str) -> list[bytes]:
    """Small files that the reader takes."""
    from test_logs_fuzz import GOOD

    sample = {"round": 0, "prompt_id": 1, "sample_id": 0, "nll": 2.5, "n_tokens": 4, "score": 0.5, "correct": 1}
    rows = [sample | {"round": t, "sample_id": j} for t in range(2) for j in range(2)]
    if source == "tensorboard":
        return [path.read_bytes() for path in (FILES / "events").rglob("events*")]
    if source == "mlflow":
        return [b"1700000000 1.5 0\n1700000001 2.5 1\n"]
    if source in ("measure", "wandb", "trl_completions"):
        import polars as pl

        frame = pl.DataFrame(rows if source == "measure" else [GOOD[source]] * 2)
        if source == "wandb":
            frame = frame.with_columns(pl.Series("_step", [0, 1]))
        return [frame.write_csv().encode()]
    if source == "measure_lines":
        return ["\n".join(map(json.dumps, rows)).encode()]
    one = GOOD[source]
    if source == "trainer_state":
        return [json.dumps({"log_history": [one, one | {"step": 2}]}).encode()]
    if source == "inspect":
        return [json.dumps({"eval": {}, "status": "success", "samples": [one]}).encode()]
    return ["\n".join(json.dumps(one | ({"step": i} if "step" in one else {})) for i in range(2)).encode()]


def write(source: str, folder: Path, content: bytes) -> Path:
    """The content as a file of the source, in the folder; what the reader is to be given."""
    path = folder / NAMES.get(source, "x.jsonl")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        import polars as pl

        rows = list(csv.reader(content.decode("utf-8", "replace").replace("\0", "").splitlines()))
        names = rows[0] if rows else []
        pl.DataFrame({n: [row[i] if i < len(row) else None for row in rows[1:]] for i, n in enumerate(names)},
                     schema=dict.fromkeys(names, pl.String)).write_parquet(path)  # fmt: skip
    else:
        path.write_bytes(content)
    return folder / "mlruns" if source == "mlflow" else path


def reader(source: str) -> Callable[[Path], object]:
    """What reads a file of the source."""
    import gapdyn as gd

    if source in RUNS:
        return lambda path: gd.read_logs(path, source)
    if source.startswith("measure"):
        return lambda path: gd.measure(path, draws=100, progress=False)
    return lambda path: gd.read_samples(path, source, at=0)


def main() -> None:
    import atheris

    source, corpus = sys.argv[1], Path(sys.argv[2])
    with atheris.instrument_imports(include=["gapdyn.data", "gapdyn.logs", "gapdyn.measurement"]):
        read = reader(source)
        for i, content in enumerate(good(source)):
            with tempfile.TemporaryDirectory() as folder:
                _survives(read, source, Path(folder), content)  # imports what is imported late
            (corpus / f"good-{i}").write_bytes(content)

    def one(content: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            _survives(read, source, Path(folder), content)

    atheris.Setup([sys.argv[0], str(corpus), *sys.argv[3:]], one)
    atheris.Fuzz()


def _survives(read: Callable[[Path], object], source: str, folder: Path, content: bytes) -> None:
    from gapdyn import InputError

    path = write(source, folder, content)
    with warnings.catch_warnings(), contextlib.suppress(InputError):
        warnings.simplefilter("ignore")
        read(path)


if __name__ == "__main__":
    main()
