"""A version that works in its self-test and not in the field goes back by itself, and does not come again."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.edge import moves
from slipway.edge.answer import look
from slipway.edge.health import Limits
from slipway.edge.install import Installer
from slipway.edge.monitor import Monitor
from slipway.edge.state import on_trial
from slipway.edge.store import Store
from slipway.edge.tend import Tend
from slipway.errors import Reason, Refused
from tests.slipway.edge.bundles import bundle
from tests.slipway.edge.repository import Repository, Served
from tests.slipway.edge.test_install import answer, files

Make = Callable[..., Installer]
UNDER_ZERO = [[-1.0, -1.0]] * 3  # has no square root
LIMITS = Limits(windows=10)


class Field:
    """An installer whose windows are watched, with a clock that stands until it is moved."""

    def __init__(self, device: Installer) -> None:
        self.now_s = 1000.0
        self.device = device
        self.monitor = Monitor(limits=LIMITS, clock=lambda: self.now_s)
        self.tend = Tend(device, self.monitor, report_s=60.0, due=lambda: None, clock=lambda: self.now_s)

    def see(self, window: list[list[float]], count: int = 1) -> None:
        for _ in range(count):
            assert self.device.live is not None
            self.monitor.saw(look(window, self.device.live))
            self.tend.look()


def second(installer: Make, repository: Repository, front: str = "Sqrt") -> tuple[Installer, str, str]:
    """A device on which version 2 has just taken the place of version 1."""
    hashes = []
    device = installer()
    for version in (1, 2):
        hashes.append(repository.publish("models/rover", version, bundle(version, front=front if version == 2 else "")))
        device.update()
    return device, hashes[0], hashes[1]


def test_a_version_that_fails_in_the_field_goes_back_and_never_comes_again(
    installer: Make, repository: Repository
) -> None:
    device, first, bad = second(installer, repository)
    Field(device).see(UNDER_ZERO, 2)
    assert answer(device) == ("odd", "models/rover/versions/1")
    count = len(repository.downloads)
    for again in (False, True):
        device = installer() if again else device
        device.start()
        with pytest.raises(Refused) as refusal:
            device.update()
        assert refusal.value.reason is Reason.VERSION_REFUSED_BEFORE
        assert answer(device) == ("odd", "models/rover/versions/1")
    device.report()
    assert len(repository.downloads) == count
    assert [(r.version[-1], r.state, r.reason) for r in repository.reports] == [
        ("1", 1, ""),
        ("2", 1, ""),
        ("2", 3, "HEALTH_GATE"),
    ]
    assert bad in device.state.refused
    repository.publish("models/rover", 4, bundle(4))
    assert device.update()
    assert files(device) >= {first}


def test_a_version_that_has_stood_its_trial_stays(installer: Make, repository: Repository) -> None:
    device, _, sha256 = second(installer, repository)
    field = Field(device)
    field.see([[1.0, 2.0]] * 3, 9)
    assert on_trial(device.state, sha256)
    field.see([[1.0, 2.0]] * 3)
    assert not on_trial(device.state, sha256)
    field.see(UNDER_ZERO, 20)
    assert device.live is not None and device.live.version.sha256 == sha256


def test_a_trial_passes_with_time_too(installer: Make, repository: Repository) -> None:
    device, _, sha256 = second(installer, repository)
    field = Field(device)
    field.see([[1.0, 2.0]] * 3)
    field.now_s += LIMITS.quiet_s
    field.tend.look()
    assert not on_trial(device.state, sha256)


def test_one_answer_to_every_window_goes_back(installer: Make, repository: Repository) -> None:
    device, _, _ = second(installer, repository, "Relu")
    field = Field(device)
    for n in range(10):
        field.see([[-1.0 - n, -5.0 * n]] * 3)
    assert answer(device)[1] == "models/rover/versions/1"


def test_a_first_version_is_better_than_none(installer: Make, repository: Repository) -> None:
    sha256 = repository.publish("models/rover", 2, bundle(2, front="Sqrt"))
    device = installer()
    device.update()
    Field(device).see(UNDER_ZERO, 20)
    assert device.live is not None and device.live.version.sha256 == sha256
    assert device.state.refused == {}


def test_a_trial_whose_way_back_is_damaged_runs_on(installer: Make, repository: Repository) -> None:
    device, first, bad = second(installer, repository)
    device.store.bundle(first).write_bytes(b"damaged")
    Field(device).see(UNDER_ZERO, 20)
    assert device.live is not None and device.live.version.sha256 == bad


def test_the_fourth_start_after_three_crashes_runs_the_version_before(installer: Make, repository: Repository) -> None:
    _, _, bad = second(installer, repository)
    for _ in range(3):
        device = installer()
        device.start()
        assert answer(device)[1] == "models/rover/versions/2"
    device = installer()
    device.start()
    assert answer(device)[1] == "models/rover/versions/1"
    assert bad in device.state.refused and device.state.starts.get(bad) is None
    device.report()
    assert repository.reports[-1].reason == "BOOT_LOOP"


def test_starts_that_end_well_are_not_counted(installer: Make, repository: Repository) -> None:
    second(installer, repository)
    for _ in range(10):
        device = installer()
        device.start()
        assert answer(device)[1] == "models/rover/versions/2"
        device.end()


def test_a_start_is_counted_before_the_model_is_loaded(
    installer: Make, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, sha256 = second(installer, repository)
    counted = []

    def crash(store: Store, version: object) -> None:
        state = store.read()
        assert state is not None
        counted.append(state.starts[sha256])
        raise KeyboardInterrupt

    monkeypatch.setattr("slipway.edge.slots.load", crash)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            installer().start()
    monkeypatch.undo()
    assert counted == [1, 2, 3]
    device = installer()
    device.start()
    assert answer(device)[1] == "models/rover/versions/1"


def test_a_version_that_kills_whoever_loads_it_is_refused_in_the_end(
    installer: Make, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.publish("models/rover", 1, bundle(1))
    installer().update()
    repository.publish("models/rover", 2, bundle(2))
    monkeypatch.setattr("slipway.edge.install.load", lambda store, version: (_ for _ in ()).throw(KeyboardInterrupt))
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            installer().update()
    monkeypatch.undo()
    device = installer()
    device.start()
    with pytest.raises(Refused) as refusal:
        device.update()
    assert refusal.value.reason is Reason.BOOT_LOOP
    assert answer(device)[1] == "models/rover/versions/1"


def test_memory_that_was_short_for_a_moment_refuses_nothing(
    installer: Make, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.publish("models/rover", 1, bundle(1))
    device = installer()
    monkeypatch.setattr("slipway.edge.install.load", lambda store, version: (_ for _ in ()).throw(MemoryError))
    for _ in range(5):
        with pytest.raises(MemoryError):
            device.update()
    monkeypatch.undo()
    assert device.update()


def test_the_only_version_in_a_boot_loop_asks_for_another_first(
    installer: Make, repository: Repository, served: Served
) -> None:
    repository.publish("models/rover", 1, bundle(1))
    installer().update()
    for _ in range(4):
        installer().start()
    device = installer()
    repository.publish("models/rover", 2, bundle(2))
    device.start()
    assert answer(device)[1] == "models/rover/versions/2"


def test_the_only_version_in_a_boot_loop_runs_where_no_server_is(
    installer: Make, repository: Repository, served: Served
) -> None:
    repository.publish("models/rover", 1, bundle(1))
    installer().update()
    served.stop()
    for _ in range(6):
        device = installer()
        device.start()
        assert answer(device)[1] == "models/rover/versions/1"


def test_what_was_refused_may_be_tried_again_when_somebody_says_so(installer: Make, repository: Repository) -> None:
    device, _, _ = second(installer, repository)
    Field(device).see(UNDER_ZERO, 2)
    device.notebook.move(moves.forgiven)
    assert device.update()
    assert device.live is not None and device.live.version.version == "models/rover/versions/2"


def test_a_fleet_that_goes_back_takes_every_device_back(installer: Make, repository: Repository) -> None:
    device, first, second_ = second(installer, repository)
    device.report()
    repository.publish("models/rover", 1, repository.targets[first], serial=2)
    count = len(repository.downloads)
    assert device.update()
    device.report()
    assert answer(device)[1] == "models/rover/versions/1"
    assert len(repository.downloads) == count and second_ not in device.state.refused
    assert [(r.version[-1], r.state) for r in repository.reports] == [("1", 1), ("2", 1), ("1", 1)]
    assert device.state.previous and device.state.previous.sha256 == second_


def test_a_report_is_on_the_disk_before_it_is_sent_and_says_the_same_after_a_death(
    installer: Make, repository: Repository, served: Served, folder: Path
) -> None:
    device, _, _ = second(installer, repository)
    device.report()
    field = Field(device)
    for _ in range(3):
        field.see([[1.0, 2.0]] * 3, 5)
        field.now_s += 60.0
        field.tend.look()
    field.see([[1.0, 2.0]] * 3)  # not filed: lost with the process
    written = json.loads((folder / "state.json").read_text())["healths"]
    again = installer()
    Field(again).tend.file()
    again.report()
    numbers = [row["sequence"] for row in written]
    assert [(h.sequence, h.window_count) for h in repository.healths] == [(number, 5) for number in numbers]
    assert numbers == sorted(set(numbers)) and again.state.sequence == numbers[-1]
    assert again.state.healths == ()
    again.start()
    field = Field(again)
    field.see([[1.0, 2.0]] * 3, 2)
    field.tend.file()
    again.report()
    assert repository.healths[-1].sequence > numbers[-1] and repository.healths[-1].window_count == 2


def test_months_without_a_server_fill_no_disk(installer: Make, repository: Repository, folder: Path) -> None:
    device, _, _ = second(installer, repository)
    field = Field(device)
    for _ in range(200):
        field.see([[1.0, 2.0]] * 3)
        field.now_s += 3600.0
        field.tend.look()
    assert len(device.state.healths) <= 32
    assert (folder / "state.json").stat().st_size < 20_000
    device.report()
    field.now_s += 60.0
    field.tend.look()
    device.report()
    assert sum(health.window_count for health in repository.healths) == 200, "no window is forgotten while it lives"


def test_a_window_that_waits_too_long_is_known(installer: Make, repository: Repository) -> None:
    device, _, _ = second(installer, repository)
    field = Field(device)
    with field.monitor.answering():
        field.now_s += 11.0
        assert field.monitor.busy_s() == 11.0
    assert field.monitor.busy_s() == 0.0
