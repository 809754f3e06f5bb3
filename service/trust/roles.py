"""The roles of a repository as values, and drafts of their next versions as pure functions.

    root                2 of 3 keys, offline       who may sign what
    targets             keys offline               base models; who adapts which model
    adapters/<model>    2 of 2: adapter and gate   adapted bundles and deltas of one model, for a short time
    snapshot, timestamp online                     which versions belong together, and that this is still so

A draft is metadata that lacks signatures. Whoever holds a key signs it, wherever the key is; ``repository`` publishes
it once enough have.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from securesystemslib.signer import Signer
from tuf.api.metadata import (
    Metadata,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from service.trust import entries
from service.trust.entries import NewVersion
from slipway.errors import Reason, Refused
from slipway.trust import names

T = TypeVar("T", Root, Targets, Snapshot, Timestamp)


@dataclass(frozen=True)
class Lifetimes:
    """How long a signature holds."""

    root: timedelta = timedelta(days=365)
    targets: timedelta = timedelta(days=365)
    adapters: timedelta = timedelta(days=14)
    snapshot: timedelta = timedelta(days=14)
    timestamp: timedelta = timedelta(days=2)


LIFETIMES = Lifetimes()


@dataclass(frozen=True)
class State:
    """Everything that is published.

    Args:
        targets: by role: "targets" and each "adapters/<model>".
    """

    root: Metadata[Root]
    targets: Mapping[str, Metadata[Targets]]
    snapshot: Metadata[Snapshot] | None = None
    timestamp: Metadata[Timestamp] | None = None

    @property
    def base(self) -> Metadata[Targets]:
        """The role of the base models."""
        return self.targets[Targets.type]


def sign(draft: Metadata[T], *signers: Signer) -> Metadata[T]:
    """``draft`` with more signatures."""
    signed = copy.deepcopy(draft)
    for signer in signers:
        signed.sign(signer, append=True)
    return signed


def next_of(current: Metadata[T], expires: datetime) -> Metadata[T]:
    """A draft of the next version with the same content; signing it renews the role, a past date ends it."""
    draft = copy.deepcopy(current)
    draft.signatures.clear()
    draft.signed.version += 1
    draft.signed.expires = whole(expires)
    return draft


def empty_targets(expires: datetime) -> Metadata[Targets]:
    """A draft of a role that has signed nothing yet."""
    return Metadata(Targets(expires=whole(expires)))


def with_base(state: State, new: NewVersion, expires: datetime) -> Metadata[Targets]:
    """A draft of targets with one more base version.

    Raises:
        Refused: FIELD_INVALID or LIMIT_EXCEEDED; the serial does not rise, the version is signed as something else.
    """
    return _with_version(state, Targets.type, new, entries.base_entries(new), expires)


def with_adapted(state: State, new: NewVersion, expires: datetime) -> Metadata[Targets]:
    """A draft of "adapters/<model>" with one more adapted version.

    Raises:
        Refused: as ``with_base``; or nobody may adapt this model.
    """
    role = names.role(entries.model_of(new.version))
    if role not in state.targets:
        raise _invalid("version", f"there is no role {role}", new.version, "Sign targets that name its keys first.")
    return _with_version(state, role, new, entries.adapted_entries(new), expires)


def without(current: Metadata[Targets], versions: Iterable[str], expires: datetime) -> Metadata[Targets]:
    """A draft of a targets role that has taken versions back, with all that leads to them."""
    draft = next_of(current, expires)
    places = [path for each in versions for path in (names.base_path(each), names.adapted_path(each))]
    prefixes = tuple(path.removesuffix("slipway").removesuffix(".") + "/" for path in places)
    kept = {p: info for p, info in draft.signed.targets.items() if p not in places and not p.startswith(prefixes)}
    draft.signed.targets = kept
    return draft


def added(current: Metadata[Targets], draft: Metadata[Targets]) -> dict[str, TargetFile]:
    """What ``draft`` would sign that ``current`` does not, by path: what a gate looks at before it signs."""
    before = current.signed.targets
    return {path: info for path, info in draft.signed.targets.items() if before.get(path) != info}


def _with_version(
    state: State, role: str, new: NewVersion, found: Mapping[str, TargetFile], expires: datetime
) -> Metadata[Targets]:
    signed = [each.signed.targets for each in state.targets.values()]
    highest = entries.serial_of(signed, entries.model_of(new.version))
    if new.serial <= highest:
        raise _invalid("serial", f"needs more than {highest}", new.serial, "Count on from the last one signed.")
    taken = {names.base_path(new.version), names.adapted_path(new.version)}
    if any(path in targets for path in taken for targets in signed):
        raise _invalid("version", "it is signed already", new.version, "Versions never change: make a new one.")
    draft = next_of(state.targets[role], expires)
    draft.signed.targets.update(found)
    return draft


def whole(moment: datetime) -> datetime:
    """``moment`` in UTC, without a fraction of a second: what metadata can say."""
    return moment.astimezone(UTC).replace(microsecond=0)


def _invalid(field: str, problem: str, found: object, remedy: str) -> Refused:
    return Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=repr(found), remedy=remedy)
