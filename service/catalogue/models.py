"""Queries on models, their versions and the files of versions."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, insert, select, tuple_, update

from service.catalogue.records import Artifact, Model, Version, lineage_from
from service.catalogue.tables import artifacts, models, versions
from service.domain import NewVersion, Progress
from service.names import version_key, version_name
from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec

BUNDLE = "bundle"  # the artifact that devices install
DELTA = re.compile("delta-[0-9a-f]{16}")  # the artifacts that make it from another version's
Stored = Mapping[str, tuple[str, int]]  # SHA-256 and length by artifact id


def model(connection: Connection, model_id: str, field: str = "name") -> Model:
    """One model.

    Raises:
        Refused: MODEL_NOT_FOUND.
    """
    row = connection.execute(select(models).where(models.c.id == model_id)).one_or_none()
    if row is None:
        raise Refused(Reason.MODEL_NOT_FOUND, field=field, name=f"models/{model_id}")
    return _model(row)


def model_page(connection: Connection, after: str | None, limit: int) -> list[Model]:
    """At most ``limit`` models by name, beginning after ``after``."""
    query = select(models).where(models.c.id > (after or "")).order_by(models.c.id).limit(limit)
    return [_model(row) for row in connection.execute(query)]


def version(connection: Connection, model_id: str, number: int, field: str = "name") -> Version:
    """One version.

    Raises:
        Refused: MODEL_NOT_FOUND or VERSION_NOT_FOUND.
    """
    row = connection.execute(select(versions).where(_here(versions, model_id, number))).one_or_none()
    if row is None:
        model(connection, model_id, field)
        raise Refused(Reason.VERSION_NOT_FOUND, field=field, name=version_name(model_id, number))
    return _versions(connection, [row])[0]


def version_page(connection: Connection, model_id: str, after: int | None, limit: int) -> list[Version]:
    """At most ``limit`` versions, newest first, beginning after the number ``after``.

    Raises:
        Refused: MODEL_NOT_FOUND.
    """
    model(connection, model_id, "parent")
    query = select(versions).where(versions.c.model_id == model_id).order_by(versions.c.number.desc()).limit(limit)
    if after is not None:
        query = query.where(versions.c.number < after)
    return _versions(connection, connection.execute(query).all())


def artifact(connection: Connection, model_id: str, number: int, artifact_id: str, field: str = "name") -> Artifact:
    """One file of a version.

    Raises:
        Refused: MODEL_NOT_FOUND, VERSION_NOT_FOUND or ARTIFACT_NOT_FOUND.
    """
    for each in version(connection, model_id, number, field).artifacts:
        if each.id == artifact_id:
            return each
    name = f"{version_name(model_id, number)}/artifacts/{artifact_id}"
    raise Refused(Reason.ARTIFACT_NOT_FOUND, field=field, name=name)


def delta_id(base_sha256: str) -> str:
    """The id of the artifact that makes a version's bundle out of the bundle ``base_sha256``."""
    return f"delta-{base_sha256[:16]}"


def deltas(connection: Connection, model_id: str, number: int, bases: Iterable[str]) -> list[Artifact]:
    """The deltas of a version whose ids fit one of ``bases`` (SHA-256 of bundles), the smallest first.

    An id holds no more than the beginning of a hash: what a delta starts from stands in the file.
    """
    here = _here(artifacts, model_id, number) & artifacts.c.id.in_([delta_id(base) for base in bases])
    rows = connection.execute(select(artifacts).where(here).order_by(artifacts.c.size_bytes, artifacts.c.id))
    return [_artifact(row) for row in rows]


def target(connection: Connection, sha256: str) -> Artifact:
    """The bundle or the delta with this content.

    Raises:
        Refused: TARGET_NOT_FOUND, also for a file that is neither.
    """
    for row in connection.execute(select(artifacts).where(artifacts.c.sha256 == sha256)):
        if row.id == BUNDLE or DELTA.fullmatch(row.id):
            return _artifact(row)
    raise Refused(Reason.TARGET_NOT_FOUND, field="sha256", name=sha256)


def check_same_task(connection: Connection, model_id: str, base: str, field: str) -> None:
    """Refuse to make a version of the model ``model_id`` of what learns from the version ``base`` of another task.

    Raises:
        Refused: TASK_MISMATCH; MODEL_NOT_FOUND for ``base``'s model.
    """
    row = connection.execute(select(models).where(models.c.id == model_id)).one_or_none()
    if row is not None:
        _check_task(row, model(connection, version_key(base, field)[0], field).task.to_json(), field)


def add_version(connection: Connection, new: NewVersion, stored: Stored, job_id: str, now_us: int) -> str:
    """Enter a version with its files as the model's newest, and the model if it is its first; return its name.

    Raises:
        Refused: TASK_MISMATCH, if the model answers another task.
    """
    number = _model_for(connection, new, now_us) + 1
    row = {"model_id": new.model_id, "number": number, "job_id": job_id, "lineage": asdict(new.lineage)}
    history = [asdict(point) for point in new.history]
    counted = {"parameter_count": new.parameter_count, "history": history, "create_us": now_us}
    connection.execute(insert(versions).values(**row, **counted))
    connection.execute(update(models).where(models.c.id == new.model_id).values(latest=number))
    add_artifacts(connection, new.model_id, number, stored)
    return version_name(new.model_id, number)


def add_artifacts(connection: Connection, model_id: str, number: int, stored: Stored) -> None:
    """Enter files of a version. One that is there with the same content stays.

    Raises:
        Refused: MODEL_NOT_FOUND, VERSION_NOT_FOUND, or ARTIFACT_IMMUTABLE for one that is there with other content.
    """
    present = {each.id: each.sha256 for each in version(connection, model_id, number).artifacts}
    for artifact_id, (sha256, size_bytes) in stored.items():
        if present.get(artifact_id, sha256) != sha256:
            name = f"{version_name(model_id, number)}/artifacts/{artifact_id}"
            raise Refused(Reason.ARTIFACT_IMMUTABLE, field="artifacts", name=name)
        if artifact_id not in present:
            row = {"model_id": model_id, "number": number, "id": artifact_id}
            connection.execute(insert(artifacts).values(**row, sha256=sha256, size_bytes=size_bytes))


def _model_for(connection: Connection, new: NewVersion, now_us: int) -> int:
    row = connection.execute(select(models).where(models.c.id == new.model_id).with_for_update()).one_or_none()
    if row is None:
        task = TaskSpec.from_json(new.task).to_json()
        connection.execute(insert(models).values(id=new.model_id, task=task, latest=0, create_us=now_us))
        return 0
    _check_task(row, new.task, "model_id")
    return int(row.latest)


def _check_task(row: Row[Any], task: Mapping[str, Any], field: str) -> None:
    for part in ("name", "classes", "outputs", "sensor"):
        if row.task.get(part) != task.get(part):
            raise Refused(Reason.TASK_MISMATCH, field=field, name=f"models/{row.id}", part=part)


def _here(table: Any, model_id: str, number: int) -> Any:
    return (table.c.model_id == model_id) & (table.c.number == number)


def _model(row: Row[Any]) -> Model:
    return Model(row.id, TaskSpec.from_json(row.task), row.latest, row.create_us)


def _versions(connection: Connection, rows: Any) -> list[Version]:
    keys = [(row.model_id, row.number) for row in rows]
    query = select(artifacts).where(tuple_(artifacts.c.model_id, artifacts.c.number).in_(keys)).order_by(artifacts.c.id)
    files = [_artifact(row) for row in connection.execute(query)]
    return [
        _version(row, tuple(f for f in files if (f.model_id, f.number) == (row.model_id, row.number))) for row in rows
    ]


def _version(row: Row[Any], files: tuple[Artifact, ...]) -> Version:
    return Version(
        model_id=row.model_id,
        number=row.number,
        job_id=row.job_id,
        lineage=lineage_from(row.lineage),
        parameter_count=row.parameter_count,
        history=tuple(Progress(**point) for point in row.history),
        artifacts=files,
        create_us=row.create_us,
    )


def _artifact(row: Row[Any]) -> Artifact:
    return Artifact(row.model_id, row.number, row.id, row.sha256, row.size_bytes)
