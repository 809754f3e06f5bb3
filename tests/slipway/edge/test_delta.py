"""A version comes as what changed, where the server knows that."""

import json
import tracemalloc
from pathlib import Path

import pytest

from slipway.delta.codec import apply, make
from slipway.errors import Reason, Refused
from slipway.transport import ServerUnreachable
from tests.slipway.edge.bundles import bundle
from tests.slipway.edge.changes import BALLAST, Pair, downloaded, publish, refused_deltas
from tests.slipway.edge.conftest import Events
from tests.slipway.edge.repository import Repository
from tests.slipway.edge.test_install import Make, answer, files


def test_what_changed_is_all_that_travels(pair: Pair, repository: Repository, events: Events) -> None:
    device, first, second = pair
    delta = repository.change(second, first).target
    assert device.update()
    device.report()
    assert answer(device) == ("even", "models/rover/versions/2")
    assert downloaded(repository) == [first, delta.sha256]
    assert delta.size_bytes < 1000 < BALLAST < len(device.store.bundle(second).read_bytes())
    assert files(device) == {first, second}, "of the delta nothing stays"
    assert device.state.current and device.state.current.delta_bytes == delta.size_bytes
    assert device.state.previous and device.state.previous.delta_bytes == 0
    assert events[-1][0] == "installed" and events[-1][1]["delta_bytes"] == delta.size_bytes
    assert [(r.version[-1], r.state, r.reason) for r in repository.reports] == [("1", 1, ""), ("2", 1, "")]


def test_the_base_is_kept_for_the_changes_to_come(installer: Make, repository: Repository) -> None:
    base = publish(repository, 1)
    device = installer()
    device.update()
    others = []
    for version in (2, 3, 4, 5):
        others.append(publish(repository, version, base))
        device = installer()  # as after a restart
        device.start()
        assert device.update()
        assert files(device) == {base, *others[-2:]}
    assert downloaded(repository).count(base) == 1
    assert not set(others) & set(downloaded(repository)), "no other came whole"


def test_the_base_goes_when_a_version_comes_that_is_no_change_of_it(installer: Make, repository: Repository) -> None:
    base = publish(repository, 1)
    device = installer()
    device.update()
    for version in (2, 3):
        adapted = publish(repository, version, base)
        device.update()
    alone = publish(repository, 4)
    device.update()
    assert files(device) == {adapted, alone}
    assert device.state.base == ""
    publish(repository, 5)
    device.update()
    assert set(repository.held[-1]) == {adapted, alone}


def test_going_back_keeps_the_base_and_how_a_version_came(installer: Make, repository: Repository) -> None:
    base = publish(repository, 1)
    device = installer()
    device.update()
    second, third = publish(repository, 2, base), publish(repository, 3, base)
    publish(repository, 2, base)
    device.update()
    publish(repository, 3, base)
    device.update()
    publish(repository, 2, base)
    count = len(repository.downloads)
    assert device.update()
    assert len(repository.downloads) == count
    assert files(device) == {base, second, third} and device.state.base == base
    delta = repository.deltas[second, base].target
    assert not device.update(), "asking again changes nothing"
    assert device.state.current and device.state.current.delta_bytes == delta.size_bytes


def test_the_server_hears_what_is_held_and_nothing_else(installer: Make, repository: Repository) -> None:
    base = publish(repository, 1)
    device = installer()
    device.update()
    hashes = [publish(repository, version, base) for version in (2, 3)]
    publish(repository, 2, base)
    device.update()
    publish(repository, 3, base)
    device.update()
    device.store.bundle(hashes[0]).unlink()
    device.update()
    assert repository.held == [(), (base,), (hashes[0], base), (hashes[1], base)]


def test_a_server_that_knows_no_deltas_sends_the_whole(pair: Pair, repository: Repository, events: Events) -> None:
    device, first, second = pair
    assert device.update()
    assert downloaded(repository) == [first, second]
    assert refused_deltas(events) == []
    assert events[-1][1]["delta_bytes"] is None


def test_a_broken_line_keeps_what_came_of_a_delta(pair: Pair, repository: Repository) -> None:
    device, first, second = pair
    delta = repository.change(second, first).target
    repository.break_after = 101
    repository.downloads.clear()
    for _ in range(delta.size_bytes // 101):
        with pytest.raises(ServerUnreachable):
            device.update()
        assert answer(device)[1] == "models/rover/versions/1"
    assert device.update()
    assert repository.downloads == [(delta.sha256, at) for at in range(0, delta.size_bytes, 101)]


def test_a_self_test_that_fails_is_the_bundles_fault_by_whatever_way_it_came(
    installer: Make, repository: Repository, events: Events
) -> None:
    first = publish(repository, 1)
    device = installer()
    device.update()
    bad = repository.publish("models/rover", 2, bundle(2, ballast=BALLAST, fault=0.5))
    delta = repository.change(bad, first).target
    for reason in (Reason.SELF_TEST_FAILED, Reason.VERSION_REFUSED_BEFORE):
        with pytest.raises(Refused) as refusal:
            device.update()
        assert refusal.value.reason is reason
    assert downloaded(repository) == [first, delta.sha256], "the whole one would be no better"
    assert refused_deltas(events) == []
    assert files(device) == {first}


def test_a_state_from_before_there_were_deltas_is_read(
    pair: Pair, installer: Make, repository: Repository, folder: Path, events: Events
) -> None:
    _, first, second = pair
    fields = json.loads((folder / "state.json").read_bytes())
    for key in ("base", "deltas_refused"):
        del fields[key]
    del fields["current"]["delta_bytes"]
    (folder / "state.json").write_text(json.dumps(fields))
    delta = repository.change(second, first).target
    device = installer()
    device.start()
    assert answer(device) == ("odd", "models/rover/versions/1")
    assert device.update()
    assert downloaded(repository)[-1] == delta.sha256
    assert "forgotten" not in [event for event, _ in events]


def test_applying_takes_a_few_times_the_bundle() -> None:
    base, new = bundle(1, ballast=2_000_000), bundle(2, ballast=2_000_000)
    delta = make(base, new)
    tracemalloc.start()
    assert apply(base, delta) == new
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * len(new)
