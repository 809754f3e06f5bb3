"""Which sums in float are sums of whole numbers: below 2²⁴ float32 adds those exactly, so integers may do it instead.

A number is whole if it was rounded, and made only of whole ones since. A Clip says how large it may be.
"""

import numpy as np

from export.c.reader import Node, Source

EXACT = 2**24
LARGEST = 2**15 - 1  # of int16
_ROUNDED = ("Round", "Floor")
_KEEPING = ("Add", "Sub", "Mul", "Clip")  # whole numbers make whole ones


def is_whole(source: Source, name: str) -> bool:
    """Whether a value is known to be whole numbers."""
    if name in source.constants:
        array = source.constants[name]
        return bool(array.dtype == np.float32 and np.isfinite(array).all() and (array == np.rint(array)).all())
    node = source.producers.get(name)
    if node is None or node.operator not in (*_ROUNDED, *_KEEPING):
        return False
    return node.operator in _ROUNDED or all(is_whole(source, one) for one in node.inputs if one)


def limit(source: Source, node: Node) -> int | None:
    """The largest magnitude of what a Clip of whole numbers lets through; None if it is no such Clip."""
    if node.operator != "Clip" or len(node.inputs) != 3 or not is_whole(source, node.output):
        return None
    ends = [source.constants.get(name) for name in node.inputs[1:]]
    return None if any(end is None for end in ends) else int(max(np.abs(end).max() for end in ends if end is not None))


def is_stored_small(source: Source, node: Node) -> bool:
    """Whether all that read a Clip are convolutions whose sums of it are exact, so that 16 bits can hold it."""
    largest = limit(source, node)
    readers = source.readers(node.output)
    if largest is None or largest > LARGEST or not readers or source.output == node.output:
        return False
    return all(_is_exact(source, one, node.output, largest) for one in readers)


def _is_exact(source: Source, node: Node, entering: str, largest: int) -> bool:
    """A convolution over time with whole weights, no bias and no padding, whose sums stay below ``EXACT``."""
    if node.operator != "Conv" or node.inputs[0] != entering or len(node.inputs) != 2:
        return False
    weights, options = source.constants.get(node.inputs[1]), node.attributes
    if weights is None or weights.ndim != 3 or source.shapes[entering][0] != 1 or not is_whole(source, node.inputs[1]):
        return False
    plain = options.get("group", 1) == 1 and not any(options.get("pads", ())) and "auto_pad" not in options
    sums = np.abs(weights.astype(np.float64)).reshape(len(weights), -1).sum(axis=1)
    return bool(plain and np.abs(weights).max(initial=0) <= LARGEST and (sums * largest < EXACT).all())
