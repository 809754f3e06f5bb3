"""A device that holds a bundle is offered the way from there: a real server, and a real device."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from service.catalogue import models
from service.catalogue.models import delta_id
from slipway.delta.codec import apply, make
from slipway.errors import Reason
from slipway.v1 import jobs_pb2, jobs_pb2_grpc, models_pb2, updates_pb2_grpc
from slipway.v1 import updates_pb2 as pb
from tests.service.process import ROOT, TIMEOUT, ServerProcess, refusal, wait_for
from tests.service.work import create_job, place_of, pretrain, run_job
from tests.slipway.edge.bundles import bundle

BALLAST = 20_000
ONE, TWO, THREE = (bundle(version, model="m", ballast=BALLAST) for version in (1, 2, 3))
Enter = Callable[..., str]


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(scope="module")
def enter(server: ServerProcess) -> Enter:
    """Makes a version of a model of its own with these files; returns its name."""
    place = place_of(server)

    def make_version(model: str, files: dict[str, bytes]) -> str:
        name = str(run_job(server, **pretrain(model)).result.version)
        stored = {key: (place.blobs.put(data), len(data)) for key, data in files.items()}
        place.catalogue.write(models.add_artifacts, model, int(name.rpartition("/")[2]), stored)
        return name

    return make_version


def offer(server: ServerProcess, version: str, held: Sequence[str] = ()) -> Any:
    """What a device hears that follows a channel at ``version``."""
    model = version.rpartition("/versions/")[0]
    channel = models_pb2.ModelChannel(name=f"{model}/channels/stable", version=version)
    request = models_pb2.UpdateChannelRequest(channel=channel, allow_missing=True)
    server.models.UpdateChannel(request, timeout=TIMEOUT)
    return server.updates.GetMetadata(pb.GetMetadataRequest(model=model, held_sha256=held), timeout=TIMEOUT)


def download(server: ServerProcess, sha256: str, offset: int = 0) -> bytes:
    request = pb.DownloadTargetRequest(sha256=sha256, read_offset=offset)
    return b"".join(piece.data for piece in server.updates.DownloadTarget(request, timeout=TIMEOUT))


def test_a_delta_from_a_bundle_that_the_device_holds(server: ServerProcess, enter: Enter) -> None:
    delta = make(ONE, TWO)
    version = enter("plain", {"bundle": TWO, delta_id(sha(ONE)): delta})
    found = offer(server, version, ["0" * 64, sha(ONE)])
    assert (found.target.sha256, found.target.size_bytes) == (sha(TWO), len(TWO)), "the bundle stands there as before"
    assert found.delta == pb.Delta(target=pb.Target(sha256=sha(delta), size_bytes=len(delta)), base_sha256=sha(ONE))
    assert apply(ONE, download(server, found.delta.target.sha256)) == TWO
    assert download(server, sha(delta), 100) == delta[100:]


def test_no_delta_where_nothing_fits_or_nothing_needs_to_travel(server: ServerProcess, enter: Enter) -> None:
    version = enter("unfit", {"bundle": TWO, delta_id(sha(ONE)): make(ONE, TWO)})
    for held in ([], [sha(THREE)], [sha(ONE), sha(TWO)]):
        found = offer(server, version, held)
        assert not found.HasField("delta") and found.target.sha256 == sha(TWO)


def test_the_smallest_of_several(server: ServerProcess, enter: Enter) -> None:
    far = bundle(9, model="m", ballast=BALLAST // 2)
    deltas = {delta_id(sha(base)): make(base, TWO) for base in (far, ONE)}
    assert len(deltas[delta_id(sha(ONE))]) < len(deltas[delta_id(sha(far))]) < len(TWO)
    version = enter("several", {"bundle": TWO, **deltas})
    assert offer(server, version, [sha(far), sha(ONE)]).delta.base_sha256 == sha(ONE)
    assert offer(server, version, [sha(far)]).delta.base_sha256 == sha(far)


def test_a_base_is_its_whole_hash(server: ServerProcess, enter: Enter) -> None:
    version = enter("prefix", {"bundle": TWO, delta_id(sha(ONE)): make(ONE, TWO)})
    alike = sha(ONE)[:16] + "0" * 48
    assert not offer(server, version, [alike]).HasField("delta")
    assert offer(server, version, [alike, sha(ONE)]).delta.base_sha256 == sha(ONE)
    assert offer(server, version, [sha(ONE), alike]).delta.base_sha256 == sha(ONE)


FALSE = {
    "from another base": make(THREE, TWO),
    "to another bundle": make(ONE, THREE),
    "that is none": b"x" * 200,
    "of another format": b"SLPD\x02" + make(ONE, TWO)[5:],
    "that ends early": make(ONE, TWO)[:40],
    "that is empty": b"",
    "no shorter than the bundle": make(ONE, TWO) + bytes(len(TWO)),
}


@pytest.mark.parametrize("delta", FALSE.values(), ids=FALSE.keys())
def test_what_is_no_delta_for_the_device_is_not_offered(server: ServerProcess, enter: Enter, delta: bytes) -> None:
    version = enter(f"false-{sha(delta)[:8]}", {"bundle": TWO, delta_id(sha(ONE)): delta})
    found = offer(server, version, [sha(ONE)])
    assert not found.HasField("delta") and found.target.sha256 == sha(TWO)


@pytest.mark.parametrize("damage", ["gone", "empty"])
def test_a_damaged_delta_stops_no_update(server: ServerProcess, enter: Enter, damage: str) -> None:
    base = bundle(1, model=damage, ballast=BALLAST)
    delta = make(base, TWO)
    version = enter(f"damaged-{damage}", {"bundle": TWO, delta_id(sha(base)): delta})
    assert offer(server, version, [sha(base)]).HasField("delta")
    path = server.folder / "blobs" / sha(delta)[:2] / sha(delta)
    path.unlink()
    if damage == "empty":
        path.touch()
    found = offer(server, version, [sha(base)])
    assert not found.HasField("delta") and found.target.sha256 == sha(TWO)
    assert sha(delta) in server.log.read_text()


@pytest.mark.parametrize(
    ("held", "reason", "field"),
    [
        (["0" * 64] * 9, Reason.LIMIT_EXCEEDED, "held_sha256"),
        (["0" * 64, "0" * 63], Reason.FIELD_INVALID, "held_sha256[1]"),
        (["A" * 64], Reason.FIELD_INVALID, "held_sha256[0]"),
        ([""], Reason.FIELD_INVALID, "held_sha256[0]"),
        (["../../etc/passwd"], Reason.FIELD_INVALID, "held_sha256[0]"),
        (["0" * 64 + "\n"], Reason.FIELD_INVALID, "held_sha256[0]"),
    ],
)
def test_what_is_no_hash_is_refused(
    server: ServerProcess, enter: Enter, held: list[str], reason: Reason, field: str
) -> None:
    request = pb.GetMetadataRequest(model="models/m", held_sha256=held)
    code, info, _ = refusal(lambda: server.updates.GetMetadata(request, timeout=TIMEOUT))
    assert (code, info.reason, info.metadata["field"]) == ("INVALID_ARGUMENT", reason, field)
    assert info.metadata["remedy"]


def test_bundles_and_deltas_are_sent_and_nothing_else(server: ServerProcess, enter: Enter) -> None:
    inside = {"adapter": b"an adapter", "c": b"code", "delta-": b"a", "delta-0123": b"b"}
    enter("inside", {"bundle": TWO, **inside})
    assert download(server, sha(TWO)) == TWO
    for data in inside.values():
        code, info, _ = refusal(lambda data=data: download(server, sha(data)))
        assert (code, info.reason) == ("NOT_FOUND", "TARGET_NOT_FOUND")


def test_a_device_that_stops_watching_is_no_news(server: ServerProcess, enter: Enter) -> None:
    """Thousands leave at once when a network does; a line for each would bury what matters."""
    offer(server, enter("left", {"bundle": ONE}))
    channel = server.channel()
    hints = updates_pb2_grpc.UpdatesStub(channel).WatchUpdates(pb.WatchUpdatesRequest(model="models/left"))
    jobs, name = jobs_pb2_grpc.JobsStub(channel), create_job(server, **pretrain("watched")).name
    for watch in (hints, jobs.WatchJob(jobs_pb2.WatchJobRequest(name=name))):
        next(watch)
        watch.cancel()
    wait_for(lambda: "/slipway.v1.Jobs/WatchJob " in server.log.read_text())
    assert "WatchUpdates" not in server.log.read_text()
    jobs.CancelJob(jobs_pb2.CancelJobRequest(name=name))


class Device:
    """A folder, and ``slipway edge install-once`` on it."""

    def __init__(self, server: ServerProcess, folder: Path) -> None:
        place = ["--server", server.address, "--model", "m", "--folder", str(folder), "--json"]
        self.command = [sys.executable, "-m", "slipway.cli", "edge", "install-once", *place]

    def update(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """(state, events)."""
        done = subprocess.run(self.command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout), [json.loads(line) for line in done.stderr.splitlines()]


def sizes(events: list[dict[str, Any]]) -> list[int]:
    """Bytes of every download that began."""
    return [event["size_bytes"] for event in events if event["event"] in ("downloading", "downloading_delta")]


def test_a_device_follows_its_channel_by_hundreds_of_bytes(server: ServerProcess, enter: Enter, tmp_path: Path) -> None:
    second, third = make(ONE, TWO), make(ONE, THREE)
    versions = [
        enter("m", {"bundle": ONE}),
        enter("m", {"bundle": TWO, delta_id(sha(ONE)): second}),
        enter("m", {"bundle": THREE, delta_id(sha(ONE)): third}),
    ]
    device, newcomer = Device(server, tmp_path / "device"), Device(server, tmp_path / "newcomer")
    offer(server, versions[0])
    assert sizes(device.update()[1]) == [len(ONE)]
    for version, delta in zip(versions[1:], (second, third), strict=True):
        offer(server, version)
        state, events = device.update()
        assert sizes(events) == [len(delta)] and len(delta) < 1000
        assert (state["current"]["version"], state["current"]["delta_bytes"]) == (version, len(delta))
        assert state["base"] == sha(ONE)
    state, events = newcomer.update()
    assert sizes(events) == [len(THREE)] and state["current"]["delta_bytes"] == 0
    server.restart()
    path = server.folder / "blobs" / sha(second)[:2] / sha(second)
    path.write_bytes(second[:-1] + bytes([second[-1] ^ 1]))  # its header still holds
    damaged = Device(server, tmp_path / "damaged")
    offer(server, versions[0])
    damaged.update()
    offer(server, versions[1])
    state, events = damaged.update()
    assert sizes(events) == [len(second), len(TWO)]
    assert [event["reason"] for event in events if event["event"] == "delta_refused"] == ["BUNDLE_HASH_MISMATCH"]
    assert state["current"]["version"] == versions[1]


def test_the_more_hear_a_hint_the_longer_they_take_to_ask(server: ServerProcess) -> None:
    watches = []
    for length_ms in (2, 4, 6):
        watches.append(server.updates.WatchUpdates(pb.WatchUpdatesRequest(model="models/many"), timeout=TIMEOUT))
        assert next(watches[-1]).spread.ToMilliseconds() == length_ms
    for watch in watches:
        watch.cancel()
