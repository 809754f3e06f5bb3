"""The last answers of GetMetadata: what a device is told while the server is away."""

import sqlite3

from slipway.errors import Reason, Refused
from slipway.gateway.policy import Limits
from slipway.spec import check_name
from slipway.v1 import updates_pb2 as pb

ANSWER_LIMIT_BYTES = 4096
DEFAULT_CHANNEL = "stable"
HELD_LIMIT = 8

Key = tuple[str, str, str]  # (model, channel, device id or "")


def key(request: pb.GetMetadataRequest) -> Key:
    """What makes an answer the same: all but what the device holds.

    Raises:
        Refused: SPEC_INVALID or LIMIT_EXCEEDED.
    """
    if len(request.held_sha256) > HELD_LIMIT:
        found = f"{len(request.held_sha256)} hashes"
        raise Refused(Reason.LIMIT_EXCEEDED, field="held_sha256", found=found, limit=HELD_LIMIT)
    device_id = check_name(request.device_id, "device_id") if request.device_id else ""
    return (*channel_key(request.model, request.channel), device_id)


def channel_key(model: str, channel: str) -> tuple[str, str]:
    """(model, channel) of a request.

    Raises:
        Refused: SPEC_INVALID.
    """
    return "models/" + check_name(model.removeprefix("models/"), "model"), check_name(
        channel or DEFAULT_CHANNEL, "channel"
    )


def remember(connection: sqlite3.Connection, key: Key, answer: bytes, limits: Limits, now_us: int) -> None:
    """Keep the newest answer; of all answers those that are the newest."""
    connection.execute("INSERT OR REPLACE INTO offers VALUES (?,?,?,?,?)", (*key, answer, now_us))
    over = connection.execute("SELECT count(*) FROM offers").fetchone()[0] - limits.offer_count
    if over > 0:
        oldest = "SELECT rowid FROM offers ORDER BY taken_us, rowid LIMIT ?"
        connection.execute(f"DELETE FROM offers WHERE rowid IN ({oldest})", (over,))


def known(connection: sqlite3.Connection, key: Key) -> bytes | None:
    """The last answer for exactly ``key``."""
    query = "SELECT answer FROM offers WHERE model = ? AND channel = ? AND device_id = ?"
    row = connection.execute(query, key).fetchone()
    return None if row is None else bytes(row[0])


def last_known(connection: sqlite3.Connection, key: Key) -> bytes | None:
    """The last answer for the device, else the channel's: never another device's, whose place in a rollout it tells."""
    found = known(connection, key)
    return known(connection, (key[0], key[1], "")) if found is None else found


def for_holder(answer: pb.UpdateMetadata, held: frozenset[str]) -> pb.UpdateMetadata:
    """``answer`` without deltas that start from a bundle that the device does not say it holds."""
    fitting = pb.UpdateMetadata()
    fitting.CopyFrom(answer)
    for part in (fitting, fitting.candidate) if fitting.HasField("candidate") else (fitting,):
        if part.HasField("delta") and part.delta.base_sha256 not in held:
            part.ClearField("delta")
    return fitting


def check(answer: pb.UpdateMetadata) -> bytes:
    """``answer`` as bytes, if it is of a size that answers have.

    Raises:
        Refused: LIMIT_EXCEEDED.
    """
    data = answer.SerializeToString()
    if len(data) > ANSWER_LIMIT_BYTES:
        found = f"{len(data)} bytes from the server"
        raise Refused(Reason.LIMIT_EXCEEDED, field="metadata", found=found, limit=ANSWER_LIMIT_BYTES)
    return data
