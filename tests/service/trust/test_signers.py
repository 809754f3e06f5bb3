"""The two signing processes: each holds one key, looks for itself, and comes back when it dies."""

import os
import signal
import struct
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tuf.api.metadata import Metadata, Targets

from service.catalogue import models
from service.trust import adapted, frames
from service.trust.entries import NewVersion
from service.trust.promoted import described
from service.trust.signing import SigningProcess
from slipway.errors import Reason, Refused
from tests.service.trust.yard import Yard, now, version

ADAPTERS = "adapters/rover"


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    yard = Yard(tmp_path_factory.mktemp("yard"))
    yard.add_model()
    yard.enter()
    return yard


@pytest.fixture(scope="module")
def both(yard: Yard) -> Iterator[list[SigningProcess]]:
    """Adapter and gate."""
    made = [SigningProcess(kind, yard.config) for kind in ("adapter", "gate")]
    for each in made:
        each.start()
    yield made
    for each in made:
        each.stop()


def drafted(yard: Yard, number: int, days: float = 14) -> Metadata[Targets]:
    """A draft that adds a version, whatever the gate thought of it."""
    found = yard.catalogue.read(models.version, "rover", number)
    news: list[NewVersion] = [described(yard.blobs, version(number), found, 100 + number)]
    return adapted.draft(yard.desk.state(), ADAPTERS, news, [], now() + timedelta(days=days))


def test_both_together_sign_what_was_promoted(yard: Yard, both: list[SigningProcess]) -> None:
    draft = drafted(yard, number := yard.enter(promoted=True, base=1))
    for each in both:
        each.sign(ADAPTERS, draft)
    yard.desk.publish({ADAPTERS: draft}, now())
    assert version(number) in yard.signed()[ADAPTERS]


def test_the_adapter_alone_is_not_enough(yard: Yard, both: list[SigningProcess]) -> None:
    adapter, gate = both
    draft = drafted(yard, yard.enter(promoted=False, base=1))
    adapter.sign(ADAPTERS, draft)
    with pytest.raises(Refused, match="the gate has not promoted it"):
        gate.sign(ADAPTERS, draft)
    assert len(draft.signatures) == 1
    with pytest.raises(Refused, match="1 of 2 signatures"):
        yard.desk.publish({ADAPTERS: draft}, now())


def test_the_gate_reads_the_bytes(yard: Yard, both: list[SigningProcess]) -> None:
    draft = drafted(yard, number := yard.enter(promoted=True, base=1))
    found = yard.catalogue.read(models.artifact, "rover", number, models.BUNDLE)
    path = yard.data / "blobs" / found.sha256[:2] / found.sha256
    data = path.read_bytes()
    path.write_bytes(data[:-1] + b"!")
    with pytest.raises(Refused, match="reads as"):
        both[1].sign(ADAPTERS, draft)
    path.write_bytes(data)
    both[1].sign(ADAPTERS, draft)


@pytest.mark.parametrize("index", [0, 1])
def test_neither_signs_for_longer_than_allowed(yard: Yard, both: list[SigningProcess], index: int) -> None:
    with pytest.raises(Refused, match="14 days are allowed"):
        both[index].sign(ADAPTERS, drafted(yard, yard.enter(promoted=True, base=1), days=15))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"signed": 7}', "[" * 5000])
def test_what_is_no_draft_is_refused_and_the_process_lives(both: list[SigningProcess], text: str) -> None:
    process = both[1]
    alive = process._alive()
    assert alive.stdin and alive.stdout
    frames.send(alive.stdin.fileno(), {"role": ADAPTERS, "draft": text}, 30.0)
    assert "refused" in frames.receive(alive.stdout.fileno(), 30.0)
    assert alive.poll() is None


def test_one_that_died_is_started_again(yard: Yard, both: list[SigningProcess]) -> None:
    adapter = both[0]
    assert adapter.process
    dead = adapter.process.pid
    os.kill(dead, signal.SIGSTOP)  # it is asked, and dies over the question
    os.kill(dead, signal.SIGKILL)
    draft = drafted(yard, yard.enter(promoted=True, base=1))
    try:
        adapter.sign(ADAPTERS, draft)
    except frames.Ended:
        adapter.sign(ADAPTERS, draft)
    assert adapter.process and adapter.process.pid != dead and len(draft.signatures) == 1


def test_each_is_told_of_its_own_key_only_and_no_key_is_in_an_environment(
    yard: Yard, both: list[SigningProcess]
) -> None:
    secrets = [path.read_text().splitlines()[1].encode() for path in yard.keys.glob("*.pem")]
    for each, other in (both, both[::-1]):
        assert each.process
        told = Path(f"/proc/{each.process.pid}/environ").read_bytes()
        assert f"/{each.kind}.pem".encode() in told
        assert not any(name in told for name in (f"/{other.kind}.pem".encode(), b"snapshot.pem", b"timestamp.pem"))
        assert not any(secret in told for secret in secrets) and len(secrets) == 8


def pipe(data: bytes) -> int:
    """A pipe that holds ``data`` and has ended."""
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    return reading


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0",
        struct.pack(">I", 9) + b"{}",
        struct.pack(">I", 1 << 31) + b"{}",
        struct.pack(">I", 2) + b"[]",
        struct.pack(">I", 3) + b"\xff{}",
        struct.pack(">I", 6000) + b"[" * 6000,
    ],
)
def test_a_message_that_is_none(data: bytes) -> None:
    with pytest.raises(frames.Ended):
        frames.receive(pipe(data), 5.0)


def test_a_message_has_a_limit_and_an_answer_has_a_time() -> None:
    reading, writing = os.pipe()
    with pytest.raises(frames.Ended, match="allowed"):
        frames.send(writing, {"draft": "x" * frames.LIMIT_BYTES})
    with pytest.raises(frames.Ended, match="in time"):
        frames.receive(reading, 0.05)
    with pytest.raises(frames.Ended, match="does not read"):
        frames.send(writing, {"draft": "x" * (1 << 20)}, 0.05)


def test_a_message_arrives(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    message: dict[str, Any] = {"role": "x", "draft": "é" * 1000}
    frames.send(writing, message, 1.0)
    assert frames.receive(reading, 1.0) == message


def test_the_reason_is_a_word_of_the_catalogue(yard: Yard, both: list[SigningProcess]) -> None:
    with pytest.raises(Refused) as refusal:
        both[1].sign("adapters/none", drafted(yard, yard.enter(promoted=True, base=1)))
    assert refusal.value.reason is Reason.FIELD_INVALID and "no such role" in str(refusal.value)
