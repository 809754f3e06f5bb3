"""The nodes of the exact log-mel front: standard operators in float32, whose sums are sums of whole numbers."""

import numpy as np

from export import exact_mel as e
from export.exact_mel import ExactMel
from export.graph import Graph
from export.steps import Floats


def draw_exact_mel(graph: Graph, step: ExactMel, time: int) -> None:
    """Append the nodes of one step behind a window of ``time`` samples."""
    name, entered = step.name, graph.last
    graph.add("Abs", f"{name}.sizes")
    sizes, graph.last = graph.last, entered
    samples = _whole(graph, f"{name}.samples", sizes, e.SAMPLE_LIMIT, e.QUIET)
    parts = []
    for part, waves in (("cosines", step.cosines), ("sines", step.sines)):
        graph.last = samples
        _sums(graph, f"{name}.{part}", waves, step.hop)
        graph.add("Mul", f"{name}.{part}.squared", [graph.last])
        parts.append(graph.last)
    graph.last = parts[0]
    graph.add("Add", f"{name}.powers", [parts[1]])
    _band_powers(graph, step, _whole(graph, f"{name}.powers", graph.last, e.POWER_LIMIT, e.TINY))
    _shares(graph, step, step.frames(time))
    _logarithm(graph, step)


def _band_powers(graph: Graph, step: ExactMel, whole: str) -> None:
    """The bands' sums of whole powers, half by half."""
    name, half = step.name, graph.constant(f"{step.name}.half", np.float32(e.HALF))
    weights = graph.constant(f"{name}.bands", step.bands)
    _high(graph, f"{name}.high", whole)
    _clip(graph, f"{name}.high", 0, e.HALF - 1)
    graph.add("Conv", f"{name}.high.sums", [weights], kernel_shape=[1])
    graph.add("Mul", f"{name}.high.bands", [half])
    high = graph.last
    _high(graph, f"{name}.above", whole)  # again: a number read twice would be stored, and is wanted by the sums only
    graph.add("Mul", f"{name}.above.full", [half])
    above, graph.last = graph.last, whole
    graph.add("Sub", f"{name}.low", [above])
    _clip(graph, f"{name}.low", 0, e.HALF - 1)
    graph.add("Conv", f"{name}.low.sums", [weights], kernel_shape=[1])
    low, graph.last = graph.last, high
    graph.add("Add", f"{name}.power", [low])


def _high(graph: Graph, name: str, whole: str) -> None:
    graph.last = whole
    graph.add("Mul", f"{name}.share", [graph.constant(f"{name}.over_half", np.float32(1 / e.HALF))])
    graph.add("Floor", f"{name}.whole")


def _shares(graph: Graph, step: ExactMel, frames: int) -> None:
    name, power = step.name, graph.last
    scaled = _scaled(graph, f"{name}.share", power, step.band_limit, e.TINY)
    graph.add("Round", f"{name}.share.whole")
    graph.add("ReduceSum", f"{name}.rows", [_axes(graph, f"{name}.rows", 1)], keepdims=1)
    cut = np.float32(2.0 ** -e.fold_shift(frames))
    graph.add("Mul", f"{name}.rows.cut", [graph.constant(f"{name}.rows.share", cut)])
    graph.add("Round", f"{name}.rows.whole")
    graph.add("ReduceSum", f"{name}.total", [_axes(graph, f"{name}.total", 2)], keepdims=1)
    graph.add("Mul", f"{name}.mean", [graph.constant(f"{name}.total.share", e.level_share(step, frames))])
    graph.add("Max", f"{name}.level", [graph.constant(f"{name}.tiny", np.float32(e.TINY))])
    level, graph.last = graph.last, scaled
    graph.add("Div", f"{name}.shares", [level])
    graph.add("Add", f"{name}.floored", [graph.constant(f"{name}.floor", np.float32(step.floor))])


def _logarithm(graph: Graph, step: ExactMel) -> None:
    name, one = step.name, graph.constant(f"{step.name}.one", np.float32(1))
    first, third, fifth = (graph.constant(f"{name}.series.{at}", value) for at, value in enumerate(e.SERIES))
    for depth in range(e.ROOTS):
        graph.add("Sqrt", f"{name}.root_{depth}")
    root = graph.last
    graph.add("Add", f"{name}.over", [one])
    over, graph.last = graph.last, root
    graph.add("Sub", f"{name}.under", [one])
    graph.add("Div", f"{name}.part", [over])
    part = graph.last
    graph.add("Mul", f"{name}.square", [part])
    square = graph.last
    for at, (factor, term) in enumerate(((fifth, third), (square, first))):
        graph.add("Mul", f"{name}.product_{at}", [factor])
        graph.add("Add", f"{name}.term_{at}", [term])
    graph.add("Mul", f"{name}.log", [part])


def _whole(graph: Graph, name: str, sizes: str, limit: int, least: float) -> str:
    """``last`` as whole numbers, in units of the largest of ``sizes`` over ``limit``."""
    _scaled(graph, name, sizes, limit, least)
    graph.add("Round", f"{name}.whole")
    _clip(graph, name, -limit, limit)
    return graph.last


def _clip(graph: Graph, name: str, low: int, high: int) -> None:
    """Limits that only a largest number, rounded up, ever passes: they tell who reads the graph that sums are exact."""
    ends = [graph.constant(f"{name}.{end}", np.float32(limit)) for end, limit in (("low", low), ("high", high))]
    graph.add("Clip", f"{name}.limited", ends)


def _scaled(graph: Graph, name: str, sizes: str, limit: int, least: float) -> str:
    entered, graph.last = graph.last, sizes
    graph.add("ReduceMax", f"{name}.largest", [_axes(graph, name, 1, 2)], keepdims=1)
    graph.add("Max", f"{name}.guarded", [graph.constant(f"{name}.least", np.float32(least))])
    largest, graph.last = graph.last, graph.constant(f"{name}.limit", np.float32(limit))
    graph.add("Div", f"{name}.unit", [largest])
    unit, graph.last = graph.last, entered
    graph.add("Mul", f"{name}.scaled", [unit])
    return graph.last


def _sums(graph: Graph, name: str, weights: Floats, hop: int) -> None:
    kernel = graph.constant(f"{name}.weights", weights)
    graph.add("Conv", f"{name}.sums", [kernel], kernel_shape=[weights.shape[2]], strides=[hop])


def _axes(graph: Graph, name: str, *axes: int) -> str:
    return graph.constant(f"{name}.axes", np.array(axes, np.int64))
