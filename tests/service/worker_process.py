"""A worker as a process, with a pipeline that stops in the middle of its first attempt and can be killed there."""

import sys
from pathlib import Path

from service.blobs import open_blobs
from service.catalogue.engine import Catalogue, database_url
from service.config import from_environment
from service.domain import JobSpec, Lineage, NewVersion, Outcome, PretrainSpec, Progress
from service.worker.context import Cancelled, Context
from service.worker.loop import Workplace, work
from tests.service.pipelines import PIPELINES, TASK

STEPS, STOP_AT = 6, 3


def pretrain(spec: JobSpec, context: Context) -> Outcome:
    """Count to ``STEPS`` with a checkpoint after each step; hang after ``STOP_AT`` unless resumed from a checkpoint."""
    assert isinstance(spec, PretrainSpec)
    checkpoint = context.folder / "checkpoint"
    first = int(checkpoint.read_text()) if checkpoint.exists() else 0
    for step in range(first + 1, STEPS + 1):
        write(checkpoint, str(step))
        context.report(Progress("training", step / STEPS, step))
        while step == STOP_AT and not first:
            if context.should_stop():
                raise Cancelled
    lineage = Lineage(f"resumed after step {first}", spec.seed)
    return Outcome(version=NewVersion(spec.model_id, TASK.to_json(), lineage, 1, {"model": b"x"}))


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(text)
    part.rename(path)


if __name__ == "__main__":
    config = from_environment()
    catalogue = Catalogue(database_url(config.database_url, config.data_folder))
    blobs = open_blobs(config.blob_url, config.data_folder)
    work(Workplace(catalogue, blobs, config, {**PIPELINES, "pretrain": pretrain}, sys.argv[1]))
