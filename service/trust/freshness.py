"""What a running server says by itself: which versions belong together, and that this is still so."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, MetaFile, Snapshot, Timestamp

from service.trust.roles import Lifetimes, State
from slipway.trust.view import SIGNED_AT


@dataclass(frozen=True)
class Online:
    """The keys that a running server holds. They say what is current, never what may be installed."""

    snapshot: Signer
    timestamp: Signer


def current(state: State, online: Online, now: datetime, lifetimes: Lifetimes, marks: Mapping[str, Any]) -> State:
    """``state`` with the next snapshot and timestamp.

    Args:
        now: when they say they were signed.
        marks: more fields of the timestamp.
    """
    moment = now.astimezone(UTC).replace(microsecond=0)
    snapshot = Metadata(
        Snapshot(
            version=1 if state.snapshot is None else state.snapshot.signed.version + 1,
            expires=moment + lifetimes.snapshot,
            meta={f"{role}.json": _meta(each) for role, each in state.targets.items()},
        )
    )
    snapshot.sign(online.snapshot)
    timestamp = Metadata(
        Timestamp(
            version=1 if state.timestamp is None else state.timestamp.signed.version + 1,
            expires=moment + lifetimes.timestamp,
            snapshot_meta=_meta(snapshot),
            unrecognized_fields={SIGNED_AT: f"{moment:%Y-%m-%dT%H:%M:%SZ}", **marks},
        )
    )
    timestamp.sign(online.timestamp)
    return replace(state, snapshot=snapshot, timestamp=timestamp)


def _meta(metadata: Metadata[Any]) -> MetaFile:
    return MetaFile.from_data(metadata.signed.version, metadata.to_bytes(), ["sha256"])
