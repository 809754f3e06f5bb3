"""Signed updates from end to end: a real server with its publisher, signers and HTTP door, and real devices."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tuf.ngclient import Updater

from service.trust.checks import check
from service.trust.roles import State
from slipway.edge.carried import install_offline
from slipway.edge.install import Installer
from slipway.edge.pinned import trust_of
from slipway.edge.remote import Remote
from slipway.edge.store import Store
from slipway.errors import Reason, Refused
from slipway.trust import names
from slipway.trust.http_source import HttpSource
from slipway.trust.source import NotThere
from slipway.v1 import models_pb2
from slipway.v1 import updates_pb2 as pb
from tests.service.process import TIMEOUT, ServerProcess, refusal, wait_for
from tests.service.trust.yard import Yard, now, version

ADAPTERS = "adapters/rover"


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    """Version 1 is a base that is signed, version 2 an adapted one that the gate has promoted."""
    yard = Yard(tmp_path_factory.mktemp("yard"), http_address="127.0.0.1:0")
    yard.add_model()
    yard.enter()
    yard.sign_base(1)
    yard.enter(promoted=True, base=1)
    return yard


@pytest.fixture(scope="module")
def server(yard: Yard) -> Iterator[ServerProcess]:
    settings = {name: getattr(yard.config, name) for name in vars(yard.config) if name.startswith(("trust_", "http_"))}
    process = ServerProcess(yard.data, **settings).start()
    yield process
    process.stop()


@pytest.fixture
def device(server: ServerProcess, yard: Yard, tmp_path: Path) -> Iterator[Callable[..., Installer]]:
    """Makes the agent of an enrolled device; the one before lets go of the folder first."""
    with ExitStack() as stack:

        def make() -> Installer:
            stack.close()
            store, remote = Store(tmp_path / "device"), Remote(server.address)
            stack.enter_context(store.locked())
            stack.callback(remote.close)
            trust = trust_of(store.folder, remote.repository_file, remote.pieces, yard.keys / "1.root.json")
            options: dict[str, Any] = {"model": "models/rover", "channel": "stable", "trust": trust}
            return Installer(store, remote, tell=lambda *_, **__: None, **options)

        yield make


def point(server: ServerProcess, number: int) -> None:
    """Move the channel; a device hears of it whether it is signed or not."""
    channel = models_pb2.ModelChannel(name="models/rover/channels/stable", version=version(number))
    server.models.UpdateChannel(models_pb2.UpdateChannelRequest(channel=channel, allow_missing=True), timeout=TIMEOUT)


def signed(yard: Yard, number: int) -> None:
    """Wait until the server has signed a version by itself."""
    wait_for(lambda: version(number) in yard.signed()[ADAPTERS])


def running(device: Installer) -> str:
    return device.live.version.version if device.live else ""


def refused(device: Installer) -> Reason:
    with pytest.raises(Refused) as refusal:
        device.update()
    return refusal.value.reason


def door(server: ServerProcess) -> str:
    path = server.folder / "http.json"
    return f"http://{json.loads(wait_for(lambda: path.exists() and path.read_text()))['address']}"


def test_a_base_whole_and_an_adapted_version_by_its_delta(
    server: ServerProcess, yard: Yard, device: Callable[..., Installer]
) -> None:
    agent = device()
    point(server, 1)
    assert agent.update() and running(agent) == version(1)
    assert agent.live and agent.live.version.delta_bytes == 0
    signed(yard, 2)
    point(server, 2)
    assert agent.update() and running(agent) == version(2)
    assert agent.live and 0 < agent.live.version.delta_bytes < len(yard.bundles[2]) / 2
    assert yard.signed() == {"targets": {version(1)}, ADAPTERS: {version(2)}}


def test_a_version_that_the_gate_did_not_promote_is_not_signed_and_not_installed(
    server: ServerProcess, yard: Yard, device: Callable[..., Installer]
) -> None:
    kept, better = yard.enter(promoted=False, base=1), yard.enter(promoted=True, base=1)
    agent = device()
    point(server, 1)
    agent.update()
    signed(yard, better)  # entered later: so the publisher has seen the one before it
    point(server, kept)
    assert refused(agent) is Reason.TARGET_NOT_SIGNED
    assert running(agent) == version(1) and not agent.state.refused, "its bytes are not to blame"
    point(server, better)
    assert agent.update() and running(agent) == version(better)


def test_a_server_that_swaps_bytes(server: ServerProcess, yard: Yard, device: Callable[..., Installer]) -> None:
    number = yard.enter(promoted=True, base=1)
    signed(yard, number)
    sha256 = yard.catalogue.read(_bundle, number)
    path = yard.data / "blobs" / sha256[:2] / sha256
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    agent = device()
    point(server, number)
    assert refused(agent) is Reason.BUNDLE_HASH_MISMATCH and not running(agent)
    path.write_bytes(data)
    assert agent.update() and running(agent) == version(number)


def test_a_server_that_goes_back_or_stands_still(
    server: ServerProcess, yard: Yard, device: Callable[..., Installer], monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = device()
    point(server, 1)
    agent.update()
    metadata = yard.data / "updates" / names.TIMESTAMP
    old = metadata.read_bytes()
    with yard.desk.place.turn():  # a server in other hands: its publisher has no say
        later = now()
    number = yard.enter(promoted=True, base=1)
    signed(yard, number)
    point(server, number)
    agent.update()
    new = metadata.read_bytes()
    with yard.desk.place.turn():
        metadata.write_bytes(old)
        assert refused(agent) is Reason.METADATA_REFUSED and running(agent) == version(number)
        metadata.write_bytes(new)
        assert not agent.update()
        assert agent.trust is not None
        monkeypatch.setattr(agent.trust, "_clock", lambda: later + timedelta(days=3))
        point(server, 1)
        assert refused(agent) is Reason.METADATA_EXPIRED and running(agent) == version(number), "it runs on"
    monkeypatch.undo()


def test_stock_python_tuf_over_http_installs_what_a_device_installs(
    server: ServerProcess, yard: Yard, device: Callable[..., Installer], tmp_path: Path
) -> None:
    signed(yard, 2)
    url = door(server)
    (tmp_path / "targets").mkdir()
    updater = Updater(
        str(tmp_path / "metadata"),
        f"{url}/metadata/",
        str(tmp_path / "targets"),
        f"{url}/targets/",
        bootstrap=yard.root,
    )
    agent = device()
    for number, place in ((1, names.base_path), (2, names.adapted_path)):
        info = updater.get_targetinfo(place(version(number)))
        assert info is not None
        point(server, number)
        agent.update()
        assert running(agent) == version(number) and agent.live
        theirs = Path(updater.download_target(info)).read_bytes()
        assert theirs == agent.store.content(agent.live.version.sha256) == yard.bundles[number]


def test_a_download_by_http_goes_on_at_any_byte(server: ServerProcess, yard: Yard) -> None:
    source, data = HttpSource(door(server)), yard.bundles[1]
    name = names.target_name(names.base_path(version(1)), yard.catalogue.read(_bundle, 1))
    for offset in (0, 1, 4097, len(data) - 1):
        assert b"".join(source.read(name, offset)) == data[offset:]


CLIMBING = (
    "../server.json",
    "metadata/../../server.json",
    "metadata/..%2F..%2Fserver.json",
    "metadata//etc/passwd",
    "/etc/passwd",
    "lock",
    "taken-back.json",
    "metadata",
    "metadata/",
    "metadata/\0",
    "metadata/" + "a" * 600,
    "metadata/" + "a" * 300,  # longer than a file system's names
    "metadata/99.root.json",
    "targets/" + "0" * 64 + ".x",
)


@pytest.mark.parametrize("name", CLIMBING)
def test_both_doors_know_repository_files_only(server: ServerProcess, name: str) -> None:
    code, info, _ = refusal(
        lambda: server.updates.GetRepositoryFile(pb.GetRepositoryFileRequest(name=name), timeout=TIMEOUT)
    )
    assert (code, info.reason) == ("NOT_FOUND", "TARGET_NOT_FOUND")
    with pytest.raises(NotThere):
        b"".join(HttpSource(door(server)).read(name, 0))


def test_an_unsigned_bundle_is_not_at_the_http_door(server: ServerProcess, yard: Yard) -> None:
    number = yard.enter(promoted=False, base=1)
    sha256 = yard.catalogue.read(_bundle, number)
    with pytest.raises(NotThere):
        b"".join(HttpSource(door(server)).read(names.target_name(names.adapted_path(version(number)), sha256), 0))


def test_a_file_for_a_device_without_a_network(server: ServerProcess, yard: Yard, tmp_path: Path) -> None:
    signed(yard, 2)
    yard.desk.carry(tmp_path / "update.zip", [version(1), version(2)], 60.0, now())
    store, made = Store(tmp_path / "air"), []

    def make(line: Any, trust: Any) -> Installer:
        options = {"model": "models/rover", "channel": "stable", "trust": trust}
        made.append(Installer(store, line, tell=lambda *_, **__: None, **options))
        return made[-1]

    where = {"model": "models/rover", "channel": "stable"}
    with store.locked():
        with pytest.raises(Refused, match="pinned"):
            install_offline(store, tmp_path / "update.zip", make, **where)
        root = yard.keys / "1.root.json"
        assert install_offline(store, tmp_path / "update.zip", make, **where, version=version(1), root=root)
        assert running(made[-1]) == version(1)
        assert install_offline(store, tmp_path / "update.zip", make, **where)
        assert running(made[-1]) == version(2), "the one signed last"
        assert not install_offline(store, tmp_path / "update.zip", make, **where)
        with pytest.raises(Refused, match="no role has signed it"):
            install_offline(store, tmp_path / "update.zip", make, **where, version=version(99))


def test_killed_at_any_time_the_repository_is_whole_and_the_work_goes_on(server: ServerProcess, yard: Yard) -> None:
    before = yard.desk.state()
    wanted = [yard.enter(promoted=True, base=1) for _ in range(2)]
    for pid in _publishers(server):
        os.kill(pid, signal.SIGKILL)
    _whole(yard, before)
    for number in wanted:
        signed(yard, number)
    server.kill()
    _whole(yard, before)
    server.start()


def _whole(yard: Yard, before: State) -> None:
    after = yard.desk.state()
    assert before.timestamp and after.timestamp and after.timestamp.signed.version >= before.timestamp.signed.version
    check(after)


def _publishers(server: ServerProcess) -> list[int]:
    """The server's publisher and what it started."""
    assert server.process is not None
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().split(b"\0")
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if b"service.trust.publisher" in words and parent == server.process.pid:
            found.append(int(path.name))
    assert found
    return found


def _bundle(connection: Any, number: int) -> str:
    from service.catalogue import models

    return models.artifact(connection, "rover", number, models.BUNDLE).sha256
