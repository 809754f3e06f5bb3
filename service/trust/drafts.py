"""What an operator orders, as drafts by role; signing and publishing come later, here or elsewhere. Pure functions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from securesystemslib.signer import Key
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from service.trust import roles, rotation
from service.trust.entries import NewVersion
from service.trust.roles import LIFETIMES, State
from slipway.errors import Reason, Refused
from slipway.trust import names
from slipway.trust.view import LIMITS

Drafts = Mapping[str, Metadata[Any]]  # by role: "root", "targets", "adapters/<model>"
TOP = (Root.type, Targets.type, Snapshot.type, Timestamp.type)


def first(public: Mapping[str, Key], roots: Sequence[str], threshold: int, now: datetime) -> Drafts:
    """A repository that has signed nothing yet. ``public``: the keys of ``roots`` and of the other roles, by name."""
    single = {role: ([public[role]], 1) for role in (Targets.type, Snapshot.type, Timestamp.type)}
    held = {Root.type: ([public[name] for name in roots], threshold), **single}
    empty = roles.empty_targets(now + LIFETIMES.targets)
    return {Root.type: rotation.first_root(held, now + LIFETIMES.root), Targets.type: empty}


def base(state: State, news: Sequence[NewVersion], now: datetime) -> Drafts:
    """Base versions, all in one draft."""
    found = state.base
    for new in news:
        targets = {**state.targets, Targets.type: found}
        found = roles.with_base(State(state.root, targets), new, now + LIFETIMES.targets)
        found.signed.version = state.base.signed.version + 1
    return {Targets.type: found}


def model(state: State, name: str, adapter: Key, gate: Key, now: datetime) -> Drafts:
    """Who may sign what is adapted of a model: new, or in place of former keys."""
    targets = rotation.with_model(state.base, name, adapter, gate, now + LIFETIMES.targets)
    role, expires = names.role(name), now + LIFETIMES.adapters
    current = state.targets.get(role)
    draft = roles.empty_targets(expires) if current is None else roles.next_of(current, expires)
    return {Targets.type: targets, role: draft}


def take_back(state: State, versions: Sequence[str], now: datetime) -> Drafts:
    """Every role that has signed one of ``versions``, without them."""
    found: dict[str, Metadata[Any]] = {}
    for role, metadata in state.targets.items():
        expires = now + (LIFETIMES.targets if role == Targets.type else LIFETIMES.adapters)
        draft = roles.without(metadata, versions, expires)
        if draft.signed.targets != metadata.signed.targets:
            found[role] = draft
    return found


def renew(state: State, role: str, now: datetime) -> Drafts:
    """The next version of a role with the same content.

    Raises:
        Refused: FIELD_INVALID, no such role.
    """
    lifetime = {Root.type: LIFETIMES.root, Targets.type: LIFETIMES.targets}.get(role, LIFETIMES.adapters)
    current: Metadata[Any] | None = state.root if role == Root.type else state.targets.get(role)
    if current is None:
        raise _invalid("role", "no such role is published", role, "Name one that `updates show` shows.")
    return {role: roles.next_of(current, now + lifetime)}


def rotate(
    state: State, role: str, public: Sequence[Key], threshold: int, now: datetime, *, forget_time: bool = False
) -> Drafts:
    """Other keys for root, targets, snapshot or timestamp, and what has to be signed anew with them.

    Raises:
        Refused: FIELD_INVALID.
    """
    if role not in TOP:
        raise _invalid("role", "its keys do not stand in the root", role, "Name root, targets, snapshot or timestamp.")
    expires = now + LIFETIMES.root
    root = rotation.with_keys(state.root, role, public, threshold, expires, forget_time=forget_time)
    again = renew(state, Targets.type, now) if role == Targets.type else {}
    return {Root.type: root, **again}


def write(folder: Path, drafts: Drafts) -> list[Path]:
    """Keep drafts as files, one a role: carry them to the keys."""
    folder.mkdir(parents=True, exist_ok=True)
    found = [folder / f"{quote(role, safe='')}.json" for role in drafts]
    for path, draft in zip(found, drafts.values(), strict=True):
        path.write_bytes(draft.to_bytes())
    return found


def read(paths: Sequence[Path]) -> Drafts:
    """What ``write`` kept, with the signatures that have been added.

    Raises:
        Refused: FIELD_INVALID or LIMIT_EXCEEDED.
        OSError: the disk.
    """
    return {unquote(path.stem): _read(path) for path in paths}


def _read(path: Path) -> Metadata[Any]:
    with path.open("rb") as file:
        data = file.read(LIMITS.targets_max_length + 1)
    if len(data) > LIMITS.targets_max_length:
        raise Refused(Reason.LIMIT_EXCEEDED, field=str(path), found=len(data), limit=LIMITS.targets_max_length)
    try:
        found: Metadata[Any] = Metadata.from_bytes(data)
    except RepositoryError as error:
        raise _invalid("draft", "it cannot be read", path, "Make the draft again.") from error
    if found.signed.type != (Root.type if unquote(path.stem) == Root.type else Targets.type):
        raise _invalid("draft", f"it is a draft of {found.signed.type}", path, "Keep the name that it was given.")
    return found


def _invalid(field: str, problem: str, found: object, remedy: str) -> Refused:
    return Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=repr(str(found)), remedy=remedy)
