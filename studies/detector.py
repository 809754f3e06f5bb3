"""A small detector of one word on a recogniser's features, and how high its score has to be.

The features are what the recogniser's output layer would have seen. They are computed once; the detector is learned on
them as a network of its own and then put behind the recogniser's layers, where it answers the same.
"""

import numpy as np
import numpy.typing as npt

from nets.attaching import attach
from nets.inference import logits
from nets.layers import BatchNorm, Dense, Flatten, Layers, Relu, moved
from nets.model import Model
from nets.network import initial_arrays
from nets.pretraining import Recipe
from nets.transplant import Transplant, headless, transplant
from slipway.spec import Channel, SensorSpec, TaskSpec

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

ANSWERS = ("other", "word")
DETECTOR: Layers = (Dense(16), BatchNorm(), Relu(), Dense(2))
# So many epochs that the scores of two detectors compare: half-learned ones differ in scale, and a threshold moves.
RECIPE = Recipe(epochs=40, batch_size=256, learning_rate=5e-3, weight_decay=1e-2, balance=True, validation_share=0.0)


def learned(features: Floats, positives: Rows, negatives: Rows, seed: int) -> Model:
    """A detector of ``ANSWERS`` on features.

    Args:
        features: (takes, features) of a recogniser.
        positives: rows with the word; one that counts more stands there more often.
        negatives: rows with other words.
        seed: of initial numbers and order.
    """
    channels = tuple(Channel(f"feature_{index}", "1") for index in range(features.shape[1]))
    task = TaskSpec("trigger", SensorSpec(channels, 1.0, 1), ANSWERS)
    layers = (Flatten(), *DETECTOR)
    arrays = initial_arrays(layers, task.sensor.window_shape, seed)
    begun = Transplant(Model(task, layers, arrays), {}, frozenset(arrays), ())
    labels = np.repeat(np.array([1, 0], np.int32), [len(positives), len(negatives)])
    values = features[np.concatenate([positives, negatives])][:, None]
    return attach(begun, values, labels, recipe=RECIPE, seed=seed).model


def scores(detector: Model, features: Floats) -> Floats:
    """How much more the word is answered than the others, (takes,)."""
    answers = logits(detector, features[:, None])
    return answers[:, 1] - answers[:, 0]


def on_recogniser(recogniser: Model, detector: Model, threshold: float) -> Model:
    """The recogniser without its output layer, the detector behind it: it answers ``word`` where the score is over
    ``threshold``."""
    task = TaskSpec("trigger", recogniser.task.sensor, ANSWERS)
    first = len(headless(recogniser.layers))
    found = transplant(recogniser, (*headless(recogniser.layers), *DETECTOR), task)
    arrays = {**found.model.arrays, **moved(detector.arrays, first - 1)}  # a detector's layer 0 flattens
    last = f"{len(found.model.layers) - 1}.bias"
    raised = arrays[last] - np.array([0.0, threshold], np.float32)
    return Model(task, found.model.layers, {**arrays, last: raised})


def threshold_for(false_scores: Floats, share: float) -> float:
    """The least threshold that at most ``share`` of the scores of other words (takes,) exceed."""
    ordered = np.sort(false_scores)[::-1]
    return float(ordered[min(int(share * len(ordered)), len(ordered) - 1)])
