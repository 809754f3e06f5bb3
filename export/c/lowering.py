"""From an ONNX graph to a program: one table of operators, one refusal for all others."""

from collections.abc import Callable

from export.c import lower_elementwise, lower_float, lower_integer, lower_moving
from export.c.fuse_pools import fuse_pools
from export.c.fuse_powers import fuse_powers
from export.c.operators import Map
from export.c.program import Program, begin
from export.c.reader import Node, Source, refuse
from export.c.tensors import FLOAT, LOGITS, Tensor, plain

LOWER: dict[str, Callable[[Program, Node], None]] = {
    **lower_elementwise.LOWER,
    **lower_moving.LOWER,
    **lower_integer.LOWER,
    **lower_float.LOWER,
}


def lower(source: Source, prefix: str) -> Program:
    """The program of a graph.

    Raises:
        Refused: EXPORT_UNSUPPORTED naming the node and its operator, ACCUMULATOR_OVERFLOW naming the layer.
    """
    for node in source.nodes:
        if node.operator not in LOWER:
            refuse(node.field, f"operator {node.operator} is not in the generator's set")
    program = begin(source, prefix)
    for node in source.nodes:
        LOWER[node.operator](program, node)
    fuse_pools(program)
    fuse_powers(program)
    value = program.values[source.output]
    if value.kind != FLOAT:
        refuse(f"graph.{source.output}", f"must be float32, found {value.kind}")
    target = Tensor(LOGITS, value.shape, plain(value.shape), FLOAT)
    program.operators.append(Map(source.output, target, value))
    return program
