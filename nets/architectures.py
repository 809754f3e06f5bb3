"""Networks that fit a task: one function of the task for each form, one table of them.

A task whose window is one reading of a ring of beams (``window_length`` 1) is read as a closed sequence of beams:
circular convolutions slide around the ring, and the place on the ring is kept where the answer depends on it. A task
whose window is sound (one channel, 4 kHz or more) is read as the logarithms of its mel bands, frame by frame.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from nets import front as fronts
from nets.front import is_sound as is_sound
from nets.layers import (
    BatchNorm,
    ChannelsAsTime,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Layer,
    Layers,
    MaxPool,
    Relu,
    shapes,
)
from slipway.spec import TaskSpec


def mlp(task: TaskSpec, *, widths: Sequence[int] = (256, 128, 64), dropout: float = 0.0, front: str = "auto") -> Layers:
    """Flat window → dense layers with batch normalisation.

    Args:
        task: fixes the number of classes or outputs.
        widths: features of each hidden layer.
        dropout: share of numbers dropped before the last layer in training.
        front: what is done to raw windows first, a key of ``nets.front.FRONTS``.

    Raises:
        Refused: FIELD_INVALID, a front that the sensor cannot have.
    """
    return (*fronts.layers_for(task, front), Flatten(), *_dense(widths), *_head(task, dropout))


def cnn(
    task: TaskSpec,
    *,
    widths: Sequence[int] | None = None,
    sizes: Sequence[int] | None = None,
    hidden: Sequence[int] | None = None,
    dropout: float = 0.0,
    front: str = "auto",
) -> Layers:
    """Convolution blocks over time, mean over time, one dense layer; on a ring, circular blocks and one dense layer.

    The defaults, 64-128-128 features and sizes 5-8-8, are the 200 k parameter network of the AdaTime benchmark for
    9 channels and 128 samples.

    Args:
        task: fixes input and classes.
        widths: features of each block.
        sizes: kernel size of each block, in samples.
        hidden: features of each dense layer between the blocks and the last layer.
        dropout: share of numbers dropped before the last layer in training.
        front: what is done to raw windows first, a key of ``nets.front.FRONTS``.

    Raises:
        Refused: FIELD_INVALID, a front that the sensor cannot have.

    Reference: Ragab et al. 2023, AdaTime, https://arxiv.org/abs/2203.08321.
    """
    default = RING if is_ring(task) else SOUND if is_sound(task) else Form((64, 128, 128), (5, 8, 8))
    return _assemble(task, _chosen(default, widths, sizes, hidden), dropout, front, _convolution)


def ds_cnn(
    task: TaskSpec,
    *,
    widths: Sequence[int] | None = None,
    sizes: Sequence[int] | None = None,
    hidden: Sequence[int] | None = None,
    dropout: float = 0.0,
    front: str = "auto",
) -> Layers:
    """As ``cnn`` with depthwise-separable blocks: about a fifth of the parameters, for small processors.

    Args:
        task: fixes input and classes.
        widths: features of each block.
        sizes: kernel size of each block, in samples.
        hidden: features of each dense layer between the blocks and the last layer.
        dropout: share of numbers dropped before the last layer in training.
        front: what is done to raw windows first, a key of ``nets.front.FRONTS``.

    Raises:
        Refused: FIELD_INVALID, a front that the sensor cannot have.

    Reference: Zhang et al. 2018, Hello Edge, https://arxiv.org/abs/1711.07128.
    """
    default = RING if is_ring(task) else Form((32, 64, 64), (5, 8, 8))
    return _assemble(task, _chosen(default, widths, sizes, hidden), dropout, front, _separable)


ARCHITECTURES: dict[str, Callable[..., Layers]] = {"mlp": mlp, "cnn": cnn, "ds_cnn": ds_cnn}


class Form(NamedTuple):
    """Features and kernel size, in samples, of each convolution block; features of each dense layer after them."""

    widths: Sequence[int]
    sizes: Sequence[int]
    hidden: Sequence[int] = ()


# The first block sees one beam at a time: it learns which distances matter before the beams are compared.
RING = Form((16, 16), (1, 3), (128, 64))


# Narrower than the general form: no worse on the recordings of the keyword task's pool, at a third of the work.
SOUND = Form((48, 64, 96), (5, 8, 8))


def front(task: TaskSpec, front: str = "auto") -> Layers:
    """What a net does to raw windows before it learns anything; see ``nets.front.layers_for``."""
    return fronts.layers_for(task, front)


def is_ring(task: TaskSpec) -> bool:
    """Whether a window is one reading of several channels, so that the channels are what a convolution slides along."""
    return task.sensor.window_length == 1


def _chosen(
    default: Form, widths: Sequence[int] | None, sizes: Sequence[int] | None, hidden: Sequence[int] | None
) -> Form:
    return Form(
        default.widths if widths is None else widths,
        default.sizes if sizes is None else sizes,
        default.hidden if hidden is None else hidden,
    )


def _dense(widths: Sequence[int]) -> list[Layer]:
    return [layer for width in widths for layer in (Dense(width), BatchNorm(), Relu())]


def _head(task: TaskSpec, dropout: float) -> list[Layer]:
    return [*([Dropout(dropout)] if dropout else []), Dense(task.answer_size)]


def _convolution(first: bool, channels: int, width: int, size: int, circular: bool) -> list[Layer]:
    return [Conv(width, size, circular=circular), BatchNorm(), Relu()]


def _separable(first: bool, channels: int, width: int, size: int, circular: bool) -> list[Layer]:
    if first:  # few raw channels: mixing them at once costs little and a depthwise pass would see each alone
        return _convolution(first, channels, width, size, circular)
    depthwise = Conv(channels, size, groups=channels, circular=circular)
    return [depthwise, BatchNorm(), Relu(), Conv(width, 1), BatchNorm(), Relu()]


def _assemble(
    task: TaskSpec,
    form: Form,
    dropout: float,
    front: str,
    block: Callable[[bool, int, int, int, bool], list[Layer]],
) -> Layers:
    ring = is_ring(task)
    start = fronts.layers_for(task, front)
    start = (*start, ChannelsAsTime()) if ring else start
    time, channels = shapes(start, task.sensor.window_shape)[-1]
    body: list[Layer] = []
    for index, (width, size) in enumerate(zip(form.widths, form.sizes, strict=True)):
        body += block(index == 0, channels, width, size, ring)
        channels = width
        if not ring and time >= 4:  # a ring keeps every beam: where a wall is decides the answer
            body.append(MaxPool(2))
            time //= 2
    return (*start, *body, Flatten() if ring else GlobalAveragePool(), *_dense(form.hidden), *_head(task, dropout))
