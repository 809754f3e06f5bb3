"""What is noticed in a pool that limits what can be known from it, in plain words."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from slipway.spec import TaskSpec
from slipway.windows import UNLABELLED, Answers, Values

FEW_WINDOWS = 32  # under it models can hardly be told apart
SATURATED = 0.05  # share of the samples at one end of a channel's range from which it is told
MANY_VALUES = 10  # a channel of fewer different values is a switch, which has to be at an end of its range
CROWDED = 0.99  # share of the answers


def remarks(task: TaskSpec, values: Values, labels: Answers | None, answers: npt.NDArray[np.int64]) -> tuple[str, ...]:
    """Sentences about a device's windows, their labels and the base's answers to them.

    Args:
        task: what is asked.
        values: (count, time, channels).
        labels: (count,), -1 where nobody said; None when nobody said anything.
        answers: (count,), the class that the base gives each window; empty for a regression.
    """
    return (
        *_about_count(len(values)),
        *_about_channels(task, values),
        *_about_labels(task, labels),
        *_about_answers(task, answers),
    )


def _about_count(count: int) -> Iterator[str]:
    if count < FEW_WINDOWS:
        windows = "one window" if count == 1 else f"{count} windows"
        yield f"The pool has {windows}: too few to tell models apart."


def _about_channels(task: TaskSpec, values: Values) -> Iterator[str]:
    for index, channel in enumerate(task.sensor.channels):
        samples = values[..., index].ravel()
        low, high = float(samples.min()), float(samples.max())
        if low == high:
            yield f"The channel {channel.name} is constant in the whole pool, at {low:g} {channel.unit}."
            continue
        if len(np.unique(samples[:4096])) < MANY_VALUES:
            continue
        for end, word in ((low, "lowest"), (high, "highest")):
            share = float((samples == np.float32(end)).mean())
            if share > SATURATED:
                yield (
                    f"The channel {channel.name} sits at its {word} value {end:g} {channel.unit} in {share:.0%} of the "
                    "samples: it saturates there."
                )


def _about_labels(task: TaskSpec, labels: Answers | None) -> Iterator[str]:
    if labels is None or labels.ndim != 1:
        return
    said = labels[labels != UNLABELLED]
    present = np.unique(said)
    if len(present) == 1:
        name = task.classes[int(present[0])]
        yield f"Every label is {name}: they say nothing about the other {len(task.classes) - 1} classes."
    elif 1 < len(present) < len(task.classes):
        missing = ", ".join(name for index, name in enumerate(task.classes) if index not in present)
        yield f"No window is labelled {missing}."


def _about_answers(task: TaskSpec, answers: npt.NDArray[np.int64]) -> Iterator[str]:
    if not len(answers) or not task.classes:
        return
    counts = np.bincount(answers, minlength=len(task.classes))
    share = counts.max() / counts.sum()
    if share >= CROWDED:
        name = task.classes[int(counts.argmax())]
        words = "the device may see one class only, or the base is lost"
        yield f"The base answers {name} in {share:.0%} of the pool: {words}."
