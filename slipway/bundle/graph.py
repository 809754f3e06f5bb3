"""What a graph from outside may hold, checked on the ONNX file's own bytes before anything loads it.

ONNX Runtime would open the files that external data names, from whatever folder it runs in. The ONNX library is too
heavy for a device, so this walks the protobuf wire format; it enters only the messages below and refuses the ones that
hide more (https://protobuf.dev/programming-guides/encoding, field numbers from onnx.proto).
"""

from collections.abc import Iterator
from itertools import count

from slipway.errors import Reason, Refused

_DOMAINS = (b"", b"ai.onnx")
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}

# message → field → message to enter, or why it is refused
_ENTERED = {
    "model": {7: "graph", 8: "opset"},
    "graph": {1: "node", 5: "tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 10: "tensor"},
    "opset": {},
    "tensor": {},
}
_REFUSED = {
    "model": {20: "training information", 25: "functions"},
    "graph": {15: "sparse tensors"},
    "node": {},
    "attribute": {6: "subgraphs", 11: "subgraphs", 22: "sparse tensors", 23: "sparse tensors"},
    "opset": {},
    "tensor": {13: "external data", 14: "external data"},
}
_DOMAIN_FIELD = {"node": 7, "opset": 1}
PART_LIMIT = 100_000  # an empty node is two bytes in the file, and some hundred for whoever loads it


def check_graph(data: bytes, field: str = "graph") -> None:
    """Refuse a graph that reaches outside its own bytes or outside the standard operators.

    Args:
        data: an ONNX file.
        field: named in the refusal.

    Raises:
        Refused: BUNDLE_MALFORMED, or LIMIT_EXCEEDED for more than ``PART_LIMIT`` nodes, attributes and tensors.
    """
    try:
        _check(data, "model", field, count(1))
    except (IndexError, KeyError) as error:
        raise _malformed(field, "is not an ONNX file") from error


def _check(data: bytes, message: str, path: str, parts: Iterator[int]) -> None:
    for number, value in _wire(data):
        if number in _REFUSED[message] and value != 0:  # data_location 0 is the default: in this file
            raise _malformed(path, f"holds {_REFUSED[message][number]}")
        if number == _DOMAIN_FIELD.get(message) and value not in _DOMAINS:
            raise _malformed(path, f"uses operators of the domain {value!r}")
        if number in _ENTERED[message] and isinstance(value, bytes):
            entered = _ENTERED[message][number]
            if next(parts) > PART_LIMIT:
                raise Refused(Reason.LIMIT_EXCEEDED, field=path, found=f"over {PART_LIMIT:,} parts", limit=PART_LIMIT)
            _check(value, entered, f"{path}.{entered}", parts)


def _wire(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, value) of a message; fixed-width numbers come as bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        if key >= 1 << 32:  # readers that cut it to 32 bits would see another field
            raise IndexError(key)
        kind = key & 7
        if kind == _VARINT:
            number, at = _varint(data, at)
            yield key >> 3, number
            continue
        length, at = _varint(data, at) if kind == _BYTES else (_FIXED[kind], at)
        if at + length > len(data):
            raise IndexError(length)
        yield key >> 3, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise IndexError(at)


def _malformed(field: str, problem: str) -> Refused:
    return Refused(Reason.BUNDLE_MALFORMED, field=field, problem=problem)
