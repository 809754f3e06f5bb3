"""Models, channels and what devices call, over real gRPC."""

import hashlib
from collections.abc import Iterable
from threading import Thread
from typing import Any

import pytest

from service.catalogue import reports
from slipway.v1 import jobs_pb2, models_pb2, updates_pb2
from tests.service.pipelines import TASK
from tests.service.process import TIMEOUT, ServerProcess, create_dataset, refusal, upload, wait_for, windows
from tests.service.work import place_of, pretrain, run_job

Channel = models_pb2.ModelChannel
STABLE = "models/m/channels/stable"


@pytest.fixture(scope="module")
def data(server: ServerProcess) -> str:
    """A dataset with windows."""
    name = create_dataset(server, "d")
    upload(server, name, windows(4), [0, 1, 0, -1])
    return name


def export(server: ServerProcess, version: str, data: str) -> None:
    assert (
        run_job(server, export=jobs_pb2.ExportSpec(version=version, calibration=data)).state == jobs_pb2.Job.SUCCEEDED
    )


@pytest.fixture(scope="module", autouse=True)
def versions(server: ServerProcess, data: str) -> list[str]:
    """Three versions of the model "m"; the first two can be installed."""
    names = [str(run_job(server, **pretrain("m", seed=seed)).result.version) for seed in range(3)]
    for name in names[:2]:
        export(server, name, data)
    run_job(server, **pretrain("other"))
    return names


def point(server: ServerProcess, version: str, name: str = STABLE, etag: str = "", create: bool = True) -> Any:
    channel = Channel(name=name, version=version, etag=etag)
    request = models_pb2.UpdateChannelRequest(channel=channel, allow_missing=create)
    return server.models.UpdateChannel(request, timeout=TIMEOUT)


def bundle_of(server: ServerProcess, version: str) -> bytes:
    seed = int(version.rpartition("/")[2]) - 1
    return f"model of seed {seed}".encode() * 50_000


def joined(pieces: Iterable[Any]) -> bytes:
    content = b""
    for piece in pieces:
        assert 0 < len(piece.data) <= 256 << 10
        content += piece.data
    return content


def test_a_model_its_versions_and_their_files(server: ServerProcess, versions: list[str]) -> None:
    model = server.models.GetModel(models_pb2.GetModelRequest(name="models/m"), timeout=TIMEOUT)
    assert model.latest_version == versions[-1]
    assert (model.task.name, list(model.task.classes)) == (TASK.name, list(TASK.classes))
    version = server.models.GetVersion(models_pb2.GetVersionRequest(name=versions[0]), timeout=TIMEOUT)
    assert version.parameter_count == 123
    assert version.lineage.method == "mlp" and version.lineage.job.startswith("jobs/")
    assert [point.epoch for point in version.history] == [1, 2]
    assert [artifact.name.rpartition("/")[2] for artifact in version.artifacts] == ["bundle", "int8_onnx", "model"]
    assert version.artifacts[0].sha256 == hashlib.sha256(bundle_of(server, versions[0])).hexdigest()


def test_lists(server: ServerProcess, versions: list[str]) -> None:
    models = server.models.ListModels(models_pb2.ListModelsRequest(page_size=1), timeout=TIMEOUT)
    assert [model.name for model in models.models] == ["models/m"] and models.next_page_token
    request = models_pb2.ListModelsRequest(page_token=models.next_page_token)
    assert [m.name for m in server.models.ListModels(request, timeout=TIMEOUT).models] == ["models/other"]
    request = models_pb2.ListVersionsRequest(parent="models/m", page_size=2)
    first = server.models.ListVersions(request, timeout=TIMEOUT)
    request = models_pb2.ListVersionsRequest(parent="models/m", page_size=2, page_token=first.next_page_token)
    second = server.models.ListVersions(request, timeout=TIMEOUT)
    assert [version.name for version in [*first.versions, *second.versions]] == versions[::-1]
    assert not second.next_page_token
    request = models_pb2.ListVersionsRequest(parent="models/other", page_token=first.next_page_token)
    _, info, _ = refusal(lambda: server.models.ListVersions(request, timeout=TIMEOUT))
    assert info.reason == "PAGE_TOKEN_INVALID", "a token of another list"


def test_any_range_of_a_file_is_downloaded(server: ServerProcess, versions: list[str]) -> None:
    content = bundle_of(server, versions[0])
    name = f"{versions[0]}/artifacts/bundle"

    def download(offset: int = 0, limit: int = 0) -> bytes:
        request = models_pb2.DownloadArtifactRequest(name=name, read_offset=offset, read_limit=limit)
        pieces = list(server.models.DownloadArtifact(request, timeout=TIMEOUT))
        at = offset
        for piece in pieces:
            assert piece.offset == at
            at += len(piece.data)
        return joined(pieces)

    size = len(content)
    assert size > 2 * (256 << 10)
    assert download() == content
    assert download(300_001) == content[300_001:]
    assert download(5, 10) == content[5:15]
    assert download(size - 3, 1000) == content[-3:]
    assert download(size) == b""
    assert refusal(lambda: download(size + 1))[:1] == ("OUT_OF_RANGE",)
    assert refusal(lambda: download(-1))[1].reason == "FIELD_INVALID"
    assert refusal(lambda: download(0, -1))[1].reason == "FIELD_INVALID"


def test_a_channel_keeps_its_history(server: ServerProcess, versions: list[str]) -> None:
    name = "models/m/channels/history"
    first = point(server, versions[0], name)
    assert first.version == versions[0]
    assert point(server, versions[0], name) == first, "where it points already, nothing changes"
    second = point(server, versions[1], name, etag=first.etag)
    assert second.etag != first.etag
    third = point(server, versions[0], name)
    assert [move.version for move in third.history] == [versions[0], versions[1], versions[0]]
    request = models_pb2.GetChannelRequest(name=name)
    assert server.models.GetChannel(request, timeout=TIMEOUT) == third
    listed = server.models.ListChannels(models_pb2.ListChannelsRequest(parent="models/m"), timeout=TIMEOUT)
    assert third in list(listed.channels)


def test_a_channel_is_moved_only_by_those_who_know_where_it_is(server: ServerProcess, versions: list[str]) -> None:
    name = "models/m/channels/contested"
    seen = point(server, versions[0], name).etag
    point(server, versions[1], name, etag=seen)
    code, info, _ = refusal(lambda: point(server, versions[0], name, etag=seen))
    assert (code, info.reason) == ("ABORTED", "ETAG_MISMATCH")


@pytest.mark.parametrize(
    ("version", "name", "create", "code", "reason"),
    [
        ("models/m/versions/3", STABLE, True, "FAILED_PRECONDITION", "VERSION_NOT_INSTALLABLE"),
        ("models/m/versions/99", STABLE, True, "NOT_FOUND", "VERSION_NOT_FOUND"),
        ("models/nobody/versions/1", "models/nobody/channels/x", True, "NOT_FOUND", "MODEL_NOT_FOUND"),
        ("models/other/versions/1", STABLE, True, "INVALID_ARGUMENT", "FIELD_INVALID"),
        ("models/m/versions/1", "models/m/channels/new", False, "NOT_FOUND", "CHANNEL_NOT_FOUND"),
        ("models/m/versions/1", "models/m/channels/Bad Name", True, "INVALID_ARGUMENT", "FIELD_INVALID"),
        ("", STABLE, True, "INVALID_ARGUMENT", "FIELD_REQUIRED"),
        ("models/m/versions/1", "", True, "INVALID_ARGUMENT", "FIELD_REQUIRED"),
    ],
)
def test_a_bad_move_is_refused(
    server: ServerProcess, version: str, name: str, create: bool, code: str, reason: str
) -> None:
    found, info, _ = refusal(lambda: point(server, version, name, create=create))
    assert (found, info.reason) == (code, reason)
    assert info.metadata["remedy"]


def test_unknown_names(server: ServerProcess) -> None:
    asks = {
        "MODEL_NOT_FOUND": lambda: server.models.GetModel(models_pb2.GetModelRequest(name="models/x")),
        "VERSION_NOT_FOUND": lambda: server.models.GetVersion(
            models_pb2.GetVersionRequest(name="models/m/versions/77")
        ),
        "CHANNEL_NOT_FOUND": lambda: server.models.GetChannel(models_pb2.GetChannelRequest(name="models/m/channels/x")),
        "ARTIFACT_NOT_FOUND": lambda: list(
            server.models.DownloadArtifact(
                models_pb2.DownloadArtifactRequest(name="models/m/versions/3/artifacts/bundle")
            )
        ),
        "TARGET_NOT_FOUND": lambda: list(
            server.updates.DownloadTarget(updates_pb2.DownloadTargetRequest(sha256="0" * 64))
        ),
    }
    for reason, ask in asks.items():
        code, info, _ = refusal(ask)
        assert (code, info.reason) == ("NOT_FOUND", reason)


def metadata(server: ServerProcess, channel: str, model: str = "models/m") -> Any:
    request = updates_pb2.GetMetadataRequest(model=model, channel=channel)
    return server.updates.GetMetadata(request, timeout=TIMEOUT)


def test_a_device_finds_and_downloads_what_its_channel_points_at(server: ServerProcess, versions: list[str]) -> None:
    point(server, versions[0])
    found = metadata(server, "")
    assert found.version == versions[0], "stable is the default"
    content = bundle_of(server, versions[0])
    assert (found.target.sha256, found.target.size_bytes) == (hashlib.sha256(content).hexdigest(), len(content))
    request = updates_pb2.DownloadTargetRequest(sha256=found.target.sha256, read_offset=100_000)
    assert joined(server.updates.DownloadTarget(request, timeout=TIMEOUT)) == content[100_000:]
    serial = found.serial
    point(server, versions[1])
    assert metadata(server, "stable").serial == serial + 1
    assert refusal(lambda: metadata(server, "nobody"))[1].reason == "CHANNEL_NOT_FOUND"
    assert refusal(lambda: metadata(server, "", "models/nobody"))[1].reason == "MODEL_NOT_FOUND"


def test_only_bundles_can_be_downloaded_by_hash(server: ServerProcess, versions: list[str], data: str) -> None:
    """A hash is no secret: windows and training files stay inside."""
    version = server.models.GetVersion(models_pb2.GetVersionRequest(name=versions[0]), timeout=TIMEOUT)
    model = next(artifact for artifact in version.artifacts if artifact.name.endswith("/model"))
    for sha256 in (model.sha256, upload(server, data, windows(4)).sha256):
        request = updates_pb2.DownloadTargetRequest(sha256=sha256)
        assert refusal(lambda r=request: list(server.updates.DownloadTarget(r)))[1].reason == "TARGET_NOT_FOUND"
    bad = updates_pb2.DownloadTargetRequest(sha256="../../etc/passwd")
    assert refusal(lambda: list(server.updates.DownloadTarget(bad)))[1].reason == "FIELD_INVALID"


def test_a_watcher_is_told_that_its_channel_moved(server: ServerProcess, versions: list[str]) -> None:
    request = updates_pb2.WatchUpdatesRequest(model="models/m", channel="hinted")
    hints: list[int] = []
    stream = server.updates.WatchUpdates(request, timeout=TIMEOUT)

    def listen() -> None:
        try:
            hints.extend(hint.serial for hint in stream)
        except Exception:
            return

    first = next(stream)
    assert first.serial == 0, "the channel does not exist yet"
    seen = []
    for version in versions[:2]:
        point(server, version, "models/m/channels/hinted")
        seen.append(next(stream).serial)
    assert seen == [1, 2]
    thread = Thread(target=listen)
    thread.start()
    stream.cancel()
    thread.join(TIMEOUT)
    assert hints == []


def report(server: ServerProcess, **fields: Any) -> None:
    right = {
        "device_id": "rover-1",
        "version": "models/m/versions/1",
        "state": updates_pb2.ReportStatusRequest.INSTALLED,
    }
    server.updates.ReportStatus(updates_pb2.ReportStatusRequest(**{**right, **fields}), timeout=TIMEOUT)


def test_reports_are_kept(server: ServerProcess) -> None:
    report(server)
    report(server, state=updates_pb2.ReportStatusRequest.REFUSED, reason="SELF_TEST_FAILED", message="by 0.3")
    place = place_of(server)
    kept = place.catalogue.read(reports.of_device, "rover-1")
    assert [(each.state, each.reason, each.message) for each in kept] == [
        ("REFUSED", "SELF_TEST_FAILED", "by 0.3"),
        ("INSTALLED", "", ""),
    ]
    for _ in range(reports.KEPT_PER_DEVICE + 5):
        place.catalogue.write(reports.add, kept[0])
    assert len(place.catalogue.read(reports.of_device, "rover-1")) == reports.KEPT_PER_DEVICE


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"device_id": ""}, "SPEC_INVALID", "device_id"),
        ({"device_id": "Rover 1"}, "SPEC_INVALID", "device_id"),
        ({"version": "models/m/versions/99"}, "VERSION_NOT_FOUND", "version"),
        ({"state": 0}, "FIELD_REQUIRED", "state"),
        ({"state": 9}, "FIELD_INVALID", "state"),
        ({"message": "x" * 501}, "LIMIT_EXCEEDED", "message"),
        ({"reason": "x" * 64}, "LIMIT_EXCEEDED", "reason"),
    ],
)
def test_a_bad_report_is_refused(server: ServerProcess, fields: dict[str, Any], reason: str, field: str) -> None:
    _, info, _ = refusal(lambda: report(server, **fields))
    assert (info.reason, info.metadata["field"]) == (reason, field)


def test_a_damaged_file_is_not_sent_silently(server: ServerProcess, data: str) -> None:
    version = run_job(server, **pretrain("damaged", seed=5)).result.version
    export(server, version, data)
    found = server.models.GetVersion(models_pb2.GetVersionRequest(name=version), timeout=TIMEOUT)
    sha256 = next(artifact.sha256 for artifact in found.artifacts if artifact.name.endswith("/bundle"))
    (server.folder / "blobs" / sha256[:2] / sha256).unlink()
    request = models_pb2.DownloadArtifactRequest(name=f"{version}/artifacts/bundle")
    code, info, _ = refusal(lambda: list(server.models.DownloadArtifact(request, timeout=TIMEOUT)))
    assert (code, info.reason) == ("DATA_LOSS", "STORED_FILE_DAMAGED")
    wait_for(lambda: "DATA_LOSS STORED_FILE_DAMAGED" in server.log.read_text())
