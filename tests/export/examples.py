"""Models of every layer record, with seeded random numbers, and a hypothesis strategy for small ones."""

import numpy as np
import onnx
from hypothesis import strategies as st
from onnx import numpy_helper

from export.graph import to_bytes
from nets import layers as records
from nets.layers import (
    BatchNorm,
    ChannelsAsTime,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Layers,
    MaxPool,
    Normalize,
    Relu,
)
from nets.model import Model
from slipway.spec import Channel, SensorSpec, TaskSpec

# name → layers, (time, channels)
NETS: dict[str, tuple[Layers, tuple[int, int]]] = {
    "mlp": ((Normalize(), Flatten(), Dense(16), BatchNorm(), Relu(), Dropout(0.1), Dense(4)), (1, 24)),
    "ring": (
        (
            *(Normalize(), ChannelsAsTime(), Conv(8, 5, circular=True), BatchNorm(), Relu(), MaxPool(2)),
            *(Conv(8, 3, stride=2, circular=True, bias=True), Relu(), Flatten(), Dense(4)),
        ),
        (1, 24),
    ),
    "cnn": (
        (
            *(Normalize(), Conv(8, 5, stride=2), BatchNorm(), Relu(), MaxPool(3)),
            *(Conv(12, 4, bias=True), Relu(), GlobalAveragePool(), Dense(5)),
        ),
        (33, 6),
    ),
    "separable": (
        (
            *(Normalize(), Conv(8, 3), BatchNorm(), Relu(), Conv(8, 5, groups=8), BatchNorm(), Relu()),
            *(Conv(12, 1), BatchNorm(), Relu(), Conv(6, 3, groups=2), GlobalAveragePool(), Relu(), Dense(3)),
        ),
        (20, 3),
    ),
    "batch_norm_that_cannot_fold": (
        (
            *(BatchNorm(), Conv(8, 3), Relu(), BatchNorm(), MaxPool(2), BatchNorm(), Relu()),
            *(Flatten(), BatchNorm(), Dense(4), Relu(), Normalize()),
        ),
        (9, 2),
    ),
    "flat_first": ((Flatten(), Normalize(), Dense(8), Relu(), Dense(3)), (7, 3)),
    "pool_first": ((MaxPool(2), Relu(), Flatten(), Dense(3), Relu()), (7, 3)),
    "wide_wrap": (
        (ChannelsAsTime(), Conv(2, 3, circular=True), Conv(4, 9, circular=True), Flatten(), Dense(2)),
        (1, 3),
    ),
}


def task(shape: tuple[int, int], class_count: int, name: str = "toy") -> TaskSpec:
    """A task with windows of ``shape``."""
    channels = tuple(Channel(f"channel_{index}", "1") for index in range(shape[1]))
    return TaskSpec(name, SensorSpec(channels, 50.0, shape[0]), tuple(f"class_{index}" for index in range(class_count)))


def model(layers: Layers, shape: tuple[int, int], seed: int = 0) -> Model:
    """A model with random numbers of a sane size."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for name, size in records.all_array_shapes(layers, shape).items():
        array = rng.normal(size=size)
        if name.endswith(("deviation", "variance")):
            array = np.abs(array) + 0.5
        if name.endswith("kernel"):
            array *= np.sqrt(2 / np.prod(size[:-1]))
        arrays[name] = array.astype(np.float32)
    return Model(task(shape, records.shapes(layers, shape)[-1][0]), layers, arrays)


def example(name: str, seed: int = 0) -> Model:
    """One of ``NETS``."""
    return model(*NETS[name], seed)


def windows(made: Model, count: int, seed: int = 1) -> np.ndarray:
    """Random windows (count, time, channels) for a model."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, *made.task.sensor.window_shape)).astype(np.float32)


@st.composite
def small_models(draw: st.DrawFn) -> Model:
    """Random small nets: any order of convolutions, normalisations, activations and poolings that fits."""
    shape = draw(st.sampled_from([(1, 5), (6, 2), (11, 3)]))
    layers: list[records.Layer] = [Normalize()] if draw(st.booleans()) else []
    if shape[0] == 1:
        layers.append(ChannelsAsTime())
    for _ in range(draw(st.integers(1, 4))):
        layers += draw(_blocks(records.shapes(layers, shape)[-1]))
    layers += [draw(st.sampled_from([Flatten(), GlobalAveragePool()])), Dense(draw(st.integers(2, 5)))]
    return model(tuple(layers), shape, draw(st.integers(0, 99)))


@st.composite
def _blocks(draw: st.DrawFn, shape: tuple[int, ...]) -> list[records.Layer]:
    time, channels = shape
    choices: list[st.SearchStrategy[records.Layer]] = [
        st.just(Relu()),
        st.just(BatchNorm()),
        st.builds(
            Conv,
            features=st.sampled_from([channels, 2 * channels]),
            size=st.integers(1, 4),
            stride=st.integers(1, 2),
            groups=st.sampled_from([1, channels]),
            bias=st.booleans(),
            circular=st.booleans(),
        ),
    ]
    if time >= 2:
        choices.append(st.just(MaxPool(2)))
    return [draw(st.one_of(choices))]


def change(graph: onnx.ModelProto, name: str, edit) -> bytes:
    """The graph with one initialiser edited in place: a planted fault."""
    changed = onnx.ModelProto.FromString(to_bytes(graph))
    tensor = next(tensor for tensor in changed.graph.initializer if tensor.name == name)
    array = numpy_helper.to_array(tensor).copy()
    edit(array)
    tensor.CopyFrom(numpy_helper.from_array(array, name))
    return to_bytes(changed)
