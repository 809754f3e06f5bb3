"""kill -9 and power cuts while a version comes as a delta: old or new runs, and no bundle is ever in pieces."""

import hashlib
import threading
from pathlib import Path

import pytest

from slipway.edge.store import Store
from tests.slipway.edge.bundles import bundle
from tests.slipway.edge.repository import Repository, Served
from tests.slipway.edge.test_kill import PATIENCE_S, Edge, bundles, die_everywhere, restarted


@pytest.mark.parametrize(("good", "mode"), [(True, "kill"), (True, "cut"), (False, "cut")])
def test_old_or_new_after_a_death_at_any_change_of_the_disk_by_a_delta(
    served: Served, repository: Repository, tmp_path: Path, good: bool, mode: str
) -> None:
    """From a base, by a change of it, to another change of it; where the delta is bad, to the whole."""
    template = tmp_path / "template"
    template.mkdir()
    base = repository.publish("models/rover", 1, bundle(1, ballast=10_000))
    restarted(template, served.address)
    second = repository.publish("models/rover", 2, bundle(2, ballast=10_000))
    repository.change(second, base)
    restarted(template, served.address)
    third = repository.publish("models/rover", 3, bundle(3, ballast=10_000))
    delta = repository.change(third, base, None if good else b"not a delta").target
    repository.downloads.clear()
    count = die_everywhere(served, template, tmp_path / "work", mode)
    assert count >= (16 if good else 20)
    seen = set()
    for n in range(1, count + 1):
        folder = tmp_path / "work" / str(n)
        bundles(folder)
        found, installer = restarted(folder)
        assert found in ("2", "3"), f"death {n} of {count}"
        seen.add(found)
        after, installer = restarted(folder, served.address)
        assert after == "3", f"after death {n} of {count}"
        assert bundles(folder) == {base, second, third}, "the base is kept for the next change"
        assert installer.state.base == base
        assert list((folder / "downloads").iterdir()) == []
    assert seen == {"2", "3"}, "both sides of the switch were tried"
    ways = {sha256 for sha256, _ in repository.downloads}
    assert ways == ({delta.sha256} if good else {delta.sha256, third})


def test_kill_9_during_a_delta_then_on_from_the_same_byte(
    repository: Repository, served: Served, folder: Path, command: list[str], gate: threading.Event
) -> None:
    gate.set()
    old = repository.publish("models/rover", 1, bundle(1, ballast=50_000))
    edge = Edge(command)
    assert edge.ask()["version"] == "models/rover/versions/1"
    gate.clear()
    repository.first_piece.clear()
    repository.piece_bytes = 100
    data = bundle(2, ballast=50_000)
    repository.targets[hashlib.sha256(data).hexdigest()] = data
    delta = repository.change(hashlib.sha256(data).hexdigest(), old).target.sha256
    new = repository.publish("models/rover", 2, data)
    assert repository.first_piece.wait(PATIENCE_S)
    part = Store(folder).part(delta)
    while not part.exists() or part.stat().st_size < repository.piece_bytes:
        assert edge.process.poll() is None
        assert edge.ask()["version"] == "models/rover/versions/1", "it answers while it downloads"
    edge.kill()
    assert part.read_bytes() == repository.targets[delta][:100]
    gate.set()
    again = Edge(command)
    while again.ask()["version"] != "models/rover/versions/2":
        assert again.process.poll() is None
    assert repository.downloads == [(old, 0), (delta, 0), (delta, 100)]
    assert bundles(folder) == {old, new}
    again.kill()
