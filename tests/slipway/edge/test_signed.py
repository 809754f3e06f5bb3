"""A device with a root asks what is signed, whatever its server offers; one without a root loads nothing for it."""

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from service.trust import roles
from service.trust.entries import content_of
from slipway.delta import codec
from slipway.edge.offer import Delta, Offer
from slipway.edge.pinned import need_trust, pin, trust_of
from slipway.edge.signed import SignedUpdates
from slipway.edge.state import Installed
from slipway.errors import Reason, Refused
from slipway.trust import floor
from slipway.trust.pieces import PieceSource
from tests.slipway.trust.shop import ADAPTERS, DAY, NOW, ROOT_KEYS, ROVER, TARGETS_KEY, Shop


class Case:
    """A device that was enrolled with a shop's root, its clock and its hours."""

    def __init__(self, folder: Path) -> None:
        self.shop = Shop()
        self.now: datetime | None = NOW
        self.run_s = 0.0
        self.folder = folder / "trust"
        root = folder / "1.root.json"
        root.write_bytes(self.shop.root)
        pin(folder, root)
        clocks = {"clock": lambda: self.now, "running": lambda: self.run_s}
        self.trust = SignedUpdates(self.folder, PieceSource(self.file, self.pieces), **clocks)  # type: ignore[arg-type]

    def file(self, name: str) -> bytes:
        return b"".join(self.shop.mirror.read(name, 0))

    def pieces(self, sha256: str, offset: int) -> object:
        raise AssertionError("targets are fetched by the installer, not here")

    def refused(self, offer: Offer) -> Reason:
        with pytest.raises(Refused) as refusal:
            self.trust.check(offer, [])
        return refusal.value.reason


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def offer(number: int, data: bytes, size_bytes: int = 0, delta: Delta | None = None) -> Offer:
    found = content_of(data)
    return Offer(Installed(f"{ROVER}/{number}", found.sha256, 5), size_bytes or found.size_bytes, delta)


def test_length_and_delta_are_the_signed_ones(case: Case) -> None:
    lie = Delta("0" * 64, 1, "0" * 64)
    base = content_of(case.shop.base).sha256
    found = case.trust.check(offer(2, case.shop.adapted, size_bytes=9, delta=lie), ["1" * 64, base])
    signed = content_of(codec.make(case.shop.base, case.shop.adapted))
    assert found.size_bytes == len(case.shop.adapted) and found.version.serial == 5
    assert found.delta == Delta(signed.sha256, signed.size_bytes, base)
    assert case.trust.check(offer(2, case.shop.adapted, delta=lie), []).delta is None


def test_no_delta_where_the_bundle_is_here(case: Case) -> None:
    held = [content_of(data).sha256 for data in (case.shop.base, case.shop.adapted)]
    assert case.trust.check(offer(2, case.shop.adapted), held).delta is None


def test_no_delta_that_is_longer_than_the_bundle(case: Case) -> None:
    small = b"small"
    case.shop.add_adapted(3, small, {case.shop.base: b"a delta of many more bytes"})
    assert case.trust.check(offer(3, small), [content_of(case.shop.base).sha256]).delta is None


def test_another_hash_than_the_signed_one(case: Case) -> None:
    assert case.refused(offer(2, case.shop.base)) is Reason.TARGET_NOT_SIGNED


def test_a_version_that_nobody_signed(case: Case) -> None:
    assert case.refused(offer(3, case.shop.adapted)) is Reason.TARGET_NOT_SIGNED


def test_a_version_that_was_taken_back(case: Case) -> None:
    case.trust.check(offer(1, case.shop.base), [])
    draft = roles.without(case.shop.state.base, [f"{ROVER}/1"], NOW + 365 * DAY)
    case.shop.repository.publish(NOW, targets={"targets": roles.sign(draft, TARGETS_KEY)})
    assert case.refused(offer(1, case.shop.base)) is Reason.TARGET_NOT_SIGNED


def test_a_frozen_repository_stops_new_versions(case: Case) -> None:
    case.trust.check(offer(2, case.shop.adapted), [])
    case.now = NOW + 3 * DAY
    assert case.refused(offer(1, case.shop.base)) is Reason.METADATA_EXPIRED


def test_without_a_clock_the_hours_that_it_ran_count(case: Case) -> None:
    case.now = None
    case.trust.check(offer(2, case.shop.adapted), [])
    for _ in range(3):  # by steps: each look counts what passed since the one before
        case.run_s += 15 * 3600.0
        case.trust.check(offer(2, case.shop.adapted), [])
    case.run_s += 15 * 3600.0
    assert case.refused(offer(2, case.shop.adapted)) is Reason.METADATA_EXPIRED
    assert floor.read(case.folder).time == NOW + 2.5 * DAY


def test_a_stale_role_stops_only_what_it_has_signed(case: Case) -> None:
    case.shop.repository.publish(NOW + 13 * DAY)
    case.shop.repository.publish(NOW + 15 * DAY)
    case.now = NOW + 15 * DAY
    assert case.trust.check(offer(1, case.shop.base), [])
    assert case.refused(offer(2, case.shop.adapted)) is Reason.METADATA_EXPIRED
    assert ADAPTERS in case.shop.state.targets


def test_a_root_is_pinned_once(case: Case, tmp_path: Path) -> None:
    pin(tmp_path, tmp_path / "1.root.json")
    other = tmp_path / "other.json"
    other.write_bytes(roles.sign(roles.next_of(case.shop.state.root, NOW), *ROOT_KEYS).to_bytes())
    with pytest.raises(Refused, match="another root"):
        pin(tmp_path, other)
    assert (tmp_path / "trust" / "pinned.json").read_bytes() == case.shop.root


def test_a_device_that_lost_its_root_does_not_go_back_to_trusting_its_server(case: Case, tmp_path: Path) -> None:
    (tmp_path / "trust" / "pinned.json").unlink()
    trust = trust_of(tmp_path, case.file, case.pieces)  # type: ignore[arg-type]
    assert trust is not None
    with pytest.raises(Refused, match="no root is pinned"):
        trust.check(offer(1, case.shop.base), [])


def python(code: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, *options, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_a_device_without_a_root_loads_nothing_for_it(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from slipway.edge.install import Installer
from slipway.edge.pinned import trust_of
loaded = {{name.partition(".")[0] for name in sys.modules}}
print(trust_of(Path({str(tmp_path)!r}), None, None), loaded & {{"tuf", "cryptography"}})
"""
    assert python(code) == "None set()"


def test_a_device_with_a_root_and_without_the_extra_is_told_what_to_install(case: Case, tmp_path: Path) -> None:
    need_trust()
    code = f"""
import sys
from pathlib import Path
sys.modules["tuf"] = None
from slipway.edge.pinned import trust_of
from slipway.errors import Refused
try:
    trust_of(Path({str(tmp_path)!r}), None, None)
except Refused as refusal:
    print(refusal)
"""
    assert 'pip install "slipway[trust]"' in python(code)
