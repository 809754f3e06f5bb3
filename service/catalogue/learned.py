"""Whether the layers of a version are known, where a job needs them: a graph from elsewhere may do no more than run."""

from sqlalchemy import Connection

from service.catalogue import models
from service.domain import AdaptSpec, EvaluateSpec, FitSpec, JobSpec
from service.names import version_key
from slipway.errors import Reason, Refused

MODEL = "model"  # the artifact that holds layers and numbers
GRAPHS = ("float_onnx", "int8_onnx")


def check_learned(connection: Connection, spec: JobSpec) -> None:
    """Refuse a job that would learn on from a version, or run its layers, where there are none.

    Raises:
        Refused: FIELD_INVALID, with what the version's import said about it; MODEL_NOT_FOUND or VERSION_NOT_FOUND.
    """
    match spec:
        case AdaptSpec():
            _need_layers(connection, spec.base, "job.adapt.base")
        case FitSpec():
            _need_layers(connection, spec.base, "job.fit.base")
        case EvaluateSpec(form="learned"):
            _need_layers(connection, spec.version, "job.evaluate.version")


def _need_layers(connection: Connection, name: str, field: str) -> None:
    version = models.version(connection, *version_key(name, field), field)
    files = {each.id for each in version.artifacts}
    if MODEL in files:
        return
    forms = " or ".join(form for form in GRAPHS if form in files)
    remedy = (
        f"Export it, or evaluate it as {forms or 'what it is'}; to learn on, import a float graph made of known layers."
    )
    problem, found = "needs a version whose layers are known", f"{name} ({version.lineage.method})"
    raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=found, remedy=remedy)
