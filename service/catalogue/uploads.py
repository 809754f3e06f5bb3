"""Queries on uploads: what is promised, what is safe on the disk, what is complete."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from service.catalogue.records import Upload
from service.catalogue.tables import datasets, uploads
from slipway.errors import Reason, Refused


def begin(
    connection: Connection, dataset_id: str, upload_id: str, window_count: int, open_limit: int, now_us: int
) -> Upload:
    """Enter an upload, or return the one that was begun before with the same id.

    Raises:
        Refused: REQUEST_ID_REUSED, if the id belongs to another upload; UPLOADS_EXHAUSTED.
    """
    found = _find(connection, upload_id)
    if found is None:
        count = connection.scalar(select(func.count()).select_from(uploads).where(uploads.c.sha256.is_(None))) or 0
        if count >= open_limit:
            raise Refused(Reason.UPLOADS_EXHAUSTED, field="header", limit=open_limit)
        new = Upload(upload_id, dataset_id, window_count, 0)
        row = {"id": upload_id, "dataset_id": dataset_id, "window_count": window_count, "committed_count": 0}
        connection.execute(insert(uploads).values(**row, create_us=now_us, update_us=now_us))
        return new
    if (found.dataset_id, found.window_count) != (dataset_id, window_count):
        raise Refused(Reason.REQUEST_ID_REUSED, field="header.upload_id", found=upload_id)
    return found


def get(connection: Connection, dataset_id: str, upload_id: str) -> Upload:
    """One upload.

    Raises:
        Refused: UPLOAD_NOT_FOUND.
    """
    found = _find(connection, upload_id)
    if found is None or found.dataset_id != dataset_id:
        raise _missing(dataset_id, upload_id)
    return found


def commit(connection: Connection, upload: Upload, committed_count: int, now_us: int) -> None:
    """Say that ``committed_count`` windows are safe on the disk.

    Raises:
        Refused: UPLOAD_NOT_FOUND, if the dataset was deleted meanwhile.
    """
    here = (uploads.c.id == upload.id) & uploads.c.sha256.is_(None)
    done = connection.execute(update(uploads).where(here).values(committed_count=committed_count, update_us=now_us))
    if not done.rowcount:
        raise _missing(upload.dataset_id, upload.id)


def complete(connection: Connection, upload: Upload, sha256: str, label_counts: Sequence[int], now_us: int) -> Upload:
    """Make the windows part of the dataset; a second time changes nothing.

    Raises:
        Refused: UPLOAD_NOT_FOUND, if the dataset was deleted meanwhile.
    """
    dataset = connection.execute(
        select(datasets).where(datasets.c.id == upload.dataset_id).with_for_update()
    ).one_or_none()
    found = _find(connection, upload.id)
    if dataset is None or found is None:
        raise _missing(upload.dataset_id, upload.id)
    if found.sha256:
        return found
    last = connection.scalar(select(func.max(uploads.c.position)).where(uploads.c.dataset_id == dataset.id)) or 0
    stored = {"sha256": sha256, "position": last + 1, "committed_count": upload.window_count, "update_us": now_us}
    connection.execute(update(uploads).where(uploads.c.id == upload.id).values(**stored))
    counts = [before + more for before, more in zip(dataset.label_counts, label_counts, strict=True)]
    total = {"window_count": dataset.window_count + upload.window_count, "label_counts": counts}
    connection.execute(update(datasets).where(datasets.c.id == dataset.id).values(**total))
    return get(connection, upload.dataset_id, upload.id)


def open_ids(connection: Connection) -> set[str]:
    """Ids of the uploads that are under way."""
    return set(connection.scalars(select(uploads.c.id).where(uploads.c.sha256.is_(None))))


def forget_stale(connection: Connection, before_us: int) -> None:
    """Drop uploads under way that nobody touched since ``before_us``."""
    connection.execute(delete(uploads).where(uploads.c.sha256.is_(None), uploads.c.update_us < before_us))


def _find(connection: Connection, upload_id: str) -> Upload | None:
    row: Any = connection.execute(select(uploads).where(uploads.c.id == upload_id)).one_or_none()
    if row is None:
        return None
    return Upload(row.id, row.dataset_id, row.window_count, row.committed_count, row.sha256 or "")


def _missing(dataset_id: str, upload_id: str) -> Refused:
    return Refused(Reason.UPLOAD_NOT_FOUND, field="name", name=f"datasets/{dataset_id}/uploads/{upload_id}")
