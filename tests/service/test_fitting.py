"""Jobs that fit a device, over real gRPC: devices install what they make, and what cannot be says why."""

import dataclasses
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from export.fit.cost import cost
from export.fit.halving import Effort
from export.fit.profile import PROFILES as READY_MADE
from export.fit.profile import Profile
from export.fit.teaching import accuracy
from export.fit.windows import divided
from export.mcu.boards import BOARDS
from export.mcu.measure import EVIDENCE
from export.mcu.tools import missing
from export.proof import run
from nets.model import Model
from service.convert.devices import CORES, LIMITS, PROFILES
from service.domain import FitSpec, JobSpec, Lineage, NewVersion, Outcome, Progress
from service.worker.context import Context
from service.worker.loop import run_next
from service.worker.pipelines.fit_device import fit_device
from service.worker.pipelines.sample import decode
from slipway.bundle.archive import read
from slipway.bundle.runtime import Runtime
from slipway.spec import Channel
from slipway.v1 import jobs_pb2 as pb
from slipway.v1 import models_pb2
from tests.nets.tasks import task, waves
from tests.service.process import TIMEOUT, ServerProcess, refusal
from tests.service.work import create_job, place_of, pretrain
from tests.service.workshop import Workshop

EFFORT = pb.FitEffort(candidate_count=2, round_step_counts=(20, 20))
LEAST = pb.FitEffort(candidate_count=1, round_step_counts=(20,))
BADGE = {"name": "badge", "flash_bytes": 24_000, "ram_bytes": 16_000, "instructions_per_second": 1e6}
FILES = {"model", "float_onnx", "int8_onnx", "c", "bundle", "report", "source"}
TASK = task(name="waves")
BAD, PROFILE, STEPS = "INVALID_ARGUMENT", "job.fit.profile", "job.fit.effort.round_step_counts"


def asked(base: str, dataset: str, *, effort: pb.FitEffort = EFFORT, model: str = "waves", **limits: Any) -> pb.FitSpec:
    """A search for a device of 24 kB, or of other ``limits``; what it finds joins the base's line."""
    profile = pb.DeviceProfile(**{**BADGE, **limits})
    return pb.FitSpec(model_id=model, base=base, dataset=dataset, profile=profile, effort=effort)


@pytest.fixture(scope="module")
def base(shop: Workshop) -> str:
    """The teacher: a version with a sample of its source beside it."""
    source = shop.put("source", TASK, *waves(600, 0))
    job = shop.run(pretrain=pb.PretrainSpec(model_id="waves", dataset=source, architecture="mlp", epoch_count=8))
    assert job.state == pb.Job.SUCCEEDED, job.error
    return str(job.result.version)


@pytest.fixture(scope="module")
def recorded(shop: Workshop) -> str:
    """Labelled windows of where the device will serve."""
    return shop.put("recorded", TASK, *waves(500, 1))


@pytest.fixture(scope="module")
def told() -> list[Progress]:
    """What that search said on its way."""
    return []


@pytest.fixture(scope="module")
def job(shop: Workshop, base: str, recorded: str, told: list[Progress]) -> Any:
    """The search that most tests look at."""

    def watched(spec: JobSpec, context: Context) -> Outcome:
        assert isinstance(spec, FitSpec)
        return fit_device(spec, dataclasses.replace(context, report=told.append))

    found = ran(shop, watched, fit=asked(base, recorded, core="cortex-m4f"))
    assert found.state == pb.Job.SUCCEEDED, found.error
    return found


def ran(shop: Workshop, pipeline: Callable[[JobSpec, Context], Outcome], **spec: Any) -> Any:
    """Run a job by a pipeline of the test's own."""
    place = place_of(shop.server, **dict.fromkeys(spec, pipeline))
    name = create_job(shop.server, **spec).name
    assert run_next(place)
    place.catalogue.close()
    return shop.server.jobs.GetJob(pb.GetJobRequest(name=name), timeout=TIMEOUT)


def file(shop: Workshop, job: Any, name: str) -> bytes:
    return shop.fetch(f"{job.result.version}/artifacts/{name}")


# What a search returns.


def test_what_is_found_keeps_to_the_profile_and_is_what_was_judged(
    shop: Workshop, job: Any, base: str, recorded: str
) -> None:
    found, graph = job.result.fitting, file(shop, job, "int8_onnx")
    taken = cost(graph, "cortex-m4f")
    assert taken.flash_bytes <= BADGE["flash_bytes"] and taken.ram_bytes <= BADGE["ram_bytes"]
    teacher = Model.from_bytes(shop.fetch(f"{base}/artifacts/model"))
    _, judging = divided(teacher, *waves(500, 1), None, Effort().held_out_share, 0)
    assert found.accuracy == accuracy(run(graph, judging.values), judging.labels)
    assert found.base_accuracy > 0.9 and found.accuracy > 0.5  # chance is a third
    (chosen,) = (row for row in found.candidates if row.fate == "chosen")
    assert (chosen.name, chosen.int8_accuracy, chosen.fits) == (found.candidate, found.accuracy, True)


def test_every_candidate_has_its_row_and_what_was_not_tried_claims_no_accuracy(job: Any) -> None:
    rows = job.result.fitting.candidates
    learned = [row for row in rows if row.step_count]
    assert len(learned) == EFFORT.candidate_count and all(row.HasField("accuracy") for row in learned)
    assert not any(row.HasField("accuracy") for row in rows if not row.step_count)
    large = [row for row in rows if row.flash_bytes > BADGE["flash_bytes"]]
    assert large and all(row.fate.startswith("too large: flash_bytes") and not row.fits for row in large)
    judged = [row.int8_accuracy if row.HasField("int8_accuracy") else row.accuracy for row in rows if row.step_count]
    assert judged == sorted(judged, reverse=True) and [row.step_count > 0 for row in rows[: len(learned)]]


def test_the_bundle_holds_the_fitted_graph_under_the_versions_own_name(shop: Workshop, job: Any, base: str) -> None:
    bundle = read(file(shop, job, "bundle"))
    manifest = bundle.manifest
    assert job.result.version == "models/waves/versions/2"
    assert bundle.graph == file(shop, job, "int8_onnx")
    assert f"models/{manifest.model}/versions/{manifest.version}" == job.result.version, "or no device would take it"
    assert manifest.lineage["version"] == job.result.version
    assert (manifest.lineage["base"], manifest.lineage["candidate"]) == (base, job.result.fitting.candidate)
    assert len(manifest.proofs) == 3 and manifest.task == TASK
    values = waves(20, 5)[0]
    np.testing.assert_array_equal(Runtime(bundle).logits(values), run(bundle.graph, values))


def test_the_manifest_says_what_the_net_takes_of_the_device(shop: Workshop, job: Any) -> None:
    bundle = read(file(shop, job, "bundle"))
    (chosen,) = (row for row in job.result.fitting.candidates if row.fate == "chosen")
    said = bundle.manifest.lineage
    assert (said["device"], said["core"], said["measured"]) == ("badge", "cortex-m4f", not missing())
    assert (said["flash_bytes"], said["ram_bytes"]) == (chosen.flash_bytes, chosen.ram_bytes)
    if missing():
        pytest.skip(f"no {', '.join(missing())}")
    (measured,) = json.loads(bundle.files[EVIDENCE])["boards"]
    assert (measured["board"], measured["differing_bytes"]) == ("cortex-m4f", 0)
    assert measured["flash_bytes"] == chosen.flash_bytes


def test_the_version_remembers_its_teacher_and_its_source(shop: Workshop, job: Any, base: str, recorded: str) -> None:
    request = models_pb2.GetVersionRequest(name=job.result.version)
    version = shop.server.models.GetVersion(request, timeout=TIMEOUT)
    assert {each.name.split("/")[-1] for each in version.artifacts} == FILES
    assert version.lineage.parent == base and [each.name for each in version.lineage.data] == [recorded]
    assert version.lineage.method == f"{job.result.fitting.candidate}, distilled"
    kept, known = (decode(shop.fetch(f"{name}/artifacts/source")) for name in (job.result.version, base))
    np.testing.assert_array_equal(kept.values, known.values)
    assert kept.confidence is None and known.confidence is not None, "nobody measured how sure this net is there"


def test_the_c_is_there_and_the_report_needs_nothing_beside_it(shop: Workshop, job: Any) -> None:
    archive = zipfile.ZipFile(io.BytesIO(file(shop, job, "c")))
    assert {"model.c", "model.h"} <= set(archive.namelist())
    page = file(shop, job, "report").decode()
    assert "data:image/png;base64," in page and "http" not in page.replace("http-equiv", "")
    assert job.result.fitting.candidate in page and "of 24.0 kB" in page


def test_the_result_says_in_words_what_is_taken_and_who_judged(job: Any) -> None:
    how = "by estimate" if missing() else "measured on an emulated cortex-m4f"
    assert how in job.result.explanation and "101 windows held out decided, by labels" in job.result.explanation


def test_progress_moves_and_is_never_whole_before_the_end(job: Any, told: list[Progress]) -> None:
    assert list(dict.fromkeys(each.stage for each in told)) == ["reading", "searching", "proving", "reporting"]
    shares = [each.fraction for each in told if each.stage == "searching"]
    assert shares == [0.0, 0.2, 0.4, 0.6, 0.8]
    assert set(job.result.stage_seconds) == {"reading", "searching", "proving", "reporting"}


def test_files_that_name_their_version_are_made_when_its_number_is_known(shop: Workshop) -> None:
    first = NewVersion("counted", TASK.to_json(), Lineage("mlp"), 1, {"model": b"of any"})
    numbered = dataclasses.replace(first, numbered=lambda number: {"bundle": f"of {number}".encode()})
    assert ran(shop, lambda spec, context: Outcome(version=first), **pretrain("counted")).result.version
    made = ran(shop, lambda spec, context: Outcome(version=numbered), **pretrain("counted"))
    assert made.result.version == "models/counted/versions/2"
    assert (file(shop, made, "bundle"), file(shop, made, "model")) == (b"of 2", b"of any")


@pytest.mark.slow
def test_without_labels_the_bases_answers_decide_on_a_ready_made_device(shop: Workshop, base: str) -> None:
    """Its own limits hold, but for the one that is replaced."""
    silent, place = shop.put("silent", TASK, waves(300, 2)[0]), shop.put("place", TASK, waves(60, 3)[0])
    profile = pb.DeviceProfile(name="cortex-m3", flash_bytes=20_000)
    spec = pb.FitSpec(model_id="m3", base=base, dataset=silent, calibration=place, profile=profile, effort=LEAST)
    found = shop.run(fit=spec)
    assert found.state == pb.Job.SUCCEEDED, found.error
    assert found.result.fitting.base_accuracy == 1.0
    assert "by the base's own answers" in found.result.explanation
    page = file(shop, found, "report").decode()
    assert "answered as the base does" in page and "of 20.0 kB" in page and "of 20.5 kB" in page and "of 100 ms" in page
    lineage = read(file(shop, found, "bundle")).manifest.lineage
    assert (lineage["device"], lineage["core"], lineage["calibration"]) == ("cortex-m3", "cortex-m3", place)
    assert lineage["flash_bytes"] <= 20_000


@pytest.mark.slow
def test_a_regression_is_fitted_too(shop: Workshop) -> None:
    angle = dataclasses.replace(TASK, name="angle", classes=(), outputs=(Channel("angle", "deg"),))
    values, labels = waves(400, 4)
    measured = shop.put("angles", angle, values, (30 + 10 * labels[:, None]).astype(np.float32))
    made = shop.run(pretrain=pb.PretrainSpec(model_id="angle", dataset=measured, architecture="mlp", epoch_count=10))
    assert made.state == pb.Job.SUCCEEDED, made.error
    found = shop.run(fit=asked(made.result.version, measured, effort=LEAST, model="angle"))
    assert found.state == pb.Job.SUCCEEDED, found.error
    assert found.result.fitting.accuracy > 0.3
    assert "mean R² of the answers" in file(shop, found, "report").decode()


# What is refused.


def test_when_nothing_fits_the_job_names_the_limit_in_words(shop: Workshop, base: str, recorded: str) -> None:
    found = shop.run(fit=asked(base, recorded, flash_bytes=2_000, model="hopeless"))
    assert (found.state, found.result.version) == (pb.Job.FAILED, "")
    assert found.error.message.startswith(f"{PROFILE}.flash_bytes: none of ")
    assert found.error.message.endswith("bytes of flash, found 2000.")
    late = shop.run(fit=asked(base, recorded, latency_seconds=1e-4, model="hopeless"))
    assert late.error.message.startswith(f"{PROFILE}.latency_seconds: none of ")
    assert late.error.message.endswith("seconds an inference, found 0.0001.")


@pytest.mark.parametrize(
    ("limits", "fields", "reason", "field"),
    [
        ({"core": "cortex-m5"}, {}, "FIELD_INVALID", f"{PROFILE}.core"),
        ({"flash_bytes": 0}, {}, "FIELD_REQUIRED", f"{PROFILE}.flash_bytes"),
        ({"ram_bytes": 0}, {}, "FIELD_REQUIRED", f"{PROFILE}.ram_bytes"),
        ({"instructions_per_second": 0.0}, {}, "FIELD_REQUIRED", f"{PROFILE}.instructions_per_second"),
        ({"instructions_per_second": float("nan")}, {}, "FIELD_INVALID", f"{PROFILE}.instructions_per_second"),
        ({"latency_seconds": -1.0}, {}, "FIELD_INVALID", f"{PROFILE}.latency_seconds"),
        ({"name": ""}, {}, "FIELD_REQUIRED", f"{PROFILE}.name"),
        ({"operators": ["Relu"] * 65}, {}, "LIMIT_EXCEEDED", f"{PROFILE}.operators"),
        ({}, {"profile": None}, "FIELD_REQUIRED", PROFILE),
        ({}, {"effort": pb.FitEffort(candidate_count=0)}, "FIELD_INVALID", "job.fit.effort.candidate_count"),
        ({}, {"effort": pb.FitEffort(round_step_counts=[0])}, "FIELD_INVALID", STEPS),
        ({}, {"effort": pb.FitEffort(round_step_counts=[1] * 9)}, "LIMIT_EXCEEDED", STEPS),
        ({}, {"seed": -1}, "FIELD_INVALID", "job.fit.seed"),
        ({}, {"model_id": ""}, "SPEC_INVALID", "job.fit.model_id"),
    ],
)
def test_what_cannot_be_asked_is_refused_when_it_is_created(
    server: ServerProcess, base: str, recorded: str, limits: Any, fields: Any, reason: str, field: str
) -> None:
    spec = asked(base, recorded, **limits)
    for name, value in fields.items():
        spec.ClearField(name)
        if isinstance(value, pb.FitEffort):
            spec.effort.CopyFrom(value)
        elif value is not None:
            setattr(spec, name, value)
    code, info, _ = refusal(lambda: create_job(server, fit=spec))
    assert (code, info.reason, info.metadata["field"]) == (BAD, reason, field)
    assert info.metadata["remedy"]


def test_a_misspelt_device_is_told_which_there_are(server: ServerProcess, base: str, recorded: str) -> None:
    spec = pb.FitSpec(model_id="waves", base=base, dataset=recorded, profile=pb.DeviceProfile(name="cortex-m4"))
    _, info, status = refusal(lambda: create_job(server, fit=spec))
    assert (info.reason, info.metadata["field"]) == ("FIELD_INVALID", f"{PROFILE}.name")
    assert "cortex-m4f" in info.metadata["remedy"] and "'cortex-m4'" in status.message


@pytest.mark.parametrize("field", ["base", "dataset", "calibration"])
def test_what_a_job_names_has_to_be_there(server: ServerProcess, base: str, recorded: str, field: str) -> None:
    spec = asked(base, recorded)
    setattr(spec, field, "models/none/versions/1" if field == "base" else "datasets/none")
    code, info, _ = refusal(lambda: create_job(server, fit=spec))
    assert (code, info.metadata["field"]) == ("NOT_FOUND", f"job.fit.{field}")


def test_a_model_of_another_task_is_refused_when_it_is_created(shop: Workshop, base: str, recorded: str) -> None:
    other = dataclasses.replace(TASK, classes=("a", "b", "c"))
    plain = NewVersion("taken", other.to_json(), Lineage("mlp"), 1, {"model": b""})
    assert ran(shop, lambda spec, context: Outcome(version=plain), **pretrain("taken")).result.version
    code, info, _ = refusal(lambda: create_job(shop.server, fit=asked(base, recorded, model="taken")))
    assert (code, info.reason) == ("FAILED_PRECONDITION", "TASK_MISMATCH")
    assert info.metadata["field"] == "job.fit.model_id"


def test_a_base_that_only_runs_is_refused_when_it_is_asked_for(shop: Workshop, recorded: str) -> None:
    graph = NewVersion("foreign", TASK.to_json(), Lineage("imported"), 0, {"float_onnx": b"a graph"})
    foreign = ran(shop, lambda spec, context: Outcome(version=graph), **pretrain("foreign")).result.version
    code, info, _ = refusal(lambda: create_job(shop.server, fit=asked(foreign, recorded)))
    assert (code, info.metadata["field"]) == (BAD, "job.fit.base")


def test_what_only_a_worker_can_tell_fails_the_job_with_its_field(shop: Workshop, base: str, recorded: str) -> None:
    strange = shop.put("strange", task(channels=2), waves(10, 0)[0][..., :2])
    single = shop.put("single", TASK, waves(1, 0)[0])
    for spec, field in (
        (asked(base, recorded, operators=["Dream"]), f"{PROFILE}.operators"),
        (asked(base, strange), "job.fit.dataset"),
        (asked(base, single), "job.fit.dataset"),
    ):
        found = shop.run(fit=spec)
        assert found.state == pb.Job.FAILED and found.error.message.startswith(f"{field}: "), found.error


@pytest.mark.slow
def test_a_search_is_cancelled_between_its_rounds(shop: Workshop, base: str, recorded: str) -> None:
    told: list[Progress] = []

    def cancelled(spec: JobSpec, context: Context) -> Outcome:
        assert isinstance(spec, FitSpec)

        def report(progress: Progress) -> None:
            told.append(progress)
            if progress.fraction:
                shop.server.jobs.CancelJob(pb.CancelJobRequest(name=f"jobs/{context.folder.name}"), timeout=TIMEOUT)
            context.report(progress)

        return fit_device(spec, dataclasses.replace(context, report=report))

    long = pb.FitEffort(candidate_count=2, round_step_counts=(400, 800))
    found = ran(shop, cancelled, fit=asked(base, recorded, effort=long, model="never"))
    assert (found.state, found.result.version) == (pb.Job.CANCELLED, "")
    assert 0 < told[-1].fraction < 0.8, "it stopped in the midst of the search"


# What the server knows by heart, as it must not import the search.


def test_the_servers_lists_are_those_of_the_search() -> None:
    assert tuple(BOARDS) == CORES and tuple(READY_MADE) == PROFILES
    known = {field.name for field in dataclasses.fields(Profile)}
    assert set(LIMITS.values()) | {"name", "core", "operators"} == known
    assert set(LIMITS) <= set(pb.DeviceProfile.DESCRIPTOR.fields_by_name)
    assert {"candidates", "steps"} <= {field.name for field in dataclasses.fields(Effort)}
