"""The keys that an operator has at hand: files in a folder, and addresses of others."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from securesystemslib.signer import Key, Signer
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from service.trust import keys, roles
from service.trust.freshness import Online
from service.trust.keys import PUBLIC_SUFFIX
from slipway.errors import Reason, Refused

SUFFIX = ".pem"
ROOTS = ("root-1", "root-2", "root-3")
OFFLINE = (*ROOTS, "targets")
SERVER = ("snapshot", "timestamp", "adapter", "gate")
Ring = Mapping[str, Signer]  # by key id


def make(folder: Path) -> dict[str, Signer]:
    """Make every key of a small installation, in a folder for its owner only; by name.

    Raises:
        FileExistsError: a key is never overwritten.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chmod(folder, 0o700)
    return {name: keys.generate(folder / f"{name}{SUFFIX}") for name in (*OFFLINE, *SERVER)}


def ring(folder: Path | None, files: Iterable[Path] = ()) -> Ring:
    """The signers in a folder, and in files.

    Raises:
        Refused: FIELD_INVALID; others may read a file, or it holds no key.
    """
    paths = [*(sorted(folder.glob(f"*{SUFFIX}")) if folder else ()), *files]
    found = [keys.load(path) for path in paths]
    return {signer.public_key.keyid: signer for signer in found}


def public_of(path: Path) -> Key:
    """The public half of a key, in its own file or beside the private one.

    Raises:
        Refused: FIELD_INVALID.
        OSError: there is none.
    """
    beside = path if path.name.endswith(PUBLIC_SUFFIX) else path.with_name(path.name + PUBLIC_SUFFIX)
    return keys.public(beside.read_bytes())


def online(held: Ring, root: Root) -> Online:
    """The keys of snapshot and timestamp among those at hand.

    Raises:
        Refused: FIELD_INVALID; one is not there.
    """
    found = {role: _first(held, role, root.roles[role].keyids) for role in (Snapshot.type, Timestamp.type)}
    return Online(found[Snapshot.type], found[Timestamp.type])


def may_sign(role: str, root: Metadata[Root], former: Metadata[Root] | None, targets: Metadata[Targets]) -> set[str]:
    """Ids of the keys that count for ``role``; for a new root those of the former one, too."""
    if role == Root.type:
        return {keyid for each in (root, former) if each for keyid in each.signed.roles[Root.type].keyids}
    if role in root.signed.roles:
        return set(root.signed.roles[role].keyids)
    delegations = targets.signed.delegations
    delegated = (delegations.roles or {}) if delegations else {}
    return set(delegated[role].keyids) if role in delegated else set()


def sign(draft: Metadata[Any], held: Ring, allowed: Iterable[str]) -> Metadata[Any]:
    """``draft`` with the signatures of those at hand that count."""
    return roles.sign(draft, *(held[keyid] for keyid in sorted(allowed) if keyid in held))


def _first(held: Ring, role: str, allowed: Iterable[str]) -> Signer:
    for keyid in allowed:
        if keyid in held:
            return held[keyid]
    words = {"problem": f"the key of {role} is not at hand", "found": ", ".join(k[:12] for k in held) or "no key"}
    raise Refused(Reason.FIELD_INVALID, field="keys", **words, remedy="Name its folder with --keys, or its file.")
