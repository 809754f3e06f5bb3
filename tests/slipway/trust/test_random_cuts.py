"""Power cuts at random points of a refresh: the device looks on, and takes no older timestamp than before."""

import random
from pathlib import Path

import pytest

from service.trust import roles
from slipway.errors import Refused
from slipway.trust import floor
from slipway.trust.view import refresh
from tests.slipway.edge import crashes
from tests.slipway.edge.crashes import Recording
from tests.slipway.trust.shop import DAY, NOW, ROVER, Device, Line, Memory, Shop

POINTS = 30


class Past(Memory):
    """What a shop has published so far; it stays as it is."""

    def __init__(self, shop: Shop) -> None:
        super().__init__()
        self.files = dict(shop.files.files)


def looked(shop: Shop, device: Device) -> tuple[list[Line], Recording]:
    """The repository before what the device saw first, and as it saw it; a recorded look at all that came later."""
    past = [Past(shop)]
    shop.repository.publish(NOW)
    device.refresh().bundle(f"{ROVER}/2")
    past.append(Past(shop))
    shop.repository.publish(NOW, root=roles.sign(roles.next_of(shop.state.root, NOW + 9 * DAY), *shop.signers["root"]))
    shop.add_adapted(3, b"adapted again", {})
    with crashes.recorded(device.folder) as recording:
        device.refresh(elapsed_s=60.0).bundle(f"{ROVER}/3")
    lines = []
    for each in past:
        shop.files = each
        lines.append(Line(shop.mirror))
    return lines, recording


def stale(folder: Path, line: Line) -> bool:
    """Whether the device takes what ``line`` says for current."""
    try:
        refresh(folder, line, now=NOW)
    except Refused:
        return False
    return True


def cut_everywhere(device: Device, lines: list[Line], recording: Recording, tmp_path: Path) -> None:
    draw = random.Random(0)
    for point in range(POINTS):
        count = draw.randint(0, len(recording.changes))
        folder = tmp_path / f"cut-{point}"
        crashes.cut(recording, count, draw, folder)
        assert not stale(folder, lines[0]), f"cut {point} after {count} changes: an older timestamp is taken"
        assert refresh(folder, device.line, now=NOW).bundle(f"{ROVER}/3")
        assert not stale(folder, lines[1]), f"cut {point}: once it has seen the new one, the one before is old"
    for point in range(POINTS):  # a cut at the end may spare a file that was not synced
        done = tmp_path / f"done-{point}"
        crashes.cut(recording, len(recording.changes), draw, done)
        assert not stale(done, lines[1]), "a look that has ended is on the disk"


def test_after_a_power_cut_the_device_looks_on_and_never_back(
    shop: Shop, device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)
    cut_everywhere(device, *looked(shop, device), tmp_path)


def test_a_floor_that_does_not_wait_for_the_disk_is_found(
    shop: Shop, device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)
    monkeypatch.setattr(floor, "replace_file", lambda path, data: path.write_bytes(data))
    with pytest.raises(AssertionError, match=r"is taken|is on the disk"):
        cut_everywhere(device, *looked(shop, device), tmp_path)
