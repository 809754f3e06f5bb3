"""Make a delta between two files, and apply one. The format is in SPEC.md."""

import hashlib

from slipway.bundle.archive import BUNDLE_LIMIT_BYTES
from slipway.delta import container, contents, segments
from slipway.delta.container import Form, Header
from slipway.delta.places import bundle_places, graph_places
from slipway.errors import Reason, Refused


def make(base: bytes, new: bytes) -> bytes:
    """The smallest delta that this module knows from ``base`` to ``new``; never more than ``new`` and a header.

    Args:
        base: what the device has: an ONNX graph, a bundle, or any other bytes.
        new: what it shall have.

    Raises:
        Refused: LIMIT_EXCEEDED, a file over the limit of a bundle.
    """
    for field, data in (("base", base), ("new", new)):
        container.check_size(field, len(data), BUNDLE_LIMIT_BYTES)
    header = Header(Form.STORED, len(base), len(new), len(new), _sha256(base), _sha256(new))
    found = [container.write(header, new)]
    found += [
        container.write(header.of(form, payload), payload, dictionary) for form, payload, dictionary in _ways(base, new)
    ]
    return min(found, key=len)


def apply(base: bytes, delta: bytes, limit_bytes: int = BUNDLE_LIMIT_BYTES) -> bytes:
    """The new file. Nothing is returned unless its SHA-256 is the one that the delta promises.

    Args:
        base: the file that the delta was made for.
        delta: what ``make`` gave.
        limit_bytes: of the new file; checked before anything is decompressed.

    Raises:
        Refused: DELTA_MALFORMED, DELTA_BASE_DIFFERS or LIMIT_EXCEEDED.
    """
    header, packed = container.read(delta)
    container.check_size("delta.result_size_bytes", header.result_size_bytes, limit_bytes)
    if len(base) != header.base_size_bytes or _sha256(base) != header.base_sha256:
        raise Refused(
            Reason.DELTA_BASE_DIFFERS, field="delta.base", found=_sha256(base).hex(), expected=header.base_sha256.hex()
        )
    new = _rebuilt(header, packed, base)
    if len(new) != header.result_size_bytes or _sha256(new) != header.result_sha256:
        raise container.malformed("delta.result_sha256", "what it rebuilds is not what it promises")
    return new


def _ways(base: bytes, new: bytes) -> list[tuple[Form, bytes, bytes]]:
    """(form, payload, dictionary) of every way worth trying."""
    ways = [(Form.FULL, new, b""), (Form.FILE, segments.encode(base, new, []), base)]
    places = segments.pair(graph_places(base), graph_places(new))
    if places:
        ways.append((Form.FILE, segments.encode(base, new, places), base))
    old, made = contents.take_apart(base), contents.take_apart(new)
    if old is not None and made is not None:
        places = segments.pair(bundle_places(old), bundle_places(made))
        ways.append((Form.BUNDLE, segments.encode(old, made, places), old))
    return ways


def _rebuilt(header: Header, packed: bytes, base: bytes) -> bytes:
    match header.form:
        case Form.STORED:
            return packed
        case Form.FULL:
            return container.decompress(header, packed, b"")
        case Form.FILE:
            return segments.decode(base, container.decompress(header, packed, base), header.result_size_bytes)
        case Form.BUNDLE:
            old = contents.take_apart(base)
            if old is None:
                raise container.malformed("delta.form", "its base is not a bundle")
            payload = container.decompress(header, packed, old)
            return contents.put_together(segments.decode(old, payload, header.result_size_bytes))


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
