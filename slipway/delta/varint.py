"""Whole numbers in 7-bit groups, as in protobuf."""

_LIMIT_BITS = 35  # no size, place or count here is longer


def varint(number: int) -> bytes:
    """``number`` of 0 or more, lowest group first."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def signed(number: int) -> bytes:
    """``number`` with its sign in the last bit."""
    return varint(2 * number if number >= 0 else -2 * number - 1)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """(number, where the next begins).

    Raises:
        IndexError: the data ends, or the number is too long.
    """
    number = 0
    for shift in range(0, _LIMIT_BITS, 7):
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise IndexError(at)


def read_signed(data: bytes, at: int) -> tuple[int, int]:
    """As ``read_varint``, of what ``signed`` wrote."""
    number, at = read_varint(data, at)
    return number >> 1 if number % 2 == 0 else -(number >> 1) - 1, at
