"""How a base is trained when nobody says: a rule over the amount of data, the same for every task.

As many steps for few windows as for many, within bounds; the batch grows with the data and the learning rate with the
batch's square root (Krizhevsky 2014, https://arxiv.org/abs/1404.5997). The numbers were chosen by held-out simulated
windows, those of dense nets and rings with the rover world; those of sound with the keyword world and labelled takes of
its recording's pool, because synthetic voices are soon known by heart.
"""

import numpy as np

from nets.architectures import is_ring, is_sound
from nets.pretraining import Recipe
from slipway.spec import TaskSpec

STEPS = {"ring": 8_000, "time": 3_000, "sound": 1_500}  # a step of a convolution over time is dear, and fewer do
SOUND_DROPOUT = 0.4
EPOCH_BOUNDS = (5, 200)
BATCH_BOUNDS = (64, 2048)
BATCHES = 400  # an epoch has about so many, within the bounds above
LEARNING_RATE = 1.75e-3  # at the smallest batch


def recipe_for(
    task: TaskSpec, window_count: int, *, architecture: str = "", epochs: int = 0, simulated: bool = False
) -> Recipe:
    """The recipe for so many labelled windows.

    Args:
        task: windows of one sample get the dense net, longer ones the convolutions, unless ``architecture`` is named.
        window_count: how many there are to learn from.
        architecture: a key of ``ARCHITECTURES``; "" chooses.
        epochs: passes over the windows; 0 chooses.
        simulated: a simulator's labels hold no mistakes, so they are not smoothed.
    """
    count = max(window_count, 1)
    batch_size = int(np.clip(2 ** round(np.log2(count / BATCHES)), *BATCH_BOUNDS))
    kind = "ring" if is_ring(task) else "sound" if is_sound(task) else "time"
    passes = epochs or int(np.clip(round(STEPS[kind] * batch_size / count), *EPOCH_BOUNDS))
    return Recipe(
        architecture=architecture or ("mlp" if kind == "ring" else "cnn"),
        options={"dropout": SOUND_DROPOUT} if kind == "sound" else {},
        epochs=passes,
        batch_size=batch_size,
        learning_rate=LEARNING_RATE * float(np.sqrt(batch_size / BATCH_BOUNDS[0])),
        label_smoothing=0.0 if simulated else Recipe.label_smoothing,
        patience=max(3, passes // 3),
    )
