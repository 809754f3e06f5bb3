"""Whether what a job names is there and fit, asked before it is entered: typing errors should not wait for a worker."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select

from service.catalogue import datasets, models, worlds
from service.catalogue.records import Dataset, identification_from
from service.catalogue.tables import jobs
from service.catalogue.worlds import World
from service.domain import (
    AdaptSpec,
    EvaluateSpec,
    ExportSpec,
    FitSpec,
    IdentifySpec,
    ImportSpec,
    JobSpec,
    JobState,
    PretrainSpec,
)
from service.names import dataset_id, job_id, version_key
from service.priors import check_prior, known_words
from service.sensors import check_alike
from slipway.errors import Reason, Refused


def resolve(connection: Connection, spec: JobSpec) -> JobSpec:
    """Look up everything that ``spec`` names; return it with what it takes over from there.

    Raises:
        Refused: with the field: DATASET_NOT_FOUND, DATASET_EMPTY, MODEL_NOT_FOUND, VERSION_NOT_FOUND, JOB_NOT_FOUND,
            IDENTIFICATION_UNUSABLE, or what does not fit the world that is named.
    """
    match spec:
        case PretrainSpec():
            if spec.dataset:
                _need_windows(connection, spec.dataset, "job.pretrain.dataset")
                return spec
            return _resolve_world(connection, spec)
        case AdaptSpec():
            _need_version(connection, spec.base, "job.adapt.base")
            if spec.target:
                _need_windows(connection, spec.target, "job.adapt.target", or_statistics=True)
            for number, target in enumerate(spec.targets):  # an empty one is refused alone, by the worker
                datasets.get(connection, dataset_id(target, "job.adapt.targets"), f"job.adapt.targets[{number}]")
            if spec.source:
                _need_windows(connection, spec.source, "job.adapt.source")
        case ExportSpec():
            _need_version(connection, spec.version, "job.export.version")
            _need_windows(connection, spec.calibration, "job.export.calibration")
        case EvaluateSpec():
            _need_version(connection, spec.version, "job.evaluate.version")
            _need_windows(connection, spec.dataset, "job.evaluate.dataset")
        case IdentifySpec():
            _check_identify(connection, spec)
        case FitSpec():
            _need_version(connection, spec.base, "job.fit.base")
            models.check_same_task(connection, spec.model_id, spec.base, "job.fit.model_id")
            _need_windows(connection, spec.dataset, "job.fit.dataset")
            if spec.calibration:
                _need_windows(connection, spec.calibration, "job.fit.calibration")
        case ImportSpec():
            pass  # names nothing that has to be there
    return spec


def _resolve_world(connection: Connection, spec: PretrainSpec) -> PretrainSpec:
    world = _world(connection, spec.world, "job.pretrain.world.world")
    if world:
        check_prior(spec.prior, world, "job.pretrain.world.prior")
    if not spec.identification:
        return spec
    fitted = _fitted_prior(connection, spec.identification, spec.world, "job.pretrain.world.identification")
    return replace(spec, prior={**fitted, **spec.prior})


def _fitted_prior(connection: Connection, name: str, world: str, field: str) -> dict[str, Any]:
    row = connection.execute(select(jobs).where(jobs.c.id == job_id(name, field))).one_or_none()
    if row is None:
        raise Refused(Reason.JOB_NOT_FOUND, field=field, name=name)
    found = identification_from((row.result or {}).get("identification"))
    problem = ""
    if row.kind != "identify":
        problem = f"is a job of the kind {row.kind}"
    elif row.spec["world"] != world:
        problem = f"identified the world {row.spec['world']}, not {world}"
    elif row.state != JobState.SUCCEEDED or found is None:
        problem = f"has not succeeded: it is {row.state}"
    if problem or found is None:
        raise Refused(Reason.IDENTIFICATION_UNUSABLE, field=field, name=name, problem=problem)
    return found.prior


def _check_identify(connection: Connection, spec: IdentifySpec) -> None:
    dataset = _need_windows(connection, spec.dataset, "job.identify.dataset")
    world = _world(connection, spec.world, "job.identify.world")
    if world is None:
        return
    check_alike(dataset.sensor, world.task.sensor, "job.identify.dataset", "world")
    check_prior(spec.prior, world, "job.identify.prior")
    for name in spec.names:
        if name not in world.bounds:
            words = {"problem": f"is no parameter of the world {world.name}", "found": repr(name)}
            remedy = known_words(world.bounds)
            raise Refused(Reason.FIELD_INVALID, field="job.identify.names", **words, remedy=remedy)
    if spec.method == "paired":
        _check_paired(dataset, world)


def _check_paired(dataset: Dataset, world: World) -> None:
    if not world.explains:
        words = {"problem": f"the physics of the world {world.name} does not explain its answers", "found": "paired"}
        remedy = "Use unpaired, which needs no targets."
        raise Refused(Reason.FIELD_INVALID, field="job.identify.method", **words, remedy=remedy)
    if dataset.outputs != world.task.outputs:
        expected = ", ".join(f"{output.name} ({output.unit})" for output in world.task.outputs)
        found = ", ".join(f"{output.name} ({output.unit})" for output in dataset.outputs) or "none"
        remedy = "Create the dataset with the world's outputs and upload targets, or use unpaired."
        words = {"problem": f"paired needs targets of {expected}", "found": found, "remedy": remedy}
        raise Refused(Reason.FIELD_INVALID, field="job.identify.dataset", **words)


def _world(connection: Connection, name: str, field: str) -> World | None:
    """The world; None where no worker has said yet what it can simulate."""
    known = worlds.known(connection)
    if known and name not in known:
        words = {"problem": "is no world that this server knows", "found": repr(name), "remedy": known_words(known)}
        raise Refused(Reason.FIELD_INVALID, field=field, **words)
    return known.get(name)


def _need_version(connection: Connection, name: str, field: str) -> None:
    models.version(connection, *version_key(name, field), field)


def _need_windows(connection: Connection, name: str, field: str, or_statistics: bool = False) -> Dataset:
    dataset = datasets.get(connection, dataset_id(name, field), field)
    if not dataset.window_count and not (or_statistics and dataset.statistics):
        raise Refused(Reason.DATASET_EMPTY, field=field, name=name)
    return dataset
