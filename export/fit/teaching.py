"""Students of one teacher: its answers are asked once, and every candidate learns from them for a number of steps."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from nets import regression
from nets.distillation import LABEL_SHARE, TEMPERATURE, distillation_loss
from nets.inference import between, logits, softmax
from nets.layers import BatchNorm, Conv, Dense, Layers, fixed_count, moved
from nets.metrics import determination
from nets.model import Model
from nets.optimizers import cosine_adamw
from nets.regression import Scale
from nets.training import Arrays, Progress, train
from nets.windows import Windows, bucket
from slipway.windows import Answers, Values, answered


@dataclass(frozen=True)
class Pace:
    """How a student learns.

    Args:
        batch_size: windows a step.
        learning_rate: of AdamW, at its peak; it falls along a cosine in each round of steps.
        weight_decay: of AdamW, on kernels.
    """

    batch_size: int = 64
    learning_rate: float = 1.75e-3
    weight_decay: float = 1e-4


@dataclass(frozen=True, eq=False)
class Lesson:
    """What students learn.

    Args:
        windows: behind the layers at the front that never change, and what the teacher says of each.
        fixed: how many layers those are.
        scale: of the teacher's outputs, if it is a regression.
    """

    windows: Windows
    fixed: int
    scale: Scale | None = None


def lesson(teacher: Model, values: Values, labels: Answers) -> Lesson:
    """Ask the teacher once.

    Args:
        teacher: the base.
        values: (count, time, channels).
        labels: (count,) or (count, outputs), -1 or NaN where nobody said.
    """
    fixed = fixed_count(teacher.layers)
    entered = between(teacher.layers[:fixed], {}, values) if fixed else values
    taught = logits(teacher, values)
    if teacher.task.outputs:
        mixed = np.where(answered(labels)[:, None], (1 - LABEL_SHARE) * taught + LABEL_SHARE * labels, taught)
        scale = regression.scale_of(mixed)
        return Lesson(Windows(entered, scale.standardised(mixed).astype(np.float32)), fixed, scale)
    soft = softmax(taught / np.float32(TEMPERATURE))
    return Lesson(Windows(entered, np.concatenate([soft, labels[:, None].astype(np.float32)], 1)), fixed)


def learn(
    student: Model,
    taught: Lesson,
    steps: int,
    pace: Pace,
    seed: int,
    *,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Model:
    """The student after about so many more steps: whole passes over the windows, one at least.

    Raises:
        Refused: TRAINING_DIVERGED.
        Cancelled: ``should_stop`` said so.
    """
    layers = student.layers[taught.fixed :]
    arrays: Arrays = moved(student.arrays, -taught.fixed)
    scale = taught.scale
    if scale is not None:
        arrays = regression.rescaled(layers, arrays, scale.inverse())
    each = -(-bucket(len(taught.windows.values)) // pace.batch_size)
    passes = max(round(steps / each), 1)
    trained = train(
        layers,
        arrays,
        {"source": taught.windows},
        distillation_loss(TEMPERATURE, LABEL_SHARE) if scale is None else regression.loss,
        optimizer=cosine_adamw(pace.learning_rate, pace.weight_decay, passes * each),
        trainable=_learned(layers, arrays),
        epochs=passes,
        batch_size=pace.batch_size,
        seed=seed,
        progress=progress,
        should_stop=should_stop,
    )
    found = trained.arrays if scale is None else regression.rescaled(layers, trained.arrays, scale)
    return replace(student, arrays=moved(found, taught.fixed))


def accuracy(scores: Values, answers: Answers) -> float:
    """Share of right decisions, or the mean R² over the outputs of a regression.

    Args:
        scores: (count, classes) or (count, outputs).
        answers: (count,) or (count, outputs), every one known.
    """
    if answers.ndim > 1:
        return float(determination(scores, answers).mean())
    return float((scores.argmax(1) == answers).mean())


def _learned(layers: Layers, arrays: Arrays) -> frozenset[str]:
    """What follows the gradient: never the statistics of the input or of batches, nor a sensor's correction."""

    def is_learned(name: str) -> bool:
        index, own = name.split(".")
        layer = layers[int(index)]
        return isinstance(layer, Conv | Dense) or (isinstance(layer, BatchNorm) and own in ("scale", "offset"))

    return frozenset(filter(is_learned, arrays))
