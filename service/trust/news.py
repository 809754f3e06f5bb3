"""What the gate has promoted and nobody has signed yet, and what was tried in vain and rests for a while."""

import logging
from datetime import datetime, timedelta

from service.blobs import open_blobs
from service.catalogue.engine import database_url
from service.config import Config
from service.names import version_name
from service.trust import entries, promoted
from service.trust.adapted import signed_versions
from service.trust.entries import NewVersion
from service.trust.roles import State
from slipway.errors import Reason, Refused

TOGETHER = 32  # versions in one draft: what a gate reads before it answers
RETRY = timedelta(hours=1)  # what was refused is tried again so much later

log = logging.getLogger("service.trust.publisher")


class News:
    """Looks at the catalogue, which it cannot change.

    Args:
        config: of the server.
    """

    def __init__(self, config: Config) -> None:
        self._catalogue = promoted.read_only(database_url(config.database_url, config.data_folder))
        self._blobs = open_blobs(config.blob_url, config.data_folder)
        self._passed: set[promoted.Key] = set()  # bundles that need no signature of the adapter's
        self._later: dict[str, datetime] = {}  # not before this time, by version or role

    def of(self, state: State, role: str, taken_back: frozenset[str], now: datetime) -> list[NewVersion]:
        """What has been promoted and ``role`` has not signed, the oldest first; at most ``TOGETHER``."""
        model = role.partition("/")[2]
        taken = taken_back.union(*map(signed_versions, state.targets.values()))
        serial = entries.serial_of([each.signed.targets for each in state.targets.values()], model)
        found: list[NewVersion] = []
        for key in self._catalogue.read(promoted.with_bundle, [model]):
            version = version_name(*key)
            if key in self._passed or version in taken or self.rests(version, now):
                continue
            try:
                found.append(promoted.adapted(self._catalogue, self._blobs, version, serial + 1 + len(found)))
            except Refused as refusal:
                if refusal.reason is Reason.TARGET_NOT_SIGNED:
                    self._passed.add(key)
                else:
                    log.warning("%s is not signed: %s", version, refusal)
                    self.rest(version, now)
            if len(found) == TOGETHER:
                break
        return found

    def rest(self, name: str, now: datetime, pause: timedelta = RETRY) -> None:
        """Try a version or a role again only after a pause."""
        self._later[name] = now + pause

    def rests(self, name: str, now: datetime) -> bool:
        """Whether its pause goes on."""
        return self._later.get(name, now) > now

    def close(self) -> None:
        """Give the connections back."""
        self._catalogue.close()
