"""A base from a simulator that widens while the learner copes: each round trains on, with windows of its own."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import jax

from nets.checkpoints import Checkpoint
from nets.inference import logits
from nets.metrics import accuracy, confusion, determination
from nets.model import Model
from nets.pretraining import Pretrained, Recipe
from nets.pretraining import pretrain as train
from nets.training import Epoch
from service.worker.context import Context
from service.worker.pipelines.stages import Stages
from sim.curriculum import Curriculum, State, learn
from sim.priors import Prior
from sim.world import World
from slipway.spec import TaskSpec
from slipway.windows import Answers, Values


@dataclass
class Course:
    """What the rounds left behind, beside the learner itself."""

    curve: list[Epoch] = field(default_factory=list)
    digest: Any = field(default_factory=hashlib.sha256)  # over the windows of every round
    window_count: int = 0
    values: Values | None = None  # of the newest round
    labels: Answers | None = None


def curriculum_from(given: Mapping[str, float]) -> Curriculum:
    """The curriculum of a job; what was not given is as by default."""
    plain = dict(given)
    rounds = {"rounds": int(plain.pop("round_count"))} if "round_count" in plain else {}
    return Curriculum.from_json({**plain, **rounds})


def train_in_rounds(
    curriculum: Curriculum,
    world: World,
    prior: Prior,
    recipe: Recipe,
    context: Context,
    stages: Stages,
    *,
    window_count: int,
    seed: int,
) -> tuple[Pretrained, Course, State]:
    """Train a base in the rounds of ``curriculum``; the epochs of the recipe and the windows are shared among them.

    Returns:
        The base, what it learned from, and how far randomisation has widened.

    Raises:
        Cancelled: the job was asked to stop.
    """
    course, epochs = Course(), max(1, recipe.epochs // curriculum.rounds)
    each = replace(recipe, epochs=epochs, patience=None)
    tell = stages.epochs("training", curriculum.rounds * epochs)

    def fit(learner: Pretrained | None, values: Values, labels: Answers, number: int) -> Pretrained:
        course.digest.update(values.tobytes() + labels.tobytes())
        course.window_count += len(labels)
        course.values, course.labels = values, labels
        before = number * epochs
        found = train(
            world.task,
            values,
            labels,
            recipe=each,
            seed=seed + number,
            progress=lambda row: tell(_later(row, before)),
            should_stop=context.should_stop,
            checkpoint=Checkpoint(context.folder / f"training-{number}", every_seconds=2.0),
            start=None if learner is None else learner.model,
        )
        course.curve.extend(_later(row, before) for row in found.curve[min(number, 1) :])
        return found

    def score(learner: Pretrained, values: Values, labels: Answers) -> float:
        return measured(learner.model, world.task, values, labels)

    count = max(2, window_count // curriculum.rounds)
    base, state = learn(curriculum, world, prior, jax.random.key(seed), window_count=count, fit=fit, score=score)
    return base, course, state


def measured(model: Model, task: TaskSpec, values: Values, labels: Answers) -> float:
    """Accuracy, or the mean R² over the outputs of a regression, on labelled windows."""
    answers = logits(model, values)
    if task.outputs:
        return float(determination(answers, labels).mean())
    return accuracy(confusion(answers.argmax(1), labels, len(task.classes)))


def _later(row: Epoch, before: int) -> Epoch:
    return replace(row, epoch=row.epoch + before)
