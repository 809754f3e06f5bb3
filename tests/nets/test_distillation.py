"""A student of another architecture answers as its teachers do, without a label."""

from dataclasses import replace

import numpy as np
import pytest

from nets.distillation import Distilled, distil
from nets.inference import logits, probabilities
from nets.metrics import determination
from nets.model import Model
from nets.pretraining import Recipe, pretrain
from slipway.errors import Refused
from slipway.spec import Channel, SensorSpec, TaskSpec
from tests.nets.models import small
from tests.nets.tasks import task, waves

VALUES, LABELS = waves(400, seed=0)
UNSEEN, ANSWERS = waves(300, seed=1)
TEACHER = Recipe("cnn", {"widths": (16, 16), "sizes": (5, 3)}, epochs=15, batch_size=32, learning_rate=0.01)
STUDENT = Recipe("mlp", {"widths": (32,)}, epochs=40, batch_size=32, learning_rate=0.01)


@pytest.fixture(scope="module")
def teacher() -> Model:
    return pretrain(task(), VALUES, LABELS, recipe=TEACHER, seed=0).model


def agreement(found: Distilled, teacher: Model) -> float:
    return float((logits(found.model, UNSEEN).argmax(1) == logits(teacher, UNSEEN).argmax(1)).mean())


def test_a_student_of_another_architecture_agrees_without_a_label(teacher: Model) -> None:
    found = distil(teacher, VALUES, recipe=STUDENT, seed=0)
    assert agreement(found, teacher) > 0.9
    assert found.agreement is not None and found.agreement > 0.85
    assert (logits(found.model, UNSEEN).argmax(1) == ANSWERS).mean() > 0.85


def test_a_student_sees_fewer_channels_in_another_unit(teacher: Model) -> None:
    sensor = SensorSpec((Channel("c2", "%"), Channel("c0", "1")), 50.0, 16)
    found = distil(teacher, VALUES, task=replace(teacher.task, sensor=sensor), recipe=STUDENT, seed=0)
    seen = UNSEEN[:, :, [2, 0]] * np.array([100, 1], np.float32)
    assert (logits(found.model, seen).argmax(1) == logits(teacher, UNSEEN).argmax(1)).mean() > 0.8


def test_two_teachers_are_heard_as_one(teacher: Model) -> None:
    """A teacher that always answers class 0 pulls the student halfway there."""
    last = len(teacher.layers) - 1
    bias = np.array([50, 0, 0], np.float32)
    stubborn = Model(teacher.task, teacher.layers, {**teacher.arrays, f"{last}.bias": bias})
    found = distil([teacher, stubborn], VALUES, recipe=STUDENT, temperature=1.0, seed=0)
    share = probabilities(found.model, UNSEEN)[:, 0].mean()
    expected = np.mean([probabilities(model, UNSEEN)[:, 0].mean() for model in (teacher, stubborn)])
    assert share == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize(("label_share", "follows"), [(0.0, "teacher"), (1.0, "labels")])
def test_labels_weigh_as_much_as_they_are_told_to(teacher: Model, label_share: float, follows: str) -> None:
    contrary = ((LABELS + 1) % 3).astype(np.int32)
    blind = replace(STUDENT, validation_share=0.0)  # a set apart would ask for the teachers' answers
    found = distil(teacher, VALUES, labels=contrary, recipe=blind, label_share=label_share, seed=0)
    wanted = contrary if follows == "labels" else logits(teacher, VALUES).argmax(1)
    assert (logits(found.model, VALUES).argmax(1) == wanted).mean() > 0.9


def test_a_regression_student_follows_outputs_and_mixes_targets() -> None:
    asked = TaskSpec("amount", task().sensor, outputs=(Channel("amount", "kg"),))
    teacher = pretrain(asked, VALUES, 5 + 2 * LABELS[:, None].astype(np.float32), recipe=TEACHER, seed=0).model
    found = distil(teacher, VALUES, recipe=STUDENT, seed=0)
    assert found.agreement is not None and found.agreement > 0.8
    assert determination(logits(found.model, UNSEEN), logits(teacher, UNSEEN))[0] > 0.8
    half = logits(teacher, VALUES) + np.float32(100)
    half[::2] = np.nan  # nobody said
    mixed = distil(teacher, VALUES[1::2], labels=half[1::2], recipe=STUDENT, label_share=0.25, seed=0)
    silent = distil(teacher, VALUES[::2], labels=half[::2], recipe=STUDENT, label_share=0.25, seed=0)
    for student, expected in ((mixed, 25), (silent, 0)):
        assert float((logits(student.model, UNSEEN) - logits(teacher, UNSEEN)).mean()) == pytest.approx(
            expected, abs=0.3
        )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"temperature": 0.0}, "temperature: needs a finite number over 0"),
        ({"label_share": 1.5}, "label_share: needs 0 to 1"),
        ({"task": task(classes=2)}, "asks for other answers"),
        ({"task": task(channels=4)}, "c3: was not measured"),
        ({"labels": np.zeros(3, np.int32)}, "one answer for each of 400 windows"),
        ({"labels": np.full(400, 7)}, "has label 7"),
    ],
)
def test_bad_input_is_refused_in_words(options: dict[str, object], words: str) -> None:
    with pytest.raises(Refused, match=words):
        distil(small(seed=0), VALUES, recipe=STUDENT, **options)  # type: ignore[arg-type]


def test_teachers_have_to_agree_on_the_question() -> None:
    with pytest.raises(Refused, match="needs one at least"):
        distil([], VALUES)
    with pytest.raises(Refused, match="answers another question"):
        distil([small(), small(task(classes=4))], VALUES)
