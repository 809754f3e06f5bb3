"""Keeps a repository current, and signs what the gate has promoted: ``python -m service.trust.publisher``.

A process of the server's, so that no call ever waits for a signature. It holds the keys of snapshot and timestamp;
those of "adapters/<model>" are in two processes of their own (``signer``). It ends when its standard input does.
"""

import logging
import os
import select
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from service.config import Config, from_environment
from service.logs import write_logs
from service.trust import keys
from service.trust.adapted import draft, signed_versions
from service.trust.frames import Ended
from service.trust.freshness import Online
from service.trust.news import News
from service.trust.place import Place
from service.trust.repository import Repository, load
from service.trust.roles import LIFETIMES, State
from service.trust.signer import ADAPTER, GATE
from service.trust.signing import SigningProcess
from slipway.errors import Refused
from slipway.trust import names

POLL_S = 1.0
LONGEST_PAUSE_S = 60.0
FRESH = LIFETIMES.timestamp / 2  # a timestamp is replaced when it is this old
RESIGNED = LIFETIMES.adapters / 2
AGAIN = timedelta(seconds=2)  # a signing process that died is asked again so much later

log = logging.getLogger("service.trust.publisher")  # the module's name is __main__ in its process


def online(config: Config, root: Root) -> Online:
    """The keys of snapshot and timestamp, as ``root`` names them.

    Raises:
        Refused: FIELD_INVALID; a key cannot be reached, or is not that of its role.
    """
    addresses = {Snapshot.type: config.trust_snapshot_key, Timestamp.type: config.trust_timestamp_key}
    found = {
        role: keys.reach_one(uri, [root.keys[keyid] for keyid in root.roles[role].keyids])
        for role, uri in addresses.items()
    }
    return Online(found[Snapshot.type], found[Timestamp.type])


class Signs(Protocol):
    """One of the two keys of adapted versions."""

    def sign(self, role: str, draft: Metadata[Targets]) -> None:
        """As ``SigningProcess.sign``."""
        ...

    def start(self) -> None:
        """Be ready."""
        ...

    def stop(self) -> None:
        """End."""
        ...


class Publisher:
    """Looks at the catalogue and publishes what follows. One at a time.

    Args:
        config: of the server.
        signers: adapter and gate; empty: adapted versions are not signed here.
    """

    def __init__(self, config: Config, signers: Sequence[Signs]) -> None:
        self.config = config
        self.place = Place(config.data_folder)
        self.signers = signers
        self._news = News(config)
        self._known: tuple[bytes, State] | None = None

    def round(self, now: datetime) -> bool:
        """Look once; returns whether something was published.

        Raises:
            Refused: there is no repository, or a key of snapshot or timestamp is not the right one.
        """
        state = self._state()
        found = {role: signed for role in self._roles(state) if (signed := self._next(state, role, now))}
        published = [self._published(now, role, signed) for role, signed in found.items()]
        if any(published):
            return True
        assert state.timestamp is not None
        if state.timestamp.signed.expires - now > LIFETIMES.timestamp - FRESH:
            return False
        self._publish(now, {})
        return True

    def stop(self) -> None:
        """End the signing processes."""
        for each in self.signers:
            each.stop()
        self._news.close()

    def _published(self, now: datetime, role: str, signed: Metadata[Targets]) -> bool:
        """Publish a role; whatever is wrong with it does not keep the others from being published and fresh."""
        try:
            self._publish(now, {role: signed})
        except Refused as refusal:
            log.error("%s cannot be published: %s", role, refusal)
            self._news.rest(role, now)
            return False
        return True

    def _publish(self, now: datetime, found: Mapping[str, Metadata[Targets]]) -> None:
        with self.place.turn():
            repository = Repository(self.place.files, online(self.config, self._state().root.signed))
            repository.publish(now, targets=found)
        for role, metadata in found.items():
            log.info("published %s, version %d", role, metadata.signed.version)

    def _state(self) -> State:
        stamp = self.place.files.get(names.TIMESTAMP) or b""
        if self._known is None or self._known[0] != stamp:
            self._known = (stamp, load(self.place.files))
        return self._known[1]

    def _roles(self, state: State) -> list[str]:
        return [role for role in state.targets if role != Targets.type] if self.signers else []

    def _next(self, state: State, role: str, now: datetime) -> Metadata[Targets] | None:
        """The role's next version with both signatures; None where nothing is to be said, or a key refuses."""
        if self._news.rests(role, now):
            return None
        taken_back = self.place.taken_back()
        gone = sorted(signed_versions(state.targets[role]) & taken_back)
        expires = now + LIFETIMES.adapters
        news = self._news.of(state, role, taken_back, now)
        due = state.targets[role].signed.expires - now < RESIGNED
        if not (news or gone or due):
            return None
        for some in [news] if len(news) < 2 else [news, *([each] for each in news)]:
            try:
                found = draft(state, role, some, gone, expires)
                for each in self.signers:
                    each.sign(role, found)
                return found
            except Ended as error:
                log.error("%s is not signed: a signing process is gone: %s", role, error)
                self._news.rest(role, now, AGAIN)
                return None
            except Refused as refusal:
                log.warning("%s is not signed: %s", role, refusal)
                for name in [role] if not some else [new.version for new in some] if len(some) == 1 else []:
                    self._news.rest(name, now)
        return None


def open_publisher(config: Config) -> Publisher:
    """A publisher with its signing processes, where both have a key."""
    both = config.trust_adapter_key and config.trust_gate_key
    return Publisher(config, [SigningProcess(kind, config) for kind in (ADAPTER, GATE)] if both else [])


def run(publisher: Publisher, incoming: int) -> None:
    """Publish until ``incoming`` ends."""
    pause = POLL_S
    while True:
        if select.select([incoming], [], [], pause)[0] and not os.read(incoming, 4096):
            return
        try:
            publisher.round(datetime.now(UTC))
            pause = POLL_S
        except Exception as error:
            log.error("cannot publish: %s", error if isinstance(error, Refused) else type(error).__name__)
            pause = min(LONGEST_PAUSE_S, 2 * pause)


def main() -> None:
    """Publish until stdin ends."""
    write_logs()
    publisher = open_publisher(from_environment())
    try:
        for each in publisher.signers:
            each.start()
        run(publisher, 0)
    finally:
        publisher.stop()


if __name__ == "__main__":
    main()
