"""What is published, in words for an operator."""

from collections.abc import Collection
from typing import Any

from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from service.trust.roles import State


def overview(state: State, taken_back: Collection[str]) -> dict[str, Any]:
    """Every role with its version, expiry, keys and signed versions, as JSON values."""
    delegations = state.base.signed.delegations
    delegated = (delegations.roles or {}) if delegations else {}
    top: dict[str, Metadata[Any] | None] = {
        Root.type: state.root,
        Targets.type: state.base,
        Snapshot.type: state.snapshot,
        Timestamp.type: state.timestamp,
    }
    rows = [_row(role, each, state.root.signed.roles[role]) for role, each in top.items() if each is not None]
    rows += [_row(role, state.targets[role], delegated[role]) for role in sorted(delegated)]
    return {"roles": rows, "taken_back": sorted(taken_back)}


def _row(role: str, metadata: Metadata[Any], keys: Any) -> dict[str, Any]:
    return {
        "role": role,
        "version": metadata.signed.version,
        "expires": f"{metadata.signed.expires:%Y-%m-%dT%H:%M:%SZ}",
        "threshold": keys.threshold,
        "keys": len(keys.keyids),
        "key_ids": list(keys.keyids),
        "signed_by": sorted(metadata.signatures),
        "versions": [_version(info) for info in _bundles(metadata)],
    }


def _bundles(metadata: Metadata[Any]) -> list[Any]:
    if metadata.signed.type != Targets.type:
        return []
    found = [info for info in metadata.signed.targets.values() if (info.custom or {}).get("kind") == "bundle"]
    return sorted(found, key=lambda info: info.custom["serial"])


def _version(info: Any) -> dict[str, Any]:
    known = {"version": info.custom["version"], "serial": info.custom["serial"]}
    return {**known, "sha256": info.hashes["sha256"], "size_bytes": info.length, "path": info.path}
