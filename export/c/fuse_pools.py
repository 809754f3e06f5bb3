"""A pooling right after a convolution is done on its sums: half the roundings, and the wide tensor is never stored.

Sums become bytes by a function that never falls, so the largest sum gives the largest byte.
"""

from collections import Counter
from dataclasses import replace

from export.c.expressions import Expression, Load
from export.c.operators import Linear, Operator, Pool, read
from export.c.program import Program

Seen = tuple[int, str, Expression]


def fuse_pools(program: Program) -> None:
    """Replace every such pair in ``program`` by one operator."""
    readers = Counter(tensor.buffer for operator in program.operators for tensor in read(operator))
    place = 0
    while place + 1 < len(program.operators):
        first, second = program.operators[place : place + 2]
        if isinstance(first, Linear) and isinstance(second, Pool) and _fits(first, second, readers):
            slots = second.window.across if first.scratch else 0
            fused = replace(
                first, form="pooled", target=second.target, pool=second.window.across, scratch=slots * first.length
            )
            program.operators[place : place + 2] = [fused]
            program.seen[:] = [_moved(one, place, first, fused) for one in program.seen]
        place += 1


def _fits(first: Linear, second: Pool, readers: Counter[str]) -> bool:
    window = second.window
    return (
        first.form == "conv"
        and first.scale is not None
        and second.form == "max"
        and second.source.buffer == first.target.buffer
        and readers[first.target.buffer] == 1
        and window.height == window.down == window.rows == 1
        and window.left == window.top == 0
        and window.across == window.stride_across > 1
    )


def _moved(seen: Seen, place: int, first: Linear, fused: Operator) -> Seen:
    """The trace shows the tensor that is no longer stored from a buffer of its own."""
    count, name, value = seen
    if isinstance(value, Load) and value.tensor.buffer == first.target.buffer:
        value = Load(replace(value.tensor, buffer=every_name(first)))
    return (count if count <= place else max(count - 1, place + 1), name, value)


def every_name(operator: Linear) -> str:
    """The trace's buffer for what a pooled convolution does not store."""
    return f"every_{operator.bias.removeprefix('a->')}"
