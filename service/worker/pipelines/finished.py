"""Devices of a fleet that are done: their outcomes on the disk, for a worker that goes on and for the end of the job.

A thousand models at once would not fit into memory, and a worker may be killed while it makes the last one. Files lie
under what they hold, so that what all versions carry alike, the sample of the source, is there once.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from service.catalogue.records import decision_from, lineage_from
from service.domain import Decision, Failure, NewDevice, NewVersion, Outcome, Progress
from service.names import dataset_id
from slipway.errors import Reason, Refused

NOTHING: Mapping[str, Any] = {
    "version": None,
    "decision": None,
    "failure": None,
    "adapter_size_bytes": 0,
    "files": {},
    "seconds": 0.0,
}


class Spooled(Mapping[str, bytes]):
    """Files that wait on the disk, read when they are asked for and checked against their hashes.

    Args:
        folder: where they lie, each under its SHA-256.
        index: SHA-256 (hex) by name.
    """

    def __init__(self, folder: Path, index: Mapping[str, str]) -> None:
        self._folder = folder
        self.index = dict(index)

    def __getitem__(self, name: str) -> bytes:
        sha256 = self.index[name]
        content = (self._folder / sha256).read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            raise Refused(Reason.STORED_FILE_DAMAGED, field="devices", expected=sha256, found=found)
        return content

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self.index))

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True)
class Done:
    """What came of one device.

    Args:
        device: its row.
        receipt: of a device that keeps the base, as JSON; empty for the others.
        seconds: of work.
    """

    device: NewDevice
    receipt: bytes
    seconds: float


class Finished:
    """The finished devices of one job.

    Args:
        folder: belongs to the job; survives attempts.
    """

    def __init__(self, folder: Path) -> None:
        self._rows, self._files = folder / "rows", folder / "files"
        for made in (self._rows, self._files):
            made.mkdir(parents=True, exist_ok=True)

    def __contains__(self, target: str) -> bool:
        return self._row(target).exists()

    def refuse(self, target: str, refused: Refused) -> None:
        """Note why a device was refused."""
        self._note(target, failure=asdict(Failure(refused.reason, refused.field, refused.details)))

    def keep(self, target: str, outcome: Outcome) -> None:
        """Put away what came of a device; the evidence stays in its receipt."""
        version, decision = outcome.version, _short(outcome.decision)
        row: dict[str, Any] = {
            "decision": None if decision is None else asdict(decision),
            "adapter_size_bytes": outcome.adapter_size_bytes,
            "seconds": sum(outcome.stage_seconds.values()),
        }
        if version is None:
            row["files"] = self._put({name: outcome.artifacts[name] for name in outcome.artifacts if name == "receipt"})
        else:
            row["files"] = self._put(version.files)
            lineage = replace(version.lineage, decision=decision)
            row["version"] = asdict(replace(version, files={}, lineage=lineage))
        self._note(target, **row)

    def read(self, target: str) -> Done:
        """What ``keep`` or ``refuse`` put away."""
        row = json.loads(self._row(target).read_bytes())
        files = Spooled(self._files, row["files"])
        failure = None if row["failure"] is None else Failure(**row["failure"])
        version = None if row["version"] is None else _version(row["version"], files)
        device = NewDevice(target, version, decision_from(row["decision"]), failure, row["adapter_size_bytes"])
        receipt = files["receipt"] if version is None and "receipt" in files else b""
        return Done(device, receipt, row["seconds"])

    def _row(self, target: str) -> Path:
        return self._rows / f"{dataset_id(target, 'target')}.json"

    def _note(self, target: str, **row: Any) -> None:
        """The row last: it is what says that a device is done."""
        _write(self._row(target), json.dumps({**NOTHING, **row}).encode())

    def _put(self, files: Mapping[str, bytes]) -> dict[str, str]:
        index = {}
        for name, content in files.items():
            index[name] = hashlib.sha256(content).hexdigest()
            path = self._files / index[name]
            if not path.exists():
                _write(path, content)
        return index


def _version(document: dict[str, Any], files: Mapping[str, bytes]) -> NewVersion:
    history = tuple(Progress(**point) for point in document["history"])
    parts = {"lineage": lineage_from(document["lineage"]), "history": history, "files": files}
    return NewVersion(**{**document, **parts})


def _short(decision: Decision | None) -> Decision | None:
    return None if decision is None else replace(decision, evidence=())


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.rename(path)
