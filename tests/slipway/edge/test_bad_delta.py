"""Whatever is wrong with a delta, the whole bundle comes in the same update, and the delta is not tried again."""

import hashlib
import tracemalloc
import zlib
from dataclasses import replace

import pytest
from backports import zstd

from slipway.delta import codec, container
from slipway.delta.codec import make
from slipway.delta.container import Form
from slipway.errors import Reason
from slipway.transport import ServerRefused
from tests.slipway.edge.bundles import bundle
from tests.slipway.edge.changes import BALLAST, Pair, downloaded, publish, refused_deltas
from tests.slipway.edge.conftest import Events
from tests.slipway.edge.repository import Repository
from tests.slipway.edge.test_install import Make, answer, files


def sealed(body: bytes) -> bytes:
    """A delta whose checksum is right."""
    return body + zlib.crc32(body).to_bytes(4, "little")


def renamed(delta: bytes, place: int, to: str) -> bytes:
    """The delta with another hash in its header."""
    return sealed(delta[:place] + bytes.fromhex(to) + delta[place + 32 : -4])


def bomb(right: bytes, promised: int | None = None) -> bytes:
    """A small delta that unpacks to 64 MiB."""
    header, packed = container.read(right)[0], zstd.compress(bytes(1 << 26))
    size = promised or header.result_size_bytes
    head = container.write(replace(header, form=Form.FULL, payload_size_bytes=size), b"")
    return sealed(head[: container.HEADER_BYTES - 4] + packed)


ONE, TWO, FOUR = (bundle(version, ballast=BALLAST) for version in (1, 2, 4))
RIGHT = make(ONE, TWO)
BAD = {
    "garbage": (b"not a delta" * 20, Reason.DELTA_MALFORMED),
    "cut": (RIGHT[:-1], Reason.DELTA_MALFORMED),
    "of a changed bit": (RIGHT[:-9] + bytes([RIGHT[-9] ^ 1]) + RIGHT[-8:], Reason.DELTA_MALFORMED),
    "of another format": (sealed(RIGHT[:4] + b"\2" + RIGHT[5:-4]), Reason.DELTA_MALFORMED),
    "for another base": (make(FOUR, TWO), Reason.DELTA_BASE_DIFFERS),
    "that says it is for this base": (
        renamed(make(FOUR, TWO), 18, hashlib.sha256(ONE).hexdigest()),
        Reason.DELTA_MALFORMED,
    ),
    "to another bundle": (make(ONE, FOUR), Reason.DELTA_MALFORMED),
    "to another bundle that says it leads here": (
        renamed(make(ONE, FOUR), 50, hashlib.sha256(TWO).hexdigest()),
        Reason.DELTA_MALFORMED,
    ),
    "to a longer file": (make(ONE, bundle(2, ballast=BALLAST + 1)), Reason.LIMIT_EXCEEDED),
    "to a shorter file": (make(ONE, bundle(2, ballast=BALLAST - 1)), Reason.DELTA_MALFORMED),
    "that is a bomb": (bomb(RIGHT), Reason.DELTA_MALFORMED),
    "that is a bomb and says so": (bomb(RIGHT, 1 << 30), Reason.LIMIT_EXCEEDED),
}


@pytest.mark.parametrize(("data", "reason"), BAD.values(), ids=BAD.keys())
def test_a_bad_delta_costs_its_bytes_and_the_whole_comes_in_the_same_update(
    pair: Pair, repository: Repository, events: Events, data: bytes, reason: Reason
) -> None:
    device, first, second = pair
    delta = repository.change(second, first, data).target
    tracemalloc.start()
    assert device.update()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 1024 * 1024
    assert answer(device) == ("even", "models/rover/versions/2")
    assert downloaded(repository) == [first, delta.sha256, second]
    assert refused_deltas(events) == [reason]
    assert files(device) == {first, second}
    assert device.state.current and device.state.current.delta_bytes == 0
    assert device.state.refused == {}, "the bundle is not to blame"
    device.report()
    assert [(r.version[-1], r.state) for r in repository.reports] == [("1", 1), ("2", 1)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"size_bytes": 0}, Reason.FIELD_INVALID),
        ({"size_bytes": -1}, Reason.FIELD_INVALID),
        ({"size_bytes": len(TWO)}, Reason.LIMIT_EXCEEDED),
        ({"size_bytes": 1 << 40}, Reason.LIMIT_EXCEEDED),
        ({"sha256": "../" * 21 + "x"}, Reason.FIELD_INVALID),
        ({"sha256": ""}, Reason.FIELD_INVALID),
        ({"base_sha256": "0" * 64}, Reason.FIELD_INVALID),
        ({"base_sha256": "../" * 21 + "x"}, Reason.FIELD_INVALID),
    ],
    ids=str,
)
def test_a_delta_that_cannot_be_true_or_spares_nothing_is_not_fetched(
    pair: Pair, repository: Repository, events: Events, change: dict[str, object], reason: Reason
) -> None:
    device, first, second = pair
    delta = repository.change(second, first)
    for key, value in change.items():
        setattr(delta if key == "base_sha256" else delta.target, key, value)
    assert device.update()
    assert downloaded(repository) == [first, second]
    assert refused_deltas(events) == [reason]


def test_other_bytes_than_promised_are_not_applied(pair: Pair, repository: Repository, events: Events) -> None:
    device, first, second = pair
    delta = repository.change(second, first).target
    repository.targets[delta.sha256] = bytes(delta.size_bytes)
    assert device.update()
    assert downloaded(repository) == [first, delta.sha256, second]
    assert refused_deltas(events) == [Reason.BUNDLE_HASH_MISMATCH]


def test_a_delta_that_the_server_takes_back(pair: Pair, repository: Repository, events: Events) -> None:
    device, first, second = pair
    del repository.targets[repository.change(second, first).target.sha256]
    assert device.update()
    assert answer(device) == ("even", "models/rover/versions/2")
    assert len(refused_deltas(events)) == 1


def test_a_delta_that_failed_is_not_tried_again_for_that_version(
    pair: Pair, installer: Make, repository: Repository, events: Events
) -> None:
    device, first, second = pair
    bad = repository.change(second, first, b"not a delta").target
    whole = repository.targets.pop(second)
    for _ in range(2):
        with pytest.raises(ServerRefused):
            device.update()
    again = installer()
    again.start()
    repository.change(second, first, b"not a delta either")  # another one does not help
    repository.targets[second] = whole
    assert again.update()
    assert downloaded(repository) == [first, bad.sha256, second, second, second]
    assert len(refused_deltas(events)) == 1
    third = publish(repository, 3, first)
    assert again.update()
    assert downloaded(repository)[-1] == repository.deltas[third, first].target.sha256, "the next version is another"


@pytest.mark.parametrize("damage", [b"", b"damaged"])
def test_a_base_that_has_rotted_is_replaced_by_the_whole(
    pair: Pair, repository: Repository, events: Events, damage: bytes
) -> None:
    device, first, second = pair
    repository.change(second, first)
    device.store.bundle(first).write_bytes(damage)
    assert device.update()
    assert answer(device) == ("even", "models/rover/versions/2")
    assert refused_deltas(events) == [Reason.BUNDLE_HASH_MISMATCH]
    assert files(device) == {second}, "what has rotted is no base any more"
    third = publish(repository, 3, first)
    assert device.update()
    assert downloaded(repository)[-1] == third


def test_too_little_memory_for_a_delta_is_no_reason_to_stay_behind(
    pair: Pair, repository: Repository, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, first, second = pair
    repository.change(second, first)

    def full(*_: object, **__: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr(codec, "apply", full)
    assert device.update()
    assert downloaded(repository)[-1] == second
    assert refused_deltas(events) == [Reason.DELTA_MALFORMED]
