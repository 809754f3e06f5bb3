"""The nodes of the front layers' steps: standard operators on (batch, channels, time), in float."""

from collections.abc import Sequence

import numpy as np

from export import front_steps as f
from export import steps as s
from export.graph import Graph
from nets.front_records import LEAST_GRAVITY
from nets.mel import POWER_FLOOR


def draw_front(graph: Graph, step: f.FrontStep | s.LogMel) -> None:
    """Append the nodes of one step."""
    match step:
        case f.Delay():
            _delay(graph, step)
        case f.Mix(name, kernel, offset):
            weights = [graph.constant(f"{name}.kernel", kernel[:, :, None]), graph.constant(f"{name}.offset", offset)]
            graph.add("Conv", f"{name}.mixed", weights, kernel_shape=[1])
        case f.VectorNorms():
            _vector_norms(graph, step)
        case f.GravityFrame():
            _gravity_frame(graph, step)
        case f.Spectrum():
            _spectrum(graph, step)
        case s.LogMel():
            _log_mel(graph, step)


def _delay(graph: Graph, step: f.Delay) -> None:
    """A delay is a depthwise convolution with two taps a channel, after the ends were drawn out."""
    name, delay = step.name, step.delay.astype(np.float64)
    left, right = max(int(np.ceil(delay.max())), 0), max(int(np.ceil(-delay.min())), 0)
    whole = np.floor(delay).astype(int)
    kernel = np.zeros((len(delay), 1, left + right + 1), np.float32)
    for channel, (lag, share) in enumerate(zip(whole, delay - whole, strict=True)):
        kernel[channel, 0, left - lag] = 1 - share
        if share:
            kernel[channel, 0, left - lag - 1] = share
    reach = graph.constant(f"{name}.pads", np.array([0, 0, left, 0, 0, right], np.int64))
    graph.add("Pad", f"{name}.held", [reach], mode="edge")
    taps = graph.constant(f"{name}.taps", kernel)
    graph.add("Conv", f"{name}.delayed", [taps], kernel_shape=[kernel.shape[2]], group=len(delay))


def _vector_norms(graph: Graph, step: f.VectorNorms) -> None:
    name, entered = step.name, graph.last
    axis = graph.constant(f"{name}.axis", np.array([1], np.int64))
    parts = []
    for index, vector in enumerate(step.vectors):
        _gather(graph, f"{name}.vector_{index}", entered, vector)
        graph.add("ReduceL2", f"{name}.norm_{index}", [axis], keepdims=1)
        parts.append(graph.last)
    _join(graph, f"{name}.norms", parts, entered, step.others)


def _gravity_frame(graph: Graph, step: f.GravityFrame) -> None:
    name, entered = step.name, graph.last
    axis = graph.constant(f"{name}.axis", np.array([1], np.int64))
    _gather(graph, f"{name}.gravity", entered, step.vectors[step.gravity])
    graph.add("ReduceMean", f"{name}.mean", [graph.constant(f"{name}.time", np.array([2], np.int64))], keepdims=1)
    mean = graph.last
    graph.add("ReduceL2", f"{name}.strength", [axis], keepdims=1)
    graph.add("Max", f"{name}.guarded", [graph.constant(f"{name}.least", np.float32(LEAST_GRAVITY))])
    strength, graph.last = graph.last, mean
    graph.add("Div", f"{name}.down", [strength])
    down, along, across = graph.last, [], []
    for index, vector in enumerate(step.vectors):
        _gather(graph, f"{name}.vector_{index}", entered, vector)
        whole = graph.last
        graph.add("Mul", f"{name}.shares_{index}", [down])
        graph.add("ReduceSum", f"{name}.along_{index}", [axis], keepdims=1)
        along.append(graph.last)
        graph.add("Mul", f"{name}.part_{index}", [down])
        part, graph.last = graph.last, whole
        graph.add("Sub", f"{name}.rest_{index}", [part])
        graph.add("ReduceL2", f"{name}.across_{index}", [axis], keepdims=1)
        across.append(graph.last)
    _join(graph, f"{name}.framed", along + across, entered, step.others)


def _spectrum(graph: Graph, step: f.Spectrum) -> None:
    """Every channel is a row of one batch to the Fourier transform, a strided convolution."""
    name, entered = step.name, graph.last
    graph.add("ReduceMean", f"{name}.mean", [graph.constant(f"{name}.time", np.array([2], np.int64))], keepdims=1)
    mean, graph.last = graph.last, entered
    graph.add("Sub", f"{name}.centred", [mean])
    _reshape(graph, f"{name}.apart", [-1, 1, step.time])
    waves = graph.constant(f"{name}.waves", step.waves)
    graph.add("Conv", f"{name}.spectrum", [waves], kernel_shape=[step.waves.shape[2]], strides=[step.hop])
    graph.add("Mul", f"{name}.squared", [graph.last])
    graph.add("Conv", f"{name}.power", [graph.constant(f"{name}.bins", step.bins)], kernel_shape=[1])
    graph.add("Add", f"{name}.floored", [graph.constant(f"{name}.floor", np.float32(step.floor))])
    graph.add("Log", f"{name}.log")
    _reshape(graph, f"{name}.together", [-1, step.channels * len(step.bins), step.frames])


def _log_mel(graph: Graph, step: s.LogMel) -> None:
    """The Fourier transform of all frames is one strided convolution."""
    name = step.name
    waves = graph.constant(f"{name}.waves", step.waves)
    graph.add("Conv", f"{name}.spectrum", [waves], kernel_shape=[step.waves.shape[2]], strides=[step.hop])
    graph.add("Mul", f"{name}.squared", [graph.last])
    graph.add("Conv", f"{name}.power", [graph.constant(f"{name}.bands", step.bands)], kernel_shape=[1])
    power = graph.last
    graph.add("ReduceMean", f"{name}.mean", [graph.constant(f"{name}.axes", np.array([1, 2], np.int64))], keepdims=1)
    graph.add("Add", f"{name}.level", [graph.constant(f"{name}.least", np.float32(POWER_FLOOR))])
    level, graph.last = graph.last, power
    graph.add("Div", f"{name}.share", [level])
    graph.add("Add", f"{name}.floored", [graph.constant(f"{name}.floor", np.float32(step.floor))])
    graph.add("Log", f"{name}.log")


def _reshape(graph: Graph, name: str, shape: list[int]) -> None:
    graph.add("Reshape", name, [graph.constant(f"{name}.shape", np.array(shape, np.int64))])


def _gather(graph: Graph, name: str, entered: str, channels: Sequence[int]) -> None:
    graph.last = entered
    graph.add("Gather", name, [graph.constant(f"{name}.channels", np.array(channels, np.int64))], axis=1)


def _join(graph: Graph, name: str, parts: list[str], entered: str, others: Sequence[int]) -> None:
    if others:
        _gather(graph, f"{name}.others", entered, others)
        parts = [*parts, graph.last]
    graph.last = parts[0]
    graph.add("Concat", name, parts[1:], axis=1)
