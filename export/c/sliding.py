"""How convolutions and poolings slide: their attributes as a ``Window``, or a refusal."""

from export.c.operators import Window
from export.c.reader import Node, refuse
from export.c.tensors import Shape


def two_dimensional(shape: Shape) -> tuple[int, int]:
    """(height, width) of (batch, channels, …); time alone is the width."""
    spatial = shape[2:] or (1,)
    return (1, spatial[0]) if len(spatial) == 1 else (spatial[0], spatial[1])


def window(node: Node, source: Shape, target: Shape, kernel: Shape, groups: int = 1) -> Window:
    """The window of a convolution or pooling node.

    Args:
        kernel: (size,) or (height, width).

    Raises:
        Refused: EXPORT_UNSUPPORTED naming the node.
    """
    attributes, rank = node.attributes, len(kernel)
    if not 1 <= rank <= 2:
        refuse(node.field, f"{node.operator} over {rank} axes is not known; 1 and 2 are")
    if attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        refuse(node.field, f"{node.operator} needs explicit pads instead of auto_pad")
    if any(step != 1 for step in attributes.get("dilations", [])) or attributes.get("ceil_mode", 0):
        refuse(node.field, f"{node.operator} with dilations or ceil_mode is not known")
    down, across = two_dimensional((1, 1, *kernel))
    stride_down, stride_across = two_dimensional((1, 1, *attributes.get("strides", [1] * rank)))
    top, left = (0, 0, *attributes.get("pads", [0] * 2 * rank)[:rank])[-2:]
    height, width = two_dimensional(source)
    rows, columns = two_dimensional(target)
    return Window(
        height=height,
        width=width,
        channels=source[1],
        rows=rows,
        columns=columns,
        down=down,
        across=across,
        stride_down=stride_down,
        stride_across=stride_across,
        top=top,
        left=left,
        groups=groups,
    )
