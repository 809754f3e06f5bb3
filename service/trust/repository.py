"""A repository on disk or in an object store: read it, and publish the next state of it.

Nothing is written unless enough keys have signed it. Every file but ``metadata/timestamp.json`` has a version in its
name and is in place before that one is replaced: whoever reads at any moment finds a whole state, the old or the new.
"""

import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from service.trust.checks import check, merged
from service.trust.files import Files
from service.trust.freshness import Online, current
from service.trust.roles import LIFETIMES, Lifetimes, State
from slipway.errors import Reason, Refused
from slipway.trust import names
from slipway.trust.view import CARRIED

NOTHING: Mapping[str, Metadata[Targets]] = {}


class Repository:
    """The one publisher of a repository; the caller sees to it that there is no second one.

    Args:
        files: where it lies.
        online: signs snapshot and timestamp.
        lifetimes: of snapshot and timestamp.
    """

    def __init__(self, files: Files, online: Online, lifetimes: Lifetimes = LIFETIMES) -> None:
        self._files = files
        self._online = online
        self._lifetimes = lifetimes
        self._lock = threading.Lock()

    def create(self, root: Metadata[Root], targets: Metadata[Targets], now: datetime) -> State:
        """Publish the first state.

        Raises:
            Refused: FIELD_INVALID; there is a repository already, or a signature is missing.
        """
        with self._lock:
            if self._files.get(names.TIMESTAMP) is not None:
                words = {
                    "problem": "a repository is there",
                    "found": names.TIMESTAMP,
                    "remedy": "Publish its next root.",
                }
                raise Refused(Reason.FIELD_INVALID, field=Root.type, **words)
            return self._commit(State(root, {Targets.type: targets}), root, {Targets.type: targets}, now)

    def state(self) -> State:
        """What is published; as ``load``."""
        return load(self._files)

    def publish(
        self, now: datetime, *, root: Metadata[Root] | None = None, targets: Mapping[str, Metadata[Targets]] = NOTHING
    ) -> State:
        """Publish signed drafts together, with a new snapshot and timestamp; without drafts, renew these two.

        Args:
            now: when snapshot and timestamp say they were signed.
            root: its next version.
            targets: next versions by role: "targets", "adapters/<model>".

        Raises:
            Refused: FIELD_INVALID; a draft is not the next version, lacks signatures, or signs what it may not.
        """
        with self._lock:
            return self._commit(merged(load(self._files), root, targets), root, targets, now)

    def carry(self, now: datetime, lifetimes: Lifetimes) -> State:
        """A state for an offline file: snapshot and timestamp hold for ``lifetimes``. It is not published.

        What is published with it counts on from there, so that no device takes one for the other.
        """
        with self._lock:
            carried = current(load(self._files), self._online, now, lifetimes, {CARRIED: True})
            self._commit(carried, None, NOTHING, now)
            return carried

    def _commit(
        self, state: State, root: Metadata[Root] | None, targets: Mapping[str, Metadata[Targets]], now: datetime
    ) -> State:
        state = current(state, self._online, now, self._lifetimes, {})
        check(state)
        for role, draft in targets.items():
            self._put(role, draft)
        self._put(Snapshot.type, state.snapshot)
        if root is not None:  # late, because its keys may be others than those of the timestamp that stands
            self._put(Root.type, root)
        self._put(Timestamp.type, state.timestamp)
        return state

    def _put(self, role: str, metadata: Metadata[Any] | None) -> None:
        assert metadata is not None
        self._files.put(names.metadata_name(role, metadata.signed.version), metadata.to_bytes())


def load(files: Files) -> State:
    """What is published.

    Raises:
        Refused: STORED_FILE_DAMAGED; a file is missing or cannot be read.
    """
    timestamp: Metadata[Timestamp] = _read(files, names.TIMESTAMP)
    version = timestamp.signed.snapshot_meta.version
    snapshot: Metadata[Snapshot] = _read(files, names.metadata_name(Snapshot.type, version))
    roles = {file.removesuffix(".json"): meta.version for file, meta in snapshot.signed.meta.items()}
    targets = {role: _read(files, names.metadata_name(role, number)) for role, number in roles.items()}
    return State(_newest_root(files), targets, snapshot, timestamp)


def roots(files: Files) -> list[bytes]:
    """Every root, the first one first: a device walks from the one that it was enrolled with."""
    found: list[bytes] = []
    while (data := files.get(names.metadata_name(Root.type, len(found) + 1))) is not None:
        found.append(data)
    return found


def _newest_root(files: Files) -> Metadata[Root]:
    return _read(files, names.metadata_name(Root.type, max(1, len(roots(files)))))


def _read(files: Files, name: str) -> Metadata[Any]:
    data = files.get(name)
    if data is None:
        raise Refused(Reason.STORED_FILE_DAMAGED, field="repository", expected=name, found="nothing")
    try:
        return Metadata.from_bytes(data)
    except RepositoryError as error:
        raise Refused(Reason.STORED_FILE_DAMAGED, field="repository", expected=name, found=error) from error
