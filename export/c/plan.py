"""Where each buffer lies in one static arena: buffers that are never alive together share bytes.

Greedy by size, after trying several orders; what an elementwise operator or a pooling writes may lie on what it reads.
Reference: Pisarchyk & Lee 2020, "Efficient memory management for deep neural net inference",
https://arxiv.org/abs/2001.03288 (greedy by size).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from export.c.expressions import Computed, Expression, Load
from export.c.operators import Linear, Map, Operator, Pool, read
from export.c.packing import CHUNK
from export.c.tensors import BYTES, INT16, LOGITS, WINDOW, Tensor, lies, size

ALIGNMENT = 4
SPARE = 4  # a kernel may load whole words: up to 3 bytes behind the last buffer, whose weights are zero
_CALLERS = (WINDOW, LOGITS)


@dataclass(frozen=True)
class Buffer:
    """Bytes that are in use from operator ``first`` to operator ``last``."""

    name: str
    size_bytes: int
    first: int
    last: int


@dataclass(frozen=True)
class Plan:
    """Offsets of all buffers, in bytes, and what the arena takes."""

    offsets: dict[str, int]
    arena_bytes: int


def scratch_name(operator: Linear) -> str:
    """The buffer for one padded or gathered place."""
    return f"{operator.target.buffer}_padded"


def plan(operators: Sequence[Operator]) -> Plan:
    """Place every buffer."""
    owners = _owners(operators)
    buffers = _buffers(operators, owners)
    orders: list[Callable[[Buffer], tuple[int, ...]]] = [
        lambda one: (-one.size_bytes, one.first),
        lambda one: (one.first, -one.size_bytes),
        lambda one: (one.first - one.last, -one.size_bytes),
        lambda one: (-one.size_bytes * (one.last - one.first + 1), one.first),
    ]
    offsets = min((_place(sorted(buffers, key=order)) for order in orders), key=lambda found: _end(buffers, found))
    every = {name: offsets[owner] for name, owner in owners.items()} | offsets
    return Plan(every, _end(buffers, offsets) + SPARE)


def _end(buffers: Sequence[Buffer], offsets: dict[str, int]) -> int:
    return max((offsets[one.name] + one.size_bytes for one in buffers), default=0)


def _place(buffers: Sequence[Buffer]) -> dict[str, int]:
    """The lowest gap that fits, one buffer after the other."""
    placed: list[tuple[int, Buffer]] = []
    for buffer in buffers:
        offset = 0
        for start, other in sorted(placed, key=lambda pair: pair[0]):
            if other.last < buffer.first or buffer.last < other.first:
                continue
            if start - offset >= buffer.size_bytes:
                break
            offset = max(offset, start + other.size_bytes)
        placed.append((offset, buffer))
    return {buffer.name: offset for offset, buffer in placed}


def _buffers(operators: Sequence[Operator], owners: dict[str, str]) -> list[Buffer]:
    found: dict[str, Buffer] = {}

    def use(name: str, size_bytes: int, time: int) -> None:
        owner = owners.get(name, name)
        old = found.get(owner, Buffer(owner, 0, time, time))
        whole = size_bytes + -size_bytes % ALIGNMENT
        found[owner] = Buffer(owner, max(old.size_bytes, whole), old.first, time)

    for time, operator in enumerate(operators):
        for tensor in (*read(operator), operator.target):
            if tensor.buffer not in _CALLERS:
                use(tensor.buffer, _bytes(tensor, operator), time)
        if isinstance(operator, Linear) and operator.scratch:
            use(scratch_name(operator), operator.scratch, time)
    return list(found.values())


def _bytes(tensor: Tensor, operator: Operator) -> int:
    start = operator.start if isinstance(operator, Map) and tensor is operator.target else 0
    steps = zip(tensor.shape, tensor.strides, strict=True)
    last = start + sum((length - 1) * step for length, step in steps)
    spare = CHUNK - 1 if tensor.kind == INT16 else 0  # a kernel reads whole chunks of these
    return BYTES[tensor.kind] * (max(last + 1, size(tensor.shape)) + spare)


def _owners(operators: Sequence[Operator]) -> dict[str, str]:
    """Buffers that may lie on the buffer their operator reads last."""
    last = {tensor.buffer: time for time, operator in enumerate(operators) for tensor in read(operator)}
    first: dict[str, int] = {}
    for time, operator in enumerate(operators):
        first.setdefault(operator.target.buffer, time)
    owners: dict[str, str] = {}
    for time, operator in enumerate(operators):
        target = operator.target.buffer
        for tensor in _overlaid(operator):
            if target in _CALLERS or tensor.buffer in _CALLERS or target in owners or first[target] != time:
                continue
            if last[tensor.buffer] == time and target != tensor.buffer:
                owners[target] = owners.get(tensor.buffer, tensor.buffer)
    return owners


def _overlaid(operator: Operator) -> list[Tensor]:
    """What an operator reads number by number, each before it writes a number at or before that place."""
    target = operator.target
    if isinstance(operator, Map) and operator.start == 0:
        found = _in_step(operator.value, target)
        missed = Counter(one.buffer for one in read(operator)) - Counter(one.buffer for one in found)
        return [one for one in found if one.buffer not in missed]
    if isinstance(operator, Pool) and operator.form == "max" and operator.window.top == operator.window.left == 0:
        return [operator.source]
    return []


def _in_step(value: Expression, target: Tensor) -> list[Tensor]:
    """The loads that are read at the index that is written."""
    if isinstance(value, Load):
        same = value.shape == target.shape and lies(value.tensor, target.strides)
        return [value.tensor] if same and BYTES[target.kind] <= BYTES[value.kind] else []
    if isinstance(value, Computed):
        return [tensor for inner in value.inputs for tensor in _in_step(inner, target)]
    return []
