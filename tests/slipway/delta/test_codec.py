import hashlib
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.bundle.archive import BUNDLE_LIMIT_BYTES, read
from slipway.delta import container, segments
from slipway.delta.codec import apply, make
from slipway.delta.container import HEADER_BYTES, Form
from slipway.delta.places import graph_places
from slipway.errors import Reason, Refused
from tests.slipway.delta.graphs import GOLDEN, graph, graph_pairs, noise, with_file, with_version

OLD_BASE, OLD_RESULT = bytes(range(64)), bytes(range(32)) + b"here" + bytes(range(32, 64))
# Written once by format 1: what a device was sent must apply for ever.
OLD_DELTA = bytes.fromhex(
    "534c50440102400000004400000045000000fdeab9acf3710362bd2658cdc9a29e8f9c757fcf9811603a8c447cd1d915110871c35c7f"
    "d4da1c36445858dabfdd304c07cbf80cf615a8a308318880516b950b28b52ffd20458500003800006865726520020048349a6802161d"
    "f8a4ee"
)
OLD_BUNDLE_DELTA = bytes.fromhex(
    "534c50440103730e0000730e0000a60b0000469de7933cb6649472a49df85e91d0bdf5e1cb4ef9ad22dc44a9244f6ce303655838da7c"
    "365b8438b330e8a288223b3df302e726933a471711260396dc57efc528b52ffd60a60a7d00001800f8320200a800bea897ba0a6201e0"
    "959767"
)


def form(delta: bytes) -> Form:
    return container.read(delta)[0].form


@settings(max_examples=300, derandomize=True)
@given(st.binary(max_size=300), st.binary(max_size=300))
def test_any_bytes_come_back(base, new):
    delta = make(base, new)
    assert apply(base, delta) == new
    assert len(delta) <= len(new) + HEADER_BYTES


@settings(max_examples=150, derandomize=True)
@given(graph_pairs())
def test_any_graphs_come_back(pair):
    base, new = pair
    assert apply(base, make(base, new)) == new


@settings(max_examples=150, derandomize=True)
@given(graph_pairs())
def test_runs_of_any_graphs_come_back(pair):
    base, new = pair
    runs = segments.pair(graph_places(base), graph_places(new))
    assert segments.decode(base, segments.encode(base, new, runs), len(new)) == new


@pytest.mark.parametrize("kind", [np.int8, np.int32, np.float32])
@pytest.mark.parametrize("count", [1, 1000])
def test_the_ends_of_every_width_come_back(kind, count):
    width = np.dtype(kind).itemsize
    low, high = (
        np.full(count, end, f"<i{width}").view(kind) for end in (-(2 ** (8 * width - 1)), 2 ** (8 * width - 1) - 1)
    )
    for first, second in [(low, high), (high, low), (low, np.zeros_like(low))]:
        base, new = graph({"t": first}), graph({"t": second})
        assert apply(base, make(base, new)) == new


def test_a_delta_written_long_ago_applies():
    assert apply(OLD_BASE, OLD_DELTA) == OLD_RESULT
    assert form(OLD_DELTA) is Form.FILE
    assert apply(GOLDEN, OLD_BUNDLE_DELTA) == with_version(GOLDEN, "2")
    assert form(OLD_BUNDLE_DELTA) is Form.BUNDLE


def test_bundles_come_back_without_what_follows_from_their_contents():
    new = with_version(GOLDEN, "another")
    delta = make(GOLDEN, new)
    assert apply(GOLDEN, delta) == new
    assert form(delta) is Form.BUNDLE
    assert len(delta) < HEADER_BYTES + 40  # two hashes in the header, none elsewhere


def test_the_hashes_of_a_bundle_do_not_travel():
    inside = read(GOLDEN).graph
    new = with_file(GOLDEN, "graph.onnx", inside.replace(b"slipway", b"SLIPWAY", 1))
    assert new != GOLDEN
    assert len(make(GOLDEN, new)) < HEADER_BYTES + 50


def test_an_unchanged_file_is_a_header():
    base = noise(0, 100_000, np.uint8).tobytes()
    assert len(make(base, base)) < HEADER_BYTES + 40


def test_small_changes_of_every_number_cost_a_byte_each():
    weights, scales = noise(0, 20_000, np.int8), np.abs(noise(1, 500, np.int16)).astype(np.float32) + 1
    steps = np.random.default_rng(2).integers(-60, 60, 500)
    moved = (scales.view(np.int32) + (steps << 16).astype(np.int32)).view(np.float32)
    base, new = graph({"weights": weights, "scales": scales}), graph({"weights": weights, "scales": moved})
    assert apply(base, make(base, new)) == new
    assert len(make(base, new)) < HEADER_BYTES + 500 + 60
    assert len(segments.encode(base, new, [])) == len(new) + 1  # without runs each would cost four


def test_a_moved_file_is_found_in_a_long_base():
    base = noise(0, 3_000_000, np.uint8).tobytes()
    assert len(make(base, b"new" + base[:1_000_000])) < 200


def test_what_has_nothing_in_common_travels_whole():
    base, new = noise(0, 1000, np.uint8).tobytes(), noise(1, 1000, np.uint8).tobytes()
    assert form(make(base, new)) is Form.STORED
    assert form(make(base, bytes(1000))) is Form.FULL


def test_a_header_says_what_it_is_for():
    header, _ = container.read(make(OLD_BASE, OLD_RESULT))
    assert header.base_sha256 == hashlib.sha256(OLD_BASE).digest()
    assert header.result_sha256 == hashlib.sha256(OLD_RESULT).digest()
    assert (header.base_size_bytes, header.result_size_bytes) == (64, 68)


@pytest.mark.parametrize("side", ["base", "new"])
def test_no_delta_is_made_of_a_file_over_the_limit(side, monkeypatch):
    monkeypatch.setattr("slipway.delta.codec.BUNDLE_LIMIT_BYTES", 100)
    files = {"base": b"", "new": b""} | {side: bytes(101)}
    with pytest.raises(Refused) as refused:
        make(**files)
    assert refused.value.reason is Reason.LIMIT_EXCEEDED and refused.value.field == side


def test_the_limit_is_that_of_a_bundle():
    assert apply.__defaults__ == (BUNDLE_LIMIT_BYTES,)


@pytest.mark.parametrize("kind", [np.int8, np.int32, np.float32])
def test_a_change_of_every_number_takes_a_few_times_the_file(kind):
    old = noise(0, 2_000_000 // np.dtype(kind).itemsize, np.int8 if kind is np.int8 else np.int32)
    base, new = (graph({"weights": (old + step).view(kind)}) for step in (0, 1))
    delta = make(base, new)
    assert len(delta) < 1000
    tracemalloc.start()
    assert apply(base, delta) == new
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * len(new)
