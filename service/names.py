"""Resource names: ``"models/rover/versions/7"`` taken apart, with words for the one that does not fit."""

import re
import uuid

from slipway.errors import Reason, Refused

PART = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
NUMBER = re.compile(r"[1-9][0-9]{0,8}")
DATASET = "datasets/{dataset}"
UPLOAD = "datasets/{dataset}/uploads/{upload}"
JOB = "jobs/{job}"
MODEL = "models/{model}"
VERSION = "models/{model}/versions/{version}"
ARTIFACT = "models/{model}/versions/{version}/artifacts/{artifact}"
JOB_ARTIFACT = "jobs/{job}/artifacts/{artifact}"
CHANNEL = "models/{model}/channels/{channel}"
ROLLOUT = "models/{model}/rollouts/{rollout}"
POLICY = "models/{model}/policy"
DEVICE = "devices/{device}"
IDENTITY = "identities/{identity}"


def parts(pattern: str, name: str, field: str) -> tuple[str, ...]:
    """Take ``name`` apart after ``pattern``; return what stands for its placeholders.

    Raises:
        Refused: FIELD_REQUIRED or FIELD_INVALID.
    """
    if not name:
        raise Refused(Reason.FIELD_REQUIRED, field=field)
    wanted, found = pattern.split("/"), name.split("/")
    if len(wanted) != len(found) or not all(map(_fits, wanted, found)):
        problem = f"needs a name like {pattern}"
        remedy = f"Write it as {pattern}; ids hold lower-case letters, digits, '-' and '_'."
        raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=repr(name), remedy=remedy)
    return tuple(part for place, part in zip(wanted, found, strict=True) if place.startswith("{"))


def _fits(place: str, part: str) -> bool:
    if not place.startswith("{"):
        return part == place
    return (NUMBER if place in ("{version}", "{rollout}") else PART).fullmatch(part) is not None


def dataset_id(name: str, field: str) -> str:
    """The id in ``"datasets/{dataset}"``."""
    return parts(DATASET, name, field)[0]


def upload_id(name: str, field: str) -> tuple[str, str]:
    """Dataset and upload of ``"datasets/{dataset}/uploads/{upload}"``."""
    dataset, upload = parts(UPLOAD, name, field)
    return dataset, upload


def job_id(name: str, field: str) -> str:
    """The id in ``"jobs/{job}"``."""
    return parts(JOB, name, field)[0]


def model_id(name: str, field: str) -> str:
    """The id in ``"models/{model}"``."""
    return parts(MODEL, name, field)[0]


def version_key(name: str, field: str) -> tuple[str, int]:
    """Model and number of ``"models/{model}/versions/{version}"``."""
    model, number = parts(VERSION, name, field)
    return model, int(number)


def artifact_key(name: str, field: str) -> tuple[str, int, str]:
    """Model, number and artifact of ``"models/{model}/versions/{version}/artifacts/{artifact}"``."""
    model, number, artifact = parts(ARTIFACT, name, field)
    return model, int(number), artifact


def job_artifact_key(name: str, field: str) -> tuple[str, str]:
    """Job and artifact of ``"jobs/{job}/artifacts/{artifact}"``."""
    job, artifact = parts(JOB_ARTIFACT, name, field)
    return job, artifact


def channel_key(name: str, field: str) -> tuple[str, str]:
    """Model and channel of ``"models/{model}/channels/{channel}"``."""
    model, channel = parts(CHANNEL, name, field)
    return model, channel


def rollout_key(name: str, field: str) -> tuple[str, int]:
    """Model and number of ``"models/{model}/rollouts/{rollout}"``."""
    model, number = parts(ROLLOUT, name, field)
    return model, int(number)


def policy_model(name: str, field: str) -> str:
    """The model in ``"models/{model}/policy"``."""
    return parts(POLICY, name, field)[0]


def device_id(name: str, field: str) -> str:
    """The id in ``"devices/{device}"``."""
    return parts(DEVICE, name, field)[0]


def rollout_name(model: str, number: int) -> str:
    """``"models/{model}/rollouts/{rollout}"``."""
    return f"models/{model}/rollouts/{number}"


def identity_id(name: str, field: str) -> str:
    """The id in ``"identities/{identity}"``."""
    return parts(IDENTITY, name, field)[0]


def version_name(model: str, number: int) -> str:
    """``"models/{model}/versions/{version}"``."""
    return f"models/{model}/versions/{number}"


def uuid_text(value: str, field: str) -> str:
    """The canonical form of a UUID.

    Raises:
        Refused: FIELD_REQUIRED or FIELD_INVALID.
    """
    if not value:
        raise Refused(Reason.FIELD_REQUIRED, field=field)
    try:
        return str(uuid.UUID(value))
    except ValueError:
        problem, remedy = "needs a UUID", "Send a fresh random UUID, for example from uuid.uuid4()."
        raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=repr(value), remedy=remedy) from None
