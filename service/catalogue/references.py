"""Whether what a job names is there, asked before the job is entered: a typing error should not wait for a worker."""

from sqlalchemy import Connection

from service.catalogue import datasets, models
from service.domain import AdaptSpec, EvaluateSpec, ExportSpec, JobSpec, PretrainSpec
from service.names import dataset_id, version_key
from slipway.errors import Reason, Refused


def check_references(connection: Connection, spec: JobSpec) -> None:
    """Look up every dataset and version that ``spec`` names.

    Raises:
        Refused: DATASET_NOT_FOUND, DATASET_EMPTY, MODEL_NOT_FOUND or VERSION_NOT_FOUND, with the field.
    """
    match spec:
        case PretrainSpec():
            if spec.dataset:
                _need_windows(connection, spec.dataset, "job.pretrain.dataset")
        case AdaptSpec():
            _need_version(connection, spec.base, "job.adapt.base")
            _need_windows(connection, spec.target, "job.adapt.target", or_statistics=True)
            if spec.source:
                _need_windows(connection, spec.source, "job.adapt.source")
        case ExportSpec():
            _need_version(connection, spec.version, "job.export.version")
            _need_windows(connection, spec.calibration, "job.export.calibration")
        case EvaluateSpec():
            _need_version(connection, spec.version, "job.evaluate.version")
            _need_windows(connection, spec.dataset, "job.evaluate.dataset")


def _need_version(connection: Connection, name: str, field: str) -> None:
    models.version(connection, *version_key(name, field), field)


def _need_windows(connection: Connection, name: str, field: str, or_statistics: bool = False) -> None:
    dataset = datasets.get(connection, dataset_id(name, field), field)
    if not dataset.window_count and not (or_statistics and dataset.statistics):
        raise Refused(Reason.DATASET_EMPTY, field=field, name=name)
