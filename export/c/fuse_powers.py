"""The squares of two convolutions in whole numbers are added up place by place, and neither of the two is stored.

So the powers of a spectrum take half the memory of its cosines and sines. These mirror around the middle of a frame,
one even, one odd: a frame that is folded first needs half the weights. Whole sums are exact in any order.
"""

from collections import Counter
from dataclasses import replace

import numpy as np

from export.c.expressions import Computed, Expression, Load
from export.c.lower_elementwise import FORMS
from export.c.operators import FloatConv, Map, read
from export.c.packing import CHUNK, Integers, pack, unpack
from export.c.program import Program
from export.c.tensors import Tensor, lies
from export.c.wholes import LARGEST, limit

Seen = tuple[int, str, Expression]
Pair = tuple[FloatConv, FloatConv]


def fuse_powers(program: Program) -> None:
    """Replace every two such convolutions and the sum of their squares in ``program`` by one operator."""
    readers = Counter(tensor.buffer for operator in program.operators for tensor in read(operator))
    place = 0
    while place + 2 < len(program.operators):
        match program.operators[place : place + 3]:
            case [FloatConv() as first, FloatConv() as other, Map() as last] if _fits((first, other), last, readers):
                program.operators[place : place + 3] = [_fused(program, (first, other), last)]
                program.seen[:] = [_moved(one, place, (first, other)) for one in program.seen]
                _drop(program, {first.weights, other.weights})
        place += 1


def _fits(pair: Pair, last: Map, readers: Counter[str]) -> bool:
    first, other = pair
    return (
        first.length == other.length > 0
        and not first.squared
        and not other.squared
        and first.source is other.source
        and (first.window, first.features) == (other.window, other.features)
        and all(readers[one.target.buffer] == 2 for one in pair)
        and last.start == 0
        and last.target.shape == first.target.shape
        and lies(last.target, first.target.strides)
        and _squares(last.value) == [one.target for one in pair]
    )


def _squares(value: Expression) -> list[Tensor]:
    """The stored tensors whose squares ``value`` adds up, or none."""
    if not isinstance(value, Computed) or value.form != FORMS["Add"]:
        return []
    found = []
    for one in value.inputs:
        if not isinstance(one, Computed) or one.form != FORMS["Mul"]:
            return []
        loaded = [inner.tensor for inner in one.inputs if isinstance(inner, Load)]
        if len(loaded) != 2 or loaded[0] is not loaded[1]:
            return []
        found.append(loaded[0])
    return found


def _fused(program: Program, pair: Pair, last: Map) -> FloatConv:
    first = pair[0]
    kept = {f"{program.prefix}_{one.name}": one for one in program.weights}
    rows = [unpack(kept[one.weights].array, first.length) for one in pair]
    fold = first.window.across if _mirrors(program, first, rows) else 0
    if fold:
        rows = [one[:, 1 : fold // 2 + 1] for one in rows]
    both = np.concatenate([pack(one, 1, np.int16) for one in rows])
    renamed = {one.target.buffer: _every(one.target) for one in pair}
    return replace(
        first,
        name=last.name,
        target=last.target,
        weights=program.keep(f"{last.name}_weights", both),
        features=2 * first.features,
        length=rows[0].shape[1] + -rows[0].shape[1] % CHUNK,
        fold=fold,
        squared=tuple(replace(one.target, buffer=_every(one.target)) for one in pair),
        sum=replace(last, value=_reading(last.value, renamed)),
    )


def _mirrors(program: Program, conv: FloatConv, rows: list[Integers]) -> bool:
    """Whether weights are even in the first and odd in the other, and sums of two of what they read fit 16 bits."""
    whole = conv.window.across
    even, odd = (one[:, 1:whole] for one in rows)
    producers = program.source.producers
    largest = limit(program.source, producers[producers[conv.name].inputs[0]])
    return (
        conv.window.channels == 1
        and whole % 2 == 0
        and largest is not None
        and 2 * largest <= LARGEST
        and not any(one[:, 0].any() for one in rows)
        and np.array_equal(even, even[:, ::-1])
        and np.array_equal(odd, -odd[:, ::-1])
    )


def _drop(program: Program, names: set[str]) -> None:
    """Keep no weights that nobody reads any more."""
    unread = names - {one.weights for one in program.operators if isinstance(one, FloatConv)}
    program.weights[:] = [one for one in program.weights if f"{program.prefix}_{one.name}" not in unread]


def _reading(value: Expression, renamed: dict[str, str]) -> Expression:
    """``value`` of tensors in other buffers."""
    match value:
        case Load(tensor=tensor):
            return Load(replace(tensor, buffer=renamed.get(tensor.buffer, tensor.buffer)))
        case Computed(inputs=inputs):
            return replace(value, inputs=tuple(_reading(one, renamed) for one in inputs))
    return value


def _moved(seen: Seen, place: int, pair: Pair) -> Seen:
    """The trace shows the tensors that are no longer stored from buffers of their own."""
    count, name, value = seen
    if isinstance(value, Load) and value.tensor.buffer in {one.target.buffer for one in pair}:
        value = Load(replace(value.tensor, buffer=_every(value.tensor)))
    return (count if count <= place else max(count - 2, place + 1), name, value)


def _every(tensor: Tensor) -> str:
    """The trace's buffer for what is not stored."""
    return f"every_{tensor.buffer}"
