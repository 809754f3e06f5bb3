"""What the catalogue and the blobs say about an adapted version: what a gate may sign, seen with its own eyes."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, event, select

from service.blobs import Blobs
from service.catalogue import models
from service.catalogue.engine import Catalogue
from service.catalogue.records import Artifact, Version
from service.catalogue.tables import artifacts
from service.names import version_key
from service.trust.entries import Content, DeltaContent, NewVersion
from slipway.delta import container
from slipway.errors import Reason, Refused

Key = tuple[str, int]  # model, number


def read_only(url: str) -> Catalogue:
    """The catalogue, for one who must not change it: the database itself refuses to write."""
    catalogue = Catalogue(url)
    statement = "PRAGMA query_only = ON" if url.startswith("sqlite") else "SET default_transaction_read_only = on"

    def forbid(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(statement)
        cursor.close()

    event.listen(catalogue.engine, "connect", forbid)
    return catalogue


def with_bundle(connection: Connection, model_ids: Iterable[str]) -> list[Key]:
    """Every version of these models that has a bundle, in the order of their numbers."""
    here = (artifacts.c.id == models.BUNDLE) & artifacts.c.model_id.in_(list(model_ids))
    query = select(artifacts.c.model_id, artifacts.c.number).where(here)
    return [(row.model_id, row.number) for row in connection.execute(query.order_by(artifacts.c.number))]


def is_promoted(version: Version) -> bool:
    """Whether it was adapted from another version and the gate let it through."""
    decision = version.lineage.decision
    return bool(version.lineage.parent) and decision is not None and decision.promoted


def adapted(catalogue: Catalogue, blobs: Blobs, name: str, serial: int) -> NewVersion:
    """An adapted version, ready to be signed: its stored bytes have been read and have the hashes they are known by.

    Raises:
        Refused: TARGET_NOT_SIGNED, the gate did not promote it; VERSION_NOT_FOUND; STORED_FILE_DAMAGED; …
    """
    found = catalogue.read(models.version, *version_key(name, "version"))
    if not is_promoted(found):
        problem = "the gate has not promoted it"
        raise Refused(Reason.TARGET_NOT_SIGNED, field="version", name=name, problem=problem)
    return described(blobs, name, found, serial)


def described(blobs: Blobs, name: str, version: Version, serial: int) -> NewVersion:
    """A version as it is signed, its files read and checked.

    Raises:
        Refused: VERSION_NOT_INSTALLABLE, it has no bundle; STORED_FILE_DAMAGED.
    """
    bundle = next((each for each in version.artifacts if each.id == models.BUNDLE), None)
    if bundle is None:
        raise Refused(Reason.VERSION_NOT_INSTALLABLE, field="version", name=name)
    deltas = [_delta(blobs, each) for each in version.artifacts if models.DELTA.fullmatch(each.id)]
    fitting = [
        DeltaContent(content, base)
        for content, base, result in filter(None, deltas)
        if result == bundle.sha256 and content.size_bytes < bundle.size_bytes
    ]
    return NewVersion(name, serial, _content(blobs, bundle), tuple(sorted(fitting, key=lambda each: each.base_sha256)))


def _delta(blobs: Blobs, artifact: Artifact) -> tuple[Content, str, str] | None:
    """(file, hash of its base, hash of what it makes); None for a file that is no delta."""
    content = _content(blobs, artifact)
    with blobs.path(artifact.sha256).open("rb") as file:
        ends = container.ends(file.read(container.HEADER_BYTES))
    return None if ends is None else (content, *ends)


def _content(blobs: Blobs, artifact: Artifact) -> Content:
    found = blobs.path(artifact.sha256).stat().st_size  # path() has checked the hash
    if found != artifact.size_bytes:
        expected = f"{artifact.size_bytes} bytes of {artifact.sha256}"
        raise Refused(Reason.STORED_FILE_DAMAGED, field="blobs", expected=expected, found=f"{found} bytes")
    return Content(artifact.sha256, found)
