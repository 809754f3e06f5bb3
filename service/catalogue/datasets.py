"""Queries on datasets."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, delete, exists, insert, select, update

from service.catalogue.records import Dataset, NewDataset
from service.catalogue.requests import RequestKey, answer_of, remember
from service.catalogue.tables import artifacts, datasets, job_artifacts, uploads
from slipway.errors import Reason, Refused
from slipway.spec import Channel, sensor_from_json, sensor_to_json
from slipway.statistics import ChannelStatistics, merge


def create(connection: Connection, new: NewDataset, request: RequestKey, now_us: int) -> Dataset:
    """Enter an empty dataset, or return the one that the same request made before.

    Raises:
        Refused: DATASET_EXISTS or REQUEST_ID_REUSED.
    """
    if answer_of(connection, request) is not None:
        return get(connection, new.id)
    if connection.scalar(select(exists().where(datasets.c.id == new.id))):
        raise Refused(Reason.DATASET_EXISTS, field="dataset_id", name=f"datasets/{new.id}")
    row = {"id": new.id, "display_name": new.display_name, "sensor": sensor_to_json(new.sensor)}
    answers = {"classes": list(new.classes), "outputs": [asdict(output) for output in new.outputs]}
    counts = {"window_count": 0, "label_counts": [0] * (1 if new.outputs else len(new.classes))}
    connection.execute(insert(datasets).values(**row, **answers, **counts, create_us=now_us))
    remember(connection, request, new.id, now_us)
    return get(connection, new.id)


def get(connection: Connection, dataset_id: str, field: str = "name") -> Dataset:
    """One dataset.

    Raises:
        Refused: DATASET_NOT_FOUND.
    """
    row = connection.execute(select(datasets).where(datasets.c.id == dataset_id)).one_or_none()
    if row is None:
        raise Refused(Reason.DATASET_NOT_FOUND, field=field, name=f"datasets/{dataset_id}")
    return _record(row)


def page(connection: Connection, after: str | None, limit: int) -> list[Dataset]:
    """At most ``limit`` datasets by name, beginning after ``after``."""
    query = select(datasets).where(datasets.c.id > (after or "")).order_by(datasets.c.id).limit(limit)
    return [_record(row) for row in connection.execute(query)]


def stored_files(connection: Connection, dataset_id: str) -> list[str]:
    """SHA-256 of the files that hold the dataset's windows, in order."""
    query = select(uploads.c.sha256).where(uploads.c.dataset_id == dataset_id, uploads.c.sha256.is_not(None))
    return list(connection.scalars(query.order_by(uploads.c.position)))


def remove(connection: Connection, dataset_id: str) -> tuple[list[str], list[str]]:
    """Delete a dataset; return its upload ids and the SHA-256 of files that nothing names any more.

    Raises:
        Refused: DATASET_NOT_FOUND.
    """
    get(connection, dataset_id)
    files = stored_files(connection, dataset_id)
    ids = list(connection.scalars(select(uploads.c.id).where(uploads.c.dataset_id == dataset_id)))
    connection.execute(delete(datasets).where(datasets.c.id == dataset_id))
    return ids, [sha256 for sha256 in dict.fromkeys(files) if not _named(connection, sha256)]


def merge_statistics(
    connection: Connection, dataset_id: str, statistics: ChannelStatistics, request: RequestKey, now_us: int
) -> Dataset:
    """Merge ``statistics`` into the dataset's, once for each request.

    Raises:
        Refused: DATASET_NOT_FOUND or REQUEST_ID_REUSED.
    """
    row = connection.execute(select(datasets).where(datasets.c.id == dataset_id).with_for_update()).one_or_none()
    if row is None or answer_of(connection, request) is not None:
        return get(connection, dataset_id, "dataset")
    before = _statistics(row.statistics)
    merged = statistics if before is None else merge(before, statistics)
    connection.execute(update(datasets).where(datasets.c.id == dataset_id).values(statistics=asdict(merged)))
    remember(connection, request, dataset_id, now_us)
    return get(connection, dataset_id)


def _named(connection: Connection, sha256: str) -> bool:
    found = (exists().where(table.c.sha256 == sha256) for table in (uploads, artifacts, job_artifacts))
    return any(connection.scalar(select(each)) for each in found)


def _record(row: Any) -> Dataset:
    return Dataset(
        id=row.id,
        display_name=row.display_name,
        sensor=sensor_from_json(row.sensor),
        classes=tuple(row.classes),
        outputs=tuple(Channel(**output) for output in row.outputs or ()),
        window_count=row.window_count,
        label_counts=tuple(row.label_counts),
        statistics=_statistics(row.statistics),
        create_us=row.create_us,
    )


def _statistics(document: dict[str, Any] | None) -> ChannelStatistics | None:
    if document is None:
        return None
    mean, scatter = tuple(document["mean"]), tuple(document["sum_squared_deviation"])
    return ChannelStatistics(document["count"], mean, scatter)
