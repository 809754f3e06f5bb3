"""Datasets of devices as the gateway holds them, and the moments that wait in them to be merged upstream."""

import json
import sqlite3
from dataclasses import asdict

from slipway import statistics
from slipway.client.convert import to_value
from slipway.client.values import Dataset
from slipway.errors import Reason, Refused
from slipway.gateway.policy import DAY_US, Limits, full
from slipway.statistics import ChannelStatistics
from slipway.v1 import datasets_pb2 as pb

REQUEST_MEMORY_US = 7 * DAY_US  # a request_id is known for a week


def create(connection: sqlite3.Connection, message: pb.Dataset, upstream_id: str, limits: Limits) -> pb.Dataset:
    """Enter a device's dataset; the same one again changes nothing.

    Raises:
        Refused: DATASET_EXISTS where it is another one, SENSOR_MISMATCH where the site's dataset holds other windows.
    """
    known = connection.execute("SELECT message FROM datasets WHERE id = ?", (_id(message.name),)).fetchone()
    if known is not None:
        found = pb.Dataset.FromString(known[0])
        if _kind(found) != _kind(message):
            raise Refused(Reason.DATASET_EXISTS, field="dataset_id", name=message.name)
        return found
    site = of_upstream(connection, upstream_id)
    if site is not None and _kind(site) != _kind(message):
        words = {"problem": "differs from that of the site's dataset", "found": _kind(message)}
        remedy = "Let a gateway of its own take the windows of another sensor."
        raise Refused(Reason.FIELD_INVALID, field="dataset.sensor", **words, remedy=remedy)
    if connection.execute("SELECT count(*) FROM datasets").fetchone()[0] >= limits.dataset_count:
        raise full("dataset_id", "datasets", limits.dataset_count)
    row = (_id(message.name), upstream_id, message.SerializeToString())
    connection.execute("INSERT INTO datasets VALUES (?,?,?)", row)
    return message


def get(connection: sqlite3.Connection, dataset_id: str, field: str = "name") -> pb.Dataset:
    """One dataset, as its device knows it.

    Raises:
        Refused: DATASET_NOT_FOUND.
    """
    row = connection.execute("SELECT message FROM datasets WHERE id = ?", (dataset_id,)).fetchone()
    if row is None:
        raise Refused(Reason.DATASET_NOT_FOUND, field=field, name=f"datasets/{dataset_id}")
    return pb.Dataset.FromString(row[0])


def of_upstream(connection: sqlite3.Connection, upstream_id: str) -> pb.Dataset | None:
    """A dataset whose windows go into ``upstream_id``."""
    row = connection.execute("SELECT message FROM datasets WHERE upstream_id = ?", (upstream_id,)).fetchone()
    return None if row is None else pb.Dataset.FromString(row[0])


def add_statistics(
    connection: sqlite3.Connection, dataset_id: str, new: ChannelStatistics, request: tuple[str, str], now_us: int
) -> pb.Dataset:
    """Merge moments, once for each request.

    Args:
        request: (its id, hash of its content).

    Raises:
        Refused: DATASET_NOT_FOUND, REQUEST_ID_REUSED, or FIELD_INVALID from ``statistics``.
    """
    known = connection.execute("SELECT sha256 FROM requests WHERE id = ?", (request[0],)).fetchone()
    if known is not None:
        if known[0] != request[1]:
            raise Refused(Reason.REQUEST_ID_REUSED, field="request_id", found=request[0])
        return get(connection, dataset_id, "dataset")
    connection.execute("DELETE FROM requests WHERE taken_us < ?", (now_us - REQUEST_MEMORY_US,))
    connection.execute("INSERT INTO requests VALUES (?,?,?)", (*request, now_us))
    return merge(connection, dataset_id, new)


def count_windows(connection: sqlite3.Connection, dataset_id: str, count: int) -> None:
    """Add to the windows that the dataset's device has sent."""
    message = get(connection, dataset_id)
    message.window_count += count
    _put(connection, message)


def merge(connection: sqlite3.Connection, dataset_id: str, new: ChannelStatistics) -> pb.Dataset:
    """Merge moments into the dataset's, and into those that wait to be sent."""
    message = get(connection, dataset_id, "dataset")
    known = message.statistics
    if message.HasField("statistics"):
        all_of = statistics.merge(
            ChannelStatistics(known.count, tuple(known.mean), tuple(known.sum_squared_deviation)), new
        )
    else:
        all_of = new
    known.Clear()
    known.count = all_of.count
    known.mean.extend(all_of.mean)
    known.sum_squared_deviation.extend(all_of.sum_squared_deviation)
    _put(connection, message)
    upstream = upstream_id(connection, dataset_id)
    row = connection.execute("SELECT statistics FROM tallies WHERE upstream_id = ?", (upstream,)).fetchone()
    tally = new if row is None else statistics.merge(read(row[0]) or new, new)
    connection.execute("INSERT OR REPLACE INTO tallies VALUES (?,?)", (upstream, text(tally)))
    return message


def upstream_id(connection: sqlite3.Connection, dataset_id: str) -> str:
    """The server's dataset into which all of a device's goes."""
    return str(connection.execute("SELECT upstream_id FROM datasets WHERE id = ?", (dataset_id,)).fetchone()[0])


def text(moments: ChannelStatistics | None) -> str | None:
    """The JSON form; ``read`` is its inverse."""
    return None if moments is None else json.dumps(asdict(moments))


def read(found: str | None) -> ChannelStatistics | None:
    """Read what ``text`` wrote."""
    if found is None:
        return None
    fields = json.loads(found)
    return ChannelStatistics(fields["count"], tuple(fields["mean"]), tuple(fields["sum_squared_deviation"]))


def _put(connection: sqlite3.Connection, message: pb.Dataset) -> None:
    update = "UPDATE datasets SET message = ? WHERE id = ?"
    connection.execute(update, (message.SerializeToString(), _id(message.name)))


def _id(name: str) -> str:
    return name.removeprefix("datasets/")


def _kind(message: pb.Dataset) -> tuple[object, ...]:
    value: Dataset = to_value(message)
    return value.sensor, value.classes, value.outputs
