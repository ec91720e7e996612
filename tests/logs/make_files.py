"""Writes tests/logs/files by the real libraries: `python make_files.py FOLDER`, each part where its library is there.

transformers: a tiny random model, two steps on the CPU. MLflow: two runs of its file store, without what names the
machine. TensorBoard: its own writer, scalars as PyTorch and as TensorFlow 2 write them.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import sys
import tempfile
from pathlib import Path


def numbers(step: int) -> dict[str, float]:
    """What every logger below is given at a step."""
    return {"train/entropy": 1.5 * math.exp(-0.03 * step), "train/reward": 0.25 + 0.01 * step, "train/loss": 2.0 - step}


def mlflow_store(folder: Path) -> None:
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    import mlflow

    mlflow.set_tracking_uri((folder / "mlruns").as_uri())
    experiment = mlflow.set_experiment("self-improvement").experiment_id
    for name in ("base", "tuned"):
        with mlflow.start_run(run_name=name):
            for step in range(0, 50, 10):
                mlflow.log_metrics(numbers(step) | {"nothing": float("nan")}, step=step)
    for where in (folder / "mlruns" / experiment).iterdir():
        if where.is_dir():
            (where / "meta.yaml").unlink()
            for tag in (where / "tags").iterdir():
                if tag.name != "mlflow.runName":
                    tag.unlink()
    for rest in (folder / "mlruns" / "0", folder / "mlruns" / ".trash"):
        shutil.rmtree(rest, ignore_errors=True)
    (folder / "mlruns" / experiment / "meta.yaml").unlink()


def tensorboard_events(folder: Path) -> None:
    import numpy as np
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.scalar.metadata import create_summary_metadata
    from tensorboard.summary.writer.event_file_writer import EventFileWriter
    from tensorboard.util.tensor_util import make_tensor_proto

    for run in ("base", "tuned"):
        writer = EventFileWriter(str(folder / "events" / run))
        for step in range(0, 50, 10):
            values = [Summary.Value(tag=tag, simple_value=value) for tag, value in numbers(step).items()]
            writer.add_event(Event(step=step, wall_time=1e9 + step, summary=Summary(value=values)))
            tensor, about = make_tensor_proto(np.float32(3.0 - step)), create_summary_metadata("", "")
            values = [Summary.Value(tag="epoch_loss", tensor=tensor, metadata=about)]
            writer.add_event(Event(step=step, wall_time=1e9 + step, summary=Summary(value=values)))
        writer.close()


def trainer_state(folder: Path) -> None:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

    model = GPT2LMHeadModel(GPT2Config(vocab_size=32, n_positions=16, n_embd=8, n_layer=1, n_head=1))
    rows = [{"input_ids": torch.arange(8) % 32, "labels": torch.arange(8) % 32} for _ in range(4)]
    with tempfile.TemporaryDirectory() as temporary:
        settings = TrainingArguments(
            temporary, max_steps=2, logging_steps=1, eval_strategy="steps", eval_steps=1, save_steps=2,
            per_device_train_batch_size=2, use_cpu=True, report_to=[], seed=0,
        )  # fmt: skip
        Trainer(model, settings, train_dataset=rows, eval_dataset=rows).train()
        shutil.copy(Path(temporary) / "checkpoint-2" / "trainer_state.json", folder / "trainer_state.json")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for make in (mlflow_store, tensorboard_events, trainer_state):
        with contextlib.suppress(ImportError):
            make(target)
            print(make.__name__)
