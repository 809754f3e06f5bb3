"""A repository with all its keys at hand, that can be told to break its own rules; and a device that looks at it."""

import copy
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from service.trust import roles, rotation
from service.trust.entries import DeltaContent, NewVersion, content_of
from service.trust.freshness import Online, current
from service.trust.mirror import Mirror
from service.trust.repository import Repository, load
from service.trust.roles import LIFETIMES, Lifetimes, State
from slipway.delta import codec
from slipway.trust import names
from slipway.trust.root import enrol
from slipway.trust.source import NotThere, Source
from slipway.trust.view import View, refresh

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ROVER = "models/rover/versions"
ADAPTERS = names.role("rover")


def key(name: str) -> CryptoSigner:
    """The same key for the same name, always."""
    private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
    return CryptoSigner(private, SSlibKey.from_crypto(private.public_key()))


ROOT_KEYS = [key("root 1"), key("root 2"), key("root 3")]
TARGETS_KEY, SNAPSHOT_KEY, TIMESTAMP_KEY = key("targets"), key("snapshot"), key("timestamp")
ADAPTER, GATE = key("adapter"), key("gate")


class Memory:
    """Files in a dictionary."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def get(self, name: str) -> bytes | None:
        return self.files.get(name)

    def put(self, name: str, content: bytes) -> None:
        self.files[name] = content


class Shop:
    """A repository of one model, "rover": base version 1, adapted version 2 with a delta from it.

    Its public fields are the keys in use; ``forge`` signs with them whatever it is given.
    """

    def __init__(self, lifetimes: Lifetimes = LIFETIMES, now: datetime = NOW) -> None:
        self.now = now
        self.files = Memory()
        self.blobs: dict[str, bytes] = {}
        self.signers: dict[str, Sequence[CryptoSigner]] = {
            Root.type: ROOT_KEYS[:2],
            Targets.type: [TARGETS_KEY],
            Snapshot.type: [SNAPSHOT_KEY],
            Timestamp.type: [TIMESTAMP_KEY],
            ADAPTERS: [ADAPTER, GATE],
        }
        self.hold(lifetimes)
        self.repository.create(
            self._first_root(), self._signed(Targets.type, roles.empty_targets(NOW + 365 * DAY)), NOW
        )
        self.base, self.adapted = b"base model " * 4000, b"base model " * 3990 + b"adapted " * 20
        self.add_model()
        self.add_base(1, self.base)
        self.add_adapted(2, self.adapted, {self.base: codec.make(self.base, self.adapted)})

    def hold(self, lifetimes: Lifetimes) -> None:
        """Publish with these lifetimes, and the keys of ``signers``, from now on."""
        self.lifetimes = lifetimes
        self.online = Online(self.signers[Snapshot.type][0], self.signers[Timestamp.type][0])
        self.repository = Repository(self.files, self.online, lifetimes)

    @property
    def root(self) -> bytes:
        """What a device is enrolled with."""
        return self.files.files["metadata/1.root.json"]

    @property
    def mirror(self) -> Mirror:
        return Mirror(self.files, self.blob)

    @property
    def state(self) -> State:
        return load(self.files)

    def blob(self, sha256: str, offset: int) -> Iterator[bytes]:
        data = self.blobs[sha256]
        for at in range(offset, len(data), 1000):
            yield data[at : at + 1000]

    def add_model(self, model: str = "rover") -> None:
        targets = rotation.with_model(self.state.base, model, ADAPTER.public_key, GATE.public_key, self.now + 365 * DAY)
        self.signers[names.role(model)] = [ADAPTER, GATE]
        drafts = {Targets.type: targets, names.role(model): roles.empty_targets(self.now + self.lifetimes.adapters)}
        self.repository.publish(self.now, targets={role: self._signed(role, draft) for role, draft in drafts.items()})

    def add_base(self, number: int, data: bytes) -> None:
        draft = roles.with_base(self.state, self.version(number, data), self.now + self.lifetimes.targets)
        self.repository.publish(self.now, targets={Targets.type: self._signed(Targets.type, draft)})

    def add_adapted(self, number: int, data: bytes, deltas: Mapping[bytes, bytes]) -> None:
        draft = roles.with_adapted(self.state, self.version(number, data, deltas), self.now + self.lifetimes.adapters)
        self.repository.publish(self.now, targets={ADAPTERS: self._signed(ADAPTERS, draft)})

    def version(self, number: int, data: bytes, deltas: Mapping[bytes, bytes] = {}) -> NewVersion:
        """Describe a version and keep its files."""
        for each in (data, *deltas.values()):
            self.blobs[content_of(each).sha256] = each
        found = tuple(DeltaContent(content_of(delta), content_of(base).sha256) for base, delta in deltas.items())
        return NewVersion(f"{ROVER}/{number}", number, content_of(data), found)

    def forge(
        self, changes: Mapping[str, Callable[[Any], object]], now: datetime = NOW, bump: bool = True, seal: bool = True
    ) -> None:
        """Change what roles say, sign it with ``signers``, publish it unchecked.

        Args:
            changes: by role, what to do with its next version before it is signed.
            bump: whether versions rise.
            seal: whether snapshot and timestamp tell of it.
        """
        state = self.state
        made: dict[str, Metadata[Any]] = {}
        for role, change in changes.items():
            made[role] = copy.deepcopy(self.of(role))
            made[role].signed.version += bump
            change(made[role].signed)
            self._sign(role, made[role])
        targets = {**state.targets, **{role: each for role, each in made.items() if role in state.targets}}
        if seal:
            state = current(replace(state, targets=targets), self.online, now, self.lifetimes, {})
            made = {Snapshot.type: state.snapshot, Timestamp.type: state.timestamp, **made}
        for role, metadata in made.items():
            self.files.put(names.metadata_name(role, metadata.signed.version), metadata.to_bytes())

    def of(self, role: str) -> Metadata[Any]:
        """What is published of a role."""
        state = self.state
        top = {Root.type: state.root, Snapshot.type: state.snapshot, Timestamp.type: state.timestamp}
        return top[role] if role in top else state.targets[role]

    def _signed(self, role: str, draft: Metadata[Any]) -> Metadata[Any]:
        return roles.sign(draft, *self.signers[role])

    def _sign(self, role: str, metadata: Metadata[Any]) -> None:
        metadata.signatures.clear()
        for signer in self.signers[role]:
            metadata.sign(signer, append=True)

    def _first_root(self) -> Metadata[Root]:
        held = {
            Root.type: ([each.public_key for each in ROOT_KEYS], 2),
            **{role: ([self.signers[role][0].public_key], 1) for role in (Targets.type, Snapshot.type, Timestamp.type)},
        }
        return self._signed(Root.type, rotation.first_root(held, self.now + 365 * DAY))


class Line:
    """A source between a device and a repository, that counts and can lie."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.asked: list[tuple[str, int]] = []
        self.lies: dict[str, Callable[[bytes], Iterator[bytes]]] = {}  # by the end of a name

    def read(self, name: str, offset: int) -> Iterator[bytes]:
        self.asked.append((name, offset))
        lie = next((lie for end, lie in self.lies.items() if name.endswith(end)), None)
        if lie is None:
            yield from self.source.read(name, offset)
            return
        try:
            truth = b"".join(self.source.read(name, 0))
        except NotThere:
            truth = b""
        skip = offset
        for piece in lie(truth):
            yield piece[skip:]
            skip = max(0, skip - len(piece))


class Device:
    """A device that was enrolled with a shop's first root."""

    def __init__(self, folder: Path, shop: Shop, root: bytes | None = None) -> None:
        self.folder = folder / "trust"
        self.folder.mkdir()
        self.line = Line(shop.mirror)
        enrol(self.folder, shop.root if root is None else root)

    def refresh(self, now: datetime | None = NOW, elapsed_s: float = 0.0, source: Source | None = None) -> View:
        return refresh(self.folder, source or self.line, now=now, elapsed_s=elapsed_s)

    def version(self, role: str) -> int | None:
        """The version of a role's metadata that the device trusts; None where it has none."""
        path = self.folder / "metadata" / f"{role.replace('/', '%2F')}.json"
        return Metadata.from_bytes(path.read_bytes()).signed.version if path.exists() else None
