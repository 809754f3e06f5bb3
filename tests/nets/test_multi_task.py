"""One trunk, several heads: split, joined, and learned together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nets.architectures import cnn
from nets.inference import logits
from nets.layers import Conv, Dense, Flatten, Normalize, Relu
from nets.metrics import determination
from nets.model import Model
from nets.multi_task import MultiTask, joined, joint_task, pooled
from nets.multi_task_training import learn_together
from nets.pretraining import Recipe
from slipway.errors import Reason, Refused
from slipway.spec import Channel, TaskSpec
from slipway.windows import unanswered
from tests.nets.models import SMALL, small
from tests.nets.tasks import task, waves

SENSOR = task().sensor
PERIODS = TaskSpec("periods", SENSOR, ("one", "two", "three"))
LOUD = TaskSpec("loud", SENSOR, ("quiet", "loud"))
LEVEL = TaskSpec("level", SENSOR, outputs=(Channel("rms", "V"), Channel("doubled", "mV")))
TASKS = (PERIODS, LEVEL, LOUD)
VALUES = waves(50, seed=3)[0]


def together(seed: int = 0, tasks: tuple[TaskSpec, ...] = TASKS) -> MultiTask:
    asked = joint_task(tasks)
    return MultiTask(small(asked, seed, cnn(asked, **SMALL)), tasks)


def test_a_split_head_answers_what_the_joint_net_answers() -> None:
    """Whole numbers small enough leave nothing to rounding, so equal means equal bits."""
    asked = joint_task(TASKS)
    layers = (Normalize(), Conv(4, 3), Relu(), Flatten(), Dense(asked.answer_size))
    arrays = {name: np.round(8 * array) for name, array in small(asked, 0, layers).arrays.items()}
    arrays["0.deviation"] = np.ones_like(arrays["0.deviation"])
    exact = MultiTask(Model(asked, layers, arrays), TASKS)
    values = np.round(8 * VALUES)
    for name, model in exact.split().items():
        np.testing.assert_array_equal(logits(model, values), exact.answers(values)[name])


def test_with_any_numbers_it_does_so_up_to_the_order_of_a_sum() -> None:
    found = together()
    for name, model in found.split().items():
        np.testing.assert_allclose(logits(model, VALUES), found.answers(VALUES)[name], rtol=1e-5, atol=1e-5)


def test_every_head_shares_the_trunk_s_arrays() -> None:
    found = together()
    heads = found.split()
    last = len(found.model.layers) - 1
    for name, array in found.model.arrays.items():
        if not name.startswith(f"{last}."):
            assert all(model.arrays[name] is array for model in heads.values())
    assert heads["loud"].task == LOUD and heads["level"].task.outputs[1].unit == "mV"


def test_the_joint_task_names_every_number_and_its_unit() -> None:
    named = [(output.name, output.unit) for output in joint_task((LOUD, LEVEL)).outputs]
    assert named == [("loud.quiet", "1"), ("loud.loud", "1"), ("level.rms", "V"), ("level.doubled", "mV")]


@given(st.permutations(TASKS), st.integers(1, 3), st.integers(0, 9))
def test_joining_what_was_split_gives_it_back(order: list[TaskSpec], count: int, seed: int) -> None:
    tasks = tuple(order[:count])
    found = together(seed, tasks)
    again = joined(list(found.split().values()))
    assert again.tasks == tasks and again.model.layers == found.model.layers
    for name, array in found.model.arrays.items():
        np.testing.assert_array_equal(again.model.arrays[name], array)


def test_heads_of_different_trunks_are_not_joined() -> None:
    with pytest.raises(Refused, match="different trunks"):
        joined([small(PERIODS, seed=0), small(LOUD, seed=1)])


RECIPE = Recipe("cnn", SMALL, epochs=20, batch_size=32, learning_rate=0.01)


def recordings(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Windows whose loudness is drawn too: values, periods, loudness class, level."""
    values, periods = waves(300, seed)
    gain = np.random.default_rng(seed).uniform(0.5, 3.0, 300).astype(np.float32)
    values = values * gain[:, None, None]
    rms = np.sqrt(np.square(values).mean((1, 2)))
    return values, periods, (gain > 1.5).astype(np.int32), np.stack([100 + rms, 2000 * rms], 1).astype(np.float32)


def test_tasks_with_windows_of_their_own_are_learned_together() -> None:
    """No window carries the answers of two tasks."""
    parts = [recordings(seed) for seed in (0, 1, 2)]
    pools = {
        "periods": (parts[0][0], parts[0][1]),
        "loud": (parts[1][0], parts[1][2]),
        "level": (parts[2][0], parts[2][3]),
    }
    values, labels = pooled(TASKS, pools)
    assert (labels["periods"][300:] == -1).all() and np.isnan(labels["level"][:600]).all()
    heads = learn_together(TASKS, values, labels, recipe=RECIPE, seed=0).split()
    unseen, periods, loud, level = recordings(9)
    assert (logits(heads["periods"], unseen).argmax(1) == periods).mean() > 0.75
    assert (logits(heads["loud"], unseen).argmax(1) == loud).mean() > 0.85
    assert determination(logits(heads["level"], unseen), level).min() > 0.7


def test_a_window_without_an_answer_says_nothing_to_that_task() -> None:
    """Two trainings on the same windows differ only in answers that nobody gave: the numbers are the same."""
    values, periods, loud, _ = recordings(0)
    half = np.where(np.arange(300) % 2, loud, -1).astype(np.int32)
    silent = {"periods": periods, "loud": half}
    one = learn_together((PERIODS, LOUD), values, silent, recipe=RECIPE, seed=0)
    other = learn_together((PERIODS, LOUD), values, {**silent, "loud": half.copy()}, recipe=RECIPE, seed=0)
    told = learn_together((PERIODS, LOUD), values, {**silent, "loud": loud}, recipe=RECIPE, seed=0)
    same, differs = (
        all(np.array_equal(one.model.arrays[name], found.model.arrays[name]) for name in one.model.arrays)
        for found in (other, told)
    )
    assert same and not differs


@pytest.mark.parametrize(
    ("labels", "weights", "reason", "field"),
    [
        ({"periods": np.zeros(300, np.int32)}, {}, Reason.LABELS_MISSING, "labels.level"),
        ({"periods": np.zeros(300, np.int32), "level": unanswered(300, 2)}, {}, Reason.LABELS_MISSING, "labels.level"),
        ({"periods": np.full(300, 3), "level": np.zeros((300, 2))}, {}, Reason.LABEL_OUTSIDE_CLASSES, "labels.periods"),
        ({"periods": np.zeros(299, np.int32)}, {}, Reason.FIELD_INVALID, "labels.periods"),
        (
            {"periods": np.zeros(300, np.int32), "level": np.zeros((300, 2))},
            {"level": -1.0},
            Reason.FIELD_INVALID,
            "weights.level",
        ),
    ],
)
def test_bad_answers_are_refused(
    labels: dict[str, np.ndarray], weights: dict[str, float], reason: Reason, field: str
) -> None:
    with pytest.raises(Refused) as found:
        learn_together((PERIODS, LEVEL), recordings(0)[0], labels, weights=weights, recipe=RECIPE)
    assert (found.value.reason, found.value.field) == (reason, field)


def test_tasks_that_cannot_be_asked_together_are_refused() -> None:
    with pytest.raises(Refused, match="different names"):
        joint_task((PERIODS, PERIODS))
    with pytest.raises(Refused, match="one sensor"):
        joint_task((PERIODS, task(channels=2, name="other")))
