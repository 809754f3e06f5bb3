"""Several questions asked of one network: one trunk, and the answers of all tasks side by side in its last layer.

A joint network is an ordinary ``Model`` whose numbers are named ``<task>.<class>`` or ``<task>.<output>``. It is split
into one model a task, which share the trunk's arrays and are exported, adapted and gated as any other. What each task
needs of a window is learned by all of them (Caruana 1997, https://doi.org/10.1023/A:1007379606734).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nets.inference import logits
from nets.layers import Dense
from nets.model import Model
from slipway.errors import Reason, Refused
from slipway.spec import Channel, SensorSpec, TaskSpec
from slipway.windows import Answers, Values, unanswered

Floats = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class MultiTask:
    """One network that answers several tasks of one sensor.

    Args:
        model: its task is ``joint_task(tasks)``; the last layer holds one column for each number that a task answers.
        tasks: in the order of the columns.
    """

    model: Model
    tasks: tuple[TaskSpec, ...]

    def __post_init__(self) -> None:
        if self.model.task != joint_task(self.tasks):
            raise ValueError("the model's task is not the joint one of the tasks")

    @property
    def slices(self) -> dict[str, slice]:
        """Columns of each task, by its name."""
        return columns(self.tasks)

    def answers(self, values: Values) -> dict[str, Floats]:
        """Logits (count, classes) or outputs (count, outputs) of raw windows (count, time, channels), by task."""
        found = logits(self.model, values)
        return {name: found[:, part] for name, part in self.slices.items()}

    def split(self) -> dict[str, Model]:
        """One model a task, by its name; the trunk's arrays are the same objects in all of them."""
        last = len(self.model.layers) - 1
        kernel, bias = (self.model.arrays[f"{last}.{name}"] for name in ("kernel", "bias"))
        trunk = {name: array for name, array in self.model.arrays.items() if not name.startswith(f"{last}.")}
        return {
            task.name: Model(
                task,
                (*self.model.layers[:last], Dense(task.answer_size)),
                {**trunk, f"{last}.kernel": kernel[:, part], f"{last}.bias": bias[part]},
            )
            for task, part in zip(self.tasks, self.slices.values(), strict=True)
        }


def columns(tasks: Sequence[TaskSpec]) -> dict[str, slice]:
    """Columns of each task in the joint answer, by its name."""
    ends = np.cumsum([0, *(task.answer_size for task in tasks)]).tolist()
    return {task.name: slice(*ends[index : index + 2]) for index, task in enumerate(tasks)}


def joint_task(tasks: Sequence[TaskSpec]) -> TaskSpec:
    """The task whose outputs are the numbers of all ``tasks``: logits, without a unit, and quantities in theirs.

    Raises:
        Refused: FIELD_INVALID: no task, two of the same name, or of different sensors.
    """
    sensor = check_tasks(tasks)
    outputs = tuple(
        Channel(f"{task.name}.{answer.name}", answer.unit)
        for task in tasks
        for answer in (task.outputs or (Channel(name, "1") for name in task.classes))
    )
    return TaskSpec("-".join(task.name for task in tasks)[:63], sensor, outputs=outputs)


def joined(models: Sequence[Model]) -> MultiTask:
    """The inverse of ``MultiTask.split``: models with one and the same trunk side by side.

    Raises:
        Refused: FIELD_INVALID: trunks that differ, or tasks that cannot be joined.
    """
    tasks = tuple(model.task for model in models)
    task, first, last = joint_task(tasks), models[0], len(models[0].layers) - 1
    trunk = {name: array for name, array in first.arrays.items() if not name.startswith(f"{last}.")}
    for model in models[1:]:
        same = model.layers[:-1] == first.layers[:-1]
        if not same or not all(np.array_equal(model.arrays[name], array) for name, array in trunk.items()):
            raise _refused("models", "have different trunks", model.task.name, "Join heads of one trunk.")
    kernel = np.concatenate([model.arrays[f"{last}.kernel"] for model in models], 1)
    bias = np.concatenate([model.arrays[f"{last}.bias"] for model in models])
    layers = (*first.layers[:-1], Dense(task.answer_size))
    return MultiTask(Model(task, layers, {**trunk, f"{last}.kernel": kernel, f"{last}.bias": bias}), tasks)


def pooled(tasks: Sequence[TaskSpec], pools: Mapping[str, tuple[Values, Answers]]) -> tuple[Values, dict[str, Answers]]:
    """Labelled windows of each task, from recordings of its own, as one pool in which the other tasks' answers lack.

    Args:
        tasks: of one sensor.
        pools: windows (count, time, channels) and answers, by task.

    Returns:
        Windows (total, time, channels), and for each task the answers to all of them.
    """
    by_name = {task.name: task for task in tasks}
    values = np.concatenate([values for values, _ in pools.values()])
    answers = {
        name: np.concatenate(
            [
                found if other == name else unanswered(len(part), len(task.outputs))
                for other, (part, found) in pools.items()
            ]
        )
        for name, task in by_name.items()
    }
    return values, answers


def check_tasks(tasks: Sequence[TaskSpec]) -> SensorSpec:
    """The one sensor of ``tasks``.

    Raises:
        Refused: FIELD_INVALID.
    """
    names = [task.name for task in tasks]
    if not names or len(set(names)) != len(names):
        raise _refused("tasks", "needs tasks of different names", names, "Name each question differently.")
    for task in tasks[1:]:
        if task.sensor != tasks[0].sensor:
            remedy = "Bring the windows of one into the form of the other first (nets.reconcile)."
            raise _refused("tasks", "needs tasks of one sensor", f"{task.name} with another", remedy)
    return tasks[0].sensor


def _refused(field: str, problem: str, found: object, remedy: str) -> Refused:
    return Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=found, remedy=remedy)
