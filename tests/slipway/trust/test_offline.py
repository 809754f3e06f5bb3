"""One file that brings an update: complete, checked like any server, and harmless where it was made to hurt."""

import io
import struct
import tracemalloc
import warnings
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.trust import offline as writer
from service.trust import roles
from service.trust.roles import Lifetimes
from slipway.errors import Reason, Refused
from slipway.trust import names
from slipway.trust.offline import ENTRY_LIMIT, OfflineSource
from slipway.trust.source import NotThere
from slipway.trust.view import View, refresh
from tests.slipway.trust.attacks import refused
from tests.slipway.trust.shop import DAY, NOW, ROVER, Device, Shop

LONG = Lifetimes(snapshot=13 * DAY, timestamp=13 * DAY)


@pytest.fixture
def file(shop: Shop, tmp_path: Path) -> Path:
    path = tmp_path / "update.zip"
    writer.write(path, shop.repository, shop.files, shop.blob, [f"{ROVER}/1", f"{ROVER}/2"], NOW, LONG)
    return path


def look(device: Device, source: OfflineSource, now=NOW, carried: bool = True) -> View:
    return refresh(device.folder, source, now=now, carried=carried)


def test_it_installs_what_a_server_would(shop: Shop, device: Device, file: Path, tmp_path: Path) -> None:
    with OfflineSource(file) as source:
        view = look(device, source, NOW + 12 * DAY)
        for number, data in ((1, shop.base), (2, shop.adapted)):
            bundle = view.bundle(f"{ROVER}/{number}")
            view.fetch(bundle, tmp_path / f"{number}")
            assert (tmp_path / f"{number}").read_bytes() == data
        delta = view.delta(bundle, [view.bundle(f"{ROVER}/1").sha256])
        assert delta is not None
        (tmp_path / "delta").write_bytes(b"SL")  # it goes on in the middle here, too
        view.fetch(delta, tmp_path / "delta")
    assert not device.line.asked


def test_the_same_contents_are_the_same_file(shop: Shop, file: Path, tmp_path: Path) -> None:
    other, again = Shop(), tmp_path / "again.zip"
    writer.write(again, other.repository, other.files, other.blob, [f"{ROVER}/1", f"{ROVER}/2"], NOW, LONG)
    assert again.read_bytes() == file.read_bytes()


def test_it_expires(shop: Shop, device: Device, file: Path) -> None:
    with OfflineSource(file) as source:
        with refused("expired"):
            look(device, source, NOW + 14 * DAY)
        assert look(device, source, NOW + 13 * DAY - timedelta(hours=1))


def test_a_device_goes_on_with_its_server_afterwards_and_with_no_older_file(
    shop: Shop, device: Device, file: Path, tmp_path: Path
) -> None:
    with OfflineSource(file) as source:
        look(device, source)
        assert device.refresh().bundle(f"{ROVER}/2")
        with refused("BadVersionNumber"):
            look(device, source)


def test_a_server_cannot_freeze_devices_with_the_long_lived_file(shop: Shop, device: Device, file: Path) -> None:
    with OfflineSource(file) as source, refused("of an offline file"):
        look(device, source, NOW + 5 * DAY, carried=False)
    shop.repository.publish(NOW + 5 * DAY)
    assert device.refresh(NOW + 5 * DAY)


def test_it_walks_a_device_through_new_roots(shop: Shop, device: Device, file: Path, tmp_path: Path) -> None:
    root = roles.sign(roles.next_of(shop.state.root, NOW + DAY), *shop.signers["root"])
    shop.repository.publish(NOW, root=root)
    writer.write(tmp_path / "new.zip", shop.repository, shop.files, shop.blob, [f"{ROVER}/1"], NOW, LONG)
    with OfflineSource(tmp_path / "new.zip") as source:
        assert look(device, source).root_version == 2
        assert names.metadata_name("adapters/rover", 2) in source.names


def test_a_version_that_is_not_signed_does_not_come_in(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refusal:
        writer.write(tmp_path / "x.zip", shop.repository, shop.files, shop.blob, [f"{ROVER}/9"], NOW, LONG)
    assert refusal.value.reason is Reason.VERSION_NOT_INSTALLABLE and not list(tmp_path.glob("x.zip*"))


def archive(*entries: tuple[str, bytes], method: int = zipfile.ZIP_STORED, comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", method) as made:
        warnings.simplefilter("ignore")  # zipfile warns of duplicates
        for name, data in entries:
            made.writestr(zipfile.ZipInfo(name), data, method)
        made.comment = comment
    return buffer.getvalue()


GOOD = archive(("metadata/timestamp.json", b"{}"), ("targets/a/b.c", b"data"))


def patched(data: bytes, old: bytes, new: bytes) -> bytes:
    assert old in data
    return data.replace(old, new)


def end(count: int, directory_bytes: int, start: int) -> bytes:
    return struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, directory_bytes, start, 0)


START = GOOD.index(b"PK\x01\x02")
ROWS = len(GOOD) - 22 - START
MADE = b"PK\x01\x02\x14\x03\x14\0"  # a row of the directory, before its flags
ATTACKS: dict[str, tuple[bytes, Reason]] = {
    "nothing": (b"", Reason.BUNDLE_MALFORMED),
    "no archive": (b"x" * 5000, Reason.BUNDLE_MALFORMED),
    "cut": (GOOD[:-1], Reason.BUNDLE_MALFORMED),
    "something after it": (GOOD + b"x", Reason.BUNDLE_MALFORMED),
    "something before it": (b"x" + GOOD, Reason.BUNDLE_MALFORMED),
    "comment": (archive(("metadata/a.json", b""), comment=b"x"), Reason.BUNDLE_MALFORMED),
    "deflate bomb": (archive(("targets/bomb", bytes(50 << 20)), method=zipfile.ZIP_DEFLATED), Reason.BUNDLE_MALFORMED),
    "lzma bomb": (archive(("targets/bomb", bytes(5 << 20)), method=zipfile.ZIP_LZMA), Reason.BUNDLE_MALFORMED),
    "climbing": (archive(("targets/../../etc/passwd", b"x")), Reason.FIELD_INVALID),
    "climbing in the middle": (archive(("targets/a/../b", b"x")), Reason.FIELD_INVALID),
    "absolute": (archive(("/etc/passwd", b"x")), Reason.FIELD_INVALID),
    "drive": (archive(("C:\\metadata\\a", b"x")), Reason.FIELD_INVALID),
    "folder": (archive(("targets/a/", b"")), Reason.FIELD_INVALID),
    "other place": (archive(("bin/sh", b"x")), Reason.FIELD_INVALID),
    "end of text": (patched(archive(("targets/aXb", b"x")), b"aXb", b"a\x00b"), Reason.FIELD_INVALID),
    "hidden file": (archive(("targets/.ssh", b"x")), Reason.FIELD_INVALID),
    "twice": (archive(("targets/a", b"1"), ("targets/a", b"2")), Reason.BUNDLE_MALFORMED),
    "too many": (archive(*((f"targets/{n}", b"") for n in range(ENTRY_LIMIT + 1))), Reason.LIMIT_EXCEEDED),
    "promises millions": (GOOD[:-22] + end(65_000, 1 << 30, 0), Reason.LIMIT_EXCEEDED),
    "a huge directory": (GOOD[:-22] + end(2, 1 << 30, 0), Reason.LIMIT_EXCEEDED),
    "encrypted": (patched(GOOD, MADE + b"\0\0", MADE + b"\1\0"), Reason.BUNDLE_MALFORMED),
    "another method": (patched(GOOD, MADE + bytes(4), MADE + b"\0\0\x08\0"), Reason.BUNDLE_MALFORMED),
    "a comment that is not there": (GOOD[:-2] + b"\1\0", Reason.BUNDLE_MALFORMED),
    "something hidden": (GOOD[:START] + b"hidden" + GOOD[START:-22] + end(2, ROWS, START + 6), Reason.BUNDLE_MALFORMED),
    "two names": (GOOD.replace(b"targets/a/b.c", b"targets/a/b.d", 1), Reason.BUNDLE_MALFORMED),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_file_that_was_made_to_hurt_is_refused(tmp_path: Path, attack: str) -> None:
    data, reason = ATTACKS[attack]
    path = tmp_path / "file.zip"
    path.write_bytes(data)
    tracemalloc.start()
    with pytest.raises(Refused) as refusal:
        OfflineSource(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refusal.value.reason is reason
    assert peak < 4 << 20
    assert [each.name for each in tmp_path.iterdir()] == ["file.zip"]


def test_entries_that_overlap_are_refused(tmp_path: Path) -> None:
    """The bomb that names one file many times: sizes add up to more than there is."""
    once = archive(("targets/a", b"x" * 1000))
    start = once.index(b"PK\x01\x02")
    row = once[start:-22]
    body = once[:start] + row + row.replace(b"targets/a", b"targets/b")
    path = tmp_path / "file.zip"
    path.write_bytes(body + end(2, 2 * len(row), start))
    with pytest.raises(Refused, match="overlaps"):
        OfflineSource(path)


def test_the_good_one_is_read_from_any_byte(tmp_path: Path) -> None:
    (tmp_path / "file.zip").write_bytes(GOOD)
    with OfflineSource(tmp_path / "file.zip") as source:
        for offset in range(6):
            assert b"".join(source.read("targets/a/b.c", offset)) == b"data"[offset:]
        with pytest.raises(NotThere):
            next(source.read("targets/a", 0))


@given(at=st.integers(0, len(GOOD) - 1), value=st.integers(0, 255))
def test_no_changed_byte_makes_it_do_anything_but_refuse(
    tmp_path_factory: pytest.TempPathFactory, at: int, value: int
) -> None:
    path = tmp_path_factory.mktemp("offline") / "file.zip"
    path.write_bytes(GOOD[:at] + bytes([value]) + GOOD[at + 1 :])
    try:
        with OfflineSource(path) as source:
            assert sum(len(b"".join(source.read(name, 0))) for name in source.names) <= len(GOOD)
    except Refused:
        pass
