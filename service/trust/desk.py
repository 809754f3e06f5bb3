"""The operator's desk: a server's repository, its catalogue and blobs, and the keys at hand. Publishes drafts."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tuf.api.metadata import Metadata, Root, Targets

from service.blobs import open_blobs
from service.catalogue import models
from service.catalogue.engine import database_url
from service.config import Config
from service.names import version_key
from service.trust import drafts, entries, keyring, offline, promoted, publisher
from service.trust.drafts import Drafts
from service.trust.entries import NewVersion
from service.trust.freshness import Online
from service.trust.keyring import Ring
from service.trust.place import Place
from service.trust.repository import Repository, load
from service.trust.roles import LIFETIMES, Lifetimes, State
from slipway.errors import Reason, Refused
from slipway.trust import names

READ_BYTES = 1 << 20
ROOT_FILE = "1.root.json"


class Desk:
    """Works on the repository of one server, which may be running.

    Args:
        config: of the server; the addresses of its keys are used where the ring lacks them.
        ring: the keys at hand.
    """

    def __init__(self, config: Config, ring: Ring) -> None:
        self.config = config
        self.ring = ring
        self.place = Place(config.data_folder)
        self.blobs = open_blobs(config.blob_url, config.data_folder)

    def state(self) -> State:
        """What is published."""
        return load(self.place.files)

    def create(self, first: Drafts, now: datetime) -> State:
        """Publish the first state; the ring has to hold all its keys.

        Raises:
            Refused: FIELD_INVALID.
        """
        root, targets = first[Root.type], first[Targets.type]
        root = keyring.sign(root, self.ring, root.signed.roles[Root.type].keyids)
        targets = keyring.sign(targets, self.ring, root.signed.roles[Targets.type].keyids)
        with self.place.turn():
            return Repository(self.place.files, self._online(root.signed)).create(root, targets, now)

    def versions(self, wanted: Sequence[str], state: State) -> list[NewVersion]:
        """Versions of the catalogue as base versions, their files read and checked.

        Raises:
            Refused: VERSION_NOT_FOUND, VERSION_NOT_INSTALLABLE, STORED_FILE_DAMAGED.
        """
        catalogue = promoted.read_only(database_url(self.config.database_url, self.config.data_folder))
        found: list[NewVersion] = []
        signed = [each.signed.targets for each in state.targets.values()]
        for name in wanted:
            version = catalogue.read(models.version, *version_key(name, "version"))
            serial = 1 + max([entries.serial_of(signed, version.model_id), *(each.serial for each in found)])
            found.append(promoted.described(self.blobs, name, version, serial))
        catalogue.close()
        return found

    def sign(self, orders: Drafts) -> Drafts:
        """Drafts with every signature that the ring can give and that counts."""
        state = self.state()
        root = orders.get(Root.type, state.root)
        targets = orders.get(Targets.type, state.base)
        return {
            role: keyring.sign(draft, self.ring, keyring.may_sign(role, root, state.root, targets))
            for role, draft in orders.items()
        }

    def can_sign(self, role: str) -> bool:
        """Whether every key that has to sign "adapters/<model>" is at hand."""
        state = self.state()
        return keyring.may_sign(role, state.root, None, state.base) <= set(self.ring)

    def publish(self, orders: Drafts, now: datetime) -> State:
        """Publish drafts together; without any, a new snapshot and timestamp.

        Raises:
            Refused: FIELD_INVALID; see ``Repository.publish``.
        """
        root: Metadata[Root] | None = orders.get(Root.type)
        rest: dict[str, Metadata[Any]] = {role: draft for role, draft in orders.items() if role != Root.type}
        with self.place.turn():
            repository = Repository(self.place.files, self._online((root or self.state().root).signed))
            return repository.publish(now, root=root, targets=rest)

    def carry(self, path: Path, versions: Sequence[str], days: float, now: datetime) -> State:
        """Write an offline file that is good for ``days``; see ``service.trust.offline.write``."""
        lifetimes = Lifetimes(snapshot=timedelta(days=days), timestamp=timedelta(days=days))
        with self.place.turn():
            files = self.place.files
            repository = Repository(files, self._online(self.state().root.signed), LIFETIMES)
            return offline.write(path, repository, files, self._content, versions, now, lifetimes)

    def _content(self, sha256: str, offset: int) -> Iterator[bytes]:
        with self.blobs.path(sha256).open("rb") as file:
            file.seek(offset)
            while data := file.read(READ_BYTES):
                yield data

    def _online(self, root: Root) -> Online:
        try:
            return keyring.online(self.ring, root)
        except Refused:
            if not self.config.trust_snapshot_key:
                raise
        return publisher.online(self.config, root)


def small(config: Config, folder: Path, now: datetime) -> State:
    """A small installation from nothing: every key in one folder, a repository, and the root that devices are given.

    Raises:
        Refused: FIELD_INVALID, there is a repository already.
        FileExistsError: there are keys already.
    """
    if Place(config.data_folder).files.get(names.TIMESTAMP) is not None:
        words = {"problem": "a repository is there", "found": config.data_folder, "remedy": "Rotate its keys instead."}
        raise Refused(Reason.FIELD_INVALID, field="data", **words)
    made = keyring.make(folder)
    desk = Desk(config, {signer.public_key.keyid: signer for signer in made.values()})
    public = {name: signer.public_key for name, signer in made.items()}
    state = desk.create(drafts.first(public, keyring.ROOTS, 2, now), now)
    (folder / ROOT_FILE).write_bytes(state.root.to_bytes())
    return state
