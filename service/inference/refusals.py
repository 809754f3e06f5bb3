"""What inference refuses in words of its own."""

from service.names import version_name
from slipway.errors import Reason, Refused


def unknown(name: str, field: str) -> Refused:
    """The refusal of what is not there, with the words by which clients of Triton know it.

    Args:
        name: of the model, version, channel or artifact, e.g. ``"models/rover/versions/9"``.
    """
    return Refused(Reason.INFERENCE_UNKNOWN, field=field, name=name)


def wrong(field: str, problem: str, found: object, remedy: str) -> Refused:
    """The refusal of a field that does not fit."""
    return Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=found, remedy=remedy)


def busy(model_id: str, number: int, limit: int, retry_seconds: float) -> Refused:
    """The refusal of windows for which there is no room now."""
    name = version_name(model_id, number)
    return Refused(Reason.INFERENCE_BUSY, field="inputs", name=name, limit=limit, retry_seconds=f"{retry_seconds:.3f}")
