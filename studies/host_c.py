"""Generated C on this computer beside ONNX Runtime, the right program or one with a planted fault."""

from export import host_c
from export.c import generate
from export.host_c import Matched
from export.host_program import NAME
from export.integer import Int8Net
from export.steps import Floats


def match(graph: bytes, net: Int8Net, values: Floats, *, written_from: bytes = b"") -> Matched:
    """Compare generated C with ONNX Runtime on every window.

    Args:
        graph: an int8 ONNX file, for ONNX Runtime.
        net: what it was written from.
        values: real windows (batch, time, channels).
        written_from: the file that the C is generated from: ``graph`` by default, another to plant a fault.

    Raises:
        Refused: as ``export.host_c.match`` and ``generate``.
    """
    return host_c.match(generate(written_from or graph, NAME).files, graph, net, values)
