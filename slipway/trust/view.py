"""A device's view of a repository at one moment: everything in it was signed by whoever may sign it, and is current.

    folder/pinned.json   slipway.trust.root
    folder/metadata/     what python-tuf keeps between two looks, against rollback
    folder/floor.json    slipway.trust.floor

Example:
    enrol(folder, root)
    view = refresh(folder, source, now=datetime.now(UTC), elapsed_s=seconds_since_the_last_look)
    bundle = view.bundle("models/rover/versions/8")
    view.fetch(bundle, part)
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tuf.api import exceptions as tuf
from tuf.api.metadata import Signed, TargetFile
from tuf.ngclient import Updater, UpdaterConfig

from slipway import ranged
from slipway.trust import floor as floors
from slipway.trust import names, refusals, target
from slipway.trust.floor import Floor
from slipway.trust.root import ROOT_LIMIT_BYTES, pinned
from slipway.trust.source import BASE_URL, NotThere, Source, SourceFetcher
from slipway.trust.target import SignedDelta, SignedTarget

SIGNED_AT = "x-slipway-signed-at"  # in timestamp metadata, RFC 3339
CARRIED = "x-slipway-carried"  # in the timestamp metadata of an offline file
FORGET_TIME = "x-slipway-forget-time"  # in root metadata: former timestamp keys may have told a time far ahead
LIMITS = UpdaterConfig(
    max_root_rotations=256,
    max_delegations=8,
    root_max_length=ROOT_LIMIT_BYTES,
    timestamp_max_length=16_384,
    snapshot_max_length=1 << 20,
    targets_max_length=2 << 20,
)


@dataclass(frozen=True, eq=False)
class View:
    """What is signed now. Use it at once and drop it: its expiry was judged when it was made.

    Args:
        reference: the time that expiry was judged by.
        floor: what the device knows of time, with this look counted in.
        root_version: of the newest root.
    """

    reference: datetime
    floor: Floor
    root_version: int
    _updater: Updater
    _source: Source

    def bundle(self, version: str) -> SignedTarget:
        """The bundle of ``version`` ("models/rover/versions/8"), base or adapted.

        Raises:
            Refused: nobody who may has signed it; or metadata that is needed to know cannot be trusted.
            ServerRefused, ServerUnreachable: as the line says.
        """
        for path in (names.base_path(version), names.adapted_path(version)):
            info = self._info(path)
            if info is not None:
                return target.bundle(path, info, version)
        raise refusals.not_signed(version, "no role has signed it")

    def delta(self, bundle: SignedTarget, held_sha256: Iterable[str]) -> SignedDelta | None:
        """The first delta that makes ``bundle`` out of one that is on hand; None where none was signed.

        Raises:
            Refused, ServerRefused, ServerUnreachable: as ``bundle``.
        """
        for sha256 in held_sha256:
            path = names.delta_path(bundle.path, sha256)
            info = self._info(path)
            if info is not None:
                return target.delta(path, info, sha256, bundle)
        return None

    def fetch(self, file: SignedTarget | SignedDelta, part: Path, progress: ranged.Report | None = None) -> None:
        """Complete ``part``, from the byte on where an earlier attempt broke off. Only the signed bytes stay.

        Raises:
            Refused: DOWNLOAD_INVALID or BUNDLE_HASH_MISMATCH, or the source lacks the file.
            ServerRefused, ServerUnreachable: as the line says; what came stays.
        """
        name = names.target_name(file.path, file.sha256)

        def pieces(offset: int) -> Iterator[tuple[int, bytes]]:
            for data in self._source.read(name, offset):
                yield offset, data
                offset += len(data)

        try:
            ranged.fetch(part, pieces, size_bytes=file.size_bytes, sha256=file.sha256, progress=progress)
        except NotThere as error:
            raise refusals.refused(f"the server lacks {name}, which is signed", refusals.TARGET) from error

    def _info(self, path: str) -> TargetFile | None:
        try:
            return self._updater.get_targetinfo(path)
        except (tuf.RepositoryError, tuf.DownloadError) as error:
            raise refusals.translate(error, self.reference) from error


def refresh(
    folder: Path, source: Source, *, now: datetime | None, elapsed_s: float = 0.0, carried: bool = False
) -> View:
    """Fetch what is new and check all of it.

    Args:
        folder: one that ``enrol`` has prepared. One refresh at a time.
        source: the repository.
        now: the device's clock; None where it has none. A clock behind what is known counts as none.
        elapsed_s: how long the device has run since its last refresh, by a monotonic clock.
        carried: whether ``source`` is an offline file, whose metadata may be good for longer.

    Raises:
        Refused: metadata that is expired, rolled back, frozen, mixed up, too long, or not signed by enough keys.
        ServerRefused, ServerUnreachable: as the line says.
        OSError: the disk.
    """
    root = pinned(folder)
    floor = floors.ran(floors.read(folder), elapsed_s)
    floors.write(folder, floor)
    for rest in (folder / "metadata").glob("tmp*"):  # what python-tuf was writing when the power went
        rest.unlink()
    try:
        updater, reference = _updated(folder, root, source, now, floor)
    except _ToldWrongTime:
        floor = Floor()
        updater, reference = _updated(folder, root, source, now, floor)
    trusted = _trusted(updater)
    timestamp = trusted.timestamp
    if CARRIED in timestamp.unrecognized_fields and not carried:
        raise refusals.refused("the server offers the timestamp of an offline file")
    floor = floors.seen(floor, counter=timestamp.version, keys=_keys(updater), signed=_signed_at(timestamp))
    floors.write(folder, floor)
    return View(reference, floor, trusted.root.version, updater, source)


class _ToldWrongTime(Exception):
    """Metadata is expired by a time that former keys told, and the root says that they may have been stolen."""


def _updated(folder: Path, root: bytes, source: Source, now: datetime | None, floor: Floor) -> tuple[Updater, datetime]:
    reference = floor.time if now is None else max(now.astimezone(UTC), floor.time)
    updater = None
    try:
        updater = Updater(
            str(folder / "metadata"),
            f"{BASE_URL}{names.METADATA}/",
            fetcher=SourceFetcher(source),
            config=LIMITS,
            bootstrap=root,
        )
        _trusted(updater).reference_time = reference
        updater.refresh()
    except (tuf.RepositoryError, tuf.DownloadError) as error:
        if isinstance(error, tuf.ExpiredMetadataError) and updater is not None and _forgets(updater, floor):
            raise _ToldWrongTime from error
        raise refusals.translate(error, reference) from error
    return updater, reference


def _trusted(updater: Updater) -> Any:
    """python-tuf keeps its time and its trusted metadata to itself; a test sees when this place moves."""
    return updater._trusted_set


def _keys(updater: Updater) -> tuple[str, ...]:
    return tuple(sorted(_trusted(updater).root.roles["timestamp"].keyids))


def _forgets(updater: Updater, floor: Floor) -> bool:
    root = _trusted(updater).root
    return bool(root.unrecognized_fields.get(FORGET_TIME)) and floor.keys not in ((), _keys(updater))


def _signed_at(timestamp: Signed) -> datetime | None:
    text = timestamp.unrecognized_fields.get(SIGNED_AT)
    try:
        return None if text is None else datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except (TypeError, ValueError) as error:
        raise refusals.refused(f"{SIGNED_AT} is {text!r}") from error
