"""Where a file holds numbers under a name: the tensors of an ONNX graph, the arrays of a bundle.

Only who makes a delta looks; who applies one is told the places. A file that cannot be read so has none.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from slipway.delta.contents import files_of
from slipway.delta.varint import read_varint

_GRAPH, _TENSOR = 7, 5  # fields of onnx.proto: ModelProto.graph, GraphProto.initializer
_TYPE, _NAME, _RAW = 2, 8, 9  # of TensorProto
_WIDTHS = {1: 4, 2: 1, 3: 1, 6: 4}  # TensorProto.DataType: float32, uint8, int8, int32 → bytes
_BYTES, _FIXED = 2, {1: 8, 5: 4}
_NPY_MAGIC = b"\x93NUMPY\x01\x00"


@dataclass(frozen=True)
class Place:
    """``count`` numbers of ``width`` bytes from ``start``."""

    start: int
    count: int
    width: int


def graph_places(data: bytes) -> dict[str, Place]:
    """The raw data of every initialiser, by name."""
    try:
        return dict(_tensors(data, 0, len(data)))
    except IndexError:
        return {}


def bundle_places(data: bytes) -> dict[str, Place]:
    """The numbers in the files of a bundle that ``contents`` took apart, by file and name."""
    found = {}
    for name, (start, stop) in files_of(data).items():
        file = data[start:stop]
        inside = {"": _array(file)} if file.startswith(_NPY_MAGIC) else graph_places(file)
        found.update({f"{name}/{key}": replace(place, start=start + place.start) for key, place in inside.items()})
    return found


def _array(file: bytes) -> Place:
    start = 10 + int.from_bytes(file[8:10], "little")
    return Place(start, max(len(file) - start, 0) // 4, 4)


def _tensors(data: bytes, start: int, stop: int) -> Iterator[tuple[str, Place]]:
    for field, low, high in _fields(data, start, stop):
        if field == _GRAPH:
            for inner, first, last in _fields(data, low, high):
                if inner == _TENSOR:
                    yield from _tensor(data, first, last)


def _tensor(data: bytes, start: int, stop: int) -> Iterator[tuple[str, Place]]:
    found = {field: (low, high) for field, low, high in _fields(data, start, stop)}
    if found.keys() >= {_TYPE, _NAME, _RAW}:
        width = _WIDTHS.get(read_varint(data, found[_TYPE][0])[0])
        low, high = found[_RAW]
        if width and high > low:
            yield data[slice(*found[_NAME])].decode("latin-1"), Place(low, (high - low) // width, width)


def _fields(data: bytes, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """(number, where the value starts, where it stops) of each field of a message."""
    while start < stop:
        key, at = read_varint(data, start)
        kind = key & 7
        if kind == 0:
            end = read_varint(data, at)[1]
        elif kind == _BYTES:
            length, at = read_varint(data, at)
            end = at + length
        else:
            end = at + _FIXED.get(kind, stop)
        if end > stop:
            raise IndexError(end)
        yield key >> 3, at, end
        start = end
