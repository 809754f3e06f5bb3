"""Files of versions and of jobs on their way from a server: resumed at any byte, checked by their hash."""

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from slipway import ranged
from slipway.client.values import Artifact
from slipway.errors import Reason, Refused
from slipway.names import last_part
from slipway.transport import patiently, read_stream
from slipway.v1 import models_pb2, models_pb2_grpc

RECEIPT = "receipt"  # the file that says how an adaptation came about


def download(
    channel: Any,
    address: str,
    artifact: Artifact,
    path: str | Path,
    *,
    progress: ranged.Report | None,
    patience_s: float,
) -> None:
    """Fetch a file to ``path``, which appears only when it is whole and its SHA-256 is right.

    What came stays beside it as ``<path>.<hash>.part``, so that a broken download goes on at any byte.

    Raises:
        Refused: DOWNLOAD_INVALID or BUNDLE_HASH_MISMATCH.
    """
    stub = models_pb2_grpc.ModelsStub(channel)
    part = Path(f"{path}.{artifact.sha256[:16]}.part")

    def pieces(offset: int) -> Iterator[tuple[int, bytes]]:
        request = models_pb2.DownloadArtifactRequest(name=artifact.name, read_offset=offset)
        for piece in read_stream(stub.DownloadArtifact, request, address):
            yield piece.offset, piece.data

    patiently(
        lambda: ranged.fetch(part, pieces, size_bytes=artifact.size_bytes, sha256=artifact.sha256, progress=progress),
        patience_s,
    )
    os.replace(part, path)


def document(channel: Any, address: str, artifact: Artifact, *, patience_s: float) -> dict[str, Any]:
    """The JSON object in a file, checked by its hash.

    Raises:
        Refused: DOWNLOAD_INVALID or BUNDLE_HASH_MISMATCH.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "document"
        download(channel, address, artifact, path, progress=None, patience_s=patience_s)
        found = json.loads(path.read_bytes())
    if not isinstance(found, dict):
        raise Refused(Reason.DOWNLOAD_INVALID, field=artifact.name, problem="it holds no JSON object")
    return found


def find(artifact_id: str, artifacts: Sequence[Artifact], owner: str, remedy: str) -> Artifact:
    """The file of that id.

    Raises:
        Refused: FIELD_INVALID, with the files that ``owner`` has.
    """
    found = {last_part(artifact.name): artifact for artifact in artifacts}
    if artifact_id in found:
        return found[artifact_id]
    problem = f"{owner} has {', '.join(found) or 'no artifacts'}"
    raise Refused(Reason.FIELD_INVALID, field="artifact", problem=problem, found=repr(artifact_id), remedy=remedy)
