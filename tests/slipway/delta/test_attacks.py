"""Deltas from outside: what is not what it says is refused, with the field named, before it costs anything."""

import contextlib
import tracemalloc
import zlib
from dataclasses import replace

import numpy as np
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.delta import container
from slipway.delta.codec import apply, make
from slipway.delta.container import Form, Header
from slipway.delta.varint import signed, varint
from slipway.errors import Reason, Refused
from tests.slipway.delta.graphs import GOLDEN, graph, noise, with_version

BASE = graph({"weights": noise(0, 300, np.int8), "bias": np.arange(40, dtype=np.int32)})
NEW = graph({"weights": noise(0, 300, np.int8), "bias": np.arange(40, dtype=np.int32) * 3 + 1})
DELTA = make(BASE, NEW)
SMALL = [(BASE, DELTA), (GOLDEN, make(GOLDEN, with_version(GOLDEN, "2b")))]
HEADER = container.read(DELTA)[0]


def refusal(base: bytes, delta: bytes, **options: int) -> Refused:
    with pytest.raises(Refused) as refused:
        apply(base, delta, **options)
    return refused.value


def sealed(body: bytes) -> bytes:
    """A delta whose checksum is right."""
    return body + zlib.crc32(body).to_bytes(4, "little")


def of_payload(payload: bytes, form: Form = Form.FILE, base: bytes = BASE, **sizes: int) -> bytes:
    """A delta with any payload; its header is true unless ``sizes`` say otherwise."""
    return container.write(replace(HEADER.of(form, payload), **sizes), payload, base if form is Form.FILE else b"")


def run(gap: int, move: int, count: int, code: int) -> bytes:
    return varint(1) + varint(gap) + signed(move) + varint(count) + varint(code)


@pytest.mark.parametrize("base, delta", SMALL, ids=["graph", "bundle"])
def test_every_changed_byte_is_refused(base, delta):
    for place in range(len(delta)):
        for change in (1, 0x80, 0xFF):
            refusal(base, delta[:place] + bytes([delta[place] ^ change]) + delta[place + 1 :])


@settings(max_examples=300, derandomize=True)
@given(st.integers(4, len(DELTA) - 5), st.integers(1, 255))
def test_a_changed_byte_under_a_right_checksum_never_gives_another_file(place, change):
    body = bytearray(DELTA[:-4])
    body[place] ^= change
    with contextlib.suppress(Refused):
        assert apply(BASE, sealed(bytes(body))) == NEW  # a bit of the frame that means nothing


@settings(max_examples=200, derandomize=True)
@given(st.binary(max_size=120))
def test_no_payload_does_harm(payload):
    for form in Form:
        refusal(BASE, of_payload(payload, form, result_size_bytes=1000))


@settings(max_examples=200, derandomize=True)
@given(st.binary(max_size=200))
def test_no_frame_does_harm(packed):
    head = container.write(HEADER.of(Form.FILE, b""), b"")[: container.HEADER_BYTES - 4]
    refusal(BASE, sealed(head + packed))


@pytest.mark.parametrize("length", [0, 3, 40, len(DELTA) - 5, len(DELTA) - 1])
def test_a_cut_delta_is_refused(length):
    assert refusal(BASE, DELTA[:length]).reason is Reason.DELTA_MALFORMED


def test_bytes_after_the_end_are_refused():
    assert refusal(BASE, DELTA + b"\0").field == "delta.checksum"
    assert refusal(BASE, sealed(DELTA[:-4] + b"\0")).field == "delta.payload"
    long = make(BASE, noise(5, 300, np.uint8).tobytes() * 2)
    assert form_of(long) is not Form.STORED
    for extra in (b"\0", bytes(256), bytes(1000)):
        assert refusal(BASE, sealed(long[:-4] + extra)).field == "delta.payload"


def form_of(delta: bytes) -> Form:
    return container.read(delta)[0].form


def test_another_base_is_refused_with_both_hashes():
    refused = refusal(BASE + b"\0", DELTA)
    assert refused.reason is Reason.DELTA_BASE_DIFFERS and refused.field == "delta.base"
    assert HEADER.base_sha256.hex() in refused.message
    same_length = bytes([BASE[0] ^ 1]) + BASE[1:]
    assert refusal(same_length, DELTA).reason is Reason.DELTA_BASE_DIFFERS


@pytest.mark.parametrize("place, value, field", [(0, 0x50, "delta"), (4, 2, "delta.format"), (5, 9, "delta.form")])
def test_an_unknown_header_is_refused(place, value, field):
    body = bytearray(DELTA[:-4])
    body[place] = value
    refused = refusal(BASE, sealed(bytes(body)))
    assert refused.reason is Reason.DELTA_MALFORMED and refused.field == field


def test_a_result_over_the_limit_is_refused_before_the_base_is_read():
    refused = refusal(b"", DELTA, limit_bytes=len(NEW) - 1)
    assert refused.reason is Reason.LIMIT_EXCEEDED and refused.field == "delta.result_size_bytes"
    assert apply(BASE, DELTA, limit_bytes=len(NEW)) == NEW


def test_a_payload_over_the_limit_is_refused():
    refused = refusal(BASE, of_payload(b"", payload_size_bytes=2**31))
    assert refused.reason is Reason.LIMIT_EXCEEDED and refused.field == "delta.payload_size_bytes"


@pytest.mark.parametrize("promised", [10, 32 * 1024 * 1024])
def test_a_bomb_is_stopped_at_what_it_promised(promised):
    packed = zstd.compress(bytes(1 << 30), level=19)
    assert len(packed) < 100_000
    head = container.write(HEADER.of(Form.FULL, b""), b"")[: container.HEADER_BYTES - 4]
    head = head[:10] + promised.to_bytes(4, "little") * 2 + head[18:]
    bomb = sealed(head + packed)
    tracemalloc.start()
    refused = refusal(BASE, bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused.field == "delta.payload" and "more than" in refused.message
    assert peak < 2 * promised + 24 * 1024 * 1024


def test_a_frame_that_wants_a_huge_window_is_refused():
    options = {zstd.CompressionParameter.window_log: 28, zstd.CompressionParameter.content_size_flag: 0}
    writer = zstd.ZstdCompressor(options=options)
    packed = writer.compress(b"x" * 100) + writer.flush()
    head = container.write(HEADER.of(Form.FULL, bytes(100)), b"")[: container.HEADER_BYTES - 4]
    refused = refusal(BASE, sealed(head + packed))
    assert refused.field == "delta.payload" and "decompressed" in refused.message


RUNS = {
    "before the base": run(0, -1, 1, 1 << 2) + b"\0",
    "behind the base": run(0, len(BASE), 1, 1 << 2) + b"\0",
    "longer than the base": run(0, 0, 2 * len(BASE), 1 << 2) + bytes(2 * len(BASE)),
    "of no number": run(0, 0, 0, 1 << 2),
    "of an unknown width": run(0, 0, 1, 1 << 2 | 3) + b"\0",
    "without planes": run(0, 0, 1, 0) + b"\0",
    "of more planes than bytes": run(0, 0, 1, 2 << 2) + b"\0\0",
    "shifted out of its width": run(0, 0, 1, 8 << 5 | 1 << 2) + b"\0",
    "with planes missing": run(0, 0, 100, 1 << 2) + b"\0",
    "with a gap longer than the rest": run(5, 0, 1, 1 << 2) + b"\0rest",
    "that are not all there": varint(3) + b"\0",
    "with a number that never ends": b"\xff" * 10,
}


@pytest.mark.parametrize("payload", RUNS.values(), ids=RUNS.keys())
def test_runs_that_do_not_fit_are_refused(payload):
    refused = refusal(BASE, of_payload(payload))
    assert refused.reason is Reason.DELTA_MALFORMED and refused.field == "delta.payload"


def test_a_result_with_another_hash_is_refused():
    refused = refusal(BASE, of_payload(varint(0) + bytes(len(NEW))))
    assert refused.field == "delta.result_sha256"


def test_a_bundle_delta_wants_a_bundle_as_base():
    assert refusal(BASE, of_payload(b"", Form.BUNDLE)).field == "delta.form"


CONTENTS = {
    "nothing": b"",
    "no manifest": (4).to_bytes(4, "little") + b"none",
    "an early end": (400).to_bytes(4, "little") + b"{}",
    "a list": (2).to_bytes(4, "little") + b"[]",
    "a file without a name": b'\x0c\0\0\0{"files":{}}' + bytes(4),
    "deep nesting": (20_000).to_bytes(4, "little") + b"[" * 20_000,
}


@pytest.mark.parametrize("contents", CONTENTS.values(), ids=CONTENTS.keys())
def test_contents_that_are_no_bundle_are_refused(contents):
    payload = varint(0) + contents
    base = container.read(SMALL[1][1])[0]
    header: Header = replace(base.of(Form.BUNDLE, payload), result_size_bytes=100_000)
    assert refusal(GOLDEN, container.write(header, payload)).reason is Reason.DELTA_MALFORMED
