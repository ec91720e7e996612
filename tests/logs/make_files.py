"""Writes tests/logs/files by the real libraries: `python make_files.py FOLDER`, each part where its library is there.

transformers and TRL: a tiny random model, two steps on the CPU. Inspect AI: its own mock model, as .eval and as JSON
(less its events). LM Evaluation Harness: its dummy model on four questions, two filters. MLflow: two runs of its file
store, without what names the machine. TensorBoard: its own writer, scalars as PyTorch and TensorFlow 2 write them.
"""

from __future__ import annotations

import contextlib
import json
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


def tiny():
    """A random GPT-2 of a few hundred numbers and a tokenizer of digits."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    words = {word: i for i, word in enumerate(["<pad>", "<eos>", "+", "=", *map(str, range(10))])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    size = {"n_positions": 32, "n_embd": 8, "n_layer": 1, "n_head": 1, "bos_token_id": 1, "eos_token_id": 1}
    model = GPT2LMHeadModel(GPT2Config(vocab_size=len(words), pad_token_id=0, **size))
    return model, PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>")


SETTINGS = {"max_steps": 2, "logging_steps": 1, "save_steps": 2, "use_cpu": True, "report_to": [], "seed": 0}


def trainer_state(folder: Path) -> None:
    import torch
    from transformers import Trainer, TrainingArguments

    rows = [{"input_ids": torch.arange(8), "labels": torch.arange(8)} for _ in range(4)]
    with tempfile.TemporaryDirectory() as temporary:
        settings = TrainingArguments(
            temporary, eval_strategy="steps", eval_steps=1, per_device_train_batch_size=2, **SETTINGS
        )
        Trainer(tiny()[0], settings, train_dataset=rows, eval_dataset=rows).train()
        (folder / "trainer").mkdir(exist_ok=True)
        shutil.copy(Path(temporary) / "checkpoint-2" / "trainer_state.json", folder / "trainer")


def grpo(folder: Path) -> None:
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    def accuracy_reward(completions, **_):
        return [float("3" in text) for text in completions]

    def brevity(completions, **_):
        return [1 / (1 + len(text)) for text in completions]

    model, tokenizer = tiny()
    prompts = Dataset.from_dict({"prompt": [f"{i} + {j} =" for i in range(2) for j in range(2)]})
    with tempfile.TemporaryDirectory() as temporary:
        settings = GRPOConfig(
            temporary, per_device_train_batch_size=4, num_generations=2, max_completion_length=4, log_completions=True,
            **SETTINGS,
        )  # fmt: skip
        judges = [accuracy_reward, brevity]
        GRPOTrainer(model, judges, args=settings, train_dataset=prompts, processing_class=tokenizer).train()
        (folder / "grpo" / "completions").mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(temporary) / "checkpoint-2" / "trainer_state.json", folder / "grpo")
        for path in Path(temporary).rglob("completions_*.parquet"):
            shutil.copy(path, folder / "grpo" / "completions")


def inspect_logs(folder: Path) -> None:
    from inspect_ai import Task, eval
    from inspect_ai.dataset import Sample
    from inspect_ai.model import Logprob, Logprobs, ModelOutput, ModelUsage, get_model
    from inspect_ai.scorer import match
    from inspect_ai.solver import generate

    questions = [Sample(input=f"1+{i}=", target=str(1 + i), id=f"q{i}") for i in range(3)]
    for kind in ("eval", "json"):
        answers = [ModelOutput.from_content("mockllm/model", str(i)) for i in (1, 3, 3, 1, 2, 3)]
        for answer in answers:
            answer.choices[0].logprobs = Logprobs(content=[Logprob(token=answer.completion, logprob=-0.25)])
            answer.usage = ModelUsage(input_tokens=4, output_tokens=1, total_tokens=5)  # or it asks the net to count
        model = get_model("mockllm/model", custom_outputs=answers)
        task = Task(dataset=questions, solver=generate(), scorer=match(), epochs=2, name="sums")
        with tempfile.TemporaryDirectory() as temporary:
            eval(task, model=model, log_dir=temporary, log_format=kind, display="none", max_samples=1)
            shutil.copy(next(Path(temporary).glob(f"*.{kind}")), folder / f"inspect.{kind}")
    log = json.loads((folder / "inspect.json").read_text())
    for sample in log["samples"]:
        sample["events"] = []
    (folder / "inspect.json").write_text(json.dumps(log))


def lm_eval_samples(folder: Path) -> None:
    import lm_eval
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.tasks import TaskManager

    with tempfile.TemporaryDirectory() as temporary:
        questions = Path(temporary) / "sums.jsonl"
        questions.write_text("".join(json.dumps({"q": f"1+{i}=", "a": str(1 + i)}) + "\n" for i in range(4)))
        task = {
            "task": "sums", "dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(questions)}},
            "test_split": "test", "output_type": "generate_until", "doc_to_text": "{{q}}", "doc_to_target": "{{a}}",
            "generation_kwargs": {"until": ["\n"]}, "metric_list": [{"metric": "exact_match"}],
            "filter_list": [
                {"name": "strict", "filter": [{"function": "regex", "regex_pattern": "([0-9]+)"},
                                              {"function": "take_first"}]},
                {"name": "raw", "filter": [{"function": "take_first"}]},
            ],
        }  # fmt: skip
        tracker = EvaluationTracker(output_path=temporary)
        found = lm_eval.simple_evaluate(
            model="dummy", tasks=[task], task_manager=TaskManager(), log_samples=True, evaluation_tracker=tracker,
            bootstrap_iters=0,
        )  # fmt: skip
        samples = found.pop("samples")
        tracker.save_results_aggregated(results=found, samples=samples)
        tracker.save_results_samples(task_name="sums", samples=samples["sums"])
        for path in Path(temporary).rglob("samples_*.jsonl"):
            shutil.copy(path, folder)


if __name__ == "__main__":
    target = Path(sys.argv[1]).resolve()
    target.mkdir(parents=True, exist_ok=True)
    wanted = sys.argv[2:]
    for make in (mlflow_store, tensorboard_events, trainer_state, grpo, inspect_logs, lm_eval_samples):
        if not wanted or make.__name__ in wanted:
            with contextlib.suppress(ImportError):
                make(target)
                print(make.__name__)
