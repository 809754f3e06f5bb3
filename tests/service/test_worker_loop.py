"""The life of a worker: all that came of a job is entered, or nothing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from sqlalchemy import func, select

from service.blobs import Blobs
from service.catalogue import datasets, jobs, models, tables, uploads
from service.catalogue.engine import Catalogue
from service.catalogue.records import Job, NewDataset
from service.catalogue.requests import RequestKey
from service.config import Config
from service.domain import AdaptSpec, EvaluateSpec, ExportSpec, JobSpec, JobState, Outcome, PretrainSpec
from service.parts import Part
from service.worker.context import Context
from service.worker.loop import Workplace, run_next
from slipway.errors import Reason, Refused
from slipway.statistics import ChannelStatistics
from tests.service import pipelines
from tests.service.process import wait_for, windows

NOBODY = RequestKey("", "")


@pytest.fixture
def place(catalogue: Catalogue, blobs: Blobs, tmp_path: Path) -> Workplace:
    config = Config(data_folder=tmp_path, lease_seconds=5.0, heartbeat_seconds=0.02)
    return Workplace(catalogue, blobs, config, pipelines.PIPELINES, "worker")


def enter(place: Workplace, spec: JobSpec, job_id: str = "a") -> str:
    return place.catalogue.write(jobs.create, job_id, spec, NOBODY, 0).id


def done(place: Workplace, spec: JobSpec, job_id: str = "a", **own: Callable[[JobSpec, Context], Outcome]) -> Job:
    enter(place, spec, job_id)
    assert run_next(replace(place, pipelines={**place.pipelines, **own}))
    return place.catalogue.read(jobs.get, job_id)


def store(place: Workplace, name: str, values: np.ndarray, labels: np.ndarray) -> None:
    """What an upload does, without the network."""
    path = place.config.data_folder / "x.part"
    part = Part(path, pipelines.SENSOR, len(values), 0)
    part.append(values, labels)
    part.sync()
    part.close()
    sha256 = place.blobs.put(path.read_bytes())
    upload_id = f"{name}-{sha256[:20]}"
    upload = place.catalogue.write(uploads.begin, name, upload_id, len(values), 9, 0)
    place.catalogue.write(uploads.complete, upload, sha256, [int((labels == c).sum()) for c in (0, 1)], 0)
    path.unlink()


def dataset(place: Workplace, name: str) -> str:
    new = NewDataset(name, "", pipelines.SENSOR, ("go", "stop"))
    place.catalogue.write(datasets.create, new, NOBODY, 0)
    return f"datasets/{name}"


def test_a_version_is_entered_with_its_lineage_and_its_job(place: Workplace) -> None:
    job = done(place, PretrainSpec("m", world="rover", prior={"cone": [1, 2]}, seed=7))
    assert job.state == JobState.SUCCEEDED
    assert job.result is not None
    assert job.result.version == "models/m/versions/1"
    assert job.result.stage_seconds == {"training": 0.5}
    assert job.result.peak_memory_bytes > 1_000_000
    assert job.progress is not None and job.progress.epoch == 2
    version = place.catalogue.read(models.version, "m", 1)
    assert (version.job_id, version.parameter_count, version.lineage.seed) == ("a", 123, 7)
    assert [point.epoch for point in version.history] == [1, 2]
    assert place.blobs.get(version.artifacts[0].sha256) == b"model of seed 7"
    assert place.catalogue.read(models.model, "m").task == pipelines.TASK
    assert not (place.config.data_folder / "jobs" / "a").exists()


def test_versions_count_up(place: Workplace) -> None:
    for number in (1, 2, 3):
        job = done(place, PretrainSpec("m", world="rover", seed=number), f"j{number}")
        assert job.result is not None and job.result.version == f"models/m/versions/{number}"
    assert place.catalogue.read(models.model, "m").latest == 3


def test_a_pipeline_sees_the_windows_in_the_order_of_their_uploads(place: Workplace) -> None:
    name = dataset(place, "d")
    first, second = windows(5, 1), windows(3, 2)
    store(place, "d", first, np.array([0, 1, 1, -1, 0], np.int32))
    store(place, "d", second, np.array([1, 1, -1], np.int32))
    seen = []

    def look(spec: JobSpec, context: Context) -> Outcome:
        seen.append(context.dataset(name))
        return Outcome()

    done(place, PretrainSpec("m", world="rover"), "a")
    assert done(place, EvaluateSpec("models/m/versions/1", name), "b", evaluate=look).state == JobState.SUCCEEDED
    np.testing.assert_array_equal(seen[0].values, np.concatenate([first, second]))
    assert seen[0].labels.tolist() == [0, 1, 1, -1, 0, 1, 1, -1]
    assert seen[0].values.dtype == np.float32 and seen[0].labels.dtype == np.int32
    assert len(seen[0].sha256) == 64 and seen[0].statistics is None


def test_the_whole_line_from_base_to_bundle(place: Workplace) -> None:
    name = dataset(place, "d")
    store(place, "d", windows(4), np.array([0, 1, -1, 1], np.int32))
    done(place, PretrainSpec("m", world="rover"), "a")
    adapted = done(place, AdaptSpec("models/m/versions/1", name), "b")
    assert adapted.result is not None and adapted.result.decision is not None
    assert adapted.result.decision.chosen == "input_statistics"
    assert adapted.result.adapter_size_bytes == 5
    version = place.catalogue.read(models.version, "m", 2)
    assert version.lineage.parent == "models/m/versions/1"
    assert version.lineage.decision == adapted.result.decision
    exported = done(place, ExportSpec("models/m/versions/2", name), "c")
    assert exported.result is not None and exported.result.version == ""
    kept = {each.id for each in place.catalogue.read(models.version, "m", 2).artifacts}
    assert kept == {"model", "adapter", "bundle", "int8_onnx"}
    measured = done(place, EvaluateSpec("models/m/versions/2", name), "d")
    assert measured.result is not None and measured.result.evaluation is not None
    assert measured.result.evaluation.confusion == ((1, 0), (0, 2))


def test_an_export_that_repeats_itself_is_fine_one_that_differs_is_refused(place: Workplace) -> None:
    name = dataset(place, "d")
    store(place, "d", windows(4), np.zeros(4, np.int32))
    done(place, PretrainSpec("m", world="rover"), "a")
    spec = ExportSpec("models/m/versions/1", name)
    assert done(place, spec, "b").state == JobState.SUCCEEDED
    assert done(place, spec, "c").state == JobState.SUCCEEDED
    other = done(place, spec, "d", export=lambda s, c: Outcome(artifacts={"bundle": b"?"}, artifacts_of=spec.version))
    assert other.failure is not None and other.failure.reason == Reason.ARTIFACT_IMMUTABLE


def test_a_refusal_fails_the_job_with_its_reason(place: Workplace) -> None:
    def refuse(spec: JobSpec, context: Context) -> Outcome:
        raise Refused(Reason.LABELS_MISSING, field="job.adapt.target", found=0, name="datasets/d", expected=20)

    job = done(place, PretrainSpec("m", world="rover"), pretrain=refuse)
    assert job.state == JobState.FAILED
    assert job.failure is not None
    assert (job.failure.reason, job.failure.field) == (Reason.LABELS_MISSING, "job.adapt.target")
    assert job.failure.details == {"found": "0", "name": "datasets/d", "expected": "20"}


def test_a_bug_fails_the_job_and_stays_in_the_log(place: Workplace, caplog: pytest.LogCaptureFixture) -> None:
    def crash(spec: JobSpec, context: Context) -> Outcome:
        raise ZeroDivisionError("secret text")

    job = done(place, PretrainSpec("m", world="rover"), pretrain=crash)
    assert job.failure is not None and job.failure.reason == Reason.INTERNAL
    assert "secret text" not in str(job.failure)
    assert "secret text" in caplog.text and job.failure.details["error_id"] in caplog.text


def test_a_model_keeps_its_task(place: Workplace) -> None:
    done(place, PretrainSpec("m", world="rover"))

    def other_task(spec: JobSpec, context: Context) -> Outcome:
        outcome = pipelines.pretrain(spec, context)
        assert outcome.version is not None
        task = {**outcome.version.task, "classes": ["left", "right", "stop"]}
        return replace(outcome, version=replace(outcome.version, task=task))

    job = done(place, PretrainSpec("m", world="rover"), "b", pretrain=other_task)
    assert job.failure is not None and job.failure.reason == Reason.TASK_MISMATCH
    assert place.catalogue.read(models.model, "m").latest == 1


def test_what_a_lost_attempt_made_is_not_entered(place: Workplace) -> None:
    def slow(spec: JobSpec, context: Context) -> Outcome:
        with place.catalogue.engine.begin() as connection:
            connection.execute(tables.jobs.update().values(lease="another"))
        wait_for(context.should_stop)
        return pipelines.pretrain(spec, context)

    job = done(place, PretrainSpec("m", world="rover"), pretrain=slow)
    assert job.state == JobState.RUNNING, "the job is the other attempt's"
    with place.catalogue.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(tables.versions)) == 0


def test_all_or_nothing(place: Workplace) -> None:
    def half(spec: JobSpec, context: Context) -> Outcome:
        outcome = pipelines.pretrain(spec, context)
        return replace(outcome, artifacts={"bundle": b"x"}, artifacts_of="models/nobody/versions/1")

    job = done(place, PretrainSpec("m", world="rover"), pretrain=half)
    assert job.failure is not None and job.failure.reason == Reason.MODEL_NOT_FOUND
    with pytest.raises(Refused):
        place.catalogue.read(models.model, "m")


def test_a_running_job_stops_when_asked(place: Workplace) -> None:
    enter(place, PretrainSpec("m", world="rover"))
    waiting = replace(place, pipelines={"pretrain": pipelines.wait_for_cancel})
    thread = Thread(target=run_next, args=(waiting,))
    thread.start()
    wait_for(lambda: place.catalogue.read(jobs.get, "a").progress)
    place.catalogue.write(jobs.cancel, "a", 1)
    thread.join(20)
    assert place.catalogue.read(jobs.get, "a").state == JobState.CANCELLED


def test_a_dataset_of_statistics_only_has_no_windows(place: Workplace) -> None:
    name = dataset(place, "d")
    place.catalogue.write(datasets.merge_statistics, "d", ChannelStatistics(5, (1.0, 2.0), (3.0, 4.0)), NOBODY, 0)
    seen = []

    def look(spec: JobSpec, context: Context) -> Outcome:
        seen.append(context.dataset(name))
        return Outcome()

    done(place, PretrainSpec("m", world="rover"), "a")
    assert done(place, AdaptSpec("models/m/versions/1", name), "b", adapt=look).state == JobState.SUCCEEDED
    assert seen[0].values.shape == (0, 3, 2)
    count, mean, scatter = seen[0].statistics
    assert (count, mean.tolist(), scatter.tolist()) == (5, [1.0, 2.0], [3.0, 4.0])


def test_a_job_written_before_a_field_existed_is_read_with_its_default(place: Workplace) -> None:
    enter(place, PretrainSpec("m", world="rover"))
    with place.catalogue.engine.begin() as connection:
        connection.execute(tables.jobs.update().values(spec={"model_id": "m", "world": "rover"}))
    assert place.catalogue.read(jobs.get, "a").spec == PretrainSpec("m", world="rover")
