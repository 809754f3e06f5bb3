"""Quantised graphs in the QDQ form: dequantize → convolution or dense layer → quantize becomes one integer operator.

ONNX Runtime does the same before it runs a graph, so the bytes are those it gives. Every other operator between a
DequantizeLinear and a QuantizeLinear is computed in float as the graph says.
"""

from dataclasses import dataclass, replace

import numpy as np

from export.c.reader import Node, Source

_FOLDED = {"Conv": "QLinearConv", "Gemm": "QGemm", "MatMul": "QLinearMatMul"}
_BIAS_TOLERANCE = 1e-5  # relative; a bias counts in units of source scale * weight scale


@dataclass(frozen=True, eq=False)
class _Graph:
    source: Source
    makers: dict[str, Node]

    def dequantized(self, name: str) -> Node | None:
        """The DequantizeLinear that made a value."""
        node = self.makers.get(name)
        return node if node is not None and node.operator == "DequantizeLinear" else None

    def only_reader(self, name: str) -> Node | None:
        readers = self.source.readers(name)
        return readers[0] if len(readers) == 1 and self.source.uses(name) == 1 else None

    def is_constant(self, name: str) -> bool:
        return name in self.source.constants


def fold_qdq(source: Source) -> Source:
    """The graph with every such pattern as one node, and without nodes that nothing reads."""
    graph = _Graph(source, {node.output: node for node in source.nodes})
    folded = [found for node in source.nodes if (found := _fold(graph, node)) is not None]
    made = {node.output: node for node in folded}
    nodes = tuple(made.get(node.output, node) for node in source.nodes)
    return replace(source, nodes=_alive(nodes, source.output))


def _fold(graph: _Graph, node: Node) -> Node | None:
    """The integer operator in the place of the QuantizeLinear, if ``node`` and all around it fit."""
    if node.operator not in _FOLDED:
        return None
    end, relu = graph.only_reader(node.output), 0
    if end is not None and end.operator == "Relu":
        end, relu = graph.only_reader(end.output), 1
    value, weights = (graph.dequantized(name) for name in node.inputs[:2])
    if end is None or end.operator != "QuantizeLinear" or value is None or weights is None:
        return None
    if not _fits(graph, node, value, weights, end):
        return None
    bias = _bias(graph, node, value, weights)
    if bias is None:
        return None
    grids = [*value.inputs[:3], *weights.inputs[:3], *end.inputs[1:3]]
    attributes = node.attributes | ({"relu": 1} if relu else {})
    return Node(_FOLDED[node.operator], node.name, (*grids, *bias), end.output, attributes)


def _fits(graph: _Graph, node: Node, value: Node, weights: Node, end: Node) -> bool:
    """Whether the grids are constant and of the kinds the integer operators know."""
    constants = graph.source.constants
    numbers = (*value.inputs[1:], *weights.inputs, *end.inputs[1:])
    if not all(graph.is_constant(name) for name in numbers):
        return False
    if not all(len(one.inputs) == 3 for one in (value, weights, end)):
        return False
    one_grid = all(constants[name].size == 1 for name in (*value.inputs[1:], *end.inputs[1:]))
    plain = node.operator != "Gemm" or (
        node.attributes.get("alpha", 1.0) == node.attributes.get("beta", 1.0) == 1.0
        and not node.attributes.get("transA", 0)
    )
    axis = weights.attributes.get("axis", 1)
    per_feature = constants[weights.inputs[1]].size == 1 or axis == _feature_axis(
        node, constants[weights.inputs[0]].ndim
    )
    return one_grid and plain and per_feature and constants[weights.inputs[0]].dtype.itemsize == 1


def _feature_axis(node: Node, rank: int) -> int:
    if node.operator == "Conv":
        return 0
    return 0 if node.attributes.get("transB", 0) else rank - 1


def _bias(graph: _Graph, node: Node, value: Node, weights: Node) -> tuple[str, ...] | None:
    """The name of the int32 bias, nothing without one, None if it counts in other units."""
    if len(node.inputs) < 3 or not node.inputs[2]:
        return ()
    found = graph.dequantized(node.inputs[2])
    if found is None or not all(graph.is_constant(name) for name in found.inputs):
        return None
    constants = graph.source.constants
    unit = constants[value.inputs[1]].ravel()[0] * constants[weights.inputs[1]]
    same = np.allclose(constants[found.inputs[1]], unit, rtol=_BIAS_TOLERANCE, atol=0)
    zero = len(found.inputs) > 2 and constants[found.inputs[2]].any()
    return (found.inputs[0],) if same and not zero and constants[found.inputs[0]].dtype == np.int32 else None


def _alive(nodes: tuple[Node, ...], output: str) -> tuple[Node, ...]:
    """The nodes that the output needs, in their order."""
    wanted, kept = {output}, []
    for node in reversed(nodes):
        if node.output in wanted:
            wanted.update(node.inputs)
            kept.append(node)
    return tuple(reversed(kept))
