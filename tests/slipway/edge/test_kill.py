"""kill -9 and power cuts: whatever moment is chosen, the old version or the new one runs, never neither."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from slipway.edge.install import Installer
from slipway.edge.remote import Remote
from slipway.edge.store import Store
from slipway.transport import ServerUnreachable
from tests.slipway.edge.bundles import WINDOW, bundle
from tests.slipway.edge.repository import Repository, Served

ROOT = Path(__file__).parents[3]
PATIENCE_S = 60


def restarted(folder: Path, address: str = "127.0.0.1:1") -> tuple[str, Installer]:
    """The last digit of the version that runs after a start ("" for none), with the server away."""
    store = Store(folder)
    with store.locked():
        remote = Remote(address)
        installer = Installer(store, remote, model="models/rover", channel="stable", tell=lambda *_, **__: None)
        installer.start()
        if address != "127.0.0.1:1":
            installer.update()
        remote.close()
    return installer.live.version.version[-1] if installer.live else "", installer


def bundles(folder: Path) -> set[str]:
    """The hashes of the bundles on the disk, each of which must be whole."""
    found = {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("bundles/*")}
    assert list(found) == list(found.values()), "a file stands here only after its hash was checked"
    return set(found)


def die_everywhere(served: Served, template: Path, work: Path, mode: str) -> int:
    """How many moments there were; ``work`` holds what each death left."""
    work.mkdir()
    command = [sys.executable, "-m", "tests.slipway.edge.powercut", served.address, str(template), str(work), mode]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S * 3)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize("mode", ["kill", "cut"])
@pytest.mark.parametrize(
    ("history", "allowed"),
    [((), {"", "3"}), ((1,), {"1", "3"}), ((1, 2), {"2", "3"})],
    ids=["first", "second", "third"],
)
def test_old_or_new_after_a_death_at_any_change_of_the_disk(
    served: Served, repository: Repository, tmp_path: Path, history: tuple[int, ...], allowed: set[str], mode: str
) -> None:
    template = tmp_path / "template"
    template.mkdir()
    for version in history:
        repository.publish("models/rover", version, bundle(version))
        restarted(template, served.address)
    repository.publish("models/rover", 3, bundle(3, ballast=10_000))
    count = die_everywhere(served, template, tmp_path / "work", mode)
    assert count >= 12
    seen = set()
    for n in range(1, count + 1):
        folder = tmp_path / "work" / str(n)
        bundles(folder)
        found, _ = restarted(folder)
        assert found in allowed, f"death {n} of {count}"
        seen.add(found)
        after, installer = restarted(folder, served.address)
        assert after == "3", f"after death {n} of {count}"
        assert bundles(folder) == {v.sha256 for v in (installer.state.current, installer.state.previous) if v}
    assert seen == allowed, "both sides of the switch were tried"


@pytest.mark.parametrize("mode", ["kill", "cut"])
def test_the_fall_back_from_a_damaged_version_survives_a_death_too(
    served: Served, repository: Repository, tmp_path: Path, mode: str
) -> None:
    template = tmp_path / "template"
    template.mkdir()
    for version in (1, 2):
        sha256 = repository.publish("models/rover", version, bundle(version))
        restarted(template, served.address)
    Store(template).bundle(sha256).write_bytes(b"damaged")
    served.stop()
    for n in range(1, die_everywhere(served, template, tmp_path / "work", mode) + 1):
        assert restarted(tmp_path / "work" / str(n))[0] == "1"


class Edge:
    """A real ``slipway edge run``."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def ask(self) -> dict[str, object]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(WINDOW) + "\n")
        self.process.stdin.flush()
        answer: dict[str, object] = json.loads(self.process.stdout.readline())
        return answer

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_S)
        self.close()

    def close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


def test_kill_9_during_a_download_then_on_from_the_same_byte(
    repository: Repository, served: Served, folder: Path, command: list[str], gate: threading.Event
) -> None:
    gate.set()
    old = repository.publish("models/rover", 1, bundle(1))
    edge = Edge(command)
    assert edge.ask()["version"] == "models/rover/versions/1"
    gate.clear()
    repository.first_piece.clear()
    data = bundle(2, ballast=50_000)
    new = repository.publish("models/rover", 2, data)
    assert repository.first_piece.wait(PATIENCE_S)
    part = Store(folder).part(new)
    assert edge.ask()["version"] == "models/rover/versions/1", "it answers while it downloads"
    while not part.exists() or part.stat().st_size < repository.piece_bytes:
        assert edge.process.poll() is None
        edge.ask()
    edge.kill()
    assert part.read_bytes() == data[: repository.piece_bytes]
    gate.set()
    again = Edge(command)
    while again.ask()["version"] != "models/rover/versions/2":
        assert again.process.poll() is None
    assert repository.downloads == [(old, 0), (new, 0), (new, repository.piece_bytes)]
    served.stop()
    assert again.ask()["class"] == "even", "it answers while the server is away"
    again.kill()
    offline = Edge(command)
    assert offline.ask()["version"] == "models/rover/versions/2", "it starts while the server is away"
    offline.process.terminate()
    assert offline.process.wait(PATIENCE_S) == 0
    offline.close()


def test_a_dead_agent_lets_go_of_its_folder(repository: Repository, folder: Path, command: list[str]) -> None:
    repository.publish("models/rover", 1, bundle(1))
    edge = Edge(command)
    edge.ask()
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, input="")
    assert second.returncode == 1 and "another agent works in" in second.stderr
    assert Store(folder).in_use()
    edge.kill()
    assert not Store(folder).in_use()
    with pytest.raises(ServerUnreachable):
        restarted(folder)[1].update()
