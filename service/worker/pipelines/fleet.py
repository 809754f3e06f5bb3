"""Many devices, one after the other: each gets its own decision and version, and none stops the others."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from service.domain import AdaptSpec, Decision, Failure, NewDevice, Outcome, Progress
from service.names import dataset_id
from service.worker.context import Cancelled, Context
from slipway.errors import Refused


class Spooled(Mapping[str, bytes]):
    """Files that wait on the disk: a thousand models at once would not fit into memory.

    Args:
        folder: where they lie, one file a name.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __getitem__(self, name: str) -> bytes:
        return (self._folder / name).read_bytes()

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(path.name for path in self._folder.iterdir()))

    def __len__(self) -> int:
        return sum(1 for _ in self._folder.iterdir())


def each(spec: AdaptSpec, context: Context, adapt: Callable[[AdaptSpec, Context], Outcome]) -> Outcome:
    """Adapt to every target of ``spec``.

    Args:
        spec: names several targets.
        context: of the job.
        adapt: what does it for one target.

    Returns:
        One row a device; the receipts of those that keep the base as one file of the job.

    Raises:
        Cancelled: the job was asked to stop.
    """
    devices, kept, seconds = [], {}, 0.0
    for number, target in enumerate(spec.targets):
        if context.should_stop():
            raise Cancelled
        context.report(Progress(f"device {number + 1} of {len(spec.targets)}", number / len(spec.targets)))
        folder = context.folder / dataset_id(target, "target")
        (folder / "work").mkdir(parents=True, exist_ok=True)
        one = replace(spec, target=target, targets=())
        try:
            outcome = adapt(one, replace(context, folder=folder / "work", report=lambda progress: None))
        except Refused as refused:
            devices.append(NewDevice(target, failure=Failure(refused.reason, refused.field, refused.details)))
            continue
        finally:
            shutil.rmtree(folder / "work", ignore_errors=True)
        seconds += sum(outcome.stage_seconds.values())
        devices.append(_device(target, outcome, folder))
        if outcome.version is None and "receipt" in outcome.artifacts:
            kept[target] = json.loads(outcome.artifacts["receipt"])
    files = {"receipts": json.dumps(kept, indent=1, sort_keys=True).encode()} if kept else {}
    return Outcome(artifacts=files, devices=tuple(devices), stage_seconds={"adapting": seconds})


def _device(target: str, outcome: Outcome, folder: Path) -> NewDevice:
    """What came of one device: its files wait on the disk, the evidence stays in its receipt."""
    version = outcome.version
    if version is not None:
        spool = folder / "files"
        spool.mkdir(exist_ok=True)
        for name, content in version.files.items():
            (spool / name).write_bytes(content)
        version = replace(version, files=Spooled(spool), lineage=replace(version.lineage, decision=_short(outcome)))
    return NewDevice(target, version, _short(outcome), adapter_size_bytes=outcome.adapter_size_bytes)


def _short(outcome: Outcome) -> Decision | None:
    return None if outcome.decision is None else replace(outcome.decision, evidence=())
