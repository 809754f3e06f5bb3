"""How well a model does on a test: shares of right answers for classes, R² for a regression."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from export.package import export
from export.proof import run
from nets.inference import logits
from nets.metrics import accuracy, balanced_accuracy, confusion, determination, macro_f1
from nets.model import Model
from slipway.errors import Refused
from slipway.spec import TaskSpec
from studies.study import Domain

Scores = Mapping[str, float]


def score(task: TaskSpec, model: Model, test: Domain) -> Scores:
    """Scores of a model on the test."""
    return rated(task, logits(model, test.values), test)


def rated(task: TaskSpec, answers: npt.NDArray[np.float32], test: Domain) -> Scores:
    """Scores of answers (count, classes or outputs) to the test's windows."""
    if task.outputs:
        found = determination(answers, test.labels)
        return {"r2": float(found.mean())} | {
            f"r2_{output.name}": float(one) for output, one in zip(task.outputs, found, strict=True)
        }
    counts = confusion(answers.argmax(1), test.labels, len(task.classes))
    return {
        "accuracy": accuracy(counts),
        "macro_f1": macro_f1(counts),
        "balanced_accuracy": balanced_accuracy(counts),
    }


def int8(task: TaskSpec, model: Model, pool: Domain, test: Domain, seed: int) -> Scores:
    """Scores of a model's int8 form, calibrated and proven on the pool, and the bundle's bytes; empty: no export."""
    halves = pool.values[0::2], pool.values[1::2]
    try:
        made = export(
            model,
            calibration_values=halves[0],
            proof_values=halves[1],
            self_test_values=halves[0][:1],
            lineage={"seed": seed},
            version="1",
        )
    except Refused:
        return {}
    if made.int8_onnx is None:
        return {}
    return {**rated(task, run(made.int8_onnx, test.values), test), "bundle_bytes": len(made.bundle)}
